"""Requires that the content of a file is what is expected, before it is used."""

import importlib
import itertools
import pathlib
import types
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.wording import cut


def require_array(
    value: Any, where: str, shape: tuple[int | None, ...], *, finite: bool = True
) -> np.ndarray:
    """Returns `value` as float64 of `shape`, where None stands for any size but 0.

    Args:
      value: what the file holds.
      where: file and key, for the message.
      shape: the expected shape.
      finite: whether infinities and NaN are an error.

    Raises:
      JaxposeError: the value is not an array of real numbers, has another shape, or is
        not finite.
    """
    sizes = ["F" if size is None else str(size) for size in shape]
    expected = f"[{', '.join(sizes)}]"

    # Booleans, integers and floats of at most 8 bytes fit into float64.
    if not isinstance(value, np.ndarray):
        raise JaxposeError(
            f"{where}: expected an array {expected} of numbers, "
            f"found a {type(value).__name__}"
        )
    if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
        raise JaxposeError(
            f"{where}: expected an array {expected} of numbers, "
            f"found an array of {value.dtype}"
        )
    if not _shape_fits(value.shape, shape):
        raise JaxposeError(
            f"{where}: expected shape {expected}, found {list(value.shape)}"
        )
    # The place of the first bad number lets a user look it up in the file.
    bad = ~np.isfinite(value)
    if finite and bad.any():
        first = np.argwhere(bad)[0].tolist()
        raise JaxposeError(
            f"{where}: {bad.sum()} numbers are not finite, the first at {first}"
        )
    return value.astype(np.float64)


def _shape_fits(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> bool:
    """Returns whether `shape` is `expected`, where None stands for any size but 0."""
    if len(shape) != len(expected):
        return False
    # An axis without entries is never data: reject it here, for all readers.
    for size, wanted in zip(shape, expected, strict=True):
        fits = size > 0 if wanted is None else size == wanted
        if not fits:
            return False
    return True


def require_key(mapping: Any, key: str, where: str) -> Any:
    """Returns `mapping[key]`.

    Raises:
      JaxposeError: `mapping` is not a dict, or lacks the key; the message lists the
        keys that it has.
    """
    if not isinstance(mapping, dict):
        raise JaxposeError(
            f"{where}: expected a dict with key {key!r}, "
            f"found a {type(mapping).__name__}"
        )
    if key not in mapping:
        # Twenty names are enough to see which file this is.
        names = [repr(name)[:40] for name in itertools.islice(mapping, 20)]
        known = cut(", ".join(names)) or "nothing"
        raise JaxposeError(f"{where}: key {key!r} is missing; the file holds {known}")
    return mapping[key]


def require_extra(package: str, extra: str, file: pathlib.Path) -> types.ModuleType:
    """Imports the optional `package` that reads `file`, and returns it.

    Raises:
      JaxposeError: the package is not installed; the message names the extra that
        installs it.
    """
    # The optional readers are imported late: most users never need them.
    try:
        return importlib.import_module(package)
    except ImportError:
        raise JaxposeError(
            f"reading {file} needs the package {package}: pip install {package}, "
            f"or all that {extra} needs, from the folder of this project: "
            f"pip install '.[{extra}]'"
        ) from None
