"""Reads the files of detectors: what they hold decides, not what they are called."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterator

from jaxpose.errors import JaxposeError
from jaxpose.recordings import records_in_time
from jaxpose.recordings.collect import Collector, NobodyError, nobody
from jaxpose.recordings.content import (
    TOO_DEEP,
    Content,
    UnreadError,
    data_ending,
    load_content,
)
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats import FORMATS, ultralytics
from jaxpose.recordings.formats.base import FrameFormat, VideoFormat, first
from jaxpose.recordings.frame_names import natural_key, split_into_videos
from jaxpose.recordings.poses import Person
from jaxpose.recordings.settings import is_settings_file
from jaxpose.recordings.single_frames import SingleFrames, place
from jaxpose.recordings.spelling import in_known_spelling
from jaxpose.recordings.times import with_rate_of_mapping
from jaxpose.wording import cut, shown

VIDEO_ENDINGS = {
    *(".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv"),
    *(".mts", ".m2ts", ".3gp", ".gif"),
}
IMAGE_ENDINGS = {
    *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".ppm"),
}
ALWAYS_READ = (
    "jaxpose always reads an npz or JSON file with keypoints_2d [frames, joints, 2 or "
    "3] in pixels, image_size [width, height], fps, and the joint order as keypoints"
)
_UNKNOWN = "without keypoints that are known"
_MAX_REASON = 600  # characters
_MAX_LISTED = 3  # files of one kind that are named one by one

# What a reader may raise on a content that only begins as its format.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


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
            reader.refused.append((str(current), f"{current}: {error.strerror}"))
            continue
        below = []
        for entry in entries:
            path = current / entry.name
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link to itself
                is_folder, is_file = False, False
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                reader.counts["hidden file"] += 1
            elif is_folder:
                # A link to a folder above would never end.
                real = os.path.realpath(path)
                if real not in above:
                    below.append((path, (*above, real)))
            elif path.suffix.lower() in VIDEO_ENDINGS:
                reader.counts["video"] += 1
            elif path.suffix.lower() in IMAGE_ENDINGS:
                reader.counts["image"] += 1
            elif not is_file:
                reader.leave(path, "not a regular file")
            elif not is_settings_file(path):
                yield path
        folders.extend(reversed(below))


class _Reader:
    """Reads files one by one, and puts those that are single frames together.

    Attributes:
      detections: of the videos read so far.
      refused: (where, reason).
      counts: number of files by kind that are counted only.
    """

    def __init__(self, top: pathlib.Path):
        """Takes the path that the user gave."""
        self.detections: list[Detections] = []
        self.refused: list[tuple[str, str]] = []
        self.counts: collections.Counter[str] = collections.Counter()
        self._top = top
        self._left: dict[tuple[str, str], list[pathlib.Path]] = {}
        self._frames: dict[
            tuple[pathlib.Path, str], tuple[FrameFormat, dict[str, list[Person]]]
        ] = {}
        self._single_frames = SingleFrames()
        self._empty: list[pathlib.Path] = []
        self._boxes: list[pathlib.Path] = []  # labels that show nobody's joints
        # Lists of people without frames: how many people each holds.
        self._unordered: dict[pathlib.Path, int] = {}

    def leave(self, path: pathlib.Path, reason: str) -> None:
        """Notes a file that is not read."""
        if path == self._top:
            # The user asked for this very file.
            fix = f"; {ALWAYS_READ}" if _UNKNOWN in reason else ""
            self.refused.append((str(path), f"{path}: not read: {reason}{fix}"))
            return
        self._left.setdefault((str(path.parent), reason), []).append(path)

    def read(self, path: pathlib.Path) -> None:
        """Reads a file: a video, a frame, something broken, or something else."""
        try:
            content = load_content(path)
        except UnreadError as error:
            self.leave(path, str(error))
            return
        except JaxposeError as error:
            self.refused.append((str(path), _one_line(error)))
            return
        try:
            self._dispatch(content)
        except JaxposeError as error:
            self.refused.append((str(path), _one_line(error)))
        except RecursionError:
            self.refused.append((str(path), f"{path}: {TOO_DEEP}"))

    def _dispatch(self, content: Content) -> None:
        """Reads a content: a format's, an empty one, or something else.

        Raises:
          JaxposeError: it is recognised, and broken.
        """
        if _is_empty(content):
            self._empty.append(content.path)
            return
        if _is_result(content):
            self.leave(content.path, "3D poses that jaxpose wrote")
            return
        if self._is_read(content):
            return
        # Keys in capitals and numbers as texts are tried last, as this takes time.
        respelt = in_known_spelling(content)
        if respelt is not None and self._is_read(respelt):
            return
        if ultralytics.is_boxes(content):
            self._boxes.append(content.path)
            return
        self.leave(content.path, _description(content))

    def _is_read(self, content: Content) -> bool:
        """Reads a content by the first format that recognises it, if one does.

        Raises:
          JaxposeError: it is recognised, and broken.
        """
        for format in FORMATS:
            try:
                if not format.recognises(content):
                    continue
                if isinstance(format, FrameFormat):
                    self._add_frame(format, content)
                    return True
                self._add_videos(format, content)
                return True
            except (JaxposeError, RecursionError):
                raise
            except _DAMAGE as error:
                raise _damaged(content.where, format.name, error) from error
        return False

    def _add_videos(self, format: VideoFormat, content: Content) -> None:
        """Keeps the videos in a file, or the one frame that it may be of a video.

        Raises:
          JaxposeError: the file is broken.
        """
        try:
            read = format.read(content)
        except NobodyError as error:
            self._single_frames.add_nobody(content.path, _one_line(error))
            return
        if len(read) == 1 and content.kind != "text":
            read = [with_rate_of_mapping(read[0], content.value)]
        videos = []
        for found in read:
            warnings = (*found.warnings, *content.warnings)
            videos.append(dataclasses.replace(found, warnings=warnings))
        if not self._single_frames.takes(content.path, videos):
            self.detections += videos

    def _add_frame(self, format: FrameFormat, content: Content) -> None:
        """Keeps the people of a file that holds one frame.

        A list without frames may hold one person's motion instead: that is a video.
        """
        people = format.people(content)
        if format.is_list and len(people) >= records_in_time.MIN_POSES:
            found = _of_one_frame(format, content, people)
            meaning = records_in_time.meaning_of(found)
            if meaning == "person":
                self.detections.append(records_in_time.in_time(found))
                return
            if meaning == "unknown":
                self._unordered[content.path] = len(people)
        key = (content.path.parent, format.name)
        _, frames = self._frames.setdefault(key, (format, {}))
        frames[content.path.name] = people

    def finish(self) -> Files:
        """Returns all that was read, once there are no more files."""
        self._place_empty()
        for (folder, _), (format, frames) in self._frames.items():
            self._finish_folder(folder, format, frames)
        videos, refused = self._single_frames.finish()
        self.detections += videos
        self.refused += refused
        self.detections.sort(key=lambda found: natural_key(found.where))
        return Files(self.detections, self._few_refused(), self._unread())

    def _few_refused(self) -> list[tuple[str, str]]:
        """Returns what is refused, one entry for many files of a folder and a reason.

        A folder of frames may hold thousands that are damaged in the same way.
        """
        groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for where, reason in self.refused:
            folder = os.path.dirname(where)
            words = reason.removeprefix(f"{where}: ")
            groups.setdefault((folder, words), []).append((where, reason))
        few = []
        for (folder, words), entries in groups.items():
            if len(entries) <= _MAX_LISTED:
                few.extend(entries)
                continue
            first_one = os.path.basename(entries[0][0])
            count = f"{folder}: {len(entries):,} files such as {first_one}"
            few.append((folder, f"{count}: {words}"))
        return few

    def _place_empty(self) -> None:
        """Takes empty files for frames without people where others are frames.

        So are labels of boxes alone, between labels of joints.
        """
        for path in self._boxes:
            labels = self._frames.get((path.parent, ultralytics.LABELS.name))
            if labels is None:
                self.leave(path, "labels of boxes, without keypoints")
            else:
                labels[1][path.name] = []
        for path in self._empty:
            frames = []
            for (folder, _), (_, files) in self._frames.items():
                name = next(iter(files))
                if folder == path.parent and pathlib.Path(name).suffix == path.suffix:
                    frames.append(files)
            if len(frames) == 1:
                frames[0][path.name] = []
            elif data_ending(path) or path == self._top:
                self._single_frames.add_nobody(path, nobody(str(path), 0))
            else:
                self.leave(path, "empty")

    def _finish_folder(
        self,
        folder: pathlib.Path,
        format: FrameFormat,
        frames: dict[str, list[Person]],
    ) -> None:
        """Makes the videos out of the files of a folder."""
        if self._is_copy(folder):
            self.leave(folder, f"{len(frames)} files, copies of what lies above them")
            return
        names = list(frames)
        videos = split_into_videos(names)
        for video in videos:
            path = folder / names[video.members[0]]
            if len(video.members) == 1 and path in self._unordered:
                count = self._unordered[path]
                reason = records_in_time.ask_for_frames(str(path), count)
                self.refused.append((str(path), reason))
                continue
            where, name = place(folder, video, len(videos) == 1)
            collector = Collector(name, where, format.name, format.channels)
            collector.remarks.extend(video.remarks)
            for member, number in zip(video.members, video.numbers, strict=True):
                collector.add(number, frames[names[member]], names[member])
            try:
                found = collector.finish(
                    units=format.units,
                    absent_is_missing=format.absent_is_missing,
                    layout=format.layout,
                )
                self.detections.append(found)
            except JaxposeError as error:
                self.refused.append((where, _one_line(error)))
            except _DAMAGE as error:
                damage = _damaged(where, format.name, error)
                self.refused.append((where, _one_line(damage)))

    def _is_copy(self, folder: pathlib.Path) -> bool:
        """Returns whether a folder holds the frames of AlphaPose's file above it."""
        beside = [d for d in self.detections if d.format == "alphapose"]
        is_beside = any(pathlib.Path(d.where).parent == folder.parent for d in beside)
        return folder.name == "sep-json" and is_beside

    def _unread(self) -> list[str]:
        """Returns what was not read: a line per file, or per kind of many files."""
        lines: list[str] = []
        for (folder, reason), paths in self._left.items():
            if len(paths) <= _MAX_LISTED:
                lines.extend(f"{self._shown(path)}: {reason}" for path in paths)
            else:
                place = self._shown(pathlib.Path(folder))
                lines.append(
                    f"{place}: {len(paths):,} files such as {paths[0].name}: {reason}"
                )
        for kind, count in sorted(self.counts.items()):
            lines.append(f"{count:,} {kind}{'s' if count > 1 else ''}")
        return lines

    def _shown(self, path: pathlib.Path) -> str:
        """Returns a path relative to the one that the user gave."""
        try:
            return str(path.relative_to(self._top))
        except ValueError:
            return str(path)


