"""Finds the numbers of frames where a file states their times, or counts them."""

import functools
import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxpose.wording import shown

# Times that lie this far off a multiple of their step, in steps, are uncertain; so many
# of them at most are those of frames.
_MOST_OFF = 0.25
_MAX_UNCERTAIN = 0.05
# Numbers of frames are below this: floats hold them exactly.
MAX_FRAME = 2**53

_UNITS = "s|ms|us|ns|secs?|seconds?|msecs?|millis|milliseconds?"
_TIME = re.compile(
    rf"(time|timestamp|timecode|videotime|elapsed|pts|t|ts)s?({_UNITS})?"
    r"|secs?|seconds?|ms|msecs?|millis|milliseconds?"
)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2}(?:[.,]\d{1,9})?)")


@functools.lru_cache(maxsize=4096)
def plain_key(name: str) -> str:
    """Returns the name of a key or column in lower case, without separators."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def is_time(name: str) -> bool:
    """Returns whether a key or a column of this name holds the time of a frame."""
    return _TIME.fullmatch(plain_key(name)) is not None


def seconds_of(value: Any) -> float | None:
    """Returns a time as a number: a finite one, or that of "01:02:03.5"; else None."""
    if isinstance(value, str):
        match = _CLOCK.fullmatch(value.strip())
        if match is None:
            return None
        hours, minutes, seconds = match.groups(default="0")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds.replace(",", "."))
    is_known = isinstance(value, int | float) and abs(value) < math.inf
    return float(value) if is_known else None


def frames_of_times(times: Sequence[float]) -> list[int] | None:
    """Returns the frame number of each of ascending times, from 0, or None.

    The usual step between two times is one frame, so that gaps stay. Times without a
    constant step have no numbers.

    Args:
      times: finite numbers in any unit, each larger than the one before.
    """
    with np.errstate(over="ignore"):
        steps = np.diff(np.array(times, np.float64))
    if not len(steps):
        return [0] * len(times)
    if not (steps > 0).all() or np.isinf(steps).any():
        return None
    # Times are rounded, so the median of their steps is not exact: a long gap would be
    # a frame longer or shorter. The mean of the short steps is.
    with np.errstate(over="ignore", invalid="ignore"):
        usual = np.median(steps)
        step = steps[steps < 1.5 * usual].mean()
        counts = np.round(steps / step)
        uncertain = np.abs(steps / step - counts) > _MOST_OFF
        total = counts.sum()
    # A gap may be of ages, or of more than a float holds.
    if not (counts >= 1).all() or not total < MAX_FRAME:
        return None
    if uncertain.mean() > _MAX_UNCERTAIN:
        return None
    return [0, *np.cumsum(counts.astype(int)).tolist()]


def numbers_of_times(name: str, times: Sequence[float]) -> tuple[list[int], str]:
    """Returns the frame number of each of ascending times, and what is said about it.

    Args:
      name: of the key or column of the times.
      times: finite numbers in any unit, each larger than the one before.
    """
    numbers = frames_of_times(times)
    if numbers is None:
        return list(range(len(times))), (
            f"the times in {shown(name)} have no constant step; frames are counted in "
            "order, and gaps between them are not known"
        )
    return numbers, f"frames are placed by the times in {shown(name)}"


def counts_frames(values: Sequence[float]) -> bool:
    """Returns whether numbers count frames: whole, ascending, and mostly by one step.

    Repeated numbers are those of several people in a frame.
    """
    numbers = np.array(values, np.float64)
    if len(numbers) < 2 or not np.isfinite(numbers).all() or (numbers % 1).any():
        return False
    with np.errstate(over="ignore"):
        steps = np.diff(numbers)
    larger = steps[steps > 0]
    if not len(larger) or (steps < 0).any():
        return False
    # Pixels that ascend by chance do so by steps of any size.
    return bool(np.mean(larger == larger.min()) > 0.5)
