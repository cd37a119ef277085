"""Reads the pose labels and the JSON of ultralytics YOLO.

ultralytics 8.3 (engine/results.py, `save_txt`): a file per frame with people, named
`{video}_{frame}.txt`, frames from 1, a line per person: class, box (centre, width,
height), then x, y and confidence of each joint, and with `save_conf` the confidence of
the box, with tracking the id; all but the last two are fractions of the image. A frame
without people has no file. Data sets for training have the same lines, with COCO's
flags in place of the confidence, or x and y alone. `summary` and `to_json`: a list of
{"name", "class", "confidence", "box": {"x1", "y1", "x2", "y2"}, "track_id",
"keypoints": {"x": [...], "y": [...], "visible": [...]}} per frame.
"""

from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, corners_to_box
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import (
    FrameFormat,
    VideoFormat,
    about_video,
    first,
    frames_by_name,
    numbers_of,
    read_named,
)
from jaxpose.recordings.joint_names import joint_counts
from jaxpose.recordings.poses import Person
from jaxpose.wording import cut, shown

_BOX_NUMBERS = 5  # class and box
_HEAD = 100_000  # characters by which a label is recognised
_MAX_LABEL = 2.0  # of a fraction of the image; joints outside of it are extrapolated
_FRAME_LISTS = ("frames", "results", "predictions", "detections", "data")
_PEOPLE_KEYS = ("results", "detections", "predictions", "people", "persons", "objects")


def _numbers(line: str) -> list[float] | None:
    """Returns the numbers of a line, or None if it holds anything else."""
    try:
        return [float(word) for word in line.split()]
    except ValueError:
        return None


def _shape(count: int) -> tuple[int, int, int] | None:
    """Returns joints, numbers per joint and numbers behind them of a line, or None.

    The number of numbers leaves several possibilities. COCO's 17 joints come first,
    then other known joint orders, each with fewest numbers behind them.
    """
    shapes = []
    for behind in (0, 1, 2):
        for channels in (3, 2):
            joints, rest = divmod(count - _BOX_NUMBERS - behind, channels)
            if rest == 0 and joints in joint_counts():
                shapes.append((joints != 17, behind, -channels, joints))
    if not shapes:
        return None
    _, behind, channels, joints = min(shapes)
    return joints, -channels, behind


def _is_label(content: Content) -> bool:
    """Returns whether a text is one of pose labels: class, box, joints."""
    if content.kind != "text":
        return False
    lines = [line for line in content.value[:_HEAD].splitlines() if line.strip()]
    # Boxes without joints may come first.
    numbers = next((n for n in map(_numbers, lines) if not _is_box(n)), None)
    if not numbers or _shape(len(numbers)) is None:
        return False
    is_class = numbers[0] >= 0 and numbers[0] % 1 == 0
    # Some forks write pixels, where only the numbers of an array may look alike.
    box = numbers[1:_BOX_NUMBERS]
    is_box = all(0 <= value <= _MAX_LABEL for value in box) or not _is_row(len(numbers))
    return is_class and is_box


def _is_box(numbers: list[float] | None) -> bool:
    """Returns whether numbers are class and box alone, with a confidence or an id."""
    if numbers is None or not _BOX_NUMBERS <= len(numbers) <= _BOX_NUMBERS + 2:
        return False
    is_class = numbers[0] >= 0 and numbers[0] % 1 == 0
    return is_class and all(0 <= value <= 1 for value in numbers[1:_BOX_NUMBERS])


def is_boxes(content: Content) -> bool:
    """Returns whether a text is one of labels of boxes alone."""
    if content.kind != "text" or len(content.value) > _HEAD:
        return False
    lines = [line for line in content.value.splitlines() if line.strip()]
    return bool(lines) and all(_is_box(_numbers(line)) for line in lines)


def _is_row(count: int) -> bool:
    """Returns whether so many numbers are the joints of a pose, and nothing else."""
    return any(
        count % channels == 0 and count // channels in joint_counts()
        for channels in (2, 3)
    )


def _label_people(content: Content) -> list[Person]:
    """Returns the people in a file of labels.

    Raises:
      JaxposeError: a line is not as ultralytics writes it.
    """
    people = []
    for index, line in enumerate(content.value.splitlines(), 1):
        if not line.strip():
            continue
        numbers = _numbers(line)
        if _is_box(numbers):
            continue
        shape = _shape(len(numbers)) if numbers else None
        if numbers is None or shape is None:
            raise JaxposeError(
                f"{content.where}: line {index}: expected class, box and the "
                f"numbers of each joint, found {shown(line)}"
            )
        people.append(_label_person(numbers, shape))
    return people


