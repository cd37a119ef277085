"""Checks what a recording in this project's own format states beside its arrays."""

from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.content import shown

NAMES = ("subject", "action", "take", "camera")
KEYS = ("keypoints", "image_size", "fps", "skeleton", "intrinsics", *NAMES)

_MAX_IMAGE_LENGTH = 100_000  # pixels


def plain_value(value: Any) -> Any:
    """Returns the name or the number that an array without axes of an npz holds."""
    is_scalar = isinstance(value, np.ndarray | np.generic) and value.ndim == 0
    return value.item() if is_scalar else value


def stated(mapping: dict[str, Any], where: str) -> dict[str, Any]:
    """Returns the fields of `Detections` that a mapping states, checked.

    Args:
      mapping: keys of `KEYS`, and others. A null is as good as an absent key.
      where: the file, for messages.

    Raises:
      JaxposeError: a value is not as documented.
    """
    fields: dict[str, Any] = {"names": {}}
    for key in KEYS:
        value = plain_value(mapping.get(key))
        if value is None:
            continue
        if key == "image_size":
            fields[key] = _image_size(value, f"{where}: image_size")
        elif key == "fps":
            fields[key] = _fps(value, f"{where}: fps")
        elif key == "intrinsics":
            fields[key] = _row(value, 4, f"{where}: intrinsics")
        elif not isinstance(value, str) or not value:
            # `keypoints` is the array itself in files of others.
            if key == "keypoints" and isinstance(value, list | np.ndarray):
                continue
            raise JaxposeError(f"{where}: {key} is {shown(value)}; expected a name")
        elif key == "keypoints":
            fields["layout"] = value
        elif key == "skeleton":
            fields["skeleton"] = value
        else:
            fields["names"][key] = value
    return fields


def _row(value: Any, size: int, where: str) -> tuple[float, ...]:
    """Returns `size` finite numbers; raises JaxposeError for anything else."""
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise JaxposeError(
            f"{where}: expected {size} finite numbers, found {shown(value)}"
        )
    return tuple(array.tolist())


def _image_size(value: Any, where: str) -> tuple[int, int]:
    """Returns (width, height); raises JaxposeError unless they are whole pixels."""
    width, height = _row(value, 2, where)
    is_whole = width % 1 == height % 1 == 0
    is_plausible = 1 <= width <= _MAX_IMAGE_LENGTH and 1 <= height <= _MAX_IMAGE_LENGTH
    if not is_whole or not is_plausible:
        raise JaxposeError(
            f"{where} is {shown(value)}; expected [width, height] in pixels"
        )
    return int(width), int(height)


def _fps(value: Any, where: str) -> float:
    """Returns frames per second; raises JaxposeError unless it is above 0."""
    (fps,) = _row([value], 1, where)
    if fps <= 0:
        raise JaxposeError(f"{where} is {fps}; expected frames per second, above 0")
    return fps
