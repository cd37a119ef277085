"""Reads arrays of numbers out of HDF5 files, from the bytes of the file alone.

HDF5 files may refer to other files: by links, by storage outside the file, and by
datasets that are put together from others. A shared file could so make poses of any
file of its reader. They may also claim shapes for which they hold no numbers.
"""

import math
import pathlib
from types import ModuleType
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.regular_files import open_regular

_MAX_VALUES = 2**24  # of an array; the longest take has 2**19
_MAX_ITEM_BYTES = 8


def read_datasets(
    h5py: ModuleType, path: pathlib.Path, keys: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Returns the arrays under those of the keys that the file has.

    Args:
      h5py: the package.
      path: the file.
      keys: names at the top of the file.

    Raises:
      JaxposeError: there is no such file, or an array lies outside of it or is larger
        than any of a take.
      Exception: the file is damaged; h5py raises whatever HDF5 makes of it.
    """
    if not path.exists():
        raise JaxposeError(f"{path} does not exist")
    held = {}
    with open_regular(path) as stream, h5py.File(stream, "r") as file:
        for key in keys:
            link = file.get(key, getlink=True)
            if link is None:
                continue
            if not isinstance(link, h5py.HardLink):
                raise _refusal(path, key, "a link to another place")
            dataset = file[key]
            if isinstance(dataset, h5py.Dataset):
                _require_inside(dataset, path, key)
                held[key] = dataset[()]
    return held


def _require_inside(dataset: Any, path: pathlib.Path, key: str) -> None:
    """Raises JaxposeError unless an array is in the file and of a plausible size."""
    if dataset.external or dataset.is_virtual:
        raise _refusal(path, key, "numbers in another file")
    # Numbers are unpacked chunk by chunk, and a chunk may be larger than the array.
    largest = max(math.prod(dataset.shape or ()), math.prod(dataset.chunks or ()))
    is_numbers = dataset.dtype.kind in "fiub"
    if dataset.dtype.itemsize > _MAX_ITEM_BYTES or not is_numbers:
        raise _refusal(path, key, f"values of type {str(dataset.dtype)[:80]}")
    if largest > _MAX_VALUES:
        raise _refusal(path, key, f"{largest:,} numbers, more than {_MAX_VALUES:,}")


def _refusal(path: pathlib.Path, key: str, found: str) -> JaxposeError:
    """Returns the error for a file that is not as the original is."""
    return JaxposeError(
        f"{path}: {key} holds {found}, which no original file does; get it again"
    )
