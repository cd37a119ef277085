"""Makes the joints of a model out of the joints that a detector saw."""

import numpy as np

from jaxpose.body.detector_rules import (
    DETECTOR_RULES,
    convert_seen,
    usable_rules,
    weighted_sum,
)
from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import H36M_17, get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.recordings.reference import MIN_JOINTS, default_reference


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
        if layout == skeleton:
            return np.array(xy)
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


def to_model_confidence(
    xy: np.ndarray, confidence: np.ndarray, layout: str, skeleton: str = "h36m_17"
) -> np.ndarray:
    """Returns the confidences of the joints that `to_model_joints` makes.

    A joint has the smallest confidence of those that it is made of. Where joints are
    made of Human3.6M's, it is 1 where the joint is seen.

    Args:
      xy: `[F, J, 2]` joints of `layout`, NaN where not seen.
      confidence: `[F, J]` in [0, 1], 0 where not seen.
      layout: name of a skeleton.
      skeleton: name of the model's skeleton.

    Returns:
      `[F, J2]`, 0 where not seen.
    """
    if skeleton not in DETECTOR_RULES or not usable_rules(layout, skeleton):
        if layout == skeleton:
            return np.where(np.isfinite(xy).all(axis=-1), confidence, 0.0)
        return np.isfinite(to_model_joints(xy, layout, skeleton)).all(axis=-1) * 1.0
    keypoints = np.concatenate([np.nan_to_num(xy), confidence[..., None]], axis=-1)
    return convert_seen(keypoints, layout, skeleton)[..., 2]


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
    names = np.array(get_skeleton(skeleton).joints)
    missing = ~seen.any(axis=0)
    if missing.any() and not estimate_missing:
        raise JaxposeError(
            f"{', '.join(names[missing])} {'is' if missing.sum() == 1 else 'are'} seen "
            "in no frame, and joints are only filled in between frames that show them; "
            "choose a part that shows the whole person, or estimate them from the rest "
            "of the body with --estimate_missing"
        )
    for joint in np.flatnonzero(~missing):
        known = np.flatnonzero(seen[:, joint])
        for axis in range(2):
            places = xy[known, joint, axis]
            filled[:, joint, axis] = np.interp(frames, frames[known], places)
    if missing.any():
        filled = _estimate(filled, names[missing].tolist(), skeleton)
    return filled, seen


def _estimate(xy: np.ndarray, missing: list[str], skeleton: str) -> np.ndarray:
    """Returns the poses with the joints that are never seen, by body proportions.

    Raises:
      JaxposeError: too few joints are seen, or Human3.6M's set lacks a missing joint.
    """
    # The proportions are known of Human3.6M's joints.
    joints = get_skeleton(skeleton).joints
    shared = [name for name in joints if name in H36M_17.joints]
    unknown = [name for name in missing if name not in shared]
    if unknown or len(joints) - len(missing) < MIN_JOINTS:
        seen = len(joints) - len(missing)
        reason = f"{', '.join(unknown)} of {skeleton} have no known proportions"
        raise JaxposeError(
            f"{', '.join(missing)} cannot be estimated: "
            + (reason if unknown else f"only {seen} joints are ever seen")
        )
    columns = [joints.index(name) for name in shared]
    places = [H36M_17.joints.index(name) for name in shared]
    body = np.full((len(xy), H36M_17.num_joints, 2), np.nan)
    body[:, places] = xy[:, columns]
    completed = np.array(xy)
    completed[:, columns] = default_reference().estimate(body)[:, places]
    return completed
