"""Finds what stands beside keypoints: confidences, frame numbers, names of joints."""

import itertools
import re
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import with_named_joints
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import depth, first
from jaxpose.recordings.frame_times import (
    counts_frames,
    frames_of_times,
    is_time,
    plain_key,
    seconds_of,
)
from jaxpose.recordings.joint_names import find_layout
from jaxpose.recordings.settings import plain_value
from jaxpose.wording import cut, shown

_SCORE_KEYS = (
    *("scores", "keypoint_scores", "keypoints_scores", "kpt_scores", "scores_2d"),
    *("confidence", "confidences", "conf", "visibility"),
)
# Other names of confidences and frames: read where there is one per joint, and where
# they count.
_NEGATION = "(un|in|not)"
_SEEN = "(vis|valid|seen|detected)"
_SCORE_WORD = re.compile(f"score|conf|prob|likelihood|mask|{_SEEN}")
# These are 1 where a joint was not seen.
_HIDDEN_WORD = re.compile(f"occlu|hidden|{_NEGATION}{_SEEN}")
_FRAME_WORD = re.compile(
    "(frames?|images?|img)(ids?|idx|index|indices|numbers?|nums?|no)?|index|indices|idx"
)
_MAX_KEYS = 20  # that are looked into for names
FRAME_KEYS = ("frames", "frame_ids", "frame_numbers")
_JOINT_NAMES = re.compile(
    "(keypoints?|joints?|bodyparts?|nodes?|landmarks?|kpts?|kps?|parts?)"
    "(names?|labels?)|bodyparts|nodes|joints|keypoints"
)


def score_key_of(mapping: dict[str, Any], keypoints: Any) -> str | None:
    """Returns the key of the confidences beside keypoints, or None."""
    stated = next((name for name in _SCORE_KEYS if name in mapping), None)
    return other_score_key(mapping, keypoints) if stated is None else stated


def other_score_key(
    mapping: dict[str, Any], keypoints: Any, channels: int = 2
) -> str | None:
    """Returns the key of one confidence per joint beside `[..., J, C]`, or None.

    Names such as `valid` count, and then those such as `occluded`.
    """
    *joints, found = _lengths(keypoints)
    if not joints or found != channels:
        return None
    hidden = None
    for name, value in mapping.items():
        if _shape(value) not in (tuple(joints), (*joints, 1)):
            continue
        key = plain_key(str(name))
        if _HIDDEN_WORD.search(key):
            hidden = hidden or name
        elif _SCORE_WORD.search(key):
            return name
    return hidden


def scores_under(mapping: dict[str, Any], key: str | None) -> Any:
    """Returns the confidences under a key, those of `occluded` and the like inverted.

    Null stays null.
    """
    value = None if key is None else mapping[key]
    if value is None or not _HIDDEN_WORD.search(plain_key(str(key))):
        return value
    return _inverted(value.tolist() if isinstance(value, np.ndarray) else value)


def _inverted(value: Any) -> Any:
    """Returns 1 minus each number in nested lists; null stays null."""
    if isinstance(value, list):
        return [_inverted(entry) for entry in value]
    return None if value is None else 1.0 - float(value)


def _lengths(keypoints: Any) -> list[int]:
    """Returns the shape of keypoints, of lists by their first entries that are any."""
    if isinstance(keypoints, np.ndarray):
        return list(keypoints.shape) or [0]
    lengths, level = [], keypoints
    while isinstance(level, list):
        lengths.append(len(level))
        level = first(level)
    return lengths or [0]


def _shape(value: Any) -> tuple[int, ...]:
    """Returns the shape of an array or nested lists, () where there is none."""
    try:
        return np.shape(value)
    except ValueError:
        return ()


def frame_key_of(mapping: dict[str, Any], length: int) -> str | None:
    """Returns the key of the frame numbers of so many rows, or None."""
    stated = next((name for name in FRAME_KEYS if name in mapping), None)
    if stated is not None:
        return stated
    for name, value in mapping.items():
        is_frame = _FRAME_WORD.fullmatch(plain_key(str(name))) is not None
        if not is_frame or _shape(value) != (length,):
            continue
        numbers = [seconds_of(plain_value(each)) for each in value]
        known = [number for number in numbers if number is not None]
        if len(known) == length and counts_frames(known) and len(set(known)) == length:
            return name
    return None


