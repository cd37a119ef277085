"""Puts files together that hold one frame of a video each.

An array of a pose, or the people of one image, may be all that a file holds. Files of
one pattern, such as `frame_0000.npy`, are then one video, and the numbers in their
names are those of its frames.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Hashable

import numpy as np

from jaxpose.recordings import records_in_time
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.frame_names import (
    NamedFrames,
    names_another_thing,
    split_into_videos,
)

# Formats of an array, whose first axis may also be the people of one image.
_ARRAYS = {"own", "plain"}
_MAX_PEOPLE = 20
# Files of one pattern, all with a few poses; more are no clips as short as these.
_MANY = 10
_MAX_SENTENCES = 5  # about single files, that are kept

# Folders named after what they hold, not after the video.
_GENERIC_FOLDERS = {
    *("json", "jsons", "labels", "keypoints", "pose", "poses", "predictions", "preds"),
    *("output", "outputs", "output_json", "output_jsons", "results", "result", "data"),
    *("input_2d", "sep-json", "openpose", "alphapose", "detections", "pose_2d"),
}

PEOPLE = "the poses in a file are read as the people of one frame"
NO_OWN_3D = "positions_3d is left out, as frames are missing"


class SingleFrames:
    """Collects files that may be single frames, until all files are read."""

    def __init__(self) -> None:
        """Starts without files."""
        self._found: dict[pathlib.Path, Detections] = {}
        self._nobody: dict[pathlib.Path, str] = {}

    def takes(self, path: pathlib.Path, found: list[Detections]) -> bool:
        """Keeps the detections of a file if it may be a frame; returns whether."""
        if len(found) != 1 or not _may_be_frame(found[0]):
            return False
        self._found[path] = found[0]
        return True

    def add_nobody(self, path: pathlib.Path, reason: str) -> None:
        """Keeps a file that shows nobody, and the reason to refuse it."""
        self._nobody[path] = reason

    def finish(self) -> tuple[list[Detections], list[tuple[str, str]]]:
        """Returns the detections by video, and (where, reason) of what is refused."""
        kinds: dict[tuple[pathlib.Path, Hashable], list[pathlib.Path]] = {}
        for path, found in self._found.items():
            kinds.setdefault((path.parent, _kind(path, found)), []).append(path)
        kinds_of: collections.Counter[tuple[pathlib.Path, str]] = collections.Counter()
        for (folder, _), paths in kinds.items():
            kinds_of[folder, paths[0].suffix] += 1
        detections: list[Detections] = []
        videos: list[tuple[pathlib.Path, NamedFrames, list[pathlib.Path]]] = []
        for (folder, _), paths in kinds.items():
            # Files without anybody are of the only kind of frames beside them.
            here = (folder, paths[0].suffix)
            for path in self._nobody:
                if kinds_of[here] == 1 and (path.parent, path.suffix) == here:
                    paths.append(path)
            names = [path.name for path in paths]
            for video in split_into_videos(names):
                files = [folder / names[member] for member in video.members]
                known = [self._found[path] for path in files if path in self._found]
                if _are_frames(video, known):
                    videos.append((folder, video, files))
                else:
                    detections += known

        # A folder that holds one video gives it its name.
        in_folder = collections.Counter(folder for folder, _, _ in videos)
        for folder, video, files in videos:
            where, name = place(folder, video, in_folder[folder] == 1)
            by_frame = [self._found.get(path) for path in files]
            detections.append(_joined(by_frame, video, where, name))
            for path in files:
                self._nobody.pop(path, None)
        return detections, [(str(path), why) for path, why in self._nobody.items()]


def _may_be_frame(found: Detections) -> bool:
    """Returns whether a file holds one frame, or an array of people."""
    if found.num_frames == 1:
        return True
    is_array = found.format in _ARRAYS and found.positions_3d is None
    is_short = is_array and len(found.frames) == found.num_frames <= _MAX_PEOPLE
    is_counted = is_short and found.first_frame == 0 and not found.ids.any()
    # A person who is not there is a gap in time.
    xy = found.keypoints[..., :2]
    is_seen = np.isfinite(xy).all(axis=-1) & (xy != 0).any(axis=-1)
    is_there = is_seen.any(axis=1).all()
    is_people = is_counted and bool(is_there)
    return is_people and records_in_time.meaning_of(found) == "image"


def _kind(path: pathlib.Path, found: Detections) -> Hashable:
    """Returns what the files of one video have in common."""
    return (
        *(path.suffix, found.format, found.keypoints.shape[1:], found.normalised),
        *(found.layout, found.image_size, found.fps, found.skeleton, found.intrinsics),
        *(tuple(sorted(found.names.items())), found.positions_3d is None),
    )


def _are_frames(video: NamedFrames, known: list[Detections]) -> bool:
    """Returns whether files of one pattern are the frames of a video.

    Args:
      video: the files.
      known: the detections of those that show somebody.
    """
    before, is_counting, _ = video.pattern.partition("*")
    if len(known) < 2 or not is_counting or names_another_thing(before):
        return False
    singles = sum(found.num_frames == 1 for found in known)
    # Clips may be as short as a crowd is large, and hold poses far apart.
    is_few = max(found.num_frames for found in known) < records_in_time.MIN_POSES
    return 2 * singles >= len(known) or (len(known) >= _MANY and is_few)


def _joined(
    files: list[Detections | None], video: NamedFrames, where: str, name: str
) -> Detections:
    """Returns the video whose frames are files.

    Args:
      files: by the number in their names, None where nobody is in the frame.
      video: their names.
      where: the files, for messages.
      name: of the video.
    """
    numbers = list(video.numbers)
    known = [found for found in files if found is not None]
    # Numbers that the files state themselves differ from file to file.
    stated = [found.first_frame for found in known]
    if len(set(stated)) == len(files):
        numbers = stated
    rows = []
    for number, found in zip(numbers, files, strict=True):
        if found is not None:
            rows.append(np.full(len(found.keypoints), number))
    frames = np.concatenate(rows)
    order = np.argsort(frames, kind="stable")
    ids = np.concatenate([found.ids for found in known])
    is_several = any(found.num_frames > 1 for found in known)
    if is_several:
        # The people of an array, read as frames of one person, have no number.
        ids = np.full(len(ids), -1)
    missing = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))

    remarks = list(video.remarks)
    if is_several:
        remarks.append(PEOPLE)
    own_3d = [found.positions_3d for found in known if found.positions_3d is not None]
    if own_3d and (missing or len(known) < len(files)):
        remarks.append(NO_OWN_3D)
        own_3d = []
    about: list[str] = []
    warnings: list[str] = []
    for found in known:
        about += found.remarks
        warnings += found.warnings
    return dataclasses.replace(
        known[0],
        name=name,
        where=where,
        keypoints=np.concatenate([found.keypoints for found in known])[order],
        frames=frames[order],
        ids=ids[order],
        boxes=np.concatenate([found.boxes for found in known])[order],
        num_frames=max(numbers) - min(numbers) + 1,
        first_frame=min(numbers),
        missing_frames=tuple(missing),
        positions_3d=np.concatenate(own_3d)[order] if own_3d else None,
        remarks=(*remarks, *list(dict.fromkeys(about))[:_MAX_SENTENCES]),
        warnings=tuple(dict.fromkeys(warnings))[:_MAX_SENTENCES],
    )


def place(folder: pathlib.Path, video: NamedFrames, is_alone: bool) -> tuple[str, str]:
    """Returns where the files of a video are, for messages, and its name."""
    own = folder.absolute().name
    if not is_alone:
        return str(folder / video.pattern), video.video or own or video.pattern
    is_generic = not own or own.lower() in _GENERIC_FOLDERS
    return str(folder), (video.video or own) if is_generic else own
