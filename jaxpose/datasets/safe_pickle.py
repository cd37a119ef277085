"""Pickles of containers, numbers, strings and numpy arrays, and of nothing else.

The functions that such a pickle may call are in `_CALLS`. All of them are written here
or are constructors of plain values. Shapes and sizes are compared with the bytes that
are there before memory is used.
"""

import re
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from jaxpose.datasets.pickle_machine import Machine, Unfilled, refusal, require_key
from jaxpose.wording import shown


def unpickle(stream: BinaryIO, num_bytes: int) -> Any:
    """Returns the object in a pickle of protocol 2 to 5.

    Args:
      stream: the pickle.
      num_bytes: size of the file that it lies in, packed as it is.

    Raises:
      JaxposeError: the pickle asks for a function or class outside `_CALLS`, or for
        more than the size of the file warrants.
      Exception: the pickle is damaged; the kind depends on the damage.
    """
    return _PoseMachine(num_bytes).run(stream)


class _Global:
    """The name of a function on the stack; only the names in `_CALLS` become one."""

    def __init__(self, name: str):
        self.name = name


class _PoseMachine(Machine):
    """Knows the functions in `_CALLS`."""

    def find(self, name: str) -> _Global:
        """Returns a function by its name."""
        if name not in _CALLS:
            raise refusal(name)
        return _Global(name)

    def call(self, function: Any, arguments: tuple) -> Any:
        """Calls a function from `_CALLS`."""
        call = _CALLS[function.name] if isinstance(function, _Global) else None
        if call is None:
            raise ValueError("the pickle calls what is not a function")
        return call(*arguments)

    def set_state(self, target: Any, state: Any) -> None:
        """Gives a type its byte order."""
        if not isinstance(target, _Dtype):
            super().set_state(target, state)
        target.set_state(state)


# Arrays.

_PLAIN_DTYPE = re.compile(r"[<>|=]?(b1|i[1248]|u[1248]|f[248]|c8|c16|[SU]\d{1,6}|O8?)")
_LAST_CODE_POINT = 0x10FFFF  # of Unicode
_MAX_AXES = 32  # of an array


def plain_dtype(description: Any) -> np.dtype:
    """Returns the numpy type of numbers, strings or objects that `description` names.

    Raises:
      ValueError: it names another type, such as records, or no type.
    """
    is_plain = isinstance(description, str) and _PLAIN_DTYPE.fullmatch(description)
    if not is_plain:
        raise ValueError(
            f"arrays of type {shown(description)} are not read, only numbers, "
            "strings and "
            "objects"
        )
    return np.dtype(description)


def require_num_bytes(shape: Any, dtype: np.dtype, num_bytes: int) -> None:
    """Raises ValueError unless an array of `shape` needs exactly `num_bytes`."""
    if not isinstance(shape, tuple) or len(shape) > _MAX_AXES:
        raise ValueError("an array has an impossible shape")
    # Python's integers do not overflow, as numpy's product would for a huge shape.
    expected = dtype.itemsize
    for size in shape:
        if type(size) is not int or not 0 <= size < 2**62:
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
    # Texts of no characters take no bytes, whatever number of them is claimed.
    if not data and 0 not in shape:
        raise ValueError("an array of strings has no characters")
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
            raise ValueError(f"unknown byte order {shown(state[1])}")
        self.value = self.value.newbyteorder(state[1])


class _UnfilledArray(Unfilled):
    """An array on the stack whose shape and contents follow."""

    def filled(self, state: Any) -> np.ndarray:
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
        raise ValueError(f"unexpected encoding {shown(encoding)}")
    return text.encode("latin-1")


def _set(items: Any = ()) -> set:
    """Returns a set of plain keys."""
    return set(map(require_key, items))


def _mapping(items: Any = ()) -> dict:
    """Returns an ordered dict as a dict, which keeps its order too."""
    return {require_key(key): value for key, value in items}


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
