"""Reads dicts of people and frames, and lists of people with their frames.

No single tool writes them; callers of trackers do: {person: {frame: keypoints}},
{frame: {person: keypoints}}, and {"persons": [{"id": 7, "frames": [record, ...]}]}.
Keypoints are [J, 2 or 3], or a record as in `records`.
"""

import re
from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import (
    PERSON_KEYS,
    VideoFormat,
    about_video,
    depth,
    first,
    known_key,
    numbers_of,
    read_named,
)
from jaxpose.recordings.formats.beside import in_named_order
from jaxpose.recordings.formats.records import is_record, people_of_record
from jaxpose.recordings.poses import Person

_WRAPPERS = ("persons", "people", "tracks", "frames", "data", "results", "keypoints")
_FRAME_LISTS = ("frames", "track", "poses", "keypoints", "records", "detections")
_NO_NAMES = {"keypoints", "scores", "bbox", "x", "y", "xy", "conf"}
_FRAME_WORD = re.compile(r"fr|img|image", re.IGNORECASE)
_PERSON_WORD = re.compile(r"person|id|track|player|subject", re.IGNORECASE)
_MIN_JOINTS = 6  # fewer are no body


def _is_pose(value: Any) -> bool:
    """Returns whether a value is one person's keypoints, or a record of them."""
    if isinstance(value, dict):
        return is_record(value)
    return isinstance(value, list) and len(value) >= _MIN_JOINTS and depth(value) == 2


def _inside(content: Content) -> Any:
    """Returns what a JSON content holds below a key such as "tracks"."""
    value = content.value if content.kind == "json" else None
    if not isinstance(value, dict):
        return value
    key = next((key for key in _WRAPPERS if key in value), None)
    return value if key is None else value[key]


def _levels(content: Content) -> dict[str, dict[str, Any]] | None:
    """Returns a dict of dicts of keypoints in a content, or None."""
    value = _inside(content)
    if not isinstance(value, dict) or not value or not isinstance(first(value), dict):
        return None
    inner = first(value)
    is_named = not (_NO_NAMES & set(value) or _NO_NAMES & set(inner))
    return value if is_named and _is_pose(first(inner)) else None


def _people_with_frames(content: Content) -> list[tuple[Any, list[Any]]] | None:
    """Returns (number, records) of each person in a list of people, or None."""
    value = _inside(content)
    if not isinstance(value, list) or not value:
        return None
    people = []
    for person in value:
        key = known_key(person, _FRAME_LISTS)
        number = known_key(person, PERSON_KEYS)
        records = person[key] if key is not None else None
        if not isinstance(records, list) or not is_record(first(records)):
            return None
        people.append((person[number] if number is not None else None, records))
    return people


def _recognises(content: Content) -> bool:
    """Returns whether a content has frames and people on two levels."""
    return _levels(content) is not None or _people_with_frames(content) is not None


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a content.

    Raises:
      JaxposeError: it does not tell frames and people apart.
    """
    stated = about_video(content.value)
    by_person = _people_with_frames(content)
    frames: dict[Any, list[Person]] = {}
    if by_person is not None:
        for place, (number, records) in enumerate(by_person):
            numbers, _ = numbers_of(records)
            own = place if number is None else number
            for frame, record in zip(numbers, records, strict=True):
                frames.setdefault(frame, []).extend(_person(record, own))
    else:
        levels = _levels(content) or {}
        is_by_frame = _is_by_frame(levels, content.where)
        for outer, entries in levels.items():
            for inner, pose in (entries or {}).items():
                name, number = (outer, inner) if is_by_frame else (inner, outer)
                frames.setdefault(name, []).extend(_person(pose, number))
            if is_by_frame:
                frames.setdefault(outer, [])
    if not all(re.fullmatch(r"-?\d+", str(frame)) for frame in frames):
        named = {str(frame): people for frame, people in frames.items()}
        found = read_named(named, content, "by person", **stated)
    else:
        collector = Collector(content.stem, content.where, "by person")
        for frame in sorted(frames, key=int):
            collector.add(int(frame), frames[frame])
        found = [collector.finish(**stated)]
    return [in_named_order(each, content.value) for each in found]


def _person(pose: Any, number: Any) -> list[Person]:
    """Returns the person of keypoints or of a record, with that number."""
    if pose is None:
        return []
    record = pose if isinstance(pose, dict) else {"keypoints": pose}
    is_number = isinstance(number, str) and number.isdecimal()
    own = int(number[:15]) if is_number else number
    return [
        Person(person.keypoints, person.scores, own, person.box)
        for person in people_of_record(record)
    ]


def _is_by_frame(levels: dict[str, dict[str, Any]], where: str) -> bool:
    """Returns whether the outer keys are frames and the inner ones people.

    Raises:
      JaxposeError: neither words nor numbers tell.
    """
    inner = {key for entries in levels.values() for key in entries or ()}
    for keys, is_outer in ((set(levels), True), (inner, False)):
        if all(map(_FRAME_WORD.search, keys)):
            return is_outer
        if all(map(_PERSON_WORD.search, keys)):
            return not is_outer
    if len(levels) == len(inner):
        raise JaxposeError(
            f"{where}: {len(levels)} keys that each hold as many: which ones are "
            'frames and which ones people is not clear; call the frames "frame_0", '
            '"frame_1"'
        )
    return len(levels) > len(inner)


VIDEO = VideoFormat("by person", _recognises, _read)
