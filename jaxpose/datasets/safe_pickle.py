"""A stack machine for pickles that builds containers, numbers, strings and arrays only.

A pickle is a program for a stack machine (Python's `pickletools` documents its
operations). This one runs the operations that build data, and calls only the functions
in `_CALLS`, all of which are written here or are constructors of plain values. It is a
reader for untrusted files: shapes and sizes are compared with the bytes that are there
before memory is used.
"""

import pickletools
import re
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from jaxpose.errors import JaxposeError


def unpickle(stream: BinaryIO) -> Any:
    """Returns the object in a pickle of protocol 2 to 5.

    Raises:
      JaxposeError: the pickle asks for a function or class outside `_CALLS`.
      Exception: the pickle is damaged; the kind depends on the damage.
    """
    machine = _Machine()
    argument: Any
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        # Operations that are frequent in large files come first: most of a pose pickle
        # is memo look-ups and strings.
        if name in _MEMO_GET:
            machine.stack.append(machine.memo[argument])
        elif name in _VALUES:
            machine.stack.append(argument)
        elif name in _MEMO_PUT:
            machine.memoize(len(machine.memo) if name == "MEMOIZE" else argument)
        elif name in _CONSTANTS:
            machine.stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            machine.stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            machine.stack.append(tuple(machine.pop(_TUPLES[name])))
        elif name == "STOP":
            (result,) = machine.stack
            return result
        elif name in _OPERATIONS:
            _OPERATIONS[name](machine, argument)
        elif name not in _IGNORED:
            raise _refusal(f"pickle operation {name}")
    raise EOFError("the pickle ends early")


def _refusal(name: str) -> JaxposeError:
    """Returns the error for a file that asks for anything but data."""
    return JaxposeError(
        f"refused: the file asks Python to use {name!r}, which could run code. Only "
        "numpy arrays, containers, numbers and strings are read; get the file from its "
        "original source"
    )


# Arrays.

_PLAIN_DTYPE = re.compile(r"[<>|=]?(b1|i[1248]|u[1248]|f[248]|c8|c16|[SU]\d{1,6}|O8?)")
_LAST_CODE_POINT = 0x10FFFF  # of Unicode


def plain_dtype(description: Any) -> np.dtype:
    """Returns the numpy type of numbers, strings or objects that `description` names.

    Raises:
      ValueError: it names another type, such as records, or no type.
    """
    is_plain = isinstance(description, str) and _PLAIN_DTYPE.fullmatch(description)
    if not is_plain:
        raise ValueError(
            f"arrays of type {description!r} are not read, only numbers, strings and "
            "objects"
        )
    return np.dtype(description)


def require_num_bytes(shape: Any, dtype: np.dtype, num_bytes: int) -> None:
    """Raises ValueError unless an array of `shape` needs exactly `num_bytes`."""
    if not isinstance(shape, tuple):
        raise ValueError("an array has an impossible shape")
    # Python's integers do not overflow, as numpy's product would for a huge shape.
    expected = dtype.itemsize
    for size in shape:
        if type(size) is not int or size < 0:
            raise ValueError("an array has an impossible shape")
        expected *= size
    if expected != num_bytes:
        raise ValueError(
            f"an array of shape {shape} needs {expected} bytes; the file holds "
            f"{num_bytes}"
        )


def plain_array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Returns an array over `data` without a copy, read-only where `data` is.

    Raises:
      ValueError: the arguments are of other kinds, or do not fit together.
    """
    if isinstance(data, str):  # a Python 2 pickle holds bytes as text
        data = data.encode("latin-1")
    is_bytes = isinstance(data, bytes | bytearray)
    if not is_bytes or not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise ValueError("an array is not described by bytes and a type")
    require_num_bytes(shape, dtype, len(data))
    # numpy accepts characters that Unicode does not have, and fails when they are used.
    if dtype.kind == "U":
        code_points = np.frombuffer(data, dtype.byteorder + "u4")
        if np.any(code_points > _LAST_CODE_POINT):
            raise ValueError("an array of strings holds what is not text")
    if not data:
        return np.empty(shape, dtype)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C")


class _Dtype:
    """A numpy type on the stack: its byte order follows its name."""

    def __init__(self, description: Any, *flags: Any):
        self.value = plain_dtype(description)

    def set_state(self, state: Any) -> None:
        """Sets the byte order from the state that numpy writes."""
        # Fields 2 to 4 describe records.
        is_plain = isinstance(state, tuple) and len(state) >= 8
        if not is_plain or state[2:5] != (None, None, None):
            raise ValueError(
                "arrays of records are not read, only numbers, strings and objects"
            )
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"unknown byte order {state[1]!r}")
        self.value = self.value.newbyteorder(state[1])


class _UnfilledArray:
    """An array on the stack whose shape and contents follow.

    Attributes:
      memo_keys: places in the memo that refer to this array; the filled array replaces
        it there.
    """

    def __init__(self, *_: Any):
        self.memo_keys: list[int] = []

    @staticmethod
    def filled(state: Any) -> np.ndarray:
        """Returns the array that numpy's `__setstate__` would make of `state`."""
        _, shape, dtype, fortran, contents = state
        if not isinstance(dtype, _Dtype):
            raise ValueError("an array has no type")
        if not dtype.value.hasobject:
            return plain_array(contents, dtype.value, shape, "F" if fortran else "C")
        if not isinstance(contents, list):
            raise ValueError("an object array holds no list")
        require_num_bytes(shape, np.dtype("u1"), len(contents))
        # One by one: a slice assignment would unpack nested arrays.
        array = np.empty(len(contents), object)
        for index, item in enumerate(contents):
            array[index] = item
        return array.reshape(shape)


