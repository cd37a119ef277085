"""Reads the array in one of Human3.6M's CDF files, through cdflib.

cdflib trusts the counts in a file and would loop over billions of records of a damaged
one, so the structure is checked first (NASA, "CDF Internal Format Description", version
3).
"""

import math
import pathlib
import struct

import numpy as np

from jaxpose.datasets.arrays import require_extra
from jaxpose.errors import JaxposeError
from jaxpose.regular_files import read_regular

_NUM_JOINTS = 32
_LARGEST_NUMBER = 1e5  # millimetres or pixels

# Upper limits of what a file of Human3.6M holds.
_MAX_BYTES = 2**28
_MAX_VARIABLES = 64
_MAX_DIMENSIONS = 8
_MAX_VALUES = 2**24  # the longest take has 2**20
_MAX_INDEX_RECORDS = 10_000

_INDEX_RECORD = 6  # record type of a variable index (VXR)

# The first eight bytes of a file, by the version of the format.
_MAGIC_3 = b"\xcd\xf3\x00\x01\x00\x00\xff\xff"
_MAGIC_2 = b"\xcd\xf2\x60\x02\x00\x00\xff\xff"


def read_pose(path: pathlib.Path, name: str, channels: int) -> np.ndarray:
    """Returns the variable `Pose` as `[F, 32, channels]` float32, in the file's unit.

    Args:
      path: the file.
      name: the file's name in error messages.
      channels: 3 for positions in millimetres, 2 for keypoints in pixels.

    Raises:
      JaxposeError: cdflib is not installed, or the file is damaged, of another kind or
        shape.
    """
    cdflib = require_extra("cdflib", "human36m", path)
    try:
        _require_structure(read_regular(path, _MAX_BYTES))
        pose = np.asarray(cdflib.CDF(str(path)).varget("Pose"))
    except Exception as error:
        # cdflib raises any exception on damaged bytes.
        raise JaxposeError(
            f"{name} is damaged, or not a CDF file with a variable 'Pose' "
            f"({error or type(error).__name__}); get it again"
        ) from error

    # One record of all frames, with the joints of a frame in one row.
    width = _NUM_JOINTS * channels
    is_float = pose.dtype in (np.float32, np.float64)
    is_one_record = pose.ndim == 2 or (pose.ndim == 3 and pose.shape[0] == 1)
    if not is_float or not is_one_record or pose.shape[-1] != width or not pose.size:
        raise JaxposeError(
            f"{name}: 'Pose' is {pose.dtype} of shape {pose.shape}; "
            f"expected floats (1, frames, {width})"
        )
    pose = pose.reshape(-1, _NUM_JOINTS, channels)

    # cdflib turns missing data into zeros. Damaged files hold NaN that the processor
    # signals, which numpy would report as a warning.
    with np.errstate(invalid="ignore"):
        is_small = (np.abs(pose) < _LARGEST_NUMBER).all(axis=(1, 2))
        is_zero = ~pose.any(axis=(1, 2))
    bad = ~is_small | is_zero
    if bad.any():
        raise JaxposeError(
            f"{name}: frame {int(bad.argmax())} (counted from 0) holds only zeros, or "
            f"numbers beyond {_LARGEST_NUMBER:g} mm or pixels; get the file again"
        )
    return pose.astype(np.float32)


def _require_structure(content: bytes) -> None:
    """Raises an exception unless all counts in the headers are plausible."""
    # Version 3 has offsets of eight bytes and longer names.
    magic = content[:8]
    if magic == _MAGIC_3:
        offset, name_length = "Q", 256
    elif magic == _MAGIC_2:
        offset, name_length = "I", 64
    else:
        raise ValueError(f"it begins with {magic!r}")

    # The first record points to the global descriptor, which counts the variables.
    *_, descriptor = struct.unpack_from(f">{offset}I{offset}", content, 8)
    layout = f">{offset}I{4 * offset}5I"
    _, _, _, variable, _, _, r_variables, attributes, _, r_dimensions, variables = (
        struct.unpack_from(layout, content, descriptor)
    )
    if r_variables or not 0 < variables <= _MAX_VARIABLES:
        raise ValueError(
            f"it has {r_variables} r-variables and {variables} z-variables"
        )
    if attributes > _MAX_VARIABLES or r_dimensions > _MAX_DIMENSIONS:
        raise ValueError(
            f"it has {attributes} attributes and {r_dimensions} r-dimensions"
        )
    for _ in range(variables):
        variable = _require_variable(content, variable, offset, name_length)


def _require_variable(
    content: bytes, variable: int, offset: str, name_length: int
) -> int:
    """Checks the descriptor of one variable and returns the place of the next one."""
    layout = f">{offset}I{offset}Ii{2 * offset}5IiI{offset}I{name_length}sI"
    header = struct.unpack_from(layout, content, variable)
    next_variable, last_record, index = header[2], header[4], header[5]
    elements, dimensions = header[12], header[-1]
    if elements != 1 or dimensions > _MAX_DIMENSIONS:
        raise ValueError(
            f"a variable has {dimensions} dimensions of {elements} elements"
        )
    # The sizes of the dimensions follow the descriptor.
    sizes = struct.unpack_from(
        f">{dimensions}I", content, variable + struct.calcsize(layout)
    )
    if not 0 <= math.prod((last_record + 1, *sizes)) <= _MAX_VALUES:
        raise ValueError(f"a variable has {last_record + 1} records of shape {sizes}")
    _require_index(content, index, offset)
    return next_variable


def _require_index(content: bytes, head: int, offset: str) -> None:
    """Raises ValueError unless the tree of index records of a variable is plausible.

    Index records say where the values are. A damaged tree can contain itself, so the
    number of visited records is limited.
    """
    layout = f">{offset}I{offset}2I"
    offset_size = struct.calcsize(f">{offset}")
    pending, visited = [head], 0
    while pending:
        record = pending.pop()
        visited += 1
        _, kind, following, entries, used = struct.unpack_from(layout, content, record)
        is_index = kind == _INDEX_RECORD and visited <= _MAX_INDEX_RECORDS
        if not is_index or entries > _MAX_VALUES or used > entries:
            raise ValueError("its index of values is broken")

        # Two tables of first and last record numbers, then the places of the children:
        # further index records, or values.
        table = record + struct.calcsize(layout) + 8 * entries
        children = struct.unpack_from(f">{entries}{offset}", content, table)
        for child in children[:used]:
            (child_kind,) = struct.unpack_from(">I", content, child + offset_size)
            if child_kind == _INDEX_RECORD:
                pending.append(child)
        if following:
            pending.append(following)
