"""What a format of files is: how to recognise it, and how to read it."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, nobody
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.frame_names import split_into_videos
from jaxpose.recordings.poses import Person
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
    """

    name: str
    recognises: Callable[[Content], bool]
    people: Callable[[Content], list[Person]]
    channels: int = 3
    units: Units = "pixels"
    absent_is_missing: bool = True
    layout: str | None = None


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


def frame_number(frame: Any, default: int) -> int:
    """Returns the number that a frame's dict states, or the default."""
    if isinstance(frame, dict):
        for key in FRAME_KEYS:
            value = frame.get(key)
            if isinstance(value, int | float) and value == value // 1:
                return int(value)
    return default


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
        raise JaxposeError(nobody(content.where, 0))
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


def about_video(value: Any) -> dict[str, Any]:
    """Returns the image size and the frame rate that a file's dict states, or None."""
    top = value if isinstance(value, dict) else {}
    fps = next((top[key] for key in ("fps", "frame_rate") if key in top), None)
    is_rate = isinstance(fps, int | float) and 0 < fps < math.inf
    return {"image_size": image_size_of(top), "fps": fps if is_rate else None}


def image_size_of(mapping: dict[str, Any]) -> tuple[int, int] | None:
    """Returns (width, height) where a dict states them under these names, or None."""
    width, height = mapping.get("width"), mapping.get("height")
    if not (isinstance(width, int | float) and isinstance(height, int | float)):
        return None
    if width >= 1 and height >= 1 and width % 1 == height % 1 == 0:
        return int(width), int(height)
    return None
