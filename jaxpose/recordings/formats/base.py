"""What a format of files is: how to recognise it, and how to read it."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, NobodyError, nobody
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.frame_names import split_into_videos
from jaxpose.recordings.frame_times import (
    counts_frames,
    is_time,
    numbers_of_times,
    plain_key,
    seconds_of,
)
from jaxpose.recordings.poses import Person
from jaxpose.recordings.settings import check_fps, check_image_size, plain_value
from jaxpose.wording import cut

Units = Literal["pixels", "fractions", "either"]


@dataclasses.dataclass(frozen=True)
class VideoFormat:
    """A format in which one file holds whole videos.

    Attributes:
      name: for people.
      recognises: returns whether a content is of this format, by its beginning.
      read: returns the videos in a content; raises JaxposeError for what is broken.
    """

    name: str
    recognises: Callable[[Content], bool]
    read: Callable[[Content], list[Detections]]


@dataclasses.dataclass(frozen=True)
class FrameFormat:
    """A format in which each frame of a video has a file, named after the frame.

    Attributes:
      name: for people.
      recognises: returns whether a content is of this format, by its beginning.
      people: returns the people in a content; raises JaxposeError for what is broken.
      channels: numbers per joint in flat lists.
      units: of x and y.
      absent_is_missing: whether a frame without a file is one that the tool did not
        look at. Tools that write no file where nobody is make it False.
      layout: joint order that the format has, or None.
      is_list: whether a content is no more than a list of people, as which users also
        write one person's poses through time.
    """

    name: str
    recognises: Callable[[Content], bool]
    people: Callable[[Content], list[Person]]
    channels: int = 3
    units: Units = "pixels"
    absent_is_missing: bool = True
    layout: str | None = None
    is_list: bool = False


def first(values: Any) -> Any:
    """Returns the first entry of a list or dict that is not empty, or None.

    A format is recognised by it: reading all of a large file to recognise it would take
    as long as reading it.
    """
    entries = values.values() if isinstance(values, dict) else values
    if not isinstance(values, dict | list):
        return None
    return next((entry for entry in entries if entry not in (None, [], {})), None)


def is_number(value: Any) -> bool:
    """Returns whether a value of JSON is a number or null."""
    return value is None or (isinstance(value, int | float) and value is not True)


def depth(value: Any) -> int:
    """Returns how deep the lists around the first number are, 0 if there is none."""
    levels = 0
    while isinstance(value, list):
        levels += 1
        value = first(value)
    return levels if is_number(value) else 0


# Keys that hold the number of a frame. MMPose writes frame_id, MediaPipe users frame.
FRAME_KEYS = (
    *("frame_id", "frame_index", "frame_number", "frame_num", "frame_idx", "frame"),
    *("frameId", "frameIndex", "frameNumber", "index", "idx"),
)


def known_key(mapping: Any, names: Iterable[str]) -> str | None:
    """Returns the key of a dict that is the first of the names, in any spelling.

    Upper and lower case, `_` and `-` make no difference.
    """
    if not isinstance(mapping, dict):
        return None
    spelled = {plain_key(str(key)): key for key in mapping}
    for name in names:
        key = spelled.get(plain_key(name))
        if key is not None:
            return key
    return None


def frame_number(frame: Any, default: int) -> int:
    """Returns the number that a frame's dict states, or the default."""
    key = known_key(frame, FRAME_KEYS)
    value = frame[key] if key is not None else None
    if isinstance(value, int | float) and math.isfinite(value) and value % 1 == 0:
        return int(value)
    return default


# Keys that hold the name of the image of a frame.
_IMAGE_KEYS = (
    *("image", "image_name", "image_id", "img_name", "img", "file_name", "filename"),
    *("file", "path", "image_path"),
)


def frames_by_name(frames: Any) -> Any:
    """Returns a list of frames as a dict by the names of their images.

    Frames that state a number, and those without a name each, stay a list.
    """
    if not isinstance(frames, list) or not all(isinstance(f, dict) for f in frames):
        return frames
    start = frames[0] if frames else None
    if known_key(start, FRAME_KEYS) is not None:
        return frames
    key = known_key(start, _IMAGE_KEYS)
    names = [frame.get(key) for frame in frames]
    texts = {name for name in names if isinstance(name, str)}
    if not frames or len(texts) < len(names):
        return frames
    return dict(zip(names, frames, strict=True))


