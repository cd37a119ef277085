"""Reads the predictions of MMPose.

MMPose 1.3 (mmpose/structures/utils.py, `split_instances`): a person is {"keypoints":
[[x, y], ...], "keypoint_scores": [s, ...], "bbox": [[left, top, right, bottom]]}.
demo/topdown_demo_with_mmdet.py writes {"meta_info", "instance_info": [{"frame_id",
"instances": [person]}]}, frame_id from 1; `MMPoseInferencer` writes the inner list for
a video, frame_id from 0, and a list of people in a file per image. A list of lists of
people is what its call returns.
"""

from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, corners_to_box, with_named_joints
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import (
    FrameFormat,
    VideoFormat,
    about_video,
    first,
    frames_by_name,
    is_number,
    numbers_of,
    read_named,
)
from jaxpose.recordings.formats.beside import (
    in_named_order,
    other_score_key,
    scores_under,
)
from jaxpose.recordings.poses import Person
from jaxpose.wording import cut, shown

# Keys of a frame that hold its people. MMPose writes `instances`.
_PEOPLE_KEYS = (
    *("instances", "people", "persons", "predictions", "poses", "detections", "bodies"),
)


def _is_person(value: Any) -> bool:
    """Returns whether a value is a person of MMPose, whose joints are lists."""
    keypoints = value.get("keypoints") if isinstance(value, dict) else None
    if not isinstance(keypoints, list) or not keypoints:
        return False
    joint = next((joint for joint in keypoints if joint), None)
    return isinstance(joint, list) and all(map(is_number, joint))


def _people_of(frame: Any) -> Any:
    """Returns the list of people in a frame: the frame itself, or one of its keys."""
    if isinstance(frame, dict):
        key = next((key for key in _PEOPLE_KEYS if key in frame), None)
        if key is not None:
            return _people_of(frame[key])
    # The inferencer's call returns the people of each image of a batch of one.
    if isinstance(frame, list) and len(frame) == 1 and isinstance(frame[0], list):
        return _people_of(frame[0])
    return [frame] if _is_person(frame) else frame


def _frames_of(content: Content) -> Any:
    """Returns the list of frames in a content, or the dict by name, or None."""
    if content.kind != "json":
        return None
    value = content.value
    if isinstance(value, dict):
        keys = ("instance_info", "predictions", "frames")
        key = next((key for key in keys if key in value), None)
        value = value if key is None else value[key]
        # The first two may hold the people of one image.
        if key in keys[:2] and isinstance(value, list) and _is_person(first(value)):
            value = [value]
    return value if isinstance(value, list | dict) else None


def _is_video(content: Content) -> bool:
    """Returns whether a file holds a list of frames of people."""
    frames = _frames_of(content)
    if not frames:
        return isinstance(content.value, dict) and "instance_info" in content.value
    entries = frames.values() if isinstance(frames, dict) else frames
    with_people = (first(_people_of(frame)) for frame in entries)
    person = next((person for person in with_people if person is not None), None)
    is_image = isinstance(content.value, list) and _is_person(first(frames))
    return _is_person(person) and not is_image


def _is_frame(content: Content) -> bool:
    """Returns whether a file holds a list of people."""
    people = content.value if isinstance(content.value, list) else None
    return content.kind == "json" and _is_person(first(people))


def _people(value: Any, where: str) -> list[Person]:
    """Returns the people in a list.

    Raises:
      JaxposeError: it is not as MMPose writes it.
    """
    if not isinstance(value, list):
        raise JaxposeError(f"{where}: expected a list of people, found {shown(value)}")
    people = []
    for person in value:
        keypoints = person.get("keypoints") if isinstance(person, dict) else None
        if not isinstance(keypoints, list):
            raise JaxposeError(
                f"{where}: expected a person with keypoints, found {shown(person)}"
            )
        scores = person.get("keypoint_scores", person.get("keypoints_scores"))
        if scores is None:
            scores = scores_under(person, other_score_key(person, keypoints))
        number = person.get("track_id", person.get("instance_id", person.get("id")))
        box = corners_to_box(person.get("bbox"))
        people.append(Person(keypoints, scores, number, box))
    return people


def _read_video(content: Content) -> list[Detections]:
    """Returns the videos in a file of frames."""
    frames = frames_by_name(_frames_of(content) or [])
    if isinstance(frames, dict):
        by_name = {}
        for name, frame in frames.items():
            by_name[name] = _people(
                _people_of(frame) or [], f"{content.where}: {cut(name)}"
            )
        videos = read_named(by_name, content, "mmpose", **about_video(content.value))
        return [_in_order(video, content.value) for video in videos]
    collector = Collector(content.stem, content.where, "mmpose")
    numbers, remarks = numbers_of(frames)
    collector.remarks.extend(remarks)
    for number, frame in zip(numbers, frames, strict=True):
        where = f"{content.where}: frame {number}"
        collector.add(number, _people(_people_of(frame) or [], where))
    found = collector.finish(**about_video(content.value))
    return [_in_order(found, content.value)]


def _in_order(detections: Detections, value: Any) -> Detections:
    """Returns the detections in the joint order that MMPose or a user states."""
    names = _joint_names(value)
    if names:
        return with_named_joints(detections, names)
    return in_named_order(detections, value)


def _joint_names(value: Any) -> list[str]:
    """Returns the names of the joints that `meta_info` states, or none."""
    info = value.get("meta_info") if isinstance(value, dict) else None
    names = info.get("keypoint_id2name") if isinstance(info, dict) else None
    if isinstance(names, dict):
        numbered = {key: name for key, name in names.items() if str(key).isdecimal()}
        names = [numbered[key] for key in sorted(numbered, key=int)]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return []
    return names


VIDEO = VideoFormat("mmpose", _is_video, _read_video)
FRAMES = FrameFormat(
    "mmpose",
    _is_frame,
    lambda content: _people(content.value, content.where),
    is_list=True,
)
