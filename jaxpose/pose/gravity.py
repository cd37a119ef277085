"""Finds up: from the pitch of the camera, or from frames in which a person stands."""

import numpy as np

from jaxpose.body.skeletons import Skeleton
from jaxpose.errors import JaxposeError
from jaxpose.pose.landmarks import find_joints
from jaxpose.pose.vectors import angle_between, dot, unit

ANKLE_HEIGHT = 0.08  # metres above the floor, the median of CMU motion capture

_STANDING_JOINTS = (
    *("hip", "thorax", "left_hip", "left_knee", "left_ankle"),
    *("right_hip", "right_knee", "right_ankle"),
)
# Degrees. Standing people bend knees and hips a little, and cameras are held roughly
# level: who lies in front of one is as straight, but far from the image's vertical.
_MAX_KNEE = 40.0
_MAX_HIP = 30.0
_MAX_FROM_IMAGE = 50.0

_IMAGE_UP = np.array([0.0, -1.0, 0.0])


def up_of_pitch(pitch: float) -> np.ndarray:
    """Returns the direction of up `[3]` in the axes of a camera without roll.

    Args:
      pitch: degrees by which the camera looks up; below 0 it looks down.

    Raises:
      JaxposeError: the camera looks up or down vertically, or beyond.
    """
    if not -90 < pitch < 90:
        raise JaxposeError(f"pitch {pitch:g}: expected degrees above -90 and below 90")
    angle = np.radians(pitch)
    return np.array([0.0, -np.cos(angle), np.sin(angle)])


def pitch_and_roll(up: np.ndarray) -> tuple[float, float]:
    """Returns the degrees by which a camera looks up, and turns clockwise, from up."""
    pitch = np.degrees(np.arcsin(np.clip(up[2], -1, 1)))
    roll = np.degrees(np.arctan2(-up[0], -up[1]))
    return float(pitch), float(roll)


def upright_axes(up: np.ndarray) -> np.ndarray:
    """Returns the rotation `[3, 3]` from camera axes to upright ones.

    Upright axes are y up, z level and towards the camera, and x to the right.

    Args:
      up: `[3]`, the unit vector of up in camera axes.
    """
    back = np.array([0.0, 0.0, -1.0])
    level = unit(back - dot(back, up) * up)
    return np.stack([np.cross(up, level), up, level])


def find_standing(
    positions_3d: np.ndarray, seen: np.ndarray, body: Skeleton
) -> np.ndarray:
    """Returns `[F]` bool: whether the person stands, with straight legs and trunk.

    Args:
      positions_3d: `[F, J, 3]` in camera axes.
      seen: `[F, J]` bool; hips, knees and ankles must have been seen.
      body: joint set of the positions.

    Raises:
      JaxposeError: the joint set lacks a joint that this needs.
    """
    indices = find_joints(body, _STANDING_JOINTS, "standing")
    hip, thorax, *legs = (positions_3d[:, index] for index in indices)
    is_standing = seen[:, indices[2:]].all(axis=1)
    for upper, knee, ankle in (legs[:3], legs[3:]):
        is_standing &= angle_between(knee - upper, ankle - knee) < _MAX_KNEE
    ankles = (legs[2] + legs[5]) / 2
    is_standing &= angle_between(thorax - hip, hip - ankles) < _MAX_HIP
    return is_standing & (angle_between(thorax - ankles, _IMAGE_UP) < _MAX_FROM_IMAGE)


def estimate_up(
    positions_3d: np.ndarray, standing: np.ndarray, body: Skeleton
) -> np.ndarray:
    """Returns the direction of up `[3]`, from the trunk and from the legs.

    The trunk counts twice, because legs stand apart and stride. The result is the
    median over the standing frames, which a few wrong ones do not move.

    Args:
      positions_3d: `[F, J, 3]` in camera axes.
      standing: `[F]` bool, at least one of them.
      body: joint set of the positions.
    """
    names = ("hip", "thorax", "left_ankle", "right_ankle")
    indices = find_joints(body, names, "standing")
    hip, thorax, left, right = (positions_3d[standing, index] for index in indices)
    trunk, legs = unit(thorax - hip), unit(hip - (left + right) / 2)
    return unit(np.median(unit(2 * trunk + legs), axis=0))


def floor_height(
    positions_3d: np.ndarray, standing: np.ndarray, body: Skeleton
) -> float:
    """Returns the height of the floor in metres, in upright axes.

    It lies under the lower ankle: in the median of the standing frames, or where nobody
    stands, at the height that a tenth of all frames is below.

    Args:
      positions_3d: `[F, J, 3]` in upright axes, with the root.
      standing: `[F]` bool.
      body: joint set of the positions.
    """
    left, right = find_joints(body, ("left_ankle", "right_ankle"), "the floor")
    lower = positions_3d[:, (left, right), 1].min(axis=1)
    if standing.any():
        return float(np.median(lower[standing])) - ANKLE_HEIGHT
    return float(np.quantile(lower, 0.1)) - ANKLE_HEIGHT
