"""Makes the joints of a model out of the joints that a detector saw."""

import numpy as np

from jaxpose.body.detector_rules import DETECTOR_RULES, usable_rules, weighted_sum
from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError


def to_model_joints(
    xy: np.ndarray, layout: str, skeleton: str = "h36m_17"
) -> np.ndarray:
    """Converts 2D joints to those of a model, by what is seen.

    Each joint follows the first of its rules in `jaxpose.body.detector_rules` whose
    joints are all seen in the frame. Where everything is seen, the numbers are those of
    `convert_joints`.

    Args:
      xy: `[F, J, 2]` joints of `layout`, NaN where not seen.
      layout: name of a skeleton.
      skeleton: name of the model's skeleton.

    Returns:
      `[F, J2, 2]`, NaN where no rule applies.

    Raises:
      JaxposeError: there is no conversion.
    """
    # Models of other skeletons take joints that are made of Human3.6M's.
    if skeleton not in DETECTOR_RULES or not usable_rules(layout, skeleton):
        if layout != "h36m_17" and usable_rules(layout, "h36m_17"):
            xy, layout = to_model_joints(xy, layout), "h36m_17"
        return np.array(convert_joints(xy, layout, skeleton))

    joint = {}
    for index, name in enumerate(get_skeleton(layout).joints):
        joint[name] = xy[:, index]
    for name, rules in usable_rules(layout, skeleton).items():
        place = weighted_sum(joint, rules[0])
        for rule in rules[1:]:
            place = np.where(np.isnan(place), weighted_sum(joint, rule), place)
        joint[name] = place
    return np.stack([joint[name] for name in get_skeleton(skeleton).joints], axis=1)


def fill_in(
    xy: np.ndarray,
    frames: np.ndarray,
    estimate_missing: bool = False,
    skeleton: str = "h36m_17",
) -> tuple[np.ndarray, np.ndarray]:
    """Fills in joints that were not seen: linearly in time, the ends held.

    Args:
      xy: `[F, J2, 2]` joints of `skeleton`, NaN where not seen.
      frames: `[F]` frame numbers, ascending.
      estimate_missing: whether a joint that is seen in no frame is estimated from the
        rest of the body.
      skeleton: name of the model's skeleton.

    Returns:
      `[F, J2, 2]` without NaN, and `[F, J2]` bool: whether the joint was seen.

    Raises:
      JaxposeError: a joint is seen in no frame and `estimate_missing` is False, or too
        few joints are seen to estimate from. The message is to follow the file's name
        and a colon.
    """
    filled = np.array(xy)
    seen = np.isfinite(xy).all(axis=-1)
    for joint, name in enumerate(get_skeleton(skeleton).joints):
        known = np.flatnonzero(seen[:, joint])
        if len(known) == 0:
            raise JaxposeError(f"{name} is seen in no frame")
        for axis in range(2):
            places = xy[known, joint, axis]
            filled[:, joint, axis] = np.interp(frames, frames[known], places)
    return filled, seen
