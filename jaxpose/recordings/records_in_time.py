"""Tells a person's poses through time from the people of one image.

A list of people without the number of a frame may be either.
"""

import dataclasses
from typing import Literal

import numpy as np

from jaxpose.recordings.detections import Detections

MIN_POSES = 5  # of which fewer are the people of an image
# Distances between poses are in body sizes: the mean over the joints that both show.
_SAME_PERSON = 0.15  # to the nearest pose of the list; people of an image are apart
_MAX_STEP, _MAX_USUAL_STEP = 0.5, 0.25  # from a pose to the next one
_CROWD, _TOUCHING = 20, 0.5  # more people than this stand this far apart
_MAX_COMPARED = 300  # poses

ASSUMED = (
    "the records state no frame: they are taken for one person in frames 0, 1, 2, as "
    "each lies near the one before"
)


def meaning_of(detections: Detections) -> Literal["image", "person", "unknown"]:
    """Returns what a list of people without the number of a frame shows.

    Args:
      detections: the people, in the order of the list, all of one frame.

    Returns:
      "image": people of one image; "person": one person's motion; "unknown": the same
      people again and again, in an order that is not known.
    """
    if len(detections.keypoints) < MIN_POSES:
        return "image"
    xy = detections.keypoints[..., :2]
    known = np.isfinite(xy).all(axis=-1) & (xy != 0).any(axis=-1)
    xy = np.where(known[..., np.newaxis], xy, np.nan)
    highest = np.where(known[..., np.newaxis], xy, -np.inf).max(axis=1)
    lowest = np.where(known[..., np.newaxis], xy, np.inf).min(axis=1)
    extent = (highest - lowest).max(axis=1)
    size = np.median(extent[np.isfinite(extent)])
    if size == 0:
        return "unknown"  # all joints of most poses lie in one place
    steps = _distances(xy[1:], xy[:-1]) / size
    nearest = []
    for place in range(min(len(xy), _MAX_COMPARED)):
        others = np.delete(xy[:_MAX_COMPARED], place, axis=0)
        nearest.append(_distances(others, xy[place]).min() / size)
    near = float(np.median(nearest))

    is_smooth = np.quantile(steps, 0.95) < _MAX_STEP
    is_smooth = bool(is_smooth and np.median(steps) < _MAX_USUAL_STEP)
    is_crowd = len(xy) > _CROWD and near < _TOUCHING
    if near >= _SAME_PERSON and not is_crowd:
        return "image"
    return "person" if is_smooth else "unknown"


def _distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns `[N]`, the mean distance of the joints `[N, J, 2]` that both show."""
    lengths = np.linalg.norm(first - second, axis=-1)
    known = np.isfinite(lengths)
    count = known.sum(axis=1)
    mean = np.where(known, lengths, 0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.inf)


def in_time(detections: Detections) -> Detections:
    """Returns the poses of a list as those of one person in frames 0, 1, 2."""
    number = len(detections.keypoints)
    return dataclasses.replace(
        detections,
        frames=np.arange(number),
        ids=np.zeros(number, np.int64),
        num_frames=number,
        first_frame=0,
        remarks=(*detections.remarks, ASSUMED),
    )


def ask_for_frames(where: str, number: int) -> str:
    """Returns the sentence for a list that shows people again and again."""
    return (
        f"{where}: {number:,} records show the same people again and again, and none "
        'states its frame; write it beside each one\'s keypoints, such as "frame": 0, '
        'and "track_id" for the person'
    )
