"""A stack machine for pickles that calls nothing but what its kinds of files need.

A pickle is a program for a stack machine (Python's `pickletools` documents its
operations). `Machine` runs the operations that build containers, numbers and strings. A
subclass says which functions a kind of file may name, and what they stand for. The
files are untrusted: the number of operations and the work that they ask for are bounded
by the size of the file.
"""

import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO

from jaxpose.datasets.budget import Budget, require_plain_size
from jaxpose.errors import JaxposeError

# Operations that any pickle may have; larger files may have one per 32 bytes. Those of
# real data sets hold arrays, whose bytes are one operation.
_FREE_STEPS = 500_000
_BYTES_PER_STEP = 32


def refusal(name: str) -> JaxposeError:
    """Returns the error for a file that asks for anything but data."""
    return JaxposeError(
        f"refused: the file asks Python to use {name[:200]!r}, which could run code. "
        "Only numpy arrays, containers, numbers and strings are read; get the file "
        "from its original source"
    )


class Unfilled:
    """An object on the stack whose contents follow.

    Attributes:
      memo_keys: places in the memo that refer to this object; the filled one replaces
        it there.
    """

    def __init__(self, *_: Any):
        self.memo_keys: list[int] = []

    def filled(self, state: Any) -> Any:
        """Returns the object with its contents."""
        raise NotImplementedError


def require_key(value: Any) -> Any:
    """Returns a key of a dict or set; raises ValueError unless it is a plain value."""
    # Hashing nested tuples can exhaust the stack of the interpreter.
    if not isinstance(value, str | bytes | int | float | None):
        raise ValueError(f"a {type(value).__name__} is used as a key")
    return value


class Machine:
    """State of the machine, and the operations that are more than a push.

    Attributes:
      stack: objects under construction.
      marks: lengths of the stack at each open MARK.
      memo: objects that the pickle refers to again, by number.
      budget: what calls and states may still copy.
    """

    def __init__(self, num_bytes: int) -> None:
        """Takes the size of the file, which bounds what its pickle may ask for."""
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.budget = Budget.of_file(num_bytes)
        self._num_bytes = num_bytes
        self._max_steps = _FREE_STEPS + num_bytes // _BYTES_PER_STEP

    def run(self, stream: BinaryIO) -> Any:
        """Returns the object in a pickle of protocol 2 to 5.

        Args:
          stream: stands at the beginning of the pickle, and then after its end.

        Raises:
          JaxposeError: the pickle asks for a function or class that the machine does
            not know, or for more than the size of the file warrants.
          Exception: the pickle is damaged; the kind depends on the damage.
        """
        argument: Any
        self.stack, self.marks, self.memo = [], [], {}
        for step, operation in enumerate(pickletools.genops(stream)):
            opcode, argument, _ = operation
            if step >= self._max_steps:
                raise JaxposeError(
                    f"refused: a pickle of more than {self._max_steps:,} operations; "
                    "save its numbers as arrays"
                )
            name = opcode.name
            # Operations that are frequent in large files come first: most of a pose
            # pickle is memo look-ups and strings.
            if name in _MEMO_GET:
                self.stack.append(self.memo[argument])
            elif name in _VALUES:
                self.stack.append(argument)
            elif name in _MEMO_PUT:
                self.memoize(len(self.memo) if name == "MEMOIZE" else argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name in _EMPTY:
                self.stack.append(_EMPTY[name]())
            elif name in _TUPLES:
                self.stack.append(tuple(self.pop(_TUPLES[name])))
            elif name == "STOP":
                (result,) = self.stack
                require_plain_size(result, self._num_bytes)
                return result
            elif name in _OPERATIONS:
                _OPERATIONS[name](self, argument)
            elif name not in _IGNORED:
                raise refusal(f"pickle operation {name}")
        raise EOFError("the pickle ends early")

    # What the kinds of files differ in.

    def find(self, name: str) -> Any:
        """Returns what stands for a function or class; raises where it is unknown."""
        raise refusal(name)

    def call(self, function: Any, arguments: tuple) -> Any:
        """Returns the object that a call stands for."""
        raise ValueError("the pickle calls what is not a function")

    def make(self, kind: Any, arguments: Any) -> Any:
        """Returns the object of a class."""
        raise refusal("pickle operation NEWOBJ")

    def load(self, reference: Any) -> Any:
        """Returns the object outside the pickle that a reference stands for."""
        raise refusal("pickle operation BINPERSID")

    def set_state(self, target: Any, state: Any) -> None:
        """Gives an object on the stack its state."""
        raise ValueError(f"the pickle sets the state of a {type(target).__name__}")

    # Operations.

    def pop(self, count: int) -> list[Any]:
        """Removes and returns the last `count` objects, none from below a mark."""
        start = len(self.stack) - count
        lowest = self.marks[-1] if self.marks else 0
        if start < lowest:
            raise ValueError("the pickle takes more objects than it has put down")
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def pop_mark(self) -> list[Any]:
        """Removes the last mark, and removes and returns the objects above it."""
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def top(self, kind: type) -> Any:
        """Returns the last object; raises ValueError unless it is of `kind`."""
        if not isinstance(self.stack[-1], kind):
            raise ValueError(
                f"the pickle fills a {type(self.stack[-1]).__name__} as if it were a "
                f"{kind.__name__}"
            )
        return self.stack[-1]

    def memoize(self, key: int) -> None:
        """Keeps the last object under a number."""
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, Unfilled):
            value.memo_keys.append(key)

    def extend(self, items: list[Any]) -> None:
        """Appends objects to the list on top."""
        self.top(list).extend(items)

    def set_items(self, items: list[Any]) -> None:
        """Adds alternating keys and values to the dict on top."""
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[require_key(key)] = value

    def reduce(self) -> None:
        """Calls a function with a tuple of arguments."""
        function, arguments = self.pop(2)
        if not isinstance(arguments, tuple):
            raise ValueError("the pickle calls what is not a function")
        self.budget.spend_on(arguments)
        self.stack.append(self.call(function, arguments))

    def build(self) -> None:
        """Gives an object its state."""
        target, state = self.pop(2)
        self.budget.spend_on(state)
        if isinstance(target, Unfilled):
            # Earlier references in the memo must see the filled object as well.
            keys, target = target.memo_keys, target.filled(state)
            for key in keys:
                self.memo[key] = target
        else:
            self.set_state(target, state)
        self.stack.append(target)


