"""Reads what AlphaPose writes.

AlphaPose master of 2022-11 (alphapose/utils/pPose_nms.py, `write_json`): a list with
one entry per person, {"image_id": "12.jpg", "keypoints": [x0, y0, c0, ...], "box":
[left, top, width, height], "idx": [id]}; `--format cmu`: a dict {"12.jpg": {"bodies":
[{"joints": [...]}]}} of 18 joints, and each entry as a file of its own in `sep-json`;
`--format open` has the keys of OpenPose. PoseFlow (tracker-general.py) writes a dict of
lists, {"12.jpg": [{"keypoints": [...], "idx": 1}]}. COCO's result list, which other
tools write too, has the same keys: {"image_id": 12, "category_id", "keypoints",
"score"}.
"""

import dataclasses
from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import (
    FrameFormat,
    VideoFormat,
    first,
    is_number,
    read_named,
)
from jaxpose.recordings.poses import Person
from jaxpose.wording import cut, shown


def _is_entry(value: Any) -> bool:
    """Returns whether a value is a person with a list of keypoints."""
    keypoints = value.get("keypoints") if isinstance(value, dict) else None
    if not isinstance(keypoints, list):
        return False
    return not keypoints or is_number(keypoints[0]) or isinstance(keypoints[0], list)


def _is_list(content: Content) -> bool:
    """Returns whether a file holds a list of people with the names of their images."""
    if content.kind != "json" or not isinstance(content.value, list):
        return False
    entry = first(content.value)
    return _is_entry(entry) and "image_id" in entry


def _person(entry: Any, where: str) -> Person:
    """Returns the person of an entry.

    Raises:
      JaxposeError: the entry is not as documented.
    """
    if not _is_entry(entry):
        raise JaxposeError(
            f"{where}: expected a person with a list of keypoints, found {shown(entry)}"
        )
    number = entry.get("idx", entry.get("track_id", entry.get("person_id")))
    return Person(
        entry["keypoints"], number=number, box=entry.get("box", entry.get("bbox"))
    )


def _read_list(content: Content) -> list[Detections]:
    """Returns the videos in a list of people, by the names of the images."""
    frames: dict[str, list[Person]] = {}
    for index, entry in enumerate(content.value):
        where = f"{content.where}: entry {index}"
        if not isinstance(entry, dict) or "image_id" not in entry:
            raise JaxposeError(
                f"{where}: expected a person with image_id, found {shown(entry)}"
            )
        frames.setdefault(str(entry["image_id"]), []).append(_person(entry, where))
    entry = first(content.value)
    is_coco = not {"box", "idx"} & set(entry) and isinstance(entry["image_id"], int)
    return _finish(frames, content, "coco results" if is_coco else "alphapose")


def _is_dict(content: Content) -> bool:
    """Returns whether a file holds a dict of lists of people."""
    if content.kind != "json" or not isinstance(content.value, dict):
        return False
    return _is_entry(first(first(content.value)))


def _read_dict(content: Content) -> list[Detections]:
    """Returns the videos in a dict of people, by the names of the images."""
    frames = {}
    for name, people in content.value.items():
        where = f"{content.where}: {cut(name)}"
        if not isinstance(people, list):
            raise JaxposeError(f"{where}: expected a list, found {shown(people)}")
        frames[name] = [_person(entry, where) for entry in people]
    return _finish(frames, content, "alphapose")


def _finish(
    frames: dict[str, list[Person]], content: Content, format: str
) -> list[Detections]:
    """Returns the videos, without the person numbers of a run without tracking."""
    found = []
    for detections in read_named(frames, content, format):
        # Without tracking every idx is 0.
        ids = detections.ids
        ids = ids if (ids > 0).any() else ids * 0 - 1
        found.append(dataclasses.replace(detections, ids=ids))
    return found


def _bodies(frame: Any, where: str) -> list[Person]:
    """Returns the people in a frame of `--format cmu`.

    Raises:
      JaxposeError: the frame is not as AlphaPose writes it.
    """
    bodies = frame.get("bodies") if isinstance(frame, dict) else None
    if not isinstance(bodies, list):
        raise JaxposeError(f"{where}: expected a list of bodies, found {shown(bodies)}")
    people = []
    for body in bodies:
        if not isinstance(body, dict) or not isinstance(body.get("joints"), list):
            raise JaxposeError(
                f"{where}: expected a body with joints, found {shown(body)}"
            )
        people.append(Person(body["joints"]))
    return people


def _is_cmu_frame(value: Any) -> bool:
    """Returns whether a value is a frame of `--format cmu`."""
    is_frame = isinstance(value, dict) and isinstance(value.get("bodies"), list)
    body = first(value["bodies"]) if is_frame else None
    return is_frame and (body is None or (isinstance(body, dict) and "joints" in body))


def _read_cmu(content: Content) -> list[Detections]:
    """Returns the videos in a file of `--format cmu`."""
    frames = {}
    for name, frame in content.value.items():
        frames[name] = _bodies(frame, f"{content.where}: {cut(name)}")
    return read_named(frames, content, "alphapose")


LIST = VideoFormat("alphapose", _is_list, _read_list)
DICT = VideoFormat("alphapose", _is_dict, _read_dict)
CMU = VideoFormat(
    "alphapose",
    lambda content: (
        isinstance(content.value, dict)
        and content.kind == "json"
        and _is_cmu_frame(first(content.value))
    ),
    _read_cmu,
)
CMU_FRAMES = FrameFormat(
    "alphapose",
    lambda content: content.kind == "json" and _is_cmu_frame(content.value),
    lambda content: _bodies(content.value, content.where),
    absent_is_missing=False,
)
