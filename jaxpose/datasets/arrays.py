"""Checks on what a file holds, before anything is done with it."""

import importlib
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
    expected = (
        "[" + ", ".join("F" if size is None else str(size) for size in shape) + "]"
    )
    if (
        not isinstance(value, np.ndarray)
        or value.dtype.kind not in "fiub"
        or value.dtype.itemsize > 8
    ):
        found = (
            f"an array of {value.dtype}"
            if isinstance(value, np.ndarray)
            else f"a {type(value).__name__}"
        )
        raise JaxposeError(
            f"{where}: expected an array {expected} of numbers, found {found}"
        )
    fits = value.ndim == len(shape) and all(
        size > 0 if wanted is None else size == wanted
        for size, wanted in zip(value.shape, shape, strict=True)
    )
    if not fits:
        raise JaxposeError(
            f"{where}: expected shape {expected}, found {list(value.shape)}"
        )
    bad = ~np.isfinite(value)
    if finite and bad.any():
        first = [int(index) for index in np.argwhere(bad)[0]]
        raise JaxposeError(
            f"{where}: {bad.sum()} numbers are not finite, the first at {first}"
        )
    return value.astype(np.float64)


def require_key(mapping: Any, key: str, where: str) -> Any:
    """`mapping[key]`.

    Raises:
      JaxposeError: `mapping` is not a dict, or lacks the key; the message lists what it has.
    """
    if not isinstance(mapping, dict):
        raise JaxposeError(
            f"{where}: expected a dict with key {key!r}, found a {type(mapping).__name__}"
        )
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
        return importlib.import_module(package)
    except ImportError:
        raise JaxposeError(
            f"reading {file} needs the package {package}: pip install {package}, or all that "
            f"{extra} needs, from the folder of this project: pip install '.[{extra}]'"
        ) from None
