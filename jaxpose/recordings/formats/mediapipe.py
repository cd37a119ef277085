"""Reads landmarks, objects with x and y: MediaPipe, BlazePose, MoveNet, PoseNet.

MediaPipe 0.10 writes no file itself; its results are dumped as they are: per frame a
list of 33 {"x", "y", "z", "visibility"} (tasks: `landmarks`, per person; solutions:
`pose_landmarks` or `poseLandmarks`, protobuf: {"landmark": [...]}), x and y as
fractions of the image. `world_landmarks` are metres around the hip, and not keypoints.
TensorFlow.js pose-detection 2.1 has {"keypoints": [{"x", "y", "score", "name"}],
"keypoints3D"} in pixels, and ml5/PoseNet {"part", "position": {"x", "y"}, "score"}.
"""

import dataclasses
import operator
from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, with_named_joints
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import (
    FRAME_KEYS,
    FrameFormat,
    VideoFormat,
    about_video,
    first,
    frames_by_name,
    is_number,
    numbers_of,
    read_named,
)
from jaxpose.recordings.joint_names import find_layout
from jaxpose.recordings.poses import Person
from jaxpose.wording import cut, shown

# Keys of a frame that hold its poses, and keys of a file that hold its frames.
_POSE_KEYS = (
    *("pose_landmarks", "poseLandmarks", "landmarks", "landmark", "keypoints"),
    *("poses", "pose", "people", "persons"),
)
_FRAME_LISTS = ("frames", "data", "results", "predictions")
_FRAMES_OR_PEOPLE = ("landmarks", "pose_landmarks", "poseLandmarks", "poses")
_SCORES = ("visibility", "score", "confidence", "likelihood", "presence")
_NAMES = ("name", "part", "label", "joint")

_MIN_POINTS = 6  # fewer are no body
_MAX_PEOPLE = 20  # of one frame; more are frames of one person

WORLD = "world landmarks, metres around the hips, are left out"


def _point(value: Any) -> list[float] | None:
    """Returns x, y and confidence of a landmark, or None if it is none."""
    if isinstance(value, dict):
        place = value.get("position", value)
        if not isinstance(place, dict) or "x" not in place or "y" not in place:
            return None
        # MediaPipe has a visibility in every landmark, other tools a score.
        for key in _SCORES:
            if key in value:
                return [place["x"], place["y"], value[key]]
        return [place["x"], place["y"], 1.0]
    is_list = isinstance(value, list) and len(value) == 4
    if is_list and all(map(is_number, value)):
        return [value[0], value[1], value[3]]
    return None


def _named_point(value: Any) -> list[float] | None:
    """Returns x, y and confidence of a landmark that has a name, or None.

    Beside a name, two or three numbers of a list can only be these.
    """
    is_list = isinstance(value, list) and len(value) in (2, 3)
    if is_list and all(map(is_number, value)):
        return [*value, 1.0][:3]
    return _point(value)


def _is_pose(value: Any) -> bool:
    """Returns whether a value is a list of landmarks, or a dict of them by joint."""
    if not isinstance(value, dict | list) or len(value) < _MIN_POINTS:
        return False
    if isinstance(value, list):
        return _point(first(value)) is not None
    is_known = find_layout(list(map(str, value))) is not None
    return _point(first(value)) is not None or (
        is_known and _named_point(first(value)) is not None
    )


def _poses(value: Any) -> list[Any]:
    """Returns the poses in a frame: what looks like one, at any of the known places."""
    if _is_pose(value):
        return [value]
    if isinstance(value, dict):
        for key in _POSE_KEYS:
            if key in value:
                return _poses(value[key])
    if isinstance(value, list):
        return [pose for entry in value for pose in _poses(entry)]
    return []


def _has_world(frame: Any) -> bool:
    """Returns whether a frame has world landmarks beside those in the image."""
    keys = list(frame) if isinstance(frame, dict) else []
    return any("world" in key.lower() or key == "keypoints3D" for key in keys)


def _person(pose: Any, where: str) -> Person:
    """Returns the person of a pose.

    Raises:
      JaxposeError: an entry is no landmark.
    """
    values = list(pose.values()) if isinstance(pose, dict) else pose
    points = _points_of_same_keys(values)
    if points is not None:
        return Person(points)
    read = _named_point if isinstance(pose, dict) else _point
    points = [read(value) for value in values]
    for value, point in zip(values, points, strict=True):
        if point is None and value is not None:
            raise JaxposeError(
                f"{where}: expected a landmark with x and y, found {shown(value)}"
            )
    return Person(points)


