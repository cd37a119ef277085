"""The truth of a real recording: markers of a TRC file, seen by a calibrated camera."""

import dataclasses
import pathlib

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.recordings.joint_names import find_layout
from jaxpose.regular_files import read_regular

# Joints whose place detectors, markers and Human3.6M mean alike.
LIMBS = tuple(
    f"{side}_{part}"
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    for side in ("left", "right")
)
_UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_MAX_BYTES = 2**28
_HEAD_ROWS = 5
_LONGEST_GAP = 0.1  # seconds between rows that are still interpolated
# Views from which the search for the camera starts: directions around the person.
_YAWS = 12
_FINALISTS = 4
_ENOUGH_POINTS = 2000  # of all frames, for the place of the camera
# Residuals above this, in focal lengths, count less: a hundredth is a hand's width.
_OUTLIER = 0.01


@dataclasses.dataclass(frozen=True)
class Markers:
    """Positions of the limbs over time.

    Attributes:
      times: `[F]` seconds, ascending.
      positions_3d: `[F, 12, 3]` metres, joints of `LIMBS`, any axes; NaN where absent.
      rate: frames per second.
    """

    times: np.ndarray
    positions_3d: np.ndarray
    rate: float

    def at(self, times: np.ndarray) -> np.ndarray:
        """Returns the positions `[T, 12, 3]` at other times, linear between rows.

        NaN stands outside of the rows, between two that are far apart, and where one of
        the two lacks the joint.
        """
        after = np.clip(np.searchsorted(self.times, times), 1, len(self.times) - 1)
        before = after - 1
        span = self.times[after] - self.times[before]
        weight = (times - self.times[before]) / span
        # A time on a row needs that row alone, whatever its neighbour lacks.
        on_first, on_second = np.isclose(weight, 0), np.isclose(weight, 1)
        first, second = self.positions_3d[before], self.positions_3d[after]
        mixed = first + weight[:, None, None] * (second - first)
        mixed[on_first], mixed[on_second] = first[on_first], second[on_second]
        is_inside = (weight > -1e-6) & (weight < 1 + 1e-6) & (span <= _LONGEST_GAP)
        mixed[~is_inside & ~on_first & ~on_second] = np.nan
        return mixed


def read_trc(path: pathlib.Path) -> Markers:
    """Reads the limbs of a TRC file; names of markers may be spelt as detectors do.

    Raises:
      JaxposeError: no TRC file, an unknown unit, or markers that name no body.
    """
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    rows = [line.split("\t") for line in text.splitlines() if line.strip()]
    if len(rows) < _HEAD_ROWS + 2 or not text.startswith("PathFileType"):
        raise JaxposeError(f"{path}: expected a TRC file with two frames or more")
    head = dict(zip(_stripped(rows[1]), _stripped(rows[2]), strict=False))
    unit = head.get("Units", "")
    if unit.lower() not in _UNITS:
        raise JaxposeError(f"{path}: Units are {unit!r}; expected m, cm or mm")
    names = [name for name in _stripped(rows[3])[2:] if name]
    table = _numbers(rows[_HEAD_ROWS:], 2 + 3 * len(names), path)
    positions = table[:, 2:].reshape(len(table), len(names), 3)
    # An absent marker is empty, or at the origin exactly.
    positions[(positions == 0).all(axis=-1)] = np.nan
    found = find_layout(names)
    if found is None:
        raise JaxposeError(f"{path}: no joints are known among {', '.join(names[:9])}")
    joints = get_skeleton(found.layout).joints
    limbs = np.full((len(table), len(LIMBS), 3), np.nan)
    for number, limb in enumerate(LIMBS):
        column = found.columns[joints.index(limb)] if limb in joints else -1
        if column >= 0:
            limbs[:, number] = positions[:, column] * _UNITS[unit.lower()]
    if not np.isfinite(limbs[:, :2]).all(axis=(1, 2)).any():
        raise JaxposeError(f"{path}: no marker names the left and the right hip")
    times = table[:, 1]
    if not (np.diff(times) > 0).all():
        raise JaxposeError(f"{path}: the column of times does not ascend")
    return Markers(times, limbs, float((len(times) - 1) / (times[-1] - times[0])))


def _stripped(cells: list[str]) -> list[str]:
    """Returns cells without blanks around them."""
    return [cell.strip() for cell in cells]


