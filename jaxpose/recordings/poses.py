"""Turns the keypoints of people, as files give them, into one array."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.wording import shown


class Person(NamedTuple):
    """One person in one frame, as a file gives it.

    Attributes:
      keypoints: `[J, 2 or 3]` lists, or the same numbers in one flat list.
      scores: `[J]` or `[J, 1]` confidences where they are apart from `keypoints`.
      number: of the person in the file, a number or a name.
      box: left, top, width, height.
    """

    keypoints: Any
    scores: Any = None
    number: Any = None
    box: Any = None


def has_numbers(keypoints: Any) -> bool:
    """Returns whether the keypoints of a person are not just an empty list."""
    if isinstance(keypoints, list | tuple | np.ndarray):
        return len(keypoints) > 0
    return keypoints is not None


def keypoints_of(
    people: list[Person], channels: int, where: str, labels: list[str]
) -> np.ndarray:
    """Returns `[D, J, 2 or 3]` float64, NaN for null.

    Raises:
      JaxposeError: the keypoints of a person are no list of numbers, or have another
        number of joints than those before.
    """

    def place(row: int) -> str:
        return f"{where}: {labels[row]}"

    keypoints = stack([person.keypoints for person in people], channels, place)
    if all(person.scores is None for person in people):
        return keypoints
    if keypoints.shape[-1] != 2:
        raise JaxposeError(
            f"{place(0)}: keypoints have {keypoints.shape[-1]} numbers per joint "
            "beside their scores: these are 3D poses; expected 2D keypoints in pixels"
        )
    joints = keypoints.shape[1]
    listed = []
    for row, person in enumerate(people):
        own = _joint_scores(person.scores, joints, place(row))
        if len(own) != joints:
            raise JaxposeError(
                f"{place(row)}: {len(own)} scores for {joints} joints; expected one "
                "per joint"
            )
        listed.append(own)
    scores = stack(listed, 1, place)
    return np.concatenate([keypoints, scores], axis=-1)


def _joint_scores(scores: Any, joints: int, where: str) -> Any:
    """Returns the scores of a person as one list, null where they are not given.

    Raises:
      JaxposeError: they are no list.
    """
    if scores is None:
        return [None] * joints
    if not isinstance(scores, list | np.ndarray):
        raise JaxposeError(f"{where}: expected a list of scores, found {shown(scores)}")
    # GAST-Net writes a list of one number per joint.
    flat = []
    for score in scores:
        is_nested = isinstance(score, list) and len(score) == 1
        flat.append(score[0] if is_nested else score)
    return flat


def stack(values: list[Any], channels: int, place: Callable[[int], str]) -> np.ndarray:
    """Returns `[D, J, C]` float64 of D flat or nested lists, NaN for null.

    Args:
      values: lists of J lists of C numbers, or flat lists of J times `channels`.
      channels: C of flat lists.
      place: returns the file and frame of a row, for messages.

    Raises:
      JaxposeError: a list holds other things than numbers, or has another length.
    """
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = _stack_slowly(values, channels, place)
    if array.ndim == 2 and array.shape[1] % channels == 0:
        array = array.reshape(len(array), -1, channels)
    if array.ndim != 3 or array.shape[1] == 0 or array.shape[2] > 4:
        raise JaxposeError(
            f"{place(0)}: expected {channels} numbers per joint, found "
            f"{list(array.shape[1:])} numbers per person"
        )
    return array


def _stack_slowly(
    values: list[Any], channels: int, place: Callable[[int], str]
) -> np.ndarray:
    """Returns `[D, J, C]` of lists in which joints are null, or finds the bad one."""
    poses: dict[int, np.ndarray] = {}
    for row, value in enumerate(values):
        if not has_numbers(value):
            continue  # null for a whole pose
        pose = _pose(value, channels, place(row))
        first = next(iter(poses.values()), pose)
        if pose.shape != first.shape:
            raise JaxposeError(
                f"{place(row)}: {len(pose)} joints of {pose.shape[1]} numbers, where "
                f"{place(next(iter(poses))).rpartition(': ')[2]} has {len(first)} of "
                f"{first.shape[1]}; expected one joint order per video"
            )
        poses[row] = pose
    shape = next(iter(poses.values()), np.zeros((0, channels))).shape
    array = np.full((len(values), *shape), np.nan)
    for row, pose in poses.items():
        array[row] = pose
    return array


def _pose(value: Any, channels: int, where: str) -> np.ndarray:
    """Returns `[J, C]` of one person; null joints are NaN.

    Raises:
      JaxposeError: the lists hold other things than numbers, or have other lengths.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise JaxposeError(f"{where}: expected lists of numbers, found {shown(value)}")
    sizes = {len(joint) for joint in value if isinstance(joint, list | tuple) and joint}
    if len(sizes) > 1:
        raise JaxposeError(
            f"{where}: joints have {' and '.join(map(str, sorted(sizes)))} numbers; "
            "expected the same number for every joint"
        )
    size = sizes.pop() if sizes else 0
    joints = []
    for joint in value:
        is_null = size > 0 and (joint is None or joint == [])
        joints.append([None] * size if is_null else joint)
    try:
        pose = np.array(joints, np.float64)
    except (TypeError, ValueError, OverflowError):
        bad = next((joint for joint in joints if not _is_numbers(joint)), joints)
        raise JaxposeError(
            f"{where}: expected numbers for every joint, found {shown(bad)}"
        ) from None
    if pose.ndim == 1 and len(pose) % channels == 0:
        return pose.reshape(-1, channels)
    if pose.ndim != 2:
        raise JaxposeError(
            f"{where}: expected {channels} numbers per joint, found "
            f"{list(pose.shape)} numbers"
        )
    return pose


def _is_numbers(joint: Any) -> bool:
    """Returns whether a joint is a number, or a list of numbers."""
    try:
        return np.array(joint, np.float64).ndim <= 1
    except (TypeError, ValueError, OverflowError):
        return False
