"""Doubts 3D positions that cannot be those of the 2D keypoints beside them."""

import itertools

import numpy as np

from jaxpose.body.skeletons import H36M_17
from jaxpose.recordings.doubt import Doubt, severity_of
from jaxpose.recordings.reference import body_height

# Length of a person along the bones, metres, children included.
_LENGTHS = (0.5, 2.8)
# Units that people write instead of metres: how many there are in one.
_UNITS = {"millimetres": 1000.0, "centimetres": 100.0, "inches": 39.37, "feet": 3.281}
# Part of the 2D, by its size, that the best similarity leaves unexplained: perspective
# and a detector's noise leave less.
_SUSPICIOUS_MISFIT = 0.25
_WORTHLESS_MISFIT = 0.45
# Another reading of the 3D is named where its misfit is this share of the own one.
_CLEARLY_BETTER = 0.6
# Frames that the 3D may be out of step, and misfits that are below any doubt.
_MAX_SHIFT = 30
_MIN_FRAMES = 60
_SMALL_MISFIT = 0.03
_MIN_DEPTH = 0.3  # metres; nearer ones are relative to the root
_MAX_SAMPLES = 150


def check_own_3d(
    keypoints_2d: np.ndarray,
    positions_3d: np.ndarray,
    intrinsics: tuple[float, float, float, float] | None,
) -> list[Doubt]:
    """Doubts the user's own 3D by its lengths, and by how it fits the 2D.

    Without a camera, x and y of each pose have to fit its 2D by a similarity without a
    rotation: a factor above 0 and a shift. With one, the projection has to be the 2D.

    Args:
      keypoints_2d: `[F, 17, 2]` pixels, joints of `h36m_17`; NaN where not seen.
      positions_3d: `[F, 17, 3]` metres, camera frame.
      intrinsics: (fx, fy, cx, cy) in pixels, or None.
    """
    doubts = _check_lengths(positions_3d)
    if doubts:
        return doubts
    misfit = _misfit(keypoints_2d, _project(positions_3d))
    if not np.isfinite(misfit):
        return []
    mistake = _find_mistake(keypoints_2d, positions_3d, misfit)
    if mistake or misfit > _SUSPICIOUS_MISFIT:
        likely = mistake or "it is probably in another frame, or of another recording"
        doubt = Doubt(
            "own_3d",
            severity_of(misfit > _WORTHLESS_MISFIT),
            f"x and y of positions_3d do not fit the 2D by a similarity (misfit "
            f"{100 * misfit:.0f} %): {likely}; write metres in the camera's frame, x "
            "right, y down, z forward, for the same frames as the 2D",
        )
        return [doubt]
    return _check_camera(keypoints_2d, positions_3d, intrinsics)


def _check_lengths(positions_3d: np.ndarray) -> list[Doubt]:
    """Doubts positions of a person who is not of a person's length in metres."""
    length = float(np.median(body_height(positions_3d)))
    shortest, longest = _LENGTHS
    if shortest <= length <= longest:
        return []
    mistake = "the unit is probably another one"
    for unit, number in _UNITS.items():
        if shortest <= length / number <= longest:
            mistake = f"these look like {unit}; divide by {number:g}"
            break
    return [
        Doubt(
            "units",
            "refuse",
            f"the person in positions_3d is {length:.3g} m long from head to feet: "
            f"{mistake}, metres are expected",
        )
    ]


def _project(positions_3d: np.ndarray) -> np.ndarray:
    """Returns what a camera sees of poses `[F, J, 3]`, up to a similarity, `[F, J, 2]`.

    Positions relative to the root have no distance from the camera: their x and y are
    what it sees, nearly.
    """
    depth = positions_3d[..., 2:]
    if np.median(depth.min(axis=1)) < _MIN_DEPTH:
        return positions_3d[..., :2]
    return positions_3d[..., :2] / np.maximum(depth, _MIN_DEPTH)


