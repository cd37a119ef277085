"""Reads numeric arrays and cells of MATLAB files of version 5 to 7.

A file is a header of 128 bytes and a sequence of elements, each a tag (type and size)
and its data. A variable is a `miMATRIX` element, which holds further elements
(MathWorks, "MAT-File Format", chapter 1). scipy reads such files too, but trusts the
sizes in them: a damaged file can end the whole process.
"""

import math
import pathlib
import zlib
from collections.abc import Iterator

import numpy as np

from jaxpose.datasets.arrays import require_key
from jaxpose.datasets.budget import Budget
from jaxpose.errors import JaxposeError
from jaxpose.regular_files import read_regular
from jaxpose.wording import cut, shown

_HEADER_BYTES = 128
_MAX_FILE_BYTES = 2**33
_MAX_CELLS = 10_000  # of one array; a take has some tens
_MAX_AXES = 32
_PART = 2**20  # bytes that are unpacked at a time
_MAX_DEPTH = 4  # of cells in cells

# Data types of elements (table 1-1 of the format): numbers, by their type in numpy.
_NUMBER_TYPES = {
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
# Other data types that this reader meets by number.
_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED = 1, 5, 6, 14, 15

# Array classes (table 1-3): the type in MATLAB, which may be wider than the stored one.
_NUMBER_CLASSES = {
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
_CELL_CLASS = 1
_COMPLEX_FLAG = 0x0800

_Element = tuple[int, memoryview]  # data type and data


def load_mat(path: pathlib.Path, keys: tuple[str, ...]) -> dict[str, np.ndarray | None]:
    """Returns the variables `keys`, with two or more axes each.

    A cell array becomes an object array. A variable that is neither a real numeric
    array nor a cell array (text, structures) becomes None.

    Raises:
      JaxposeError: the file is missing, damaged, of another kind, or lacks a key.
    """
    try:
        content = memoryview(read_regular(path, _MAX_FILE_BYTES))
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    try:
        order = _byte_order(content)
        held = dict(_variables(content[_HEADER_BYTES:], order, keys))
    except JaxposeError as error:
        raise JaxposeError(f"{path}: {error}") from None
    except (ValueError, zlib.error, MemoryError, ArithmeticError) as error:
        raise JaxposeError(
            f"{path}: not a MATLAB file of version 5 to 7, or damaged: "
            f"{cut(str(error))}"
        ) from None
    return {key: require_key(held, key, str(path)) for key in keys}


def _byte_order(content: memoryview) -> str:
    """Returns numpy's sign of the byte order that the header states.

    Raises:
      ValueError: this is no such header.
    """
    if bytes(content[:10]) == b"MATLAB 7.3" or bytes(content[:4]) == b"\x89HDF":
        raise ValueError("it is of version 7.3 (HDF5)")
    # The writer stored the characters "MI" as one number of two bytes.
    order = {b"IM": "<", b"MI": ">"}.get(bytes(content[126:128]))
    if order is None:
        raise ValueError("its header is not MATLAB's")
    return order


def _variables(
    content: memoryview, order: str, keys: tuple[str, ...]
) -> Iterator[tuple[str, np.ndarray | None]]:
    """Yields the name and value of each variable; None for those not in `keys`."""
    budget = Budget.of_file(len(content))
    for kind, body in _elements(content, order):
        # MATLAB compresses each variable on its own, with one element inside.
        if kind == _COMPRESSED:
            unpacked = b"".join(_unpacked(body, budget))
            kind, body = next(_elements(memoryview(unpacked), order), (0, body))
        if kind == _MATRIX:
            name, array = _matrix(body, order, keys)
            yield name, array


def _unpacked(body: memoryview, budget: Budget) -> Iterator[bytes]:
    """Yields the content of a compressed variable in parts.

    Raises:
      JaxposeError: it unpacks to more than the size of the file warrants.
      ValueError: it is cut short.
    """
    unpacker = zlib.decompressobj()
    part = unpacker.decompress(body, _PART)
    while part:
        budget.spend(len(part))
        yield part
        part = unpacker.decompress(unpacker.unconsumed_tail, _PART)
    if not unpacker.eof:
        raise ValueError("a compressed variable is cut short")


def _elements(content: memoryview, order: str) -> Iterator[_Element]:
    """Yields the type and data of each element in `content`.

    Raises:
      ValueError: an element is larger than what is left of the file.
    """
    place = 0
    while place < len(content):
        if len(content) - place < 8:
            raise ValueError("it ends within a tag")
        kind, size = np.frombuffer(content[place : place + 8], f"{order}u4").tolist()
        start = place + 8
        limit = len(content) - start
        # In a small element, type and size share the first word, and the second word is
        # the data.
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            start, limit = place + 4, 4
        if size > limit:
            raise ValueError(f"an element of {size} bytes does not fit")
        yield kind, content[start : start + size]

        # Elements are padded to a multiple of eight bytes, except compressed ones.
        end = start + size
        padding = 0 if kind == _COMPRESSED else -(end - place) % 8
        place = end + padding


def _matrix(
    body: memoryview, order: str, keys: tuple[str, ...] | None, depth: int = 0
) -> tuple[str, np.ndarray | None]:
    """Returns the name and value of a variable, or of a cell.

    Args:
      body: data of a `miMATRIX` element: flags, shape, name, and the values.
      order: numpy's sign of the byte order.
      keys: names to read; other variables have the value None. None for a cell.
      depth: number of cells around this one.

    Raises:
      ValueError: the element is damaged.
    """
    if depth > _MAX_DEPTH:
        raise ValueError(f"cells are nested deeper than {_MAX_DEPTH} levels")
    if not len(body):  # an empty cell
        return "", np.zeros((0, 0))

    # The head. A missing element reads as type 0, which none of the checks accepts.
    missing = (0, body)
    parts = _elements(body, order)
    flags = _head_numbers(next(parts, missing), _UINT32, order)
    sizes = _head_numbers(next(parts, missing), _INT32, order)
    shape = tuple(sizes[:_MAX_AXES].tolist())
    kind, name_bytes = next(parts, missing)
    if len(flags) != 2 or kind != _INT8 or len(shape) < 2 or min(shape) < 0:
        raise ValueError("a variable has no proper head")
    name = bytes(name_bytes).decode("latin-1")
    if keys is not None and name not in keys:
        return name, None

    # The values.
    array_class = int(flags[0]) & 0xFF
    if array_class == _CELL_CLASS:
        return name, _cells(parts, shape, order, depth)
    if array_class not in _NUMBER_CLASSES or int(flags[0]) & _COMPLEX_FLAG:
        return name, None
    numbers = _numbers(next(parts, missing), shape, order, name)

    # MATLAB stores numbers narrower than their class, never wider: overflow is damage.
    with np.errstate(all="raise"):
        return name, numbers.astype(_NUMBER_CLASSES[array_class])


def _numbers(
    element: _Element, shape: tuple[int, ...], order: str, name: str
) -> np.ndarray:
    """Returns the stored numbers of a variable, in MATLAB's order of axes."""
    kind, data = element
    if kind not in _NUMBER_TYPES:
        raise ValueError(f"{shown(name)} holds numbers of an unknown type")
    dtype = np.dtype(order + _NUMBER_TYPES[kind])
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(
            f"{shown(name)} of shape {list(shape)} does not fit its {len(data)} bytes"
        )
    return np.frombuffer(data, dtype).reshape(shape, order="F")


def _cells(
    parts: Iterator[_Element], shape: tuple[int, ...], order: str, depth: int
) -> np.ndarray:
    """Returns a cell array as an object array of `shape`."""
    values: list[np.ndarray | None] = []
    for kind, body in parts:
        if kind != _MATRIX:
            raise ValueError("a cell holds no variable")
        if len(values) == _MAX_CELLS:
            raise ValueError(f"an array of more than {_MAX_CELLS:,} cells")
        _, value = _matrix(body, order, None, depth + 1)
        values.append(value)
    if len(values) != math.prod(shape):
        raise ValueError(f"an array of {list(shape)} cells holds {len(values)}")
    # One by one: a slice assignment would unpack arrays of equal shapes.
    cells = np.empty(len(values), object)
    for index, value in enumerate(values):
        cells[index] = value
    return cells.reshape(shape, order="F")


def _head_numbers(element: _Element, expected: int, order: str) -> np.ndarray:
    """Returns the 4-byte numbers of an element of type `expected`."""
    kind, data = element
    if kind != expected or len(data) % 4:
        raise ValueError("a variable has no proper head")
    return np.frombuffer(data, order + _NUMBER_TYPES[kind])