def _numbers(rows: list[list[str]], columns: int, path: pathlib.Path) -> np.ndarray:
    """Returns `[F, columns]`, NaN for cells that are empty or absent."""
    table = np.full((len(rows), columns), np.nan)
    for number, cells in enumerate(rows):
        for column, cell in enumerate(cells[:columns]):
            if cell.strip():
                try:
                    table[number, column] = float(cell)
                except ValueError:
                    raise JaxposeError(
                        f"{path}: frame {number + 1} of the rows holds {cell[:20]!r}; "
                        "expected a number"
                    ) from None
    if np.isnan(table[:, 1]).any():
        raise JaxposeError(f"{path}: a row has no time")
    return table


def find_camera(
    positions_3d: np.ndarray, rays: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Finds from where a camera that stands still sees known points.

    Args:
      positions_3d: `[N, 3]` metres, any right-handed axes.
      rays: `[N, 2]` the same points at depth 1, as the camera shows them.

    Returns:
      rotation `[3, 3]` and translation `[3]` into camera axes, and the median distance
      of points and rays at depth 1.

    Raises:
      JaxposeError: too few points, or no view in which they are before the camera.
    """
    if len(positions_3d) < 6:
        raise JaxposeError("too few seen joints have a truth to find the camera from")
    step = -(-len(positions_3d) // _ENOUGH_POINTS)
    points, seen = positions_3d[::step], rays[::step]
    starts = []
    for rotation in _level_views():
        translation = _best_translation(points @ rotation.T, seen)
        error = np.median(_distances(points, seen, rotation, translation))
        starts.append((float(error), rotation, translation))
    starts.sort(key=lambda start: start[0])

    def residuals(vector: np.ndarray) -> np.ndarray:
        rotation = Rotation.from_rotvec(vector[:3]).as_matrix()
        placed = points @ rotation.T + vector[3:]
        depth = np.maximum(placed[:, 2:], 1e-3)
        return (placed[:, :2] / depth - seen).ravel()

    best = (np.inf, np.eye(3), np.zeros(3))
    for _, rotation, translation in starts[:_FINALISTS]:
        start = np.concatenate(
            [Rotation.from_matrix(rotation).as_rotvec(), translation]
        )
        fit = least_squares(residuals, start, loss="soft_l1", f_scale=_OUTLIER)
        turned = Rotation.from_rotvec(fit.x[:3]).as_matrix()
        error = float(np.median(_distances(points, seen, turned, fit.x[3:])))
        if error < best[0]:
            best = error, turned, fit.x[3:]
    if not np.isfinite(best[0]):
        raise JaxposeError("the truth is before the camera in no view")
    return best[1], best[2], best[0]


def _level_views() -> list[np.ndarray]:
    """Returns rotations into camera axes: level cameras all around, each axis up."""
    views = []
    for up in (*np.eye(3), *-np.eye(3)):
        ahead = np.roll(up, 1)
        for yaw in np.arange(_YAWS) * 2 * np.pi / _YAWS:
            forward = Rotation.from_rotvec(yaw * up).apply(ahead)
            views.append(np.stack([np.cross(-up, forward), -up, forward]))
    return views


def _best_translation(turned: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Returns `t` of the least squares of `xy + t_xy = u (z + t_z)`, for all points."""
    middle, ray = turned.mean(axis=0), rays.mean(axis=0)
    offsets = rays * turned[:, 2:] - turned[:, :2]
    mean_offset = offsets.mean(axis=0)
    spread = rays - ray
    depth = -np.sum(spread * (offsets - mean_offset)) / max(np.sum(spread**2), 1e-12)
    depth = max(float(depth), 0.5 - middle[2])
    return np.array([*(ray * depth + mean_offset), depth])


def _distances(
    points: np.ndarray,
    rays: np.ndarray,
    rotation: np.ndarray,
    translation: np.ndarray,
) -> np.ndarray:
    """Returns `[N]` distances at depth 1, infinite behind the camera."""
    placed = points @ rotation.T + translation
    is_ahead = placed[:, 2] > 0.1
    depth = np.where(is_ahead, placed[:, 2], 1.0)[:, None]
    distances = np.linalg.norm(placed[:, :2] / depth - rays, axis=-1)
    return np.where(is_ahead, distances, np.inf)
