"""Finds out where left and right of a person are exchanged, as far as 2D can tell.

A single pose does not tell: a person who faces the camera looks like one with
exchanged sides who turns the back on it. So there are two rules. Sides that change
within a recording are found where the joints jump to their mirror joints. Sides that
are exchanged throughout are found where the person comes nearer backwards, and goes
away with the face to the camera. Most recordings without walking tell nothing.
"""

import numpy as np

from jaxpose.body.skeletons import H36M_17
from jaxpose.recordings.reference import body_height

# A change of sides makes the path of the joints this much shorter.
_SHORTER = 3.0
# Sides that are nearer to each other, in body heights, may be mixed up without harm.
_MIN_GAP = 0.04
# Seconds over which people come nearer or go away, and the growth that counts at most.
_SPAN = 0.8
_MAX_GROWTH = 0.5
# Trunk and legs of a person who comes nearer grow alike, up to this factor. In a squat
# or a bend one of them shortens more, and the trunk of who lies down is not upright.
_ALIKE = 2.0
_UPRIGHT = 0.87  # least part of the trunk's length that is vertical, 30 degrees
# Mean growth times facing from which people do not walk forwards.
_BACKWARDS = 0.08

_LEFT, _RIGHT = np.array(H36M_17.left), np.array(H36M_17.right)


def count_changes(keypoints_2d: np.ndarray, seen: np.ndarray) -> int:
    """Returns how often left and right change places between two frames.

    Args:
      keypoints_2d: `[F, 17, 2]` joints of `h36m_17`.
      seen: `[F, 17]` bool.
    """
    if len(keypoints_2d) < 2:
        return 0
    left, right = keypoints_2d[:, _LEFT], keypoints_2d[:, _RIGHT]
    both = seen[:, _LEFT] & seen[:, _RIGHT]
    usable = both[1:] & both[:-1]

    # How far the joints move as they are named, and if the sides change.
    stay = _length(left[1:] - left[:-1]) + _length(right[1:] - right[:-1])
    change = _length(left[1:] - right[:-1]) + _length(right[1:] - left[:-1])
    gap = _length(left - right)
    gap = np.minimum(gap[1:], gap[:-1])
    apart = usable & (gap > _MIN_GAP * np.median(body_height(keypoints_2d)))
    stays = (stay * apart).sum(axis=1)
    changes = (change * apart).sum(axis=1)

    # Most of the body has to jump: the limbs of one side may cross those of the other.
    enough = apart.sum(axis=1) >= len(_LEFT) // 2
    return int(np.sum(enough & (stays > _SHORTER * changes) & (stays > 0)))


def walks_backwards(keypoints_2d: np.ndarray, fps: float) -> bool:
    """Returns whether the person comes nearer backwards, or goes away facing us.

    Both hold where left and right are exchanged. The person faces the camera where the
    left shoulder and hip are to the right of the others in the image, and comes nearer
    where the trunk is upright and grows as the legs do.

    Args:
      keypoints_2d: `[F, 17, 2]` joints of `h36m_17`, filled in.
      fps: frames per second.
    """
    span = max(1, round(_SPAN * fps))
    if len(keypoints_2d) < 2 * span:
        return False
    joint = {}
    for index, name in enumerate(H36M_17.joints):
        joint[name] = keypoints_2d[:, index]
    trunk = _length(joint["thorax"] - joint["hip"])
    trunk += _length(joint["head"] - joint["thorax"])
    legs = np.zeros(len(trunk))
    for side in ("left", "right"):
        knee = joint[f"{side}_knee"]
        legs += _length(knee - joint[f"{side}_hip"])
        legs += _length(knee - joint[f"{side}_ankle"])
    of_trunk, of_legs = _growth(trunk, span), _growth(legs, span)
    smaller = np.minimum(np.abs(of_trunk), np.abs(of_legs))
    larger = np.maximum(np.abs(of_trunk), np.abs(of_legs))
    upwards = joint["hip"] - joint["thorax"]
    is_upright = upwards[:, 1] > _UPRIGHT * _length(upwards)
    counts = is_upright[span:] & is_upright[:-span]
    counts &= (of_trunk * of_legs > 0) & (larger < _ALIKE * smaller)
    growth = np.where(counts, np.sign(of_trunk) * smaller, 0.0)

    # About 1 where the person faces us, -1 where we see the back.
    across = joint["left_shoulder"] - joint["right_shoulder"]
    across += joint["left_hip"] - joint["right_hip"]
    size = np.maximum(body_height(keypoints_2d), np.finfo(np.float64).tiny) / 4
    facing = across[:, 0] / size
    facing = (facing[span:] + facing[:-span]) / 2
    return bool(np.mean(growth * facing) < -_BACKWARDS)


def _growth(lengths: np.ndarray, span: int) -> np.ndarray:
    """Returns the logarithm by which `[F]` lengths grow in `span` frames."""
    lengths = np.maximum(lengths, np.finfo(np.float64).tiny)
    # Logarithms first: the ratio of a length to none is beyond all numbers.
    logarithms = np.log(lengths)
    growth = logarithms[span:] - logarithms[:-span]
    return np.clip(growth, -_MAX_GROWTH, _MAX_GROWTH)


def _length(vectors: np.ndarray) -> np.ndarray:
    """Returns the lengths `[...]` of `[..., 2]`."""
    return np.linalg.norm(vectors, axis=-1)
