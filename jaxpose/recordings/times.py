"""Finds the frame rate that times in a file tell, to compare it with the stated one.

Frames lie where their numbers or times place them. The rate is the number of frames
from the first to the last one, over the time between them.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from jaxpose.recordings.detections import Detections
from jaxpose.recordings.frame_times import is_time, plain_key, seconds_of
from jaxpose.recordings.settings import plain_value
from jaxpose.recordings.timeline import SAME_RATE

# Seconds in a unit, by how the name of a key or column ends.
_UNITS = {"ms": 1e-3, "us": 1e-6, "ns": 1e-9, "s": 1.0}
_UNIT = re.compile(
    "(?:time|timestamp|timecode|videotime|elapsed|pts|t|ts)"
    "(?:(ms)ecs?|(ms|us|ns)|(s)ecs?|(s)econds?|(s)|(m)illi(?:second)?s?)"
)
_USUAL_RATES = (5.0, 999.0)  # frames per second of a camera
_MIN_TIMES = 3
_MAX_BACKWARDS = 0.1  # where the rows of another person begin


def with_rate_of_times(
    detections: Detections, name: str, times: Iterable[Any]
) -> Detections:
    """Returns the detections with the frame rate that their times tell.

    Args:
      detections: of one video.
      name: of the key or column of the times.
      times: of its rows in any order, in the unit that the name or a usual rate tells;
        others than numbers and clock times tell nothing.
    """
    numbers = [seconds_of(plain_value(time)) for time in times]
    known = {number for number in numbers if number is not None}
    if len(known) < _MIN_TIMES or None in numbers:
        return detections
    # Times of a stopwatch, such as those that a detector took, go up and down.
    backwards = np.diff(np.array(numbers, np.float64)) < 0
    if backwards.mean() > _MAX_BACKWARDS:
        return detections
    span = max(known) - min(known)
    rate = _per_second(name, (detections.num_frames - 1) / span)
    return dataclasses.replace(detections, rate_of_times=rate)


def _per_second(name: str, rate: float) -> float | None:
    """Returns a rate in frames per second, of one in frames per unit; or None."""
    low, high = _USUAL_RATES
    match = _UNIT.fullmatch(plain_key(name))
    if match is None:
        units: Sequence[float] = tuple(_UNITS.values())
    else:
        found = next(filter(None, match.groups()))
        units = (_UNITS["ms" if found == "m" else found],)
    # Units are a factor of 1000 apart, so that one at most gives a usual rate.
    usual = [rate / unit for unit in units if low <= rate / unit <= high]
    return usual[0] if usual else None


def with_rate_of_mapping(detections: Detections, value: Any) -> Detections:
    """Returns the detections of a JSON file or npz with the rate that its times tell.

    Times are a list or array in the file, or stand in each record of its longest list.
    """
    lists = [value]
    if isinstance(value, dict):
        lists = list(value.values())
        for key, row in value.items():
            is_row = isinstance(row, list) or (
                isinstance(row, np.ndarray) and row.ndim == 1
            )
            if is_time(str(key)) and is_row:
                return with_rate_of_times(detections, str(key), row)
    for records in lists:
        if not isinstance(records, list) or not records:
            continue
        if not all(isinstance(record, dict) for record in records):
            continue
        for key in filter(is_time, map(str, records[0])):
            times = [record.get(key) for record in records]
            return with_rate_of_times(detections, key, times)
    return detections


def contradiction(rate_of_times: float | None, fps: float) -> list[str]:
    """Returns a sentence where the rate of the times is not the stated one."""
    if rate_of_times is None or abs(rate_of_times / fps - 1) < SAME_RATE:
        return []
    told = f"{rate_of_times:.4g}"
    return [
        f"times step by {1000 / rate_of_times:.1f} ms = {told} fps, but fps is "
        f"{fps:g}: motion would be {fps / rate_of_times:.3g} times as fast; give "
        f"--fps={told} if the times are right"
    ]
