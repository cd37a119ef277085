"""Tells several videos in one table or list apart by a column or key."""

import dataclasses
import re
from collections.abc import Hashable, Sequence

from jaxpose.recordings.detections import Detections
from jaxpose.recordings.frame_times import plain_key
from jaxpose.wording import cut

# Names, in lower case and without separators, of the image of a frame, or of the file
# of a whole video.
FILE_NAMES = {"image", "imageid", "imagename", "filename", "file", "img"}
_VIDEO = re.compile("(video|camera|cam|view|clip|take|trial)(id|name|file|no|number)?")
# A counter of frames may have these names, too.
_SEQUENCE = re.compile("(sequence|seq)(id|name|no|number)?")


def may_name_video(key: str, has_frames: bool) -> bool:
    """Returns whether a column or key may say of which video its row is.

    Args:
      key: its name.
      has_frames: whether another one states the number of the frame.
    """
    plain = plain_key(key)
    if _VIDEO.fullmatch(plain):
        return True
    is_other = plain in FILE_NAMES or _SEQUENCE.fullmatch(plain) is not None
    return has_frames and is_other


def are_videos(names: Sequence[Hashable], frames: Sequence[Hashable]) -> bool:
    """Returns whether names are those of videos, as each has several frames.

    Args:
      names: one per row.
      frames: of the same rows.
    """
    pairs = set(zip(names, frames, strict=True))
    return len(pairs) >= 2 * len(set(names))


def with_video(detections: Detections, video: str) -> Detections:
    """Returns the detections of one of several videos of a file, named after it."""
    video = cut(video.replace("/", " "), 100)
    return dataclasses.replace(
        detections,
        name=f"{detections.name} {video}",
        where=f"{detections.where}: {video}",
    )
