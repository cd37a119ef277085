"""Joint angles by name, in degrees.

Axes of the trunk: up from the hip to the thorax; left along the hips (for legs) or
shoulders (for arms), at right angles to up; forward at right angles to both.

    knee_flexion        thigh to shank; 0 straight, never negative
    elbow_flexion       upper arm to forearm; 0 straight, never negative
    hip_flexion         trunk down to thigh, in the plane of forward and up;
                        forward is positive
    hip_abduction       of the thigh out of that plane; away from the other leg is
                        positive
    shoulder_flexion    trunk down to upper arm, in the plane of forward and up;
                        0 hanging, 90 forward, 180 overhead, -90 backward
    shoulder_abduction  trunk down to upper arm, in the plane of left and up;
                        0 hanging, 90 sideways, 180 overhead
    shoulder_elevation  trunk down to upper arm; 0 hanging, never negative
    ankle_flexion       90 minus the angle of shank and foot, where there are toes;
                        toes up (dorsiflexion) is positive
    trunk_rotation      hips to shoulders about up; to the left is positive
    trunk_flexion       vertical to trunk; leaning forward is positive
    trunk_side_lean     vertical to trunk; leaning to the right is positive

The last two need an upright pose. Angles of limbs begin with `left_` or `right_`. An
angle in a plane is NaN where the limb is within 6 degrees of a right angle to it.
"""

from typing import NamedTuple

import numpy as np

from jaxpose.body.skeletons import Skeleton
from jaxpose.pose.landmarks import find_joints
from jaxpose.pose.vectors import angle_between, dot, unit

_NAMES = (
    *("hip", "thorax"),
    *("left_hip", "left_knee", "left_ankle"),
    *("right_hip", "right_knee", "right_ankle"),
    *("left_shoulder", "left_elbow", "left_wrist"),
    *("right_shoulder", "right_elbow", "right_wrist"),
)
_MIN_IN_PLANE = np.sin(np.radians(6.0))


class _Axes(NamedTuple):
    """Unit vectors `[F, 3]` of a person."""

    up: np.ndarray
    left: np.ndarray
    forward: np.ndarray


def joint_angles(
    positions_3d: np.ndarray, body: Skeleton, is_upright: bool
) -> dict[str, np.ndarray]:
    """Returns `[F]` degrees per angle, as defined on top of this module.

    Args:
      positions_3d: `[F, J, 3]`, in right-handed axes.
      body: joint set of the positions.
      is_upright: whether y is up; else the lean of the trunk is left out.

    Raises:
      JaxposeError: the joint set lacks a joint that this needs.
    """
    indices = find_joints(body, _NAMES, "joint angles")
    joints = {}
    for name, index in zip(_NAMES, indices, strict=True):
        joints[name] = positions_3d[:, index]
    up = joints["thorax"] - joints["hip"]
    hips = _axes(up, joints["left_hip"] - joints["right_hip"])
    shoulders = _axes(up, joints["left_shoulder"] - joints["right_shoulder"])

    angles: dict[str, np.ndarray] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angles |= _leg(joints, side, sign, hips)
        angles |= _arm(joints, side, sign, shoulders)
        if f"{side}_toe" in body.joints:
            foot = positions_3d[:, body.joints.index(f"{side}_toe")]
            foot = foot - joints[f"{side}_ankle"]
            shank = joints[f"{side}_knee"] - joints[f"{side}_ankle"]
            angles[f"{side}_ankle_flexion"] = 90 - angle_between(shank, foot)
    turned = dot(np.cross(hips.left, shoulders.left), hips.up)
    angles["trunk_rotation"] = _degrees(turned, dot(hips.left, shoulders.left))
    if is_upright:
        angles |= _lean(hips)
    return angles


def _axes(up: np.ndarray, left: np.ndarray) -> _Axes:
    """Returns right-angled axes of vectors `[F, 3]` that are only roughly so."""
    up = unit(up)
    left = unit(left - dot(left, up)[:, None] * up)
    return _Axes(up, left, np.cross(left, up))


def _leg(
    joints: dict[str, np.ndarray], side: str, sign: float, trunk: _Axes
) -> dict[str, np.ndarray]:
    """Returns the angles of one leg; `sign` is that of "outwards" along left."""
    knee = joints[f"{side}_knee"]
    thigh = knee - joints[f"{side}_hip"]
    direction = unit(thigh)
    outwards = sign * dot(direction, trunk.left)
    shank = joints[f"{side}_ankle"] - knee
    return {
        f"{side}_knee_flexion": angle_between(thigh, shank),
        f"{side}_hip_flexion": _in_plane(direction, trunk.forward, trunk.up),
        f"{side}_hip_abduction": np.degrees(np.arcsin(np.clip(outwards, -1, 1))),
    }


def _arm(
    joints: dict[str, np.ndarray], side: str, sign: float, trunk: _Axes
) -> dict[str, np.ndarray]:
    """Returns the angles of one arm; `sign` is that of "outwards" along left."""
    elbow = joints[f"{side}_elbow"]
    upper = elbow - joints[f"{side}_shoulder"]
    direction = unit(upper)
    flexion = _in_plane(direction, trunk.forward, trunk.up)
    abduction = _in_plane(direction, sign * trunk.left, trunk.up)
    forearm = joints[f"{side}_wrist"] - elbow
    return {
        f"{side}_elbow_flexion": angle_between(upper, forearm),
        f"{side}_shoulder_flexion": flexion,
        f"{side}_shoulder_abduction": abduction,
        f"{side}_shoulder_elevation": angle_between(upper, -trunk.up),
    }


def _lean(trunk: _Axes) -> dict[str, np.ndarray]:
    """Returns how far a trunk leans, in axes with y up."""
    vertical = np.array([0.0, 1.0, 0.0])
    level = _axes(np.broadcast_to(vertical, trunk.up.shape), trunk.left)
    upwards = dot(trunk.up, vertical)
    return {
        "trunk_flexion": _degrees(dot(trunk.up, level.forward), upwards),
        "trunk_side_lean": _degrees(-dot(trunk.up, level.left), upwards),
    }


def _in_plane(direction: np.ndarray, ahead: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Returns the angle from down towards `ahead`, above -120 and up to 240 degrees."""
    forward, down = dot(direction, ahead), -dot(direction, up)
    angle = _degrees(forward, down)
    # Limbs move past overhead, but not so far backwards: the range is cut there.
    angle = np.where(angle <= -120, angle + 360, angle)
    return np.where(np.hypot(forward, down) < _MIN_IN_PLANE, np.nan, angle)


def _degrees(opposite: np.ndarray, adjacent: np.ndarray) -> np.ndarray:
    """Returns the angle of a right triangle, -180 to 180 degrees."""
    return np.degrees(np.arctan2(opposite, adjacent))