def _points_of_same_keys(values: list[Any]) -> list[Any] | None:
    """Returns x, y and score of landmarks that all have the keys of the first, or None.

    This is as `_point` reads them, and takes a third of the time.
    """
    keys = values[0] if isinstance(values[0], dict) else {}
    score = next((key for key in _SCORES if key in keys), None)
    if score is None or "position" in keys:
        return None
    try:
        return list(map(operator.itemgetter("x", "y", score), values))
    except (KeyError, TypeError):
        return None


def _names_of(pose: Any) -> list[str]:
    """Returns the names of the joints of a pose, empty where it has none."""
    if isinstance(pose, dict):
        return [str(name) for name in pose]
    names = []
    for value in pose:
        known = value if isinstance(value, dict) else {}
        name = next((known[key] for key in _NAMES if key in known), None)
        if not isinstance(name, str):
            return []
        names.append(name)
    return names


def _frame_list(content: Content) -> Any:
    """Returns the list or dict of frames in a content, or None if it is one frame."""
    value = content.value
    if content.kind != "json" or _is_pose(value):
        return None
    if isinstance(value, dict):
        for key in (*_FRAME_LISTS, *_FRAMES_OR_PEOPLE):
            frames = value.get(key)
            if isinstance(frames, list) and frames and not _is_pose(frames):
                is_list = key in _FRAME_LISTS or _are_frames(frames)
                return frames if is_list else None
        if any(key in value for key in _POSE_KEYS) or _has_world(value):
            return None
    return value


def _are_frames(entries: list[Any]) -> bool:
    """Returns whether the entries are frames, and not the people of one frame."""
    entry = first(entries)
    is_numbered = isinstance(entry, dict) and any(key in entry for key in FRAME_KEYS)
    is_people = isinstance(entry, list) and not _is_pose(entry)
    return is_numbered or is_people or len(entries) > _MAX_PEOPLE


def _first_pose(frames: Any) -> Any:
    """Returns the first pose in a list or dict of frames, or None."""
    entries = frames.values() if isinstance(frames, dict) else frames
    for frame in entries:
        poses = _poses(frame)
        if poses:
            return poses[0]
        # Frames of another format need no look at all of them.
        is_empty = not frame or _has_world(frame) or isinstance(frame, dict)
        if not is_empty:
            return None
    return None


def _is_video(content: Content) -> bool:
    """Returns whether a file holds frames of landmarks."""
    frames = _frame_list(content)
    if not isinstance(frames, list | dict) or not frames:
        return False
    return _first_pose(frames) is not None or _has_world(first(frames))


def _is_frame(content: Content) -> bool:
    """Returns whether a file holds the landmarks of one frame."""
    if content.kind != "json" or _frame_list(content) is not None:
        return False
    has_key = isinstance(content.value, dict) and (
        any(key in content.value for key in _POSE_KEYS[:4])
    )
    is_empty = has_key and not any(content.value.get(key) for key in _POSE_KEYS)
    return bool(_poses(content.value)) or _has_world(content.value) or is_empty


def _people(content: Content) -> list[Person]:
    """Returns the people in the file of one frame."""
    return _people_in(content.value, content.where)


def _people_in(frame: Any, where: str) -> list[Person]:
    """Returns the people in a frame.

    Raises:
      JaxposeError: the frame has world landmarks only.
    """
    poses = _poses(frame)
    has_own = isinstance(frame, dict) and any(key in frame for key in _POSE_KEYS)
    if not poses and _has_world(frame) and not has_own:
        raise JaxposeError(
            f"{where}: these are world landmarks only, in metres around the hips; "
            "export the landmarks in the image (`pose_landmarks`)"
        )
    return [_person(pose, where) for pose in poses]


def _read_video(content: Content) -> list[Detections]:
    """Returns the videos in a file of frames."""
    frames = frames_by_name(_frame_list(content))
    stated = about_video(content.value)
    if isinstance(frames, dict):
        by_name = {}
        for name, frame in frames.items():
            by_name[name] = _people_in(frame, f"{content.where}: {cut(name)}")
        found = read_named(by_name, content, "mediapipe", units="either", **stated)
        frames = list(frames.values())
    else:
        collector = Collector(content.stem, content.where, "mediapipe")
        numbers, remarks = numbers_of(frames)
        collector.remarks.extend(remarks)
        for number, frame in zip(numbers, frames, strict=True):
            where = f"{content.where}: frame {number}"
            collector.add(number, _people_in(frame, where))
        found = [collector.finish(units="either", **stated)]
    remarks = (WORLD,) if any(map(_has_world, frames)) else ()
    names = _names_of(_first_pose(frames))
    named = []
    for detections in found:
        extended = (*detections.remarks, *remarks)
        detections = dataclasses.replace(detections, remarks=extended)
        named.append(with_named_joints(detections, names))
    return named


VIDEO = VideoFormat("mediapipe", _is_video, _read_video)
FRAMES = FrameFormat("mediapipe", _is_frame, _people, units="either")
