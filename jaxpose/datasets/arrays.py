"""Checks on what a file holds, before anything is done with it."""

import pathlib
import types
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError


def require_array(
    value: Any, where: str, shape: tuple[int | None, ...], *, finite: bool = True
) -> np.ndarray:
    """`value` as a float64 array of `shape`, where None stands for any size but zero.

    Args:
      value: what the file holds.
      where: file and key, for the message.
      shape: the expected shape.
      finite: whether infinities and NaN are an error.

    Raises:
      JaxposeError: not real numbers, another shape, or not finite.
    """
    expected = "[" + ", ".join("F" if size is None else str(size) for size in shape) + "]"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        found = f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
        raise JaxposeError(f"{where}: expected an array {expected} of numbers, found {found}")
    fits = value.ndim == len(shape) and all(
        size > 0 if wanted is None else size == wanted
        for size, wanted in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise JaxposeError(f"{where}: expected shape {expected}, found {list(value.shape)}")
    bad = ~np.isfinite(value)
    if finite and bad.any():
        first = [int(index) for index in np.argwhere(bad)[0]]
        raise JaxposeError(f"{where}: {bad.sum()} numbers are not finite, the first at {first}")
    return value.astype(np.float64)


def require_key(mapping: Any, key: str, where: str) -> Any:
    """`mapping[key]`.

    Raises:
      JaxposeError: `mapping` is not a dict, or lacks the key; the message lists what it has.
    """
    if not isinstance(mapping, dict):
        raise JaxposeError(f"{where}: expected a dict with key {key!r}, found a {type(mapping).__name__}")
    if key not in mapping:
        known = ", ".join(repr(name) for name in list(mapping)[:20]) or "nothing"
        raise JaxposeError(f"{where}: key {key!r} is missing; the file holds {known}")
    return mapping[key]


def require_extra(package: str, extra: str, file: pathlib.Path) -> types.ModuleType:
    """The optional `package` that reads `file`.

    Raises:
      JaxposeError: it is not installed; the message names the extra that installs it.
    """
    try:
        return __import__(package, fromlist=["_"])
    except ImportError:
        raise JaxposeError(
            f"reading {file} needs the package {package.partition('.')[0]}: pip install 'jaxpose[{extra}]'"
        ) from None


def load_mat(path: pathlib.Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The variables `keys` of a MATLAB file of version 7 or older (scipy; extra `mat`).

    Raises:
      JaxposeError: scipy is missing, or the file is missing, damaged, of another kind, or lacks a key.
    """
    io = require_extra("scipy.io", "mat", path)
    if not path.is_file():
        raise JaxposeError(f"{path} does not exist")
    try:
        held = io.loadmat(path, variable_names=keys)
    except NotImplementedError:
        raise JaxposeError(f"{path}: a MATLAB 7.3 (HDF5) file; expected version 7 or older") from None
    except Exception as error:  # scipy raises whatever a damaged file makes its parser trip over
        raise JaxposeError(
            f"{path}: not a MATLAB file, or damaged: {error or type(error).__name__}. Get it again"
        ) from error
    return {key: require_key(held, key, str(path)) for key in keys}
