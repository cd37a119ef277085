"""Collects the people of a video, frame by frame, into arrays."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.frame_names import frame_numbers
from jaxpose.recordings.joint_names import find_layout
from jaxpose.recordings.poses import Person, has_numbers, keypoints_of
from jaxpose.wording import cut

# Pixels of a person spread further than this, fractions of an image do not.
_MAX_FRACTION = 2.0
_MAX_LABEL = 100  # characters of the name of an image in a message
# Ids that occur twice in more of the frames than this share identify nobody.
_MAX_SHARE_OF_TWINS = 0.05

NORMALISED = "x and y are fractions of the image, as the tool writes them"
REPEATED_IDS = "the person numbers repeat within frames, so they are not used"


class NobodyError(JaxposeError):
    """A file or video in which nobody was detected."""


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
            if has_numbers(person.keypoints):
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
          NobodyError: nobody was detected.
          JaxposeError: keypoints are not as expected.
        """
        if not self._people:
            raise NobodyError(nobody(self.where, len(self._numbers)))
        numbers, remarks = frame_numbers(self._numbers)
        label_of = [self._labels[row] for row in self._rows]
        keypoints = keypoints_of(self._people, self._channels, self.where, label_of)
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
        frames=np.arange(len(array)),
        ids=np.zeros(len(array), np.int64),
        boxes=np.full((len(array), 4), np.nan),
        num_frames=len(array),
        **stated,
    )


def with_fractions(detections: Detections) -> Detections:
    """Returns the detections of a tool that writes fractions, marked if they are."""
    if detections.normalised or not are_fractions(detections.keypoints):
        return detections
    remarks = (*detections.remarks, NORMALISED)
    return dataclasses.replace(detections, normalised=True, remarks=remarks)


def require_somebody(keypoints: np.ndarray, where: str) -> None:
    """Raises NobodyError if no joint anywhere has a place: all NaN, or all zero."""
    xy = keypoints[..., :2]
    if len(keypoints) == 0:
        raise NobodyError(nobody(where, 0))
    if not np.isfinite(xy).any():
        raise NobodyError(
            f"{where}: every number is NaN: the tool found nobody, or wrote the file "
            "wrongly; write it again"
        )
    if not (np.isfinite(xy) & (xy != 0)).any():
        raise NobodyError(nobody(where, len(keypoints)))


def with_named_joints(detections: Detections, names: Sequence[str]) -> Detections:
    """Returns the detections in the joint order that the names of joints belong to.

    Joints of that order without a name are NaN. Names that belong to none are left out,
    which a remark says. Without names of a body the detections stay as they are.
    """
    found = find_layout(names)
    if found is None or len(names) != detections.keypoints.shape[1]:
        return detections
    columns = np.array(found.columns)
    keypoints = detections.keypoints[:, np.maximum(columns, 0)]
    keypoints[:, columns < 0] = np.nan
    remarks = detections.remarks
    if found.unknown:
        remarks = (*remarks, f"joints not read: {cut(', '.join(found.unknown[:10]))}")
    return dataclasses.replace(
        detections, keypoints=keypoints, layout=found.layout, remarks=remarks
    )
