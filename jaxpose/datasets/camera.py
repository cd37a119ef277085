"""A camera as a data set publishes it."""

import dataclasses
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.real_arrays import as_floats
from jaxpose.wording import shown

# Pixels, the least and the most that a number of a camera may be.
_LEAST_FOCAL_LENGTH, _MOST = 1e-3, 1e9


@dataclasses.dataclass(frozen=True)
class Camera:
    """Holds the parameters of a camera, as far as its data set publishes them.

    Attributes:
      name: as the data set calls it.
      image_size: (width, height) in pixels.
      intrinsics: (fx, fy, cx, cy) in pixels, or None.
      distortion: (k1, k2, k3, p1, p2) in the order of protocol P.2, or None.
      orientation: unit quaternion (w, x, y, z), camera to world, or None.
      translation: camera centre in the world, metres, or None.
    """

    name: str
    image_size: tuple[int, int]
    intrinsics: tuple[float, float, float, float] | None = None
    distortion: tuple[float, float, float, float, float] | None = None
    orientation: tuple[float, float, float, float] | None = None
    translation: tuple[float, float, float] | None = None


def checked_intrinsics(value: Any, where: str) -> tuple[float, float, float, float]:
    """Returns (fx, fy, cx, cy) of a value that may be anything.

    Args:
      value: what a caller or a file states.
      where: what states it, for the error.

    Raises:
      JaxposeError: it is no four numbers of a camera.
    """
    try:
        numbers = as_floats(where, value)
    except JaxposeError:  # the error below says what was expected
        numbers = np.zeros(0)
    # NaN fails every comparison.
    fits = numbers.shape == (4,) and bool((np.abs(numbers) <= _MOST).all())
    if not fits or not (numbers[:2] >= _LEAST_FOCAL_LENGTH).all():
        raise JaxposeError(
            f"{where}: expected 4 finite numbers, (fx, fy, cx, cy) in pixels, focal "
            f"lengths above 0; found {shown(value)}"
        )
    fx, fy, cx, cy = numbers.tolist()
    return fx, fy, cx, cy