def _misfit(keypoints_2d: np.ndarray, projected: np.ndarray) -> float:
    """Returns the median part of the 2D that a factor and a shift leave unexplained.

    Args:
      keypoints_2d: `[F, J, 2]`, NaN where not seen.
      projected: `[F, J, 2]`.

    Returns:
      root mean square distance after the best fit of each pose, by the size of the 2D;
      NaN where nothing is seen.
    """
    step = max(1, len(keypoints_2d) // _MAX_SAMPLES)
    target, source = keypoints_2d[::step], projected[::step]
    seen = np.isfinite(target).all(axis=-1, keepdims=True)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    target, source = np.where(seen, target, 0.0), np.where(seen, source, 0.0)
    target = np.where(seen, target - target.sum(axis=1, keepdims=True) / count, 0.0)
    source = np.where(seen, source - source.sum(axis=1, keepdims=True) / count, 0.0)

    # The factor of each pose by least squares; a person is not turned inside out.
    tiny = np.finfo(np.float64).tiny
    products = (target * source).sum(axis=(1, 2))
    factors = np.maximum(products, 0) / np.maximum((source**2).sum(axis=(1, 2)), tiny)
    rest = ((target - factors[:, None, None] * source) ** 2).sum(axis=(1, 2))
    sizes = (target**2).sum(axis=(1, 2))
    usable = sizes > 0
    if not usable.any():
        return float("nan")
    return float(np.median(np.sqrt(rest[usable] / sizes[usable])))


def _find_mistake(
    keypoints_2d: np.ndarray, positions_3d: np.ndarray, misfit: float
) -> str | None:
    """Returns what makes the 3D fit clearly better, as a clause, or None."""
    if misfit < 2 * _SMALL_MISFIT:
        return None
    allowed = _CLEARLY_BETTER * misfit
    shift, shifted = _best_shift(keypoints_2d, positions_3d)
    if shift and shifted < allowed:
        side = "late" if shift > 0 else "early"
        return f"it fits if it is moved in time, being {abs(shift)} frames {side}"
    mirrored = positions_3d[:, H36M_17.mirror]
    if _misfit(keypoints_2d, _project(mirrored)) < allowed:
        return "it fits with left and right exchanged"

    # Axes in another order, or upwards: relative to the root, as depth changes with it.
    centred = positions_3d - positions_3d[:, :1]
    best, name = allowed, None
    for axes in itertools.permutations(range(3), 2):
        for signs in itertools.product((1, -1), repeat=2):
            tried = _misfit(keypoints_2d, centred[..., list(axes)] * signs)
            if tried < best:
                best, name = tried, _axes_name(axes, signs)
    return name and f"it fits if {name} are right and down"


def _best_shift(
    keypoints_2d: np.ndarray, positions_3d: np.ndarray
) -> tuple[int, float]:
    """Returns by how many frames the 3D is late, and the misfit if it were not."""
    if len(keypoints_2d) < _MIN_FRAMES:
        return 0, np.inf
    projected = _project(positions_3d)
    misfits = {}
    for shift in range(-_MAX_SHIFT, _MAX_SHIFT + 1):
        early = keypoints_2d[: len(keypoints_2d) - abs(shift)]
        late = projected[abs(shift) :]
        if shift < 0:
            early, late = keypoints_2d[-shift:], projected[:shift]
        misfits[shift] = _misfit(early, late)
    best = min(misfits, key=lambda shift: misfits[shift])
    return best, misfits[best]


def _axes_name(axes: tuple[int, ...], signs: tuple[int, ...]) -> str:
    """Returns "x and -z" for the axes 0 and 2 with their signs."""
    names = []
    for axis, sign in zip(axes, signs, strict=True):
        names.append(("" if sign > 0 else "-") + "xyz"[axis])
    return " and ".join(names)


def _check_camera(
    keypoints_2d: np.ndarray,
    positions_3d: np.ndarray,
    intrinsics: tuple[float, float, float, float] | None,
) -> list[Doubt]:
    """Doubts intrinsics by which the 3D does not project to the 2D."""
    if intrinsics is None or np.median(positions_3d[..., 2].min(axis=1)) < _MIN_DEPTH:
        return []
    fx, fy, cx, cy = intrinsics
    depth = np.maximum(positions_3d[..., 2:], _MIN_DEPTH)
    pixels = positions_3d[..., :2] / depth * [fx, fy] + [cx, cy]
    offsets = np.linalg.norm(pixels - keypoints_2d, axis=-1)
    height = np.nanmedian(body_height(pixels))
    error = float(np.nanmedian(offsets) / height)
    if not error > _SUSPICIOUS_MISFIT:
        return []
    return [
        Doubt(
            "intrinsics",
            "warn",
            f"positions_3d and intrinsics project {100 * error:.0f} % of the body's "
            "height away from the 2D, though the poses fit: the intrinsics are "
            "probably of another image size, or positions_3d is not in the camera's "
            "frame",
        )
    ]