# Keys that hold the number of a person.
PERSON_KEYS = (
    *("track_id", "person_id", "instance_id", "object_id", "id", "person", "idx"),
    *("pid", "player", "player_id", "subject", "track", "label"),
)


def counter_of(records: Sequence[dict[str, Any]]) -> str | None:
    """Returns the key of any name under which records count frames, or None.

    It must be in all records, and each must be of another frame.
    """
    people = set(map(plain_key, PERSON_KEYS))
    for key in records[0] if records else ():
        values: list[Any] = [record.get(key) for record in records]
        is_whole = all(type(value) is int for value in values)
        is_other = plain_key(str(key)) not in people
        is_unique = is_whole and len(set(values)) == len(values)
        if is_other and is_unique and counts_frames(values):
            return key
    return None


def numbers_of(frames: Sequence[Any]) -> tuple[list[int], tuple[str, ...]]:
    """Returns the number of each frame in a list, and sentences for the user.

    Frames state a number, or else a time, or else they are counted from 0.
    """
    dicts = [frame for frame in frames if isinstance(frame, dict)]
    is_numbered = any(known_key(frame, FRAME_KEYS) is not None for frame in dicts)
    if not is_numbered and len(dicts) == len(frames) > 1:
        for key in filter(is_time, dicts[0]):
            times = [seconds_of(frame.get(key)) for frame in dicts]
            known = [time for time in times if time is not None]
            if len(known) == len(times) and (np.diff(known) > 0).all():
                numbers, remark = numbers_of_times(key, known)
                return numbers, (remark,)
        counter = counter_of(dicts)
        if counter is not None:
            return [int(frame[counter]) for frame in dicts], ()
    return [frame_number(frame, index) for index, frame in enumerate(frames)], ()


def read_named(
    frames: Mapping[str, Iterable[Person]],
    content: Content,
    format: str,
    channels: int = 3,
    units: Units = "pixels",
    **stated: Any,
) -> list[Detections]:
    """Returns the videos in a file that has people by the names of images.

    Args:
      frames: the people in each image, by its name.
      content: the file.
      format: name of the format.
      channels: numbers per joint in flat lists.
      units: of x and y.
      **stated: further fields of `Detections`.

    Raises:
      JaxposeError: there are no frames, or nobody is in those of a video.
    """
    names = list(frames)
    if not names:
        raise NobodyError(nobody(content.where, 0))
    videos = split_into_videos(names)
    found = []
    for video in videos:
        where, name = content.where, content.stem
        if len(videos) > 1:
            where = f"{where}: {cut(video.pattern.replace('/', ' '), 100)}"
            name = video.video or name
        collector = Collector(name, where, format, channels)
        collector.remarks.extend(video.remarks)
        for member, number in zip(video.members, video.numbers, strict=True):
            collector.add(number, frames[names[member]], names[member])
        found.append(collector.finish(units=units, **stated))
    return found


_WIDTHS = ("width", "image_width", "img_width", "video_width", "frame_width", "w")
_HEIGHTS = ("height", "image_height", "img_height", "video_height", "frame_height", "h")
_SIZES = ("image_size", "resolution", "video_size", "frame_size")
_RATES = ("fps", "frame_rate", "frames_per_second", "video_fps")
# What these keys are called without separators.
VIDEO_KEYS = {plain_key(name) for name in (*_WIDTHS, *_HEIGHTS, *_SIZES, *_RATES)}


def about_video(value: Any) -> dict[str, Any]:
    """Returns the image size and the frame rate that a file's dict states, or None."""
    top = value if isinstance(value, dict) else {}
    rate = known_key(top, _RATES)
    fps = None
    if rate is not None:
        with contextlib.suppress(JaxposeError):
            fps = check_fps(plain_value(top[rate]), "")
    return {"image_size": image_size_of(top), "fps": fps}


def image_size_of(mapping: dict[str, Any]) -> tuple[int, int] | None:
    """Returns (width, height) where a dict states them under a usual name, or None."""
    width, height = known_key(mapping, _WIDTHS), known_key(mapping, _HEIGHTS)
    size = known_key(mapping, _SIZES)
    stated: Any = None
    if width is not None and height is not None:
        stated = [plain_value(mapping[width]), plain_value(mapping[height])]
    elif size is not None:
        stated = plain_value(mapping[size])
    if stated is None:
        return None
    try:
        return check_image_size(stated, "")
    except JaxposeError:
        return None
