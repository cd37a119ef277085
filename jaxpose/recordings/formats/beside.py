"""Finds what stands beside keypoints in a file: confidences and frame numbers."""

import re
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.formats.base import depth
from jaxpose.recordings.frame_times import (
    counts_frames,
    frames_of_times,
    is_time,
    plain_key,
    seconds_of,
)
from jaxpose.recordings.settings import plain_value
from jaxpose.wording import shown

_SCORE_KEYS = (
    *("scores", "keypoint_scores", "keypoints_scores", "kpt_scores", "scores_2d"),
    *("confidence", "confidences", "conf", "visibility"),
)
# Other names of confidences and frames: read where there is one per joint, and where
# they count.
_SCORE_WORD = re.compile("(?<!un)(?<!in)(score|conf|prob|likelihood|vis|valid)")
_FRAME_WORD = re.compile(
    "(frames?|images?|img)(ids?|idx|index|indices|numbers?|nums?|no)?|index|indices|idx"
)
FRAME_KEYS = ("frames", "frame_ids", "frame_numbers")


def score_key_of(mapping: dict[str, Any], keypoints: Any) -> str | None:
    """Returns the key of the confidences beside keypoints, or None."""
    stated = next((name for name in _SCORE_KEYS if name in mapping), None)
    if stated is not None:
        return stated
    joints = _shape(keypoints)[:-1]
    for name, value in mapping.items():
        is_score = _SCORE_WORD.search(plain_key(str(name))) is not None
        if is_score and len(joints) > 1 and _shape(value) in (joints, (*joints, 1)):
            return name
    return None


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
