"""Reads whatever a detector wrote as recordings, one per person, or says why not."""

import collections
import dataclasses
import os
import pathlib

import numpy as np

from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.recordings import joints, layouts, names, plausibility, videos
from jaxpose.recordings.files import read_detections
from jaxpose.recordings.leftovers import ALWAYS_READ
from jaxpose.recordings.options import Options
from jaxpose.recordings.recording import Recording
from jaxpose.recordings.settings import SettingsFinder
from jaxpose.wording import one_line, shown

# Share of a person's frames below which a joint is hardly seen.
_RARE = 0.1


@dataclasses.dataclass(frozen=True)
class Refusal:
    """A recording that cannot be used.

    Attributes:
      name: of the recording or the file.
      reason: one line: what was found, what was expected, and what mends it.
      where: the file or folder.
      format: name of the file format, empty where it is unknown.
      recording: the recording as far as it was understood, or None.
    """

    name: str
    reason: str
    where: str
    format: str = ""
    recording: Recording | None = None


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a file or a folder holds.

    Attributes:
      recordings: those that can be used, by path and by person.
      refused: those that cannot.
      unread: what else the folder holds, each with the reason in a few words.
    """

    recordings: list[Recording]
    refused: list[Refusal]
    unread: list[str]


def read(
    path: str | os.PathLike[str],
    *,
    layout: str | None = None,
    image_size: tuple[int, int] | None = None,
    fps: float | None = None,
    min_confidence: float = layouts.MIN_CONFIDENCE,
    person: int | None = None,
    estimate_missing: bool = False,
    force: bool = False,
    skeleton: str = "h36m_17",
) -> Reading:
    """Reads the recordings in a file, or in all files below a folder.

    One recording that cannot be used never stops the others: it becomes an entry of
    `refused`. The arguments are those of `Options`. What is None is taken from the
    files, the nearest `dataset.json`, or the video or image beside a file.

    Raises:
      JaxposeError: `path` does not exist, an argument has no meaning, or a
        `dataset.json` is damaged or has an unknown key.
    """
    options = Options(
        layout=layout,
        image_size=image_size,
        fps=fps,
        min_confidence=min_confidence,
        person=person,
        estimate_missing=estimate_missing,
        force=force,
        skeleton=skeleton,
    )
    if not isinstance(path, str | os.PathLike) or "\0" in os.fspath(path):
        raise JaxposeError(f"path is {shown(path)}; expected a file or a folder")
    return read_with(pathlib.Path(path), options)


def read_with(path: pathlib.Path, options: Options) -> Reading:
    """Does as `read`, with the arguments in one object."""
    options = options.checked()
    top = path.expanduser()
    files = read_detections(top)
    finder = SettingsFinder(top)
    finder.settings_of(str(top))  # a mistake there concerns every file
    found = files.detections
    folders = collections.Counter(finder.folder_of(each.where) for each in found)
    labels = names.unique([(each.name, each.where) for each in found])

    # Each video gives one recording per person, or one reason.
    usable: list[tuple[Recording, str]] = []
    refused: list[Refusal] = []
    for detections, name in zip(found, labels, strict=True):
        is_alone = folders[finder.folder_of(detections.where)] == 1
        try:
            settings = finder.settings_of(detections.where)
            media = finder.media_of(detections.where, detections.name, is_alone)
            video = videos.understand(detections, settings, media, options)
            people = videos.recordings_of(video, name, options)
        except JaxposeError as error:
            reason = one_line(error)
            refused.append(Refusal(name, reason, detections.where, detections.format))
            continue
        for recording in people:
            judged = judge(recording, options, better_layout=video.choice.better)
            if isinstance(judged, Refusal):
                refused.append(judged)
            else:
                usable.append((judged, detections.name))
    for where, reason in files.refused:
        refused.append(Refusal(pathlib.Path(where).stem, reason, where))
    recordings, twice = names.with_own_names(usable)
    for recording, reason in twice:
        refused.append(_refuse(recording, reason))
    return Reading(recordings, refused, files.unread)


def why_nothing(source: pathlib.Path, reading: Reading) -> str:
    """Returns the message for a source without a recording that can be used."""
    if len(reading.refused) == 1:
        return reading.refused[0].reason
    reasons = [refusal.reason for refusal in reading.refused]
    reasons = reasons or [f"not read: {unread}" for unread in reading.unread]
    found = "; ".join(reasons[:3]) or "it is empty"
    more = f"; and {len(reasons) - 3} more" if len(reasons) > 3 else ""
    if not reading.refused:
        more += f"; {ALWAYS_READ}"
    return f"{source} holds no recording that can be used: {found}{more}"


def judge(
    recording: Recording, options: Options, better_layout: str | None = None
) -> Recording | Refusal:
    """Returns the recording with its warnings, or a refusal where it is worthless.

    Args:
      recording: a person in a video.
      options: joints of the model, and whether implausible recordings are kept.
      better_layout: joint order that fits better than the one stated, or None.
    """
    try:
        own = model_joints(recording, options.skeleton, options.estimate_missing)
        keypoints_2d, seen = model_joints(recording, "h36m_17", estimate_missing=True)
        positions_3d = positions_as(recording, "h36m_17")
    except JaxposeError as error:
        return _refuse(recording, one_line(error))
    doubts = plausibility.check(
        keypoints_2d,
        seen,
        recording.camera.image_size,
        recording.rate,
        positions_3d=positions_3d,
        intrinsics=recording.camera.intrinsics,
        layout=recording.layout,
        better_layout=better_layout,
    )
    if recording.person > 1:
        # Somebody in the background is small, whatever the size of the image.
        doubts = [doubt for doubt in doubts if doubt.kind != "small"]
    grave = [doubt.sentence for doubt in doubts if doubt.severity == "refuse"]
    if grave and not options.force:
        reason = " ".join([f"{recording.where}: {grave[0]}", *grave[1:]])
        return _refuse(recording, reason)
    warnings = [doubt.sentence for doubt in doubts]
    warnings += _about_rare_joints(own[1], options.skeleton)
    return dataclasses.replace(recording, warnings=(*recording.warnings, *warnings))


def _about_rare_joints(seen: np.ndarray, skeleton: str) -> list[str]:
    """Returns a sentence about joints that hardly any frame shows, if there are some.

    Args:
      seen: `[F, J2]` bool, joints of `skeleton`.
      skeleton: name of the model's joints.
    """
    counts = seen.sum(axis=0)
    frames = int(seen.any(axis=1).sum())
    is_rare = (counts > 0) & (counts < _RARE * frames)
    if not is_rare.any():
        return []
    names = get_skeleton(skeleton).joints
    rare = [names[joint] for joint in np.flatnonzero(is_rare)]
    most = int(counts[is_rare].max())
    at_most = "at most " if len(rare) > 1 else ""
    return [
        f"{', '.join(rare)} {'are' if len(rare) > 1 else 'is'} seen in {at_most}{most} "
        f"of {frames} frames ({100 * most / frames:.0f} %): the other frames repeat "
        "these places and are masked; choose a part that shows the whole person, or "
        "lower --min_confidence"
    ]


def _refuse(recording: Recording, reason: str) -> Refusal:
    """Returns the refusal of a recording that was understood."""
    return Refusal(recording.name, reason, recording.where, recording.format, recording)


def model_joints(
    recording: Recording, skeleton: str, estimate_missing: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Converts a recording to the joints of a model, without a hole.

    Args:
      recording: a person in a video.
      skeleton: joints of the model.
      estimate_missing: whether a joint that is never seen is estimated.

    Returns:
      `[F, J2, 2]` pixels, and `[F, J2]` bool: whether the joint was seen.

    Raises:
      JaxposeError: there is no conversion, or a joint is never seen. The message names
        the file.
    """
    try:
        converted = joints.to_model_joints(
            recording.keypoints_2d, recording.layout, skeleton
        )
        return joints.fill_in(converted, recording.frames, estimate_missing, skeleton)
    except JaxposeError as error:
        raise JaxposeError(f"{recording.where}: {error}") from None


def positions_as(recording: Recording, skeleton: str) -> np.ndarray | None:
    """Returns the user's own 3D in the joints of `skeleton`, `[F, J, 3]` metres.

    Raises:
      JaxposeError: there is no conversion. The message names the file.
    """
    if recording.positions_3d is None:
        return None
    try:
        return np.asarray(
            convert_joints(recording.positions_3d, recording.skeleton, skeleton)
        )
    except JaxposeError as error:
        raise JaxposeError(f"{recording.where}: {error}") from None
