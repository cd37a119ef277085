"""Puts files together that hold all people of one frame each, folder by folder."""

import pathlib

from jaxpose.errors import JaxposeError
from jaxpose.recordings import records_in_time
from jaxpose.recordings.collect import Collector
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats import ultralytics
from jaxpose.recordings.formats.base import FrameFormat
from jaxpose.recordings.frame_names import NamedFrames, split_into_videos
from jaxpose.recordings.leftovers import Leftovers
from jaxpose.recordings.poses import Person
from jaxpose.recordings.single_frames import place
from jaxpose.wording import cut

# What a reader may raise on a content that only begins as its format.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
# People by the names of the files of a folder.
Frames = dict[str, list[Person]]


class FrameFolders:
    """Collects files of formats that write a file per frame, until all are read."""

    def __init__(self) -> None:
        """Starts without files."""
        self._folders: dict[tuple[pathlib.Path, str], tuple[FrameFormat, Frames]] = {}
        self._empty: list[pathlib.Path] = []
        self._boxes: list[pathlib.Path] = []  # labels that show nobody's joints
        # Lists of people without frames: how many people each holds.
        self._unordered: dict[pathlib.Path, int] = {}

    def add(self, format: FrameFormat, content: Content) -> Detections | None:
        """Keeps the people of a file that holds one frame.

        Returns:
          The video where a list without frames holds one person's motion instead.
        """
        people = format.people(content)
        if format.is_list and len(people) >= records_in_time.MIN_POSES:
            found = _of_one_frame(format, content, people)
            meaning = records_in_time.meaning_of(found)
            if meaning == "person":
                return records_in_time.in_time(found)
            if meaning == "unknown":
                self._unordered[content.path] = len(people)
        key = (content.path.parent, format.name)
        _, frames = self._folders.setdefault(key, (format, {}))
        frames[content.path.name] = people
        return None

    def add_empty(self, path: pathlib.Path) -> None:
        """Keeps a file without any entry."""
        self._empty.append(path)

    def add_boxes(self, path: pathlib.Path) -> None:
        """Keeps a file of labels without keypoints."""
        self._boxes.append(path)

    def place_empty(self) -> tuple[list[pathlib.Path], list[pathlib.Path]]:
        """Takes empty files for frames without people where others are frames.

        Labels of boxes alone, between labels of joints, are such frames as well.

        Returns:
          The labels of boxes and the empty files that are no frames.
        """
        boxes, empty = [], []
        for path in self._boxes:
            labels = self._folders.get((path.parent, ultralytics.LABELS.name))
            if labels is None:
                boxes.append(path)
            else:
                labels[1][path.name] = []
        for path in self._empty:
            frames = []
            for (folder, _), (_, files) in self._folders.items():
                name = next(iter(files))
                if folder == path.parent and pathlib.Path(name).suffix == path.suffix:
                    frames.append(files)
            if len(frames) == 1:
                frames[0][path.name] = []
            else:
                empty.append(path)
        return boxes, empty

    def finish(self, detections: list[Detections], leftovers: Leftovers) -> None:
        """Adds the videos to `detections`, and what is no video to `leftovers`."""
        for (folder, _), (format, frames) in self._folders.items():
            if _is_copy(folder, detections):
                reason = f"{len(frames)} files, copies of what lies above them"
                leftovers.leave(folder, reason)
                continue
            videos = split_into_videos(list(frames))
            for video in videos:
                where, name = place(folder, video, len(videos) == 1)
                path = folder / list(frames)[video.members[0]]
                if len(video.members) == 1 and path in self._unordered:
                    count = self._unordered[path]
                    reason = records_in_time.ask_for_frames(str(path), count)
                    leftovers.refuse(str(path), reason)
                    continue
                try:
                    found = _video(format, frames, video, where, name)
                    detections.append(found)
                except JaxposeError as error:
                    leftovers.refuse(where, error)


def _video(
    format: FrameFormat, frames: Frames, video: NamedFrames, where: str, name: str
) -> Detections:
    """Returns the video whose frames are files of a folder.

    Args:
      format: of the files.
      frames: all files of the folder.
      video: those that are its frames.
      where: the files, for messages.
      name: of the video.

    Raises:
      JaxposeError: the files are broken.
    """
    names = list(frames)
    collector = Collector(name, where, format.name, format.channels)
    collector.remarks.extend(video.remarks)
    for member, number in zip(video.members, video.numbers, strict=True):
        collector.add(number, frames[names[member]], names[member])
    try:
        return collector.finish(
            units=format.units,
            absent_is_missing=format.absent_is_missing,
            layout=format.layout,
        )
    except JaxposeError:
        raise
    except DAMAGE as error:
        raise damaged(where, format.name, error) from error


def damaged(where: str, format: str, error: Exception) -> JaxposeError:
    """Returns the error for a content that only begins as its format."""
    return JaxposeError(
        f"{where}: looks like a file of {format}, and is not as it should be "
        f"({cut(str(error) or type(error).__name__)})"
    )


def _of_one_frame(
    format: FrameFormat, content: Content, people: list[Person]
) -> Detections:
    """Returns the people of one file as they are in one frame."""
    collector = Collector(content.stem, content.where, format.name, format.channels)
    collector.add(0, people)
    return collector.finish(units=format.units, layout=format.layout)


def _is_copy(folder: pathlib.Path, detections: list[Detections]) -> bool:
    """Returns whether a folder holds the frames of AlphaPose's file above it."""
    beside = [found for found in detections if found.format == "alphapose"]
    is_beside = any(
        pathlib.Path(found.where).parent == folder.parent for found in beside
    )
    return folder.name == "sep-json" and is_beside
