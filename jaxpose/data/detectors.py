"""How 2D detectors err on video, for `simulated_detector`.

Errors are measured in parts of the person's height in the image. On video, the medians
of BlazePose were 2.6 to 4.8 %, of OpenPose 1.3 to 3.3 %; nine tenths of the errors were
below 5 to 10 % and 2.3 to 9 %. BlazePose swapped sides in a third of the frames of one
camera.
"""

from typing import NamedTuple


class Detector(NamedTuple):
    """How a detector errs. Each window draws its own share between the limits.

    Attributes:
      clean: share of windows without any error.
      error: limits of the median error, in parts of the person's height.
      lost: largest share of time in which a joint is missing.
      outliers: largest share of time in which a joint is far off.
      swaps: share of windows in which sides are swapped at times.
      swapped: largest share of time for which they are, in those windows.
      gaps: largest share of time in which nothing is found.
      faces: share of windows in which points behind the head are not found.
    """

    clean: float
    error: tuple[float, float]
    lost: float
    outliers: float
    swaps: float
    swapped: float
    gaps: float
    faces: float


DETECTORS = {
    "none": Detector(1.0, (1e-3, 1e-3), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "openpose": Detector(0.0, (0.013, 0.033), 0.06, 0.02, 0.15, 0.15, 0.01, 1.0),
    "blazepose": Detector(0.0, (0.026, 0.048), 0.03, 0.02, 0.4, 0.35, 0.02, 0.3),
    "mixed": Detector(0.2, (0.003, 0.05), 0.1, 0.02, 0.3, 0.35, 0.02, 0.6),
}
