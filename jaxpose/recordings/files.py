"""Reads the files of detectors: what they hold decides, not what they are called."""

import dataclasses
import os
import pathlib
from collections.abc import Iterator

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import NobodyError, nobody
from jaxpose.recordings.content import (
    TOO_DEEP,
    Content,
    UnreadError,
    data_ending,
    load_content,
)
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats import FORMATS, ultralytics
from jaxpose.recordings.formats.base import FrameFormat, VideoFormat
from jaxpose.recordings.frame_folders import DAMAGE, FrameFolders, damaged
from jaxpose.recordings.frame_names import natural_key
from jaxpose.recordings.leftovers import (
    Leftovers,
    description,
    is_empty,
    is_result,
    one_line,
)
from jaxpose.recordings.settings import is_settings_file
from jaxpose.recordings.single_frames import SingleFrames
from jaxpose.recordings.spelling import in_known_spelling
from jaxpose.recordings.times import with_rate_of_mapping

VIDEO_ENDINGS = {
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv"),
    *(".mts", ".m2ts", ".3gp", ".gif"),
}
IMAGE_ENDINGS = {
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".ppm"),
}


@dataclasses.dataclass(frozen=True)
class Files:
    """What a file or a folder holds.

    Attributes:
      detections: one entry per video, by path, in the natural order of the names.
      refused: (where, reason) of each file or video that is recognised and cannot be
        used: damaged, a web page, nobody in any frame.
      unread: what else the folder holds, each with the reason in a few words.
    """

    detections: list[Detections]
    refused: list[tuple[str, str]]
    unread: list[str]


def read_detections(path: pathlib.Path) -> Files:
    """Reads one file, or all files below a folder.

    A file named `dataset.json` holds settings and is passed over. One broken file never
    stops the others: it becomes an entry of `refused`.

    Raises:
      JaxposeError: `path` does not exist, or is neither a file nor a folder.
    """
    reader = _Reader(path)
    if path.is_dir():
        for file in _walk(path, reader):
            reader.read(file)
    elif path.is_file():
        reader.read(path)
    elif path.exists():
        raise JaxposeError(f"{path} is neither a file nor a folder")
    else:
        raise JaxposeError(f"{path} does not exist")
    return reader.finish()


def _walk(folder: pathlib.Path, reader: "_Reader") -> Iterator[pathlib.Path]:
    """Yields the files below a folder that may hold keypoints, in natural order."""
    real = os.path.realpath(folder)
    folders: list[tuple[pathlib.Path, tuple[str, ...]]] = [(folder, (real,))]
    while folders:
        current, above = folders.pop()
        try:
            with os.scandir(current) as listing:
                entries = sorted(listing, key=lambda entry: natural_key(entry.name))
        except OSError as error:
            reader.leftovers.refuse(str(current), f"{current}: {error.strerror}")
            continue
        below = []
        for entry in entries:
            path = current / entry.name
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link to itself
                is_folder, is_file = False, False
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                reader.leftovers.counts["hidden file"] += 1
            elif is_folder:
                # A link to a folder above would never end.
                real = os.path.realpath(path)
                if real not in above:
                    below.append((path, (*above, real)))
            elif path.suffix.lower() in VIDEO_ENDINGS:
                reader.leftovers.counts["video"] += 1
            elif path.suffix.lower() in IMAGE_ENDINGS:
                reader.leftovers.counts["image"] += 1
            elif not is_file:
                reader.leftovers.leave(path, "not a regular file")
            elif not is_settings_file(path):
                yield path
        folders.extend(reversed(below))


class _Reader:
    """Reads files one by one, and puts those that are single frames together.

    Attributes:
      leftovers: what is broken, and what is something else.
    """

    def __init__(self, top: pathlib.Path):
        """Takes the path that the user gave."""
        self.leftovers = Leftovers(top)
        self._top = top
        self._detections: list[Detections] = []
        self._frame_folders = FrameFolders()
        self._single_frames = SingleFrames()

    def read(self, path: pathlib.Path) -> None:
        """Reads a file: a video, a frame, something broken, or something else."""
        try:
            self._dispatch(load_content(path))
        except UnreadError as error:
            self.leftovers.leave(path, str(error))
        except JaxposeError as error:
            self.leftovers.refuse(str(path), error)
        except RecursionError:
            self.leftovers.refuse(str(path), f"{path}: {TOO_DEEP}")

    def _dispatch(self, content: Content) -> None:
        """Reads a content: a format's, an empty one, or something else.

        Raises:
          JaxposeError: it is recognised, and broken.
        """
        if is_empty(content):
            self._frame_folders.add_empty(content.path)
            return
        if is_result(content):
            self.leftovers.leave(content.path, "3D poses that jaxpose wrote")
            return
        if self._is_read(content):
            return
        # Keys in capitals and numbers as texts are tried last, as this takes time.
        respelt = in_known_spelling(content)
        if respelt is not None and self._is_read(respelt):
            return
        if ultralytics.is_boxes(content):
            self._frame_folders.add_boxes(content.path)
            return
        self.leftovers.leave(content.path, description(content))

    def _is_read(self, content: Content) -> bool:
        """Reads a content by the first format that recognises it, if one does.

        Raises:
          JaxposeError: it is recognised, and broken.
        """
        for format in FORMATS:
            try:
                if not format.recognises(content):
                    continue
                if not isinstance(format, FrameFormat):
                    self._add_videos(format, content)
                elif motion := self._frame_folders.add(format, content):
                    self._detections.append(motion)
                return True
            except (JaxposeError, RecursionError):
                raise
            except DAMAGE as error:
                raise damaged(content.where, format.name, error) from error
        return False

    def _add_videos(self, format: VideoFormat, content: Content) -> None:
        """Keeps the videos in a file, or the one frame that it may be of a video.

        Raises:
          JaxposeError: the file is broken.
        """
        try:
            read = format.read(content)
        except NobodyError as error:
            self._single_frames.add_nobody(content.path, one_line(error))
            return
        if len(read) == 1 and content.kind != "text":
            read = [with_rate_of_mapping(read[0], content.value)]
        videos = []
        for found in read:
            warnings = (*found.warnings, *content.warnings)
            videos.append(dataclasses.replace(found, warnings=warnings))
        if not self._single_frames.takes(content.path, videos):
            self._detections += videos

    def finish(self) -> Files:
        """Returns all that was read, once there are no more files."""
        boxes, empty = self._frame_folders.place_empty()
        for path in boxes:
            self.leftovers.leave(path, "labels of boxes, without keypoints")
        for path in empty:
            if data_ending(path) or path == self._top:
                self._single_frames.add_nobody(path, nobody(str(path), 0))
            else:
                self.leftovers.leave(path, "empty")
        self._frame_folders.finish(self._detections, self.leftovers)
        videos, refused = self._single_frames.finish()
        for where, reason in refused:
            self.leftovers.refuse(where, reason)
        self._detections += videos
        self._detections.sort(key=lambda found: natural_key(found.where))
        return Files(
            self._detections, self.leftovers.few_refused(), self.leftovers.unread()
        )
