"""Reads the JSON files of GAST-Net's samples, and of Kinetics-Skeleton.

GAST-Net at caff362 (data/keypoints/baseball_wholebody.json, tools/preprocess.py):
{"label", "data": [{"frame_index": n, "skeleton": [{"pose": [[x, y], ...], "score":
[[s], ...], "bbox": [left, top, right, bottom]}]}]}, frames from 1, pixels. Place k of
`skeleton` is the same person in all frames. ST-GCN's Kinetics-Skeleton has flat lists,
and fractions of the image.
"""

from typing import Any

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, corners_to_box
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat, first, frame_number
from jaxpose.recordings.poses import Person
from jaxpose.wording import shown


def _recognises(content: Content) -> bool:
    """Returns whether a content is a dict of frames of skeletons."""
    if content.kind != "json" or not isinstance(content.value, dict):
        return False
    frame = first(content.value.get("data"))
    return isinstance(frame, dict) and "skeleton" in frame


def _read(content: Content) -> list[Detections]:
    """Returns the video in a file.

    Raises:
      JaxposeError: a frame is not as GAST-Net writes it.
    """
    collector = Collector(content.stem, content.where, "gast-net", channels=2)
    for index, frame in enumerate(content.value["data"]):
        number = frame_number(frame, index)
        where = f"{content.where}: frame {number}"
        skeletons = frame.get("skeleton") if isinstance(frame, dict) else None
        if not isinstance(skeletons, list):
            raise JaxposeError(
                f"{where}: expected a list of skeletons, found {shown(skeletons)}"
            )
        people = []
        for place, skeleton in enumerate(skeletons):
            people.append(_person(skeleton, place, where))
        collector.add(number, people)
    return [collector.finish(units="either")]


def _person(skeleton: Any, place: int, where: str) -> Person:
    """Returns the person of a skeleton.

    Raises:
      JaxposeError: the skeleton has no pose.
    """
    pose = skeleton.get("pose") if isinstance(skeleton, dict) else None
    if not isinstance(pose, list):
        raise JaxposeError(
            f"{where}: expected a skeleton with a pose, found {shown(skeleton)}"
        )
    # Nobody at this place: the box is empty.
    if isinstance(skeleton.get("bbox"), list) and not skeleton["bbox"]:
        pose = []
    box = corners_to_box(skeleton.get("bbox"))
    return Person(pose, skeleton.get("score"), place, box)


VIDEO = VideoFormat("gast-net", _recognises, _read)
