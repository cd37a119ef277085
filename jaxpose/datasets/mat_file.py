"""Numeric arrays and cells in MATLAB files of version 5 to 7, as pose data sets use them.

A file is a header of 128 bytes and a row of elements, each a tag (type and size) and its data;
a variable is a `miMATRIX` element, which holds further ones (MathWorks, "MAT-File Format",
chapter 1). scipy reads such files too, but believes the sizes in them: a damaged one can end
the whole process.
"""

import math
import pathlib
import zlib
from collections.abc import Iterator

import numpy as np

from jaxpose.datasets.arrays import require_key
from jaxpose.errors import JaxposeError

_HEADER_BYTES = 128
_MAX_BYTES = 2**33  # of one variable, unpacked
_MAX_DEPTH = 4  # of cells in cells

_STORED = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
}
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15
_CELL = 1
_CLASSES = {
    6: "f8",
    7: "f4",
    8: "i1",
    9: "u1",
    10: "i2",
    11: "u2",
    12: "i4",
    13: "u4",
    14: "i8",
    15: "u8",
}
_COMPLEX = 0x0800


def load_mat(path: pathlib.Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The variables `keys`, two or more axes each; a cell array is an object array.

    What is neither a real numeric array nor a cell array (text, structures) becomes None.

    Raises:
      JaxposeError: the file is missing, damaged, of another kind, or lacks a key.
    """
    try:
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    try:
        order = _byte_order(content)
        held = dict(_variables(content[_HEADER_BYTES:], order, keys))
    except (ValueError, zlib.error, MemoryError, ArithmeticError) as error:
        raise JaxposeError(
            f"{path}: not a MATLAB file of version 5 to 7, or damaged: {error}"
        ) from None
    return {key: require_key(held, key, str(path)) for key in keys}


def _byte_order(content: memoryview) -> str:
    if bytes(content[:10]) == b"MATLAB 7.3" or bytes(content[:4]) == b"\x89HDF":
        raise ValueError("it is of version 7.3 (HDF5)")
    order = {b"IM": "<", b"MI": ">"}.get(bytes(content[126:128]))
    if order is None:
        raise ValueError("its header is another")
    return order


def _variables(
    content: memoryview, order: str, keys: tuple[str, ...]
) -> Iterator[tuple[str, np.ndarray | None]]:
    for kind, body in _elements(content, order):
        if kind == _COMPRESSED:
            unpacker = zlib.decompressobj()
            unpacked = unpacker.decompress(body, _MAX_BYTES)
            if not unpacker.eof:
                raise ValueError("a compressed variable is cut short")
            kind, body = next(_elements(memoryview(unpacked), order), (0, body))
        if kind == _MATRIX:
            name, array = _matrix(body, order, keys)
            yield name, array


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and data of each element in `content`."""
    place = 0
    while place < len(content):
        if len(content) - place < 8:
            raise ValueError("it ends within a tag")
        kind, size = np.frombuffer(content[place : place + 8], f"{order}u4").tolist()
        start = place + 8
        if (
            kind >> 16
        ):  # a short element: type and size share a word, the data is in the next
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        if size > (4 if start == place + 4 else len(content) - start):
            raise ValueError(f"an element of {size} bytes does not fit")
        yield kind, content[start : start + size]
        # Elements are padded to eight bytes, but for compressed ones.
        place = (
            start + size
            if kind == _COMPRESSED
            else start + size + (-(start + size - place)) % 8
        )


def _matrix(
    body: memoryview, order: str, keys: tuple[str, ...] | None, depth: int = 0
) -> tuple[str, np.ndarray | None]:
    """Name and value of a variable (not read unless in `keys`), or of a cell (`keys` None)."""
    if depth > _MAX_DEPTH:
        raise ValueError("cells lie too deep in each other")
    if not len(body):
        return "", np.zeros((0, 0))
    parts = _elements(body, order)
    flags = _numbers(next(parts, (0, body)), _UINT32, order)
    shape = tuple(_numbers(next(parts, (0, body)), _INT32, order).tolist())
    kind, name_bytes = next(parts, (0, body))
    if len(flags) != 2 or kind != _INT8 or len(shape) < 2 or min(shape) < 0:
        raise ValueError("a variable has no proper head")
    name = bytes(name_bytes).decode("latin-1")
    if keys is not None and name not in keys:
        return name, None
    mx_class = int(flags[0]) & 0xFF
    if mx_class == _CELL:
        return name, _cells(parts, shape, order, depth)
    if mx_class not in _CLASSES or int(flags[0]) & _COMPLEX:
        return name, None
    stored, data = next(parts, (0, body))
    if stored not in _STORED:
        raise ValueError(f"{name!r} holds numbers of an unknown type")
    if len(data) != math.prod(shape) * int(_STORED[stored][1]):
        raise ValueError(
            f"{name!r} of shape {list(shape)} does not fit its {len(data)} bytes"
        )
    numbers = np.frombuffer(data, order + _STORED[stored]).reshape(shape, order="F")
    with np.errstate(
        all="raise"
    ):  # MATLAB stores numbers narrower than their class, never wider
        return name, numbers.astype(_CLASSES[mx_class])


def _cells(
    parts: Iterator[tuple[int, memoryview]],
    shape: tuple[int, ...],
    order: str,
    depth: int,
) -> np.ndarray:
    values = []
    for kind, body in parts:
        if kind != _MATRIX:
            raise ValueError("a cell holds no variable")
        values.append(_matrix(body, order, None, depth + 1)[1])
    if len(values) != math.prod(shape):
        raise ValueError(f"an array of {list(shape)} cells holds {len(values)}")
    cells = np.empty(len(values), object)
    for index, value in enumerate(values):  # a slice assignment would unpack the arrays
        cells[index] = value
    return cells.reshape(shape, order="F")


def _numbers(element: tuple[int, memoryview], expected: int, order: str) -> np.ndarray:
    kind, data = element
    if kind != expected or len(data) % 4:
        raise ValueError("a variable has no proper head")
    return np.frombuffer(data, order + _STORED[kind])