# The functions that a pickle may call, by the name it uses.


def _scalar(dtype: _Dtype, data: Any) -> Any:
    """Returns a numpy scalar."""
    return plain_array(data, dtype.value, (1,), "C")[0]


def _from_buffer(
    data: Any, dtype: _Dtype, shape: Any, order: Any, axes: Any = None
) -> np.ndarray:
    """Returns the array of a pickle of protocol 5."""
    array = plain_array(data, dtype.value, shape, order)
    return array if axes is None else array.transpose(axes)


def _encode(text: str, encoding: str) -> bytes:
    """Returns bytes, which protocol 2 writes as text with an encoding."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"unexpected encoding {encoding!r}")
    return text.encode("latin-1")


def _set(items: Any = ()) -> set:
    """Returns a set of plain keys."""
    return set(map(_require_key, items))


def _mapping(items: Any = ()) -> dict:
    """Returns an ordered dict as a dict, which keeps its order too."""
    return {_require_key(key): value for key, value in items}


def _require_key(value: Any) -> Any:
    """Returns a key of a dict or set; raises ValueError unless it is a plain value."""
    # Hashing nested tuples can exhaust the stack of the interpreter.
    if not isinstance(value, str | bytes | int | float | None):
        raise ValueError(f"a {type(value).__name__} is used as a key")
    return value


_CALLS: dict[str, Callable[..., Any] | None] = {
    "numpy.ndarray": None,  # appears as an argument, is never called
    "numpy.dtype": _Dtype,
    "_codecs.encode": _encode,
    "collections.OrderedDict": _mapping,
}
# numpy 2 moved its core; Python 3 renamed its builtins.
for _core in ("numpy.core", "numpy._core"):
    _CALLS[f"{_core}.multiarray._reconstruct"] = _UnfilledArray
    _CALLS[f"{_core}.multiarray.scalar"] = _scalar
    _CALLS[f"{_core}.numeric._frombuffer"] = _from_buffer
for _builtins in ("builtins", "__builtin__"):
    _CALLS[f"{_builtins}.bytes"] = lambda: b""  # protocol 2 writes b"" as a call
    _CALLS[f"{_builtins}.complex"] = complex
    _CALLS[f"{_builtins}.set"] = _set
    _CALLS[f"{_builtins}.frozenset"] = _set


class _Global:
    """The name of a function on the stack; only the names in `_CALLS` become one."""

    def __init__(self, name: str):
        self.name = name


# The machine.


class _Machine:
    """State of the machine, and the operations that are more than a push.

    Attributes:
      stack: objects under construction.
      marks: lengths of the stack at each open MARK.
      memo: objects that the pickle refers to again, by number.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

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
        if isinstance(value, _UnfilledArray):
            value.memo_keys.append(key)

    def set_items(self, items: list[Any]) -> None:
        """Adds alternating keys and values to the dict on top."""
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_require_key(key)] = value

    def push_global(self, name: str) -> None:
        """Pushes the name of a function that may be called."""
        if name not in _CALLS:
            raise _refusal(name)
        self.stack.append(_Global(name))

    def reduce(self) -> None:
        """Calls a function from `_CALLS` with a tuple of arguments."""
        function, arguments = self.pop(2)
        call = _CALLS[function.name] if isinstance(function, _Global) else None
        if call is None or not isinstance(arguments, tuple):
            raise ValueError("the pickle calls what is not a function")
        self.stack.append(call(*arguments))

    def build(self) -> None:
        """Gives a type or an array its state."""
        target, state = self.pop(2)
        if isinstance(target, _Dtype):
            target.set_state(state)
        elif isinstance(target, _UnfilledArray):
            # Earlier references in the memo must see the filled array as well.
            keys, target = target.memo_keys, target.filled(state)
            for key in keys:
                self.memo[key] = target
        else:
            raise ValueError(f"the pickle sets the state of a {type(target).__name__}")
        self.stack.append(target)


def _append(machine: _Machine, _: Any) -> None:
    """Appends one object to the list below it."""
    (item,) = machine.pop(1)
    machine.top(list).append(item)


def _appends(machine: _Machine, _: Any) -> None:
    """Appends the objects above the mark to the list below it."""
    items = machine.pop_mark()
    machine.top(list).extend(items)


def _add_items(machine: _Machine, _: Any) -> None:
    """Adds the objects above the mark to the set below it."""
    items = machine.pop_mark()
    machine.top(set).update(map(_require_key, items))


def _dict_of_marked(machine: _Machine, _: Any) -> None:
    """Pushes a dict of the keys and values above the mark."""
    items = machine.pop_mark()
    machine.stack.append({})
    machine.set_items(items)


def _stack_global(machine: _Machine, _: Any) -> None:
    """Pushes the function whose module and name are on the stack."""
    module, name = machine.pop(2)
    machine.push_global(f"{module}.{name}")


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
_OPERATIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    "MARK": lambda machine, _: machine.marks.append(len(machine.stack)),
    "POP": lambda machine, _: machine.pop(1),
    "POP_MARK": lambda machine, _: machine.pop_mark(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "APPEND": _append,
    "APPENDS": _appends,
    "ADDITEMS": _add_items,
    "FROZENSET": lambda machine, _: machine.stack.append(_set(machine.pop_mark())),
    "LIST": lambda machine, _: machine.stack.append(machine.pop_mark()),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.pop_mark())),
    "DICT": _dict_of_marked,
    "SETITEM": lambda machine, _: machine.set_items(machine.pop(2)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.pop_mark()),
    "GLOBAL": lambda machine, argument: machine.push_global(argument.replace(" ", ".")),
    "STACK_GLOBAL": _stack_global,
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}
