"""Reads the detections that VideoPose3D's inference writes with Detectron2.

VideoPose3D at 1afb1ca (inference/infer_video_d2.py, and infer_video.py with
Detectron): an npz per video; `boxes[f][1]` [P, 5] left, top, right, bottom, score;
`keypoints[f][1]` [P, 4, 17] x, y, logit, probability, which is the height of a peak in
a heat map that sums to 1; `metadata` {"w", "h"}. Frames without people have empty
lists. COCO's 17 joints.
"""

from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat
from jaxpose.recordings.poses import Person
from jaxpose.wording import shown


def _recognises(content: Content) -> bool:
    """Returns whether a content has boxes and keypoints per frame."""
    if content.kind != "arrays" or not {"boxes", "keypoints"} <= set(content.value):
        return False
    boxes, keypoints = content.value["boxes"], content.value["keypoints"]
    arrays = isinstance(boxes, np.ndarray) and isinstance(keypoints, np.ndarray)
    return (
        arrays and boxes.ndim >= 1 and keypoints.ndim >= 2 and keypoints.shape[1] == 2
    )


def _read(content: Content) -> list[Detections]:
    """Returns the video in a file."""
    metadata = content.value.get("metadata")
    collector = Collector(content.stem, content.where, "detectron2")
    boxes, keypoints = content.value["boxes"], content.value["keypoints"]
    for frame, classes in enumerate(keypoints):
        where = f"{content.where}: keypoints[{frame}]"
        poses = _poses(classes[1], where)
        corners = _corners(boxes, frame, len(poses))
        people = []
        for pose, box in zip(poses, corners, strict=True):
            people.append(Person(pose.T, box=box))
        collector.add(frame, people)
    size = None
    if isinstance(metadata, dict) and {"w", "h"} <= set(metadata):
        size = (int(metadata["w"]), int(metadata["h"]))
    return [collector.finish(layout="coco_17", image_size=size)]


def _poses(value: Any, where: str) -> np.ndarray:
    """Returns `[P, 3, 17]` x, y and probability of the people in a frame.

    Raises:
      JaxposeError: the array has another shape.
    """
    if np.size(value) == 0:
        return np.empty((0, 3, 17))
    poses = np.asarray(value)
    if poses.ndim != 3 or poses.shape[1:] != (4, 17) or poses.dtype.kind not in "fiu":
        raise JaxposeError(
            f"{where}: expected an array [people, 4, 17] of x, y, logit and "
            f"probability, found {list(poses.shape) or shown(value)}"
        )
    return poses[:, [0, 1, 3]].astype(np.float64)


def _corners(boxes: np.ndarray, frame: int, people: int) -> list[Any]:
    """Returns left, top, width, height of each person in a frame, or None for each."""
    try:
        corners = np.array(boxes[frame][1], np.float64)[:, :4]
    except (IndexError, TypeError, ValueError):
        return [None] * people
    if len(corners) != people:
        return [None] * people
    corners[:, 2:] -= corners[:, :2]
    return list(corners)


VIDEO = VideoFormat("detectron2", _recognises, _read)
