"""JSON: everything that a pose holds, for other languages."""

import json
from typing import Any

import numpy as np

from jaxpose.pose.pose import Pose


def encode(pose: Pose) -> bytes:
    """Returns one JSON object, with the keys of the npz file and the bones.

    `positions_3d` are rounded to a hundredth of a millimetre and `keypoints_2d` to a
    hundredth of a pixel; keypoints that were not seen are null. `bones` lists pairs of
    joint numbers, parent first. Unknown intrinsics are null.
    """
    camera = pose.camera
    content = {
        "name": pose.name,
        "person": pose.person,
        "model": pose.model,
        "unit": "metre",
        "frame_of_reference": pose.frame_of_reference.value,
        "skeleton": pose.skeleton,
        "joints": pose.joints,
        "bones": [(parent, child) for child, parent in pose.body.bones],
        "fps": pose.rate,
        "image_size": camera.image_size,
        "intrinsics": camera.intrinsics,
        "distortion": camera.distortion,
        "remarks": pose.remarks,
        "frames": pose.frames.tolist(),
        "times": pose.times.round(6).tolist(),
        "positions_3d": pose.positions_3d.round(5).tolist(),
        "seen": pose.seen.astype(bool).tolist(),
        "keypoints_2d": _with_null(pose.keypoints_2d.round(2)),
    }
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.encode()


def _with_null(keypoints_2d: np.ndarray) -> list[Any]:
    """Returns `[F, J]` lists of pairs of numbers, or null where one is not finite."""
    frames = keypoints_2d.tolist()
    for frame, joint in np.argwhere(~np.isfinite(keypoints_2d).all(axis=-1)):
        frames[frame][joint] = None
    return frames
