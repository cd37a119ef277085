"""Reads lists of records, one per frame, or one per person and frame.

No single tool writes them; callers of rtmlib, MMPose and YOLO do. A record has the
number of its frame or the name of its image, and `keypoints`: [J, 2 or 3] of a person,
or [P, J, 2 or 3] of all people in the frame, with their scores beside them or not.
The arrays of ultralytics' results are {"xy": [P, J, 2], "conf": [P, J]}.
"""

from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import corners_to_box
from jaxpose.recordings.content import Content, shown
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import (
    VideoFormat,
    about_video,
    depth,
    first,
    read_named,
)
from jaxpose.recordings.poses import Person

_LISTS = ("frames", "records", "data", "results", "predictions", "detections")
_FRAME_KEYS = (
    *("frame_id", "frame_idx", "frame_index", "frame_number", "frame_num", "frame"),
    *("frameId", "frameIndex", "frameNumber"),
    *("image_id", "image_name", "image", "img_name", "file_name", "filename", "path"),
)
_SCORE_KEYS = ("keypoint_scores", "keypoints_scores", "scores", "confidences")
_NUMBER_KEYS = ("track_id", "person_id", "instance_id", "id", "person", "idx")


def _frame_key(record: Any) -> str | None:
    """Returns the key of the frame in a record of keypoints, or None if it is none."""
    if not isinstance(record, dict) or not isinstance(_points(record), list):
        return None
    for key in _FRAME_KEYS:
        if isinstance(record.get(key), int | float | str):
            return key
    return None


def _points(record: dict[str, Any]) -> Any:
    """Returns the keypoints in a record, those of ultralytics in pixels, or None."""
    keypoints = record.get("keypoints")
    return keypoints.get("xy") if isinstance(keypoints, dict) else keypoints


def _scores(record: dict[str, Any]) -> Any:
    """Returns the scores beside the keypoints of a record, or None."""
    if isinstance(record["keypoints"], dict):
        return record["keypoints"].get("conf")
    given = (record[key] for key in _SCORE_KEYS if isinstance(record.get(key), list))
    return next(given, None)


def _records_of(content: Content) -> list[Any] | None:
    """Returns the list of records in a content, or None."""
    value = content.value if content.kind == "json" else None
    if isinstance(value, dict):
        value = next((value[key] for key in _LISTS if key in value), None)
    return value if isinstance(value, list) else None


def _recognises(content: Content) -> bool:
    """Returns whether a content is a list of records."""
    records = _records_of(content)
    if records is None or _frame_key(first(records)) is None:
        return False
    poses = (_points(record) for record in records if isinstance(record, dict))
    return depth(next((pose for pose in poses if pose), None)) in (1, 2, 3)


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a list of records.

    Raises:
      JaxposeError: a record has no keypoints, or is of no frame.
    """
    frames: dict[str, list[Person]] = {}
    for index, record in enumerate(_records_of(content) or []):
        key = _frame_key(record)
        if key is None:
            raise JaxposeError(
                f"{content.where}: record {index}: expected keypoints and the number "
                f"of a frame, found {shown(record)}"
            )
        frames.setdefault(str(record[key]), []).extend(_people(record))
    return read_named(frames, content, "records", **about_video(content.value))


def _people(record: dict[str, Any]) -> list[Person]:
    """Returns the person, or the people, of a record."""
    keypoints, scores = _points(record), _scores(record)
    if depth(keypoints) == 3:
        all_scores = scores if scores and len(scores) == len(keypoints) else None
        people = []
        for place, pose in enumerate(keypoints):
            people.append(Person(pose, all_scores[place] if all_scores else None))
        return people
    number = next((record[key] for key in _NUMBER_KEYS if key in record), None)
    box = corners_to_box(record.get("bbox_xyxy"))
    return [Person(keypoints, scores, number, box)]


VIDEO = VideoFormat("records", _recognises, _read)
