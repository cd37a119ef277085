"""Collects the people of a video, frame by frame, into arrays."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.content import cut, shown
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.frame_names import frame_numbers

# Pixels of a person spread further than this, fractions of an image do not.
_MAX_FRACTION = 2.0
_MAX_LABEL = 100  # characters of the name of an image in a message
# Ids that occur twice in more of the frames than this share identify nobody.
_MAX_SHARE_OF_TWINS = 0.05

NORMALISED = "x and y are fractions of the image, as the tool writes them"
REPEATED_IDS = "the person numbers repeat within frames, so they are not used"


class Person(NamedTuple):
    """One person in one frame, as a file gives it.

    Attributes:
      keypoints: `[J, 2 or 3]` lists, or the same numbers in one flat list.
      scores: `[J]` or `[J, 1]` confidences where they are apart from `keypoints`.
      number: of the person in the file, a number or a name.
      box: left, top, width, height.
    """

    keypoints: Any
    scores: Any = None
    number: Any = None
    box: Any = None


class Collector:
    """Collects the people of one video, as they are read.

    Attributes:
      name: of the video.
      where: the file or folder, for messages.
      format: name of the format.
      remarks: sentences for the user.
    """

    def __init__(self, name: str, where: str, format: str, channels: int = 3):
        """Starts without frames.

        Args:
          name: of the video.
          where: the file or folder, for messages.
          format: name of the format.
          channels: numbers per joint where keypoints are flat lists.
        """
        self.name = name
        self.where = where
        self.format = format
        self.remarks: list[str] = []
        self._channels = channels
        self._numbers: list[int] = []  # of the frames
        self._labels: list[str] = []  # of the frames, for messages
        self._rows: list[int] = []  # place of each person's frame in `_numbers`
        self._people: list[Person] = []

    def add(self, number: int, people: Iterable[Person], label: str = "") -> None:
        """Adds a frame and the people in it.

        Args:
          number: of the frame in the source.
          people: none, where nobody was detected.
          label: the file or image of the frame, for messages.
        """
        self._numbers.append(number)
        self._labels.append(cut(label, _MAX_LABEL) or f"frame {number}")
        for person in people:
            if _has_numbers(person.keypoints):
                self._rows.append(len(self._numbers) - 1)
                self._people.append(person)

    def finish(
        self,
        *,
        units: Literal["pixels", "fractions", "either"] = "pixels",
        absent_is_missing: bool = False,
        **stated: Any,
    ) -> Detections:
        """Returns the detections of the video.

        Args:
          units: of x and y; "either" where the format allows both.
          absent_is_missing: whether frames that were not added are ones that the source
            says nothing about.
          **stated: further fields of `Detections`.

        Raises:
          JaxposeError: nobody was detected, or keypoints are not as expected.
        """
        if not self._people:
            raise JaxposeError(nobody(self.where, len(self._numbers)))
        numbers, remarks = frame_numbers(self._numbers)
        label_of = [self._labels[row] for row in self._rows]
        keypoints = _keypoints(self._people, self._channels, self.where, label_of)
        require_somebody(keypoints, self.where)
        frames = np.array(numbers, np.int64)[self._rows]
        ids, about_ids = _ids([person.number for person in self._people], frames)

        # Frames in order, and people of a frame in the order of the file.
        order = np.argsort(frames, kind="stable")
        missing: Sequence[int] = ()
        if absent_is_missing:
            missing = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers))
        normalised = units == "fractions" or (
            units == "either" and are_fractions(keypoints)
        )
        about_units = (NORMALISED,) if normalised else ()
        return Detections(
            name=self.name,
            where=self.where,
            format=self.format,
            keypoints=keypoints[order],
            frames=frames[order],
            ids=ids[order],
            boxes=_boxes([person.box for person in self._people])[order],
            num_frames=max(numbers) - min(numbers) + 1,
            first_frame=min(numbers),
            missing_frames=tuple(missing),
            normalised=normalised,
            remarks=(*self.remarks, *remarks, *about_ids, *about_units),
            **stated,
        )


def nobody(where: str, num_frames: int) -> str:
    """Returns the sentence for a file without people."""
    count = f" in {num_frames:,} frames" if num_frames else ""
    return (
        f"{where}: nobody was detected{count}; check the detector's threshold and that "
        "it was given the right video"
    )


def are_fractions(keypoints: np.ndarray) -> bool:
    """Returns whether x and y are so small that they cannot be pixels of a person."""
    values = keypoints[..., :2]
    seen = values[np.isfinite(values) & (values != 0)]
    return len(seen) > 0 and float(np.percentile(np.abs(seen), 95)) <= _MAX_FRACTION


def _has_numbers(keypoints: Any) -> bool:
    """Returns whether the keypoints of a person are not just an empty list."""
    if isinstance(keypoints, list | tuple | np.ndarray):
        return len(keypoints) > 0
    return keypoints is not None


def _keypoints(
    people: list[Person], channels: int, where: str, labels: list[str]
) -> np.ndarray:
    """Returns `[D, J, 2 or 3]` float64, NaN for null.

    Raises:
      JaxposeError: the keypoints of a person are no list of numbers, or have another
        number of joints than those before.
    """

    def place(row: int) -> str:
        return f"{where}: {labels[row]}"

    keypoints = stack([person.keypoints for person in people], channels, place)
    if all(person.scores is None for person in people):
        return keypoints
    if keypoints.shape[-1] != 2:
        raise JaxposeError(
            f"{place(0)}: keypoints have {keypoints.shape[-1]} numbers per joint "
            "beside their scores: these are 3D poses; expected 2D keypoints in pixels"
        )
    joints = keypoints.shape[1]
    listed = []
    for row, person in enumerate(people):
        own = _joint_scores(person.scores, joints, place(row))
        if len(own) != joints:
            raise JaxposeError(
                f"{place(row)}: {len(own)} scores for {joints} joints; expected one "
                "per joint"
            )
        listed.append(own)
    scores = stack(listed, 1, place)
    return np.concatenate([keypoints, scores], axis=-1)


def _joint_scores(scores: Any, joints: int, where: str) -> Any:
    """Returns the scores of a person as one list, null where they are not given.

    Raises:
      JaxposeError: they are no list.
    """
    if scores is None:
        return [None] * joints
    if not isinstance(scores, list | np.ndarray):
        raise JaxposeError(f"{where}: expected a list of scores, found {shown(scores)}")
    # GAST-Net writes a list of one number per joint.
    flat = []
    for score in scores:
        is_nested = isinstance(score, list) and len(score) == 1
        flat.append(score[0] if is_nested else score)
    return flat


def stack(values: list[Any], channels: int, place: Callable[[int], str]) -> np.ndarray:
    """Returns `[D, J, C]` float64 of D flat or nested lists, NaN for null.

    Args:
      values: lists of J lists of C numbers, or flat lists of J times `channels`.
      channels: C of flat lists.
      place: returns the file and frame of a row, for messages.

    Raises:
      JaxposeError: a list holds other things than numbers, or has another length.
    """
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = _stack_slowly(values, channels, place)
    if array.ndim == 2 and array.shape[1] % channels == 0:
        array = array.reshape(len(array), -1, channels)
    if array.ndim != 3 or array.shape[1] == 0 or array.shape[2] > 4:
        raise JaxposeError(
            f"{place(0)}: expected {channels} numbers per joint, found "
            f"{list(array.shape[1:])} numbers per person"
        )
    return array


def _stack_slowly(
    values: list[Any], channels: int, place: Callable[[int], str]
) -> np.ndarray:
    """Returns `[D, J, C]` of lists in which joints are null, or finds the bad one."""
    poses: dict[int, np.ndarray] = {}
    for row, value in enumerate(values):
        if not _has_numbers(value):
            continue  # null for a whole pose
        pose = _pose(value, channels, place(row))
        first = next(iter(poses.values()), pose)
        if pose.shape != first.shape:
            raise JaxposeError(
                f"{place(row)}: {len(pose)} joints of {pose.shape[1]} numbers, where "
                f"{place(next(iter(poses))).rpartition(': ')[2]} has {len(first)} of "
                f"{first.shape[1]}; expected one joint order per video"
            )
        poses[row] = pose
    shape = next(iter(poses.values()), np.zeros((0, channels))).shape
    array = np.full((len(values), *shape), np.nan)
    for row, pose in poses.items():
        array[row] = pose
    return array


def _pose(value: Any, channels: int, where: str) -> np.ndarray:
    """Returns `[J, C]` of one person; null joints are NaN.

    Raises:
      JaxposeError: the lists hold other things than numbers, or have other lengths.
    """
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise JaxposeError(f"{where}: expected lists of numbers, found {shown(value)}")
    sizes = {len(joint) for joint in value if isinstance(joint, list | tuple) and joint}
    if len(sizes) > 1:
        raise JaxposeError(
            f"{where}: joints have {' and '.join(map(str, sorted(sizes)))} numbers; "
            "expected the same number for every joint"
        )
    size = sizes.pop() if sizes else 0
    joints = []
    for joint in value:
        is_null = size > 0 and (joint is None or joint == [])
        joints.append([None] * size if is_null else joint)
    try:
        pose = np.array(joints, np.float64)
    except (TypeError, ValueError, OverflowError):
        bad = next((joint for joint in joints if not _is_numbers(joint)), joints)
        raise JaxposeError(
            f"{where}: expected numbers for every joint, found {shown(bad)}"
        ) from None
    if pose.ndim == 1 and len(pose) % channels == 0:
        return pose.reshape(-1, channels)
    if pose.ndim != 2:
        raise JaxposeError(
            f"{where}: expected {channels} numbers per joint, found "
            f"{list(pose.shape)} numbers"
        )
    return pose


def _is_numbers(joint: Any) -> bool:
    """Returns whether a joint is a number, or a list of numbers."""
    try:
        return np.array(joint, np.float64).ndim <= 1
    except (TypeError, ValueError, OverflowError):
        return False


def _ids(numbers: list[Any], frames: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns `[D]` int: the person's number, -1 where there is none; and remarks.

    Names become numbers in the order in which they appear, from 1.
    """
    names: dict[str, int] = {}
    ids = np.full(len(numbers), -1, np.int64)
    for row, number in enumerate(numbers):
        # Trackers write 3, 3.0, [3.0] and [[3.0], [7.0]] (3, merged with 7).
        while isinstance(number, list) and number:
            number = number[0]
        if isinstance(number, str):
            number = names.setdefault(number, len(names) + 1) if number else -1
        if isinstance(number, int | float) and -1 < number < 2**53:
            ids[row] = int(number)

    # A number that two people of a frame have is no identity.
    known = ids >= 0
    pairs = np.stack([frames, ids], axis=1)[known]
    if len(pairs):
        counts = np.unique(pairs, axis=0, return_counts=True)[1]
        if (counts > 1).sum() > _MAX_SHARE_OF_TWINS * len(np.unique(frames)):
            return np.full(len(numbers), -1, np.int64), (REPEATED_IDS,)
    return ids, ()


