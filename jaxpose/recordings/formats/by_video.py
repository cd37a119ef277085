"""Reads dicts that hold the frames of several videos, or of several people, by name.

No single tool writes them; callers of rtmlib, MMPose and MediaPipe do: {"cam0":
[record, ...], "cam1": [record, ...]}. Each record states its frame, so that a name
cannot be that of an image. Words in the names say whether they are videos or people.
"""

import dataclasses
import re
from collections.abc import Hashable
from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import NobodyError, nobody
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats import mediapipe, mmpose, records, ultralytics
from jaxpose.recordings.formats.base import VIDEO_KEYS, VideoFormat, first, known_key
from jaxpose.recordings.formats.several_videos import are_videos, with_video
from jaxpose.recordings.frame_times import is_time, plain_key
from jaxpose.wording import cut

# Formats that the list below a name may have.
_FORMATS = (records.VIDEO, ultralytics.VIDEO, mmpose.VIDEO, mediapipe.VIDEO)
# Keys of a record's frame. Counters such as `index` may number people.
_FRAME_KEYS = (
    *("frame_id", "frame_index", "frame_idx", "frame_number", "frame_num", "frame_no"),
    *("frame_count", "frame", "image_id", "image_name", "image", "img_name"),
    *("file_name", "filename"),
)
# Keys of a file's only list of frames, which name no video.
_LISTS = {
    *("frames", "records", "data", "results", "predictions", "detections", "poses"),
    *("instance_info", "annotations", "images", "people", "persons", "instances"),
    *("landmarks", "pose_landmarks", "poseLandmarks", "keypoints", "tracks"),
}
_VIDEO_WORD = re.compile(
    r"video|cam|kamera|view|clip|take|trial|recording|\.(mp4|avi|mov|mkv|webm|m4v)$",
    re.IGNORECASE,
)
_PERSON_WORD = re.compile(
    r"person|people|track|player|subject|(^|[ _-])p?id([ _-]|\d|$)", re.IGNORECASE
)


def _lists_of(content: Content) -> dict[str, list[dict[str, Any]]]:
    """Returns the lists of records by name, empty where a content is something else."""
    value = content.value
    if content.kind != "json" or not isinstance(value, dict):
        return {}
    lists = {}
    for name, entries in value.items():
        if name in _LISTS:
            return {}
        # Image size, rate, and whatever else the user says of the videos.
        if plain_key(name) in VIDEO_KEYS or not isinstance(entries, list):
            continue
        if entries and _frame_key(entries[0]) is None:
            return {}
        lists[name] = entries
    return lists


def _frame_key(record: Any) -> str | None:
    """Returns the key that states the frame or the time of a record, or None."""
    if not isinstance(record, dict):
        return None
    key = known_key(record, _FRAME_KEYS)
    return key if key is not None else next(filter(is_time, record), None)


def _recognises(content: Content) -> bool:
    """Returns whether a content holds lists of frames by name."""
    lists = _lists_of(content)
    names: list[Hashable] = []
    frames: list[Hashable] = []
    for name, entries in lists.items():
        key = _frame_key(first(entries)) or ""
        for entry in entries:
            names.append(name)
            frames.append(str(entry.get(key)) if isinstance(entry, dict) else None)
    if not names or not are_videos(names, frames):
        return False
    return any(_format_of(part) is not None for part in _parts(content).values())


def _parts(content: Content) -> dict[str, Content]:
    """Returns a content for each name, with what the file states of all videos."""
    lists = _lists_of(content)
    about = {key: value for key, value in content.value.items() if key not in lists}
    parts = {}
    for name, entries in lists.items():
        value = {**about, "frames": entries}
        parts[name] = dataclasses.replace(content, value=value)
    return parts


def _format_of(part: Content) -> VideoFormat | None:
    """Returns the format of the frames below a name, or None."""
    return next((format for format in _FORMATS if format.recognises(part)), None)


def _videos_of(parts: dict[str, Content], where: str) -> list[Detections]:
    """Returns the video below each name; a remark names those that show nobody.

    Raises:
      JaxposeError: none shows anybody, or one is broken.
    """
    videos: list[Detections] = []
    absent = []
    for name, part in parts.items():
        format = _format_of(part)
        try:
            found = format.read(part) if format is not None else []
        except NobodyError:
            found = []
        for each in found:
            videos.append(with_video(each, name) if len(parts) > 1 else each)
        if not found:
            absent.append(name)
    if not videos:
        raise NobodyError(nobody(where, 0))
    if absent:
        remark = f"without anybody, and left out: {cut(', '.join(absent), 100)}"
        remarks = (*videos[0].remarks, remark)
        videos[0] = dataclasses.replace(videos[0], remarks=remarks)
    return videos


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a content.

    Raises:
      JaxposeError: the names do not say whether they are videos or people.
    """
    parts = _parts(content)
    if len(parts) == 1 or all(map(_VIDEO_WORD.search, parts)):
        return _videos_of(parts, content.where)

    # People of one video are records with a number each, in any order.
    is_plain = all(_format_of(part) in (records.VIDEO, None) for part in parts.values())
    if is_plain and all(map(_PERSON_WORD.search, parts)):
        numbered = []
        value: dict[str, Any] = {}
        for name, part in parts.items():
            value = part.value
            numbered += [{**record, "track_id": name} for record in value["frames"]]
        together = dataclasses.replace(content, value={**value, "frames": numbered})
        return records.VIDEO.read(together)
    names = cut(", ".join(map(repr, parts)), 100)
    raise JaxposeError(
        f"{content.where}: the keys {names} each hold frames of their own; expected "
        'names of cameras such as "cam0" or of people such as "person_0"; rename the '
        "keys, or write one file per camera"
    )


VIDEO = VideoFormat("by video", _recognises, _read)
