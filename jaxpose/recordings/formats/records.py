"""Reads lists of records, one per frame, or one per person and frame.

No single tool writes them; callers of rtmlib, MMPose and YOLO do. A record has the
number of its frame, its time or the name of its image, and `keypoints`: [J, 2 or 3] of
a person, or [P, J, 2 or 3] of all people in the frame, with their scores beside them or
not; null stands for nobody.
The arrays of ultralytics' results are {"xy": [P, J, 2], "conf": [P, J]}.
"""

import dataclasses
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, corners_to_box
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import (
    PERSON_KEYS,
    VideoFormat,
    about_video,
    counter_of,
    depth,
    first,
    is_number,
    read_named,
)
from jaxpose.recordings.formats.beside import (
    in_named_order,
    other_score_key,
    scores_under,
)
from jaxpose.recordings.formats.several_videos import (
    are_videos,
    may_name_video,
    with_video,
)
from jaxpose.recordings.frame_times import (
    is_time,
    numbers_of_times,
    plain_key,
    seconds_of,
)
from jaxpose.recordings.poses import Person
from jaxpose.wording import cut, shown

_LISTS = ("frames", "records", "data", "results", "predictions", "detections")
_FRAME_KEYS = (
    *("frame_id", "frame_idx", "frame_index", "frame_number", "frame_num", "frame"),
    *("frameId", "frameIndex", "frameNumber", "frame_no", "frame_count"),
    *("image_id", "image_name", "image", "img_name", "file_name", "filename", "path"),
    *("img", "file"),
)
# Counters may also number people: they count as frames where each is another one.
_COUNTER_KEYS = ("index", "idx", "i", "n")
_SCORE_KEYS = ("keypoint_scores", "keypoints_scores", "scores", "confidences")
# Words that may also repeat the third number of a joint: read where it has two.
_OTHER_SCORE_KEYS = (
    *("confidence", "conf", "confs", "score", "visibility", "visible", "probability"),
    *("kpt_conf", "kp_scores", "kpt_scores", "keypoint_conf", "keypoints_conf"),
)
_KNOWN_KEYS = {
    plain_key(key): key
    for key in (
        *("keypoints", "bbox_xyxy", *_SCORE_KEYS, *_OTHER_SCORE_KEYS, *_COUNTER_KEYS),
        *(*PERSON_KEYS, *_FRAME_KEYS),
    )
}


def is_record(value: Any) -> bool:
    """Returns whether a value is a record; null stands for nobody."""
    if not isinstance(value, dict) or "keypoints" not in value:
        return False
    return _points(value) is None or isinstance(_points(value), list)


def _frame_key(records: list[Any]) -> str | None:
    """Returns the key that says of which frame each record is, or None.

    A name or number of the frame is looked for in any record, so that one without it is
    named. Counters and times must be in all of them, and ascend.
    """
    found = [record for record in records if is_record(record)]
    for key in _FRAME_KEYS:
        if any(isinstance(record.get(key), int | float | str) for record in found):
            return key
    keys = list(found[0]) if found else []
    for key in (*_COUNTER_KEYS, *filter(is_time, keys)):
        values = [seconds_of(record.get(key)) for record in found]
        if len(found) < max(2, len(records)) or None in values:
            continue
        steps = np.diff(np.array(values, float))
        is_shared = is_time(key) and (steps >= 0).all() and any(steps)
        if (steps > 0).all() or is_shared:
            return key
    return counter_of(found) if len(found) == len(records) else None


def _points(record: dict[str, Any]) -> Any:
    """Returns the keypoints in a record, those of ultralytics in pixels, or None."""
    keypoints = record.get("keypoints")
    if not isinstance(keypoints, dict):
        return keypoints
    x, y = keypoints.get("x"), keypoints.get("y")
    if isinstance(x, list) and isinstance(y, list) and len(x) == len(y):
        return [list(point) for point in zip(x, y, strict=True)]
    return keypoints.get("xy")


def _scores(record: dict[str, Any]) -> Any:
    """Returns the scores beside the keypoints of a record, or None."""
    place = record
    if isinstance(record["keypoints"], dict):
        place = record["keypoints"]
    keys: tuple[str, ...] = _SCORE_KEYS
    joint = _points(record)
    while isinstance(first(joint), list):
        joint = first(joint)
    if isinstance(joint, list) and len(joint) == 2:
        keys += _OTHER_SCORE_KEYS
    given = (key for key in keys if isinstance(place.get(key), list))
    stated = next(given, None)
    return scores_under(place, stated or other_score_key(place, _points(record)))


def _records_of(content: Content) -> list[Any] | None:
    """Returns the list of records in a content, or None."""
    value = content.value if content.kind == "json" else None
    if isinstance(value, dict):
        value = next((value[key] for key in _LISTS if key in value), None)
    if not isinstance(value, list):
        return None
    start = first(value)
    if isinstance(start, dict) and any(map(_is_misspelt, start)):
        return [_respelt(record) for record in value]
    return value