def _label_person(numbers: list[float], shape: tuple[int, int, int]) -> Person:
    """Returns the person of a line."""
    joints, channels, behind = shape
    x, y, width, height = numbers[1:_BOX_NUMBERS]
    end = _BOX_NUMBERS + joints * channels
    keypoints = np.reshape(numbers[_BOX_NUMBERS:end], (joints, channels))
    # One number behind the joints is a confidence, unless it is a whole number: an id.
    last = numbers[-1]
    is_id = behind == 2 or (behind == 1 and last % 1 == 0 and last >= 1)
    box = [x - width / 2, y - height / 2, width, height]
    return Person(keypoints.tolist(), number=last if is_id else None, box=box)


def _is_person(value: Any) -> bool:
    """Returns whether a value is a person of `summary`."""
    keypoints = value.get("keypoints") if isinstance(value, dict) else None
    return isinstance(keypoints, dict) and {"x", "y"} <= set(keypoints)


def _people_of(frame: Any) -> Any:
    """Returns the list of people in a frame: the frame itself, or one of its keys."""
    if isinstance(frame, dict):
        for key in _PEOPLE_KEYS:
            if isinstance(frame.get(key), list):
                return frame[key]
    return frame


def _people(value: Any, where: str) -> list[Person]:
    """Returns the people in a list.

    Raises:
      JaxposeError: it is not as ultralytics writes it.
    """
    if not isinstance(value, list):
        raise JaxposeError(f"{where}: expected a list of people, found {shown(value)}")
    people = []
    for person in value:
        if not _is_person(person):
            # A detector finds other things than people as well.
            if isinstance(person, dict) and "keypoints" not in person:
                continue
            raise JaxposeError(
                f"{where}: expected a person with keypoints x and y, found "
                f"{shown(person)}"
            )
        joints = person["keypoints"]
        try:
            keypoints = list(map(list, zip(joints["x"], joints["y"], strict=True)))
        except (TypeError, ValueError):
            raise JaxposeError(
                f"{where}: expected as many x as y, found {shown(joints)}"
            ) from None
        box = person.get("box")
        corners = None
        if isinstance(box, dict):
            corners = [box.get(key) for key in ("x1", "y1", "x2", "y2")]
        scores = joints.get("visible", joints.get("confidence"))
        number = person.get("track_id")
        people.append(Person(keypoints, scores, number, corners_to_box(corners)))
    return people


def _frames_of(content: Content) -> Any:
    """Returns the list of frames in a content, or the dict by name, or None."""
    value = content.value if content.kind == "json" else None
    if isinstance(value, dict):
        key = next((key for key in _FRAME_LISTS if key in value), None)
        value = value if key is None else value[key]
    return value if isinstance(value, list | dict) else None


def _is_video(content: Content) -> bool:
    """Returns whether a file holds frames of people."""
    frames = _frames_of(content)
    if not frames:
        return False
    entries = frames.values() if isinstance(frames, dict) else frames
    with_people = (first(_people_of(frame)) for frame in entries)
    return _is_person(next((person for person in with_people if person), None))


def _read_video(content: Content) -> list[Detections]:
    """Returns the videos in a file of frames."""
    frames = frames_by_name(_frames_of(content))
    stated = about_video(content.value)
    if isinstance(frames, dict):
        by_name = {}
        for name, frame in frames.items():
            by_name[name] = _people(_people_of(frame), f"{content.where}: {cut(name)}")
        return read_named(by_name, content, "ultralytics", units="either", **stated)
    collector = Collector(content.stem, content.where, "ultralytics")
    numbers, remarks = numbers_of(frames)
    collector.remarks.extend(remarks)
    for number, frame in zip(numbers, frames, strict=True):
        where = f"{content.where}: frame {number}"
        collector.add(number, _people(_people_of(frame), where))
    return [collector.finish(units="either", **stated)]


LABELS = FrameFormat(
    "ultralytics labels",
    _is_label,
    _label_people,
    units="either",
    absent_is_missing=False,
)
FRAMES = FrameFormat(
    "ultralytics",
    lambda content: (
        isinstance(content.value, list) and _is_person(first(content.value))
    ),
    lambda content: _people(content.value, content.where),
    units="either",
    is_list=True,
)
VIDEO = VideoFormat("ultralytics", _is_video, _read_video)