def _boxes(boxes: list[Any]) -> np.ndarray:
    """Returns `[D, 4]`, NaN where a person has no box of four numbers."""
    result = np.full((len(boxes), 4), np.nan)
    for row, box in enumerate(boxes):
        try:
            result[row] = box
        except (TypeError, ValueError, OverflowError):
            result[row] = np.nan  # boxes only help to follow people
    return result


def corners_to_box(corners: Any) -> list[float] | None:
    """Returns left, top, width, height of left, top, right, bottom, or None."""
    # MMPose writes the box in a list of one.
    while isinstance(corners, list) and len(corners) == 1:
        corners = corners[0]
    try:
        left, top, right, bottom = (float(value) for value in corners[:4])
    except (TypeError, ValueError):
        return None
    return [left, top, right - left, bottom - top]


def detections_of_array(
    array: np.ndarray,
    name: str,
    where: str,
    format: str,
    first_frame: int = 0,
    **stated: Any,
) -> Detections:
    """Returns the detections of an array of one person, `[F, J, 2 or 3]`.

    Raises:
      JaxposeError: no number in it is a coordinate.
    """
    require_somebody(array, where)
    return Detections(
        name=name,
        where=where,
        format=format,
        keypoints=np.array(array, np.float64),
        frames=np.arange(len(array)) + first_frame,
        ids=np.zeros(len(array), np.int64),
        boxes=np.full((len(array), 4), np.nan),
        num_frames=len(array),
        first_frame=first_frame,
        **stated,
    )


def require_somebody(keypoints: np.ndarray, where: str) -> None:
    """Raises JaxposeError if no joint anywhere has a place: all NaN, or all zero."""
    xy = keypoints[..., :2]
    if len(keypoints) == 0:
        raise JaxposeError(nobody(where, 0))
    if not np.isfinite(xy).any():
        raise JaxposeError(
            f"{where}: every number is NaN: the tool found nobody, or wrote the file "
            "wrongly; write it again"
        )
    if not (np.isfinite(xy) & (xy != 0)).any():
        raise JaxposeError(nobody(where, len(keypoints)))


def with_joints(detections: Detections, columns: Sequence[int]) -> Detections:
    """Returns the detections with the joints `columns`, NaN for -1."""
    source = detections.keypoints
    keypoints = source[:, np.maximum(columns, 0)]
    keypoints[:, np.array(columns) < 0] = np.nan
    return dataclasses.replace(detections, keypoints=keypoints)