def _of_one_frame(
    format: FrameFormat, content: Content, people: list[Person]
) -> Detections:
    """Returns the people of one file as they are in one frame."""
    collector = Collector(content.stem, content.where, format.name, format.channels)
    collector.add(0, people)
    return collector.finish(units=format.units, layout=format.layout)


def _damaged(where: str, format: str, error: Exception) -> JaxposeError:
    """Returns the error for a content that only begins as its format."""
    return JaxposeError(
        f"{where}: looks like a file of {format}, and is not as it should be "
        f"({cut(str(error) or type(error).__name__)})"
    )


def _one_line(error: Exception) -> str:
    """Returns the message of an error as one line, not longer than a few lines."""
    return cut(str(error), _MAX_REASON)


def _is_result(content: Content) -> bool:
    """Returns whether a file is one of `jaxpose.Pose`: npz, JSON or CSV."""
    if content.kind == "text":
        head = content.value.partition("\n")[0]
        return head.startswith("frame,time,") and "_seen" in head
    keys = content.value if isinstance(content.value, dict) else ()
    return {"frame_of_reference", "positions_3d"} <= set(keys)


def _is_empty(content: Content) -> bool:
    """Returns whether a content has no entries at all, such as [] or [[], []]."""
    if content.kind == "text":
        return not content.value.strip()
    is_list = isinstance(content.value, list | dict)
    return content.kind == "json" and is_list and not _has_entries(content.value)


def _has_entries(value: list | dict) -> bool:
    """Returns whether lists hold anything but lists and objects without entries."""
    entries = value.values() if isinstance(value, dict) else value
    for entry in entries:
        if not isinstance(entry, list | dict):
            return True
        if entry and _has_entries(entry):
            return True
    return False


def _description(content: Content) -> str:
    """Returns in a few words what a content is that no format recognises."""
    if content.kind == "text":
        is_trc = content.value.startswith("PathFileType")
        return "3D markers (TRC)" if is_trc else "text without keypoints"
    kind = "arrays" if content.kind == "arrays" else "JSON"
    value, within = content.value, ""
    if isinstance(value, list):
        value, within = first(value), " of its entries"
    found = f"with {shown(value)}"
    if isinstance(value, dict) and value:
        keys = ", ".join(repr(str(key)) for key in value)
        found = f"with the keys {cut(keys)}{within}"
    return f"{kind} {_UNKNOWN}, {found}"
