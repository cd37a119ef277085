"""Reads npz files and pickles as data: nothing inside a file can make Python call anything.

Pose data sets are passed around as pickles, alone or as object arrays inside npz files, and an
ordinary unpickler runs whatever a file asks for. This reader is a small stack machine that knows
plain containers, numbers, strings and numpy arrays; any other request is refused by name. It does
not trust sizes either, so a damaged file ends in a `JaxposeError`, not in a crash or a full memory.
"""

import contextlib
import io
import pathlib
import pickletools
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np

from jaxpose.errors import JaxposeError

_DAMAGE = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError, OSError,
    RecursionError, RuntimeError, SyntaxError, TypeError, ValueError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def load_npz(path: str | pathlib.Path) -> dict[str, Any]:
    """The arrays of an npz file by key; a 0-d object array becomes the object it holds.

    Arrays are read-only. Strings of Python 2 pickles are read as latin-1.

    Raises:
      JaxposeError: the file is missing, not an npz, damaged or empty, or asks for anything other
        than arrays, containers, numbers and strings.
    """
    path = _existing(path)
    with _naming(path):
        if not zipfile.is_zipfile(path):
            raise JaxposeError(
                "this is not an npz file (a zip archive), or it is cut short; get it again"
            )
        with zipfile.ZipFile(path) as archive:
            entries = {
                info.filename.removesuffix(".npy"): _read_npy(archive, info)
                for info in archive.infolist()
                if info.filename.endswith(".npy")
            }
        if all(isinstance(entry, dict) and not entry for entry in entries.values()):
            raise JaxposeError(
                "the file holds no data: the program that wrote it found none of its input files "
                "(check the paths given to it, and write the file again)"
            )
    return entries


def load_pickle(path: str | pathlib.Path) -> Any:
    """The object in a pickle of protocol 2 to 5, made of containers, numbers, strings and arrays.

    Arrays are read-only. Strings of Python 2 pickles are read as latin-1.

    Raises:
      JaxposeError: the file is missing, not a pickle, damaged, or asks for anything else.
    """
    path = _existing(path)
    with _naming(path), path.open("rb") as stream:
        return _unpickle(stream)


def _existing(path: str | pathlib.Path) -> pathlib.Path:
    path = pathlib.Path(path)
    if not path.is_file():
        found = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise JaxposeError(f"{path} {found}")
    try:
        path.open("rb").close()
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    return path


