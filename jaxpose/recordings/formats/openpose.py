"""Reads what OpenPose's writer, and those who write as it does, write.

OpenPose 1.7 (doc/02_output.md): one JSON file per frame, {"version", "people":
[{"person_id": [n], "pose_keypoints_2d": [x0, y0, c0, x1, ...], ...}]}, joint order by
the number of joints. OpenPose 1.0 called the key `pose_keypoints`. Pose2Sim 0.9
(poseEstimation.py, `save_to_openpose`) writes the same files with the joint orders of
rtmlib, named `{video}_{frame:06d}.json`, and so do many callers of rtmlib. A list or a
dict of such frames in one file is read too.
"""

from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import (
    FrameFormat,
    VideoFormat,
    first,
    frame_number,
    read_named,
)
from jaxpose.recordings.poses import Person
from jaxpose.wording import cut, shown

_KEYS = ("pose_keypoints_2d", "pose_keypoints")


def _is_frame(value: Any) -> bool:
    """Returns whether a value is what the file of a frame holds."""
    if not isinstance(value, dict) or "people" not in value:
        return False
    # Frames without anybody are told by their other keys.
    person = first(value["people"])
    has_pose = isinstance(person, dict) and any(key in person for key in _KEYS)
    return has_pose or (
        person is None and set(value) <= {"people", "version", "part_candidates"}
    )


def _people_in(frame: Any, where: str) -> list[Person]:
    """Returns the people in a frame.

    Raises:
      JaxposeError: the frame is not as OpenPose writes it.
    """
    people = frame.get("people", 0) if isinstance(frame, dict) else 0
    people = [] if people is None else people
    if not isinstance(people, list):
        raise JaxposeError(f"{where}: expected a list of people, found {shown(people)}")
    found = []
    for person in people:
        keys = (
            [key for key in _KEYS if key in person] if isinstance(person, dict) else []
        )
        if not keys:
            raise JaxposeError(
                f"{where}: expected a person with {_KEYS[0]}, found {shown(person)}"
            )
        # OpenPose writes [-1] where it does not track.
        number = person.get("person_id")
        found.append(Person(person[keys[0]], number=number))
    return found


def _people(content: Content) -> list[Person]:
    """Returns the people in the file of a frame."""
    return _people_in(content.value, content.where)


def _is_video(content: Content) -> bool:
    """Returns whether a file holds a list, or a dict by image, of frames."""
    return content.kind == "json" and _is_frame(first(content.value))


def _read_video(content: Content) -> list[Detections]:
    """Returns the videos in a file of frames."""
    if isinstance(content.value, dict):
        frames: dict[str, list[Person]] = {}
        for name, frame in content.value.items():
            frames[name] = _people_in(frame, f"{content.where}: {cut(name)}")
        is_alphapose = "AlphaPose" in str(first(content.value).get("version"))
        tool = "alphapose" if is_alphapose else "openpose"
        return read_named(frames, content, tool)
    collector = Collector(content.stem, content.where, "openpose")
    for index, frame in enumerate(content.value):
        number = frame_number(frame, index)
        collector.add(number, _people_in(frame, f"{content.where}: frame {number}"))
    return [collector.finish()]


FRAMES = FrameFormat(
    "openpose",
    lambda content: content.kind == "json" and _is_frame(content.value),
    _people,
)
VIDEO = VideoFormat("openpose", _is_video, _read_video)
