"""A camera as a data set publishes it."""

import dataclasses


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