def _is_misspelt(key: str) -> bool:
    """Returns whether a key is a known one in capitals, or with other separators."""
    return _KNOWN_KEYS.get(plain_key(key), key) != key


def _respelt(record: Any) -> Any:
    """Returns a record with the known spelling of its keys."""
    if not isinstance(record, dict):
        return record
    respelt: dict[str, Any] = {}
    for key, value in record.items():
        known = str(_KNOWN_KEYS.get(plain_key(key), key))
        respelt.setdefault(known, value)
    return respelt


def _recognises(content: Content) -> bool:
    """Returns whether a content is a list of records."""
    records = _records_of(content)
    if not records or not is_record(first(records)) or _frame_key(records) is None:
        return False
    poses = (_points(record) for record in records if isinstance(record, dict))
    return depth(next((pose for pose in poses if pose), None)) in (1, 2, 3)


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a list of records.

    Raises:
      JaxposeError: a record has no keypoints, or is of no frame.
    """
    records = _records_of(content) or []
    key = _frame_key(records) or ""
    unread = _unread_key(first(records))
    found = []
    for name, numbered in _split_by_video(records, key):
        for each in _read_video(numbered, key, content):
            each = in_named_order(each, content.value)
            if unread is not None:
                remark = f"not read beside the confidences: {cut(unread)}"
                each = dataclasses.replace(each, remarks=(*each.remarks, remark))
            if name:
                each = with_video(each, name)
            found.append(each)
    return found


def _unread_key(record: dict[str, Any]) -> str | None:
    """Returns the key of flags of joints that have a confidence already, or None."""
    key = other_score_key(record, _points(record), channels=3)
    is_repeated = key in (*_SCORE_KEYS, *_OTHER_SCORE_KEYS)
    return None if is_repeated else key


def _split_by_video(
    records: list[Any], key: str
) -> list[tuple[str, list[tuple[int, Any]]]]:
    """Returns (name, records with their places) of each video in a list.

    Args:
      records: of any videos.
      key: of the frame in each record.
    """
    numbered = list(enumerate(records))
    dicts = [record for record in records if isinstance(record, dict)]
    if len(dicts) < len(records):
        return [("", numbered)]
    for other in records[0]:
        is_text = isinstance(records[0].get(key), str)
        if other == key or not may_name_video(other, not is_text):
            continue
        names = [record.get(other) for record in records]
        if not all(isinstance(name, int | str) for name in names):
            continue
        if not are_videos(names, [str(record.get(key)) for record in records]):
            continue
        videos: dict[str, list[tuple[int, Any]]] = {}
        for name, entry in zip(names, numbered, strict=True):
            videos.setdefault(str(name), []).append(entry)
        return list(videos.items()) if len(videos) > 1 else [("", numbered)]
    return [("", numbered)]


def _read_video(
    records: list[tuple[int, Any]], key: str, content: Content
) -> list[Detections]:
    """Returns the videos in records that no other key tells apart.

    Raises:
      JaxposeError: a record has no keypoints, or is of no frame.
    """
    people: dict[Any, list[Person]] = {}
    for index, record in records:
        value = record.get(key) if is_record(record) else None
        if not isinstance(value, int | float | str):
            raise JaxposeError(
                f"{content.where}: record {index}: expected keypoints and the number "
                f"of a frame, found {shown(record)}"
            )
        if is_time(key):
            value = seconds_of(value)
        people.setdefault(value, []).extend(people_of_record(record))
    stated = about_video(content.value)
    if not all(map(is_number, people)):
        named = {str(value): found for value, found in people.items()}
        return read_named(named, content, "records", **stated)

    # Numbers are taken as they are, below 0 as well.
    collector = Collector(content.stem, content.where, "records")
    numbers = list(people)
    if is_time(key):
        numbers, remark = numbers_of_times(key, list(people))
        collector.remarks.append(remark)
    elif any(number % 1 for number in numbers):
        named = {str(value): found for value, found in people.items()}
        return read_named(named, content, "records", **stated)
    for number, found in zip(numbers, people.values(), strict=True):
        collector.add(int(number), found)
    return [collector.finish(**stated)]


def people_of_record(record: dict[str, Any]) -> list[Person]:
    """Returns the person, or the people, of a record."""
    if _points(record) is None:
        return []
    keypoints, scores = _points(record), _scores(record)
    if depth(keypoints) == 3:
        all_scores = scores if scores and len(scores) == len(keypoints) else None
        people = []
        for place, pose in enumerate(keypoints):
            people.append(Person(pose, all_scores[place] if all_scores else None))
        return people
    number = next((record[key] for key in PERSON_KEYS if key in record), None)
    box = corners_to_box(record.get("bbox_xyxy"))
    return [Person(keypoints, scores, number, box)]


VIDEO = VideoFormat("records", _recognises, _read)
