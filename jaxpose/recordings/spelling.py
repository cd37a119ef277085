"""Spells keys and numbers of JSON as the formats do, where a file does not."""

import dataclasses
from typing import Any

from jaxpose.recordings.content import Content
from jaxpose.recordings.frame_times import plain_key

_KEYS = (
    *("keypoints", "keypoints_2d", "keypoint_scores", "scores", "people", "persons"),
    *("pose_keypoints_2d", "person_id", "instance_info", "instances", "predictions"),
    *("pose_landmarks", "landmarks", "landmark", "frames", "data", "results", "x", "y"),
    *("visibility", "score", "confidence", "bbox", "frame", "frame_id", "image_id"),
    *("track_id", "id", "kpts", "positions_2d", "poses", "pose", "category_id", "name"),
    *("fps", "width", "height", "image_size", "detections", "visible", "box"),
)
_KNOWN = {plain_key(key): key for key in _KEYS}


def in_known_spelling(content: Content) -> Content | None:
    """Returns a JSON content with known keys and with numbers for texts, or None.

    Case, `_` and `-` of keys make no difference. None stands for no change.
    """
    if content.kind != "json":
        return None
    value = _respelt(content.value)
    if value == content.value:
        return None
    return dataclasses.replace(content, value=value)


def _respelt(value: Any) -> Any:
    """Returns a value with known keys, and numbers for texts of numbers."""
    if isinstance(value, dict):
        respelt: dict[str, Any] = {}
        for key, entry in value.items():
            known = str(_KNOWN.get(plain_key(key), key))
            respelt.setdefault(known, _respelt(entry))
        return respelt
    if isinstance(value, list):
        return [_respelt(entry) for entry in value]
    if isinstance(value, str):
        try:
            return float(value) if len(value) < 40 else value
        except ValueError:
            return value
    return value