def frame_numbers_of(
    mapping: dict[str, Any], key: str | None, where: str
) -> np.ndarray | None:
    """Returns `[F]` the frame numbers under a key of a mapping, or of its times.

    Raises:
      JaxposeError: they are no whole numbers that increase.
    """
    if key is None:
        return _numbers_of_times(mapping)
    try:
        numbers = np.array(mapping[key], np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros(0)
    is_row = numbers.ndim == 1 and len(numbers) > 0 and np.isfinite(numbers).all()
    is_whole = is_row and (numbers % 1 == 0).all() and np.abs(numbers).max() < 2**53
    if not is_whole or not (np.diff(numbers) > 0).all():
        raise JaxposeError(
            f"{where}: {key} is {shown(mapping[key])}; expected the frame number of "
            "each row, whole numbers that increase"
        )
    return numbers.astype(np.int64)


def time_key_of(mapping: dict[str, Any]) -> str | None:
    """Returns the key of the times of all frames, or None."""
    for key, value in mapping.items():
        if not is_time(str(key)) or not isinstance(value, list | np.ndarray):
            continue
        is_row = value.ndim == 1 if isinstance(value, np.ndarray) else depth(value) < 2
        if is_row and len(value) > 1:
            return key
    return None


def _numbers_of_times(mapping: dict[str, Any]) -> np.ndarray | None:
    """Returns `[F]` the frames of the times that a mapping states, or None."""
    key = time_key_of(mapping)
    times = [seconds_of(plain_value(time)) for time in mapping[key]] if key else []
    known = [time for time in times if time is not None]
    numbers = frames_of_times(known) if len(known) == len(times) else None
    return np.array(numbers, np.int64) if numbers else None


def names_key_of(mapping: Any) -> str | None:
    """Returns the key of the names of the joints, or None."""
    if not isinstance(mapping, dict):
        return None
    for key, value in mapping.items():
        if _JOINT_NAMES.fullmatch(plain_key(str(key))) and _texts(value):
            return key
    return None


def _with_names(value: Any, levels: int = 4) -> dict[str, Any]:
    """Returns the outermost mapping in a content that names the joints, or {}."""
    if names_key_of(value) is not None:
        return value
    inner: list[Any] = []
    if isinstance(value, dict):
        inner = list(itertools.islice(value.values(), _MAX_KEYS))
    elif isinstance(value, list):
        inner = [first(value)]
    # The names stand in a key such as "metadata", or in each record.
    for each in inner if levels > 0 else ():
        found = _with_names(each, levels - 1)
        if found:
            return found
    return {}


def _texts(value: Any) -> list[str]:
    """Returns a list or array of several texts as a list, else an empty one."""
    listed = value.tolist() if isinstance(value, np.ndarray) else value
    if not isinstance(listed, list) or len(listed) < 2:
        return []
    texts = []
    for each in listed:
        # MATLAB and h5py write bytes.
        text = each.decode(errors="replace") if isinstance(each, bytes) else each
        if not isinstance(text, str):
            return []
        texts.append(text)
    return texts


def in_named_order(detections: Detections, value: Any) -> Detections:
    """Returns the detections in the joint order that a file's own names tell.

    Numbered names, such as kp_0, tell nothing, and a layout that the file states is
    only changed by names that are known.

    Raises:
      JaxposeError: the names are not those of a body, or not as many as joints.
    """
    mapping = _with_names(value)
    key = names_key_of(mapping)
    if key is None:
        return detections
    names = _texts(mapping[key])
    is_known = find_layout(names) is not None
    are_numbered = all(re.search(r"\d$", name) for name in names)
    if not is_known and (detections.layout or are_numbered):
        return detections
    joints = detections.keypoints.shape[1]
    if len(names) != joints:
        raise JaxposeError(
            f"{detections.where}: {key} has {len(names)} names for {joints} joints; "
            "expected one per joint"
        )
    if not is_known:
        raise JaxposeError(
            f"{detections.where}: {key}: {cut(', '.join(names[:8]))} are no joints of "
            "a body that are known; name them as COCO does, nose, left_shoulder"
        )
    return with_named_joints(detections, names)