def _append(machine: Machine, _: Any) -> None:
    """Appends one object to the list below it."""
    (item,) = machine.pop(1)
    machine.extend([item])


def _appends(machine: Machine, _: Any) -> None:
    """Appends the objects above the mark to the list below it."""
    items = machine.pop_mark()
    machine.extend(items)


def _add_items(machine: Machine, _: Any) -> None:
    """Adds the objects above the mark to the set below it."""
    items = machine.pop_mark()
    machine.top(set).update(map(require_key, items))


def _dict_of_marked(machine: Machine, _: Any) -> None:
    """Pushes a dict of the keys and values above the mark."""
    items = machine.pop_mark()
    machine.stack.append({})
    machine.set_items(items)


def _frozen_set(machine: Machine, _: Any) -> None:
    """Pushes a set of the objects above the mark."""
    machine.stack.append(set(map(require_key, machine.pop_mark())))


def _global(machine: Machine, argument: str) -> None:
    """Pushes the function that the operation names."""
    machine.stack.append(machine.find(argument.replace(" ", ".")))


def _new_object(machine: Machine, _: Any) -> None:
    """Pushes an object of the class below its arguments."""
    kind, arguments = machine.pop(2)
    machine.stack.append(machine.make(kind, arguments))


def _load(machine: Machine, _: Any) -> None:
    """Pushes the object outside the pickle that the last object refers to."""
    (reference,) = machine.pop(1)
    machine.stack.append(machine.load(reference))


def _stack_global(machine: Machine, _: Any) -> None:
    """Pushes the function whose module and name are on the stack."""
    module, name = machine.pop(2)
    machine.stack.append(machine.find(f"{module}.{name}"))


# Operations by the names of `pickletools`. Operations that are in none of these tables,
# such as those that make objects of classes, are refused.
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"),
    *("FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_EMPTY: dict[str, Callable[[], Any]] = {
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = {"PROTO", "FRAME"}
_MEMO_PUT = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_MEMO_GET = {"GET", "BINGET", "LONG_BINGET"}
_OPERATIONS: dict[str, Callable[[Machine, Any], Any]] = {
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": lambda machine, _: machine.pop(1),
    "POP_MARK": lambda machine, _: machine.pop_mark(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "APPEND": _append,
    "APPENDS": _appends,
    "ADDITEMS": _add_items,
    "FROZENSET": _frozen_set,
    "LIST": lambda machine, _: machine.stack.append(machine.pop_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_mark())),
    "DICT": _dict_of_marked,
    "SETITEM": lambda machine, _: machine.set_items(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_mark()),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": lambda machine, _: machine.reduce(),
    "NEWOBJ": _new_object,
    "BINPERSID": _load,
    "BUILD": lambda machine, _: machine.build(),
}
