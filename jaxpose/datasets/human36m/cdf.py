"""The array in one of Human3.6M's CDF files, through cdflib."""

import math
import pathlib
import struct

import numpy as np

from jaxpose.datasets.arrays import require_extra
from jaxpose.errors import JaxposeError

_MOST_VARIABLES = 64
_MOST_DIMENSIONS = 8
_MOST_VALUES = 2**24  # the longest take of Human3.6M has 2**20
_LARGEST_NUMBER = 1e5  # millimetres or pixels
_MOST_INDEX_RECORDS = 10_000
_INDEX_RECORD = 6


def read_pose(path: pathlib.Path, name: str, channels: int) -> np.ndarray:
    """The variable `Pose` as `[F, 32, channels]` float32, in the file's unit (millimetres or pixels).

    Args:
      path: the file.
      name: how error messages call it.
      channels: 3 for positions, 2 for keypoints.

    Raises:
      JaxposeError: cdflib is not installed, or the file is damaged, of another kind or shape.
    """
    cdflib = require_extra("cdflib", "human36m", path)
    try:
        _check_structure(path.read_bytes())
        pose = np.asarray(cdflib.CDF(str(path)).varget("Pose"))
    except (
        Exception
    ) as error:  # a parser over damaged bytes fails in every way there is
        raise JaxposeError(
            f"{name} is damaged, or not a CDF file with a variable 'Pose' ({error or type(error).__name__}); "
            "get it again"
        ) from error
    width = 32 * channels
    one_record = pose.ndim == 2 or (pose.ndim == 3 and pose.shape[0] == 1)
    if (
        pose.dtype not in (np.float32, np.float64)
        or not one_record
        or pose.shape[-1] != width
        or not pose.size
    ):
        raise JaxposeError(
            f"{name}: 'Pose' is {pose.dtype} of shape {pose.shape}; expected floats (1, frames, {width})"
        )
    pose = pose.reshape(-1, 32, channels)
    with np.errstate(
        invalid="ignore"
    ):  # damaged files hold NaN that the processor signals
        bad = ~(np.abs(pose) < _LARGEST_NUMBER).all(axis=(1, 2)) | ~pose.any(
            axis=(1, 2)
        )
    if bad.any():  # zeros are what cdflib makes of missing data
        raise JaxposeError(
            f"{name}: frame {int(bad.argmax())} (counted from 0) holds only zeros, or numbers beyond "
            f"{_LARGEST_NUMBER:g} mm or pixels; get the file again"
        )
    return pose.astype(np.float32)


def _check_structure(content: bytes) -> None:
    """Bounds the counts in the headers: cdflib believes them and would loop over billions."""
    magic = content[:8]
    if magic == b"\xcd\xf3\x00\x01\x00\x00\xff\xff":
        offset, name_length = "Q", 256
    elif magic == b"\xcd\xf2\x60\x02\x00\x00\xff\xff":
        offset, name_length = "I", 64
    else:
        raise ValueError(f"it begins with {magic!r}")
    *_, descriptor = struct.unpack_from(f">{offset}I{offset}", content, 8)
    layout = f">{offset}I{4 * offset}5I"
    _, _, _, variable, _, _, r_variables, attributes, _, r_dimensions, variables = (
        struct.unpack_from(layout, content, descriptor)
    )
    if r_variables or not 0 < variables <= _MOST_VARIABLES:
        raise ValueError(
            f"it has {r_variables} r-variables and {variables} z-variables"
        )
    if attributes > _MOST_VARIABLES or r_dimensions > _MOST_DIMENSIONS:
        raise ValueError(
            f"it has {attributes} attributes and {r_dimensions} r-dimensions"
        )
    layout = f">{offset}I{offset}Ii{2 * offset}5IiI{offset}I{name_length}sI"
    for _ in range(variables):
        header = struct.unpack_from(layout, content, variable)
        next_variable, last_record, index = header[2], header[4], header[5]
        elements, dimensions = header[12], header[-1]
        if elements != 1 or dimensions > _MOST_DIMENSIONS:
            raise ValueError(
                f"a variable has {dimensions} dimensions of {elements} elements"
            )
        sizes = struct.unpack_from(
            f">{dimensions}I", content, variable + struct.calcsize(layout)
        )
        if not 0 <= math.prod((last_record + 1, *sizes)) <= _MOST_VALUES:
            raise ValueError(
                f"a variable has {last_record + 1} records of shape {sizes}"
            )
        _check_index(content, index, offset)
        variable = next_variable


def _check_index(content: bytes, head: int, offset: str) -> None:
    """Bounds the tree of records that say where a variable's values are."""
    layout = f">{offset}I{offset}2I"
    records, seen = [head], 0
    while records:
        record = records.pop()
        seen += 1
        _, kind, following, entries, used = struct.unpack_from(layout, content, record)
        if (
            kind != _INDEX_RECORD
            or entries > _MOST_VALUES
            or used > entries
            or seen > _MOST_INDEX_RECORDS
        ):
            raise ValueError("its index of values is broken")
        begin = record + struct.calcsize(layout)
        children = struct.unpack_from(
            f">{entries}{offset}", content, begin + 8 * entries
        )[:used]
        size = struct.calcsize(f">{offset}")
        records += [
            child
            for child in children
            if _kind_of(content, child, size) == _INDEX_RECORD
        ]
        records += [following] if following else []


def _kind_of(content: bytes, record: int, size: int) -> int:
    return struct.unpack_from(">I", content, record + size)[0]