@contextlib.contextmanager
def _naming(path: pathlib.Path) -> Iterator[None]:
    """Turns whatever a damaged file causes into one error that names the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # pickletools' remarks on escapes in damaged text
            yield
    except JaxposeError as error:
        raise JaxposeError(f"{path}: {error}") from None
    except _DAMAGE as error:
        reason = str(error) or type(error).__name__
        raise JaxposeError(
            f"{path}: damaged, or not of the expected kind: {reason}. Get it again"
        ) from error


_MAX_MEMBER_BYTES = (
    2**35
)  # unpacked; the largest real one, 3DHP for training, is below 2**31
_NPY_HEADER = re.compile(
    r"\{'descr': '([^']+)', 'fortran_order': (True|False), 'shape': \(([\dL, ]*)\), \}\s*"
)


def _read_npy(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    if info.file_size > _MAX_MEMBER_BYTES:
        raise ValueError(f"{info.filename!r} would unpack to {info.file_size} bytes")
    with io.BufferedReader(archive.open(info)) as stream:
        magic = stream.read(8)
        if magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2):
            raise ValueError(f"{info.filename!r} is not an npy file of version 1 or 2")
        length_bytes = 2 if magic[6] == 1 else 4
        header_length = int.from_bytes(stream.read(length_bytes), "little")
        header = stream.read(header_length).decode("latin-1")
        match = _NPY_HEADER.fullmatch(header)
        if match is None:
            raise ValueError(
                f"{info.filename!r} has the header {header[:80]!r}, not that of a plain array"
            )
        dtype, order = _dtype(match[1]), "F" if match[2] == "True" else "C"
        shape = tuple(
            int(size) for size in match[3].replace("L", "").split(",") if size.strip()
        )
        if not dtype.hasobject:
            num_bytes = info.file_size - 8 - length_bytes - header_length
            _check_size(shape, dtype, num_bytes)
            return _plain_array(stream.read(), dtype, shape, order)
        array = _unpickle(stream)
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise ValueError(
                f"{info.filename!r} does not hold the object array its header announces"
            )
        stream.read()  # reaching the end makes zipfile compare the checksum
        return array[()] if shape == () else array


_PLAIN_DTYPE = re.compile(r"[<>|=]?(b1|i[1248]|u[1248]|f[248]|c8|c16|[SU]\d{1,6}|O8?)")


def _dtype(description: Any) -> np.dtype:
    if not isinstance(description, str) or _PLAIN_DTYPE.fullmatch(description) is None:
        raise ValueError(
            f"arrays of type {description!r} are not read, only numbers, strings and objects"
        )
    return np.dtype(description)


def _check_size(shape: Any, dtype: np.dtype, num_bytes: int) -> None:
    if not isinstance(shape, tuple) or not all(
        type(size) is int and size >= 0 for size in shape
    ):
        raise ValueError("an array has an impossible shape")
    expected = dtype.itemsize
    for size in shape:
        expected *= size
    if expected != num_bytes:
        raise ValueError(
            f"an array of shape {shape} needs {expected} bytes; the file holds {num_bytes}"
        )


def _plain_array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """An array over `data`, read-only where `data` is."""
    if isinstance(data, str):  # bytes of a Python 2 pickle
        data = data.encode("latin-1")
    if (
        not isinstance(data, bytes | bytearray)
        or not isinstance(dtype, np.dtype)
        or dtype.hasobject
    ):
        raise ValueError("an array is not described by bytes and a type")
    _check_size(shape, dtype, len(data))
    if dtype.kind == "U" and np.any(
        np.frombuffer(data, dtype.byteorder + "u4") > 0x10FFFF
    ):
        raise ValueError("an array of strings holds what is not text")
    if not data:
        return np.empty(shape, dtype)
    return np.frombuffer(data, dtype).reshape(shape, order="F" if order == "F" else "C")


class _Global:
    """A name that the file refers to; only the names in `_CALLS` ever become one."""

    def __init__(self, name: str):
        self.name = name


class _Dtype:
    """A numpy type on the stack: its byte order comes after its name."""

    def __init__(self, description: Any, *flags: Any):
        self.value = _dtype(description)

    def build(self, state: Any) -> None:
        if (
            not isinstance(state, tuple)
            or len(state) < 8
            or state[2:5] != (None, None, None)
        ):
            raise ValueError(
                "arrays of records are not read, only numbers, strings and objects"
            )
        if state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"unknown byte order {state[1]!r}")
        self.value = self.value.newbyteorder(state[1])


class _UnfilledArray:
    """An array on the stack whose shape and contents follow."""

    def __init__(self, *_: Any):
        self.memo_keys: list[int] = []

    @staticmethod
    def filled(state: Any) -> np.ndarray:
        _, shape, dtype, fortran, contents = state
        if not isinstance(dtype, _Dtype):
            raise ValueError("an array has no type")
        if not dtype.value.hasobject:
            return _plain_array(contents, dtype.value, shape, "F" if fortran else "C")
        if not isinstance(contents, list):
            raise ValueError("an object array holds no list")
        _check_size(shape, np.dtype("u1"), len(contents))
        array = np.empty(len(contents), object)
        for index, item in enumerate(
            contents
        ):  # a slice assignment would unpack nested arrays
            array[index] = item
        return array.reshape(shape)


def _scalar(dtype: _Dtype, data: Any) -> Any:
    return _plain_array(data, dtype.value, (1,), "C")[0]


def _from_buffer(
    data: Any, dtype: _Dtype, shape: Any, order: Any, axes: Any = None
) -> np.ndarray:
    array = _plain_array(data, dtype.value, shape, order)
    return array if axes is None else array.transpose(axes)


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"unexpected encoding {encoding!r}")
    return text.encode("latin-1")


def _set(items: Any = ()) -> set:
    return set(map(_key, items))


def _mapping(items: Any = ()) -> dict:
    return {_key(key): value for key, value in items}


_CALLS: dict[str, Callable[..., Any] | None] = {
    "numpy.ndarray": None,  # named as an argument, never called
    "numpy.dtype": _Dtype,
    "_codecs.encode": _encode,
    "collections.OrderedDict": _mapping,
}
for _core in ("numpy.core", "numpy._core"):
    _CALLS[f"{_core}.multiarray._reconstruct"] = _UnfilledArray
    _CALLS[f"{_core}.multiarray.scalar"] = _scalar
    _CALLS[f"{_core}.numeric._frombuffer"] = _from_buffer
for _builtins in ("builtins", "__builtin__"):
    _CALLS[f"{_builtins}.bytes"] = lambda: b""  # how protocol 2 writes it
    _CALLS[f"{_builtins}.complex"] = complex
    _CALLS[f"{_builtins}.set"] = _set
    _CALLS[f"{_builtins}.frozenset"] = _set


def _key(value: Any) -> Any:
    if not isinstance(
        value, str | bytes | int | float | None
    ):  # hashing nested tuples can exhaust the stack
        raise ValueError(f"a {type(value).__name__} is used as a key")
    return value


def _refuse(name: str) -> JaxposeError:
    return JaxposeError(
        f"refused: the file asks Python to use {name!r}, which could run code. Only numpy arrays, "
        "containers, numbers and strings are read; get the file from its original source"
    )


_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_EMPTY = {
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = {"PROTO", "FRAME"}
_MEMO_PUT = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_MEMO_GET = {"GET", "BINGET", "LONG_BINGET"}


def _unpickle(stream: BinaryIO) -> Any:
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        # The operations of big files first: most of a pose pickle is memo look-ups and strings.
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
            raise _refuse(f"pickle operation {name}")
    raise EOFError("the pickle ends early")


class _Machine:
    """The stack, the memo and the operations that are more than a push."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def pop(self, count: int) -> list[Any]:
        start = len(self.stack) - count
        if start < (self.marks[-1] if self.marks else 0):
            raise ValueError("the pickle takes more than it has put down")
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def pop_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise ValueError(
                f"the pickle fills a {type(self.stack[-1]).__name__} as if it were a {kind.__name__}"
            )
        return self.stack[-1]

    def memoize(self, key: int) -> None:
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, _UnfilledArray):
            value.memo_keys.append(key)

    def set_items(self, items: list[Any]) -> None:
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def push_global(self, name: str) -> None:
        if name not in _CALLS:
            raise _refuse(name)
        self.stack.append(_Global(name))

    def reduce(self) -> None:
        function, arguments = self.pop(2)
        call = _CALLS[function.name] if isinstance(function, _Global) else None
        if call is None or not isinstance(arguments, tuple):
            raise ValueError("the pickle calls what is not a function")
        self.stack.append(call(*arguments))

    def build(self) -> None:
        target, state = self.pop(2)
        if isinstance(target, _Dtype):
            target.build(state)
        elif isinstance(target, _UnfilledArray):
            keys, target = target.memo_keys, target.filled(state)
            for key in keys:
                self.memo[key] = target
        else:
            raise ValueError(f"the pickle sets the state of a {type(target).__name__}")
        self.stack.append(target)


def _append(machine: _Machine, _: Any) -> None:
    (item,) = machine.pop(1)
    machine.top(list).append(item)


def _appends(machine: _Machine, _: Any) -> None:
    items = machine.pop_mark()
    machine.top(list).extend(items)


def _add_items(machine: _Machine, _: Any) -> None:
    items = machine.pop_mark()
    machine.top(set).update(map(_key, items))


def _dict_of_marked(machine: _Machine, _: Any) -> None:
    items = machine.pop_mark()
    machine.stack.append({})
    machine.set_items(items)


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
    "STACK_GLOBAL": lambda machine, _: machine.push_global(
        "{}.{}".format(*machine.pop(2))
    ),
    "REDUCE": lambda machine, _: machine.reduce(),
    "BUILD": lambda machine, _: machine.build(),
}
