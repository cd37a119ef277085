"""What a page carries of poses: whole numbers, packed, and the names beside them.

Positions are stored in tenths of a millimetre, keypoints in tenths of a pixel, times in
tenths of a millisecond. `codec.js` is the reader.
"""

import base64
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.pose.pose import Pose

UNITS_PER_METRE = UNITS_PER_SECOND = 10_000
UNITS_PER_PIXEL = 10
# Flags of a joint in a frame.
SEEN, HAS_KEYPOINT = 1, 2


def page_content(poses: Sequence[Pose]) -> dict[str, Any]:
    """Returns what `codec.js` reads, for the poses of one recording.

    Raises:
      JaxposeError: there is no pose, or poses differ in their frame of reference.
    """
    _check(poses)
    frames, times = _merge_frames(poses)
    first = poses[0]
    reference = first.frame_of_reference
    return {
        "name": first.name,
        "model": first.model,
        "rate": first.rate,
        "reference": str(reference),
        "upright": reference.is_upright,
        "placed": reference.has_root,
        "remarks": _remarks(poses),
        "image_size": list(first.camera.image_size),
        "units": [UNITS_PER_METRE, UNITS_PER_PIXEL, UNITS_PER_SECOND],
        "frames": pack(frames[:, None]),
        "times": pack(np.rint(times * UNITS_PER_SECOND)[:, None]),
        "people": [_person(pose, frames) for pose in poses],
    }


def _check(poses: Sequence[Pose]) -> None:
    """Raises JaxposeError where the poses cannot share a page."""
    if not poses:
        raise JaxposeError("there is no pose to show; give one pose or more")
    for pose in poses:
        if pose.frame_of_reference is not poses[0].frame_of_reference:
            raise JaxposeError(
                f"{pose.name}: person {pose.person} is given in "
                f"{str(pose.frame_of_reference)!r} and person {poses[0].person} in "
                f"{str(poses[0].frame_of_reference)!r}; bring all people to one frame "
                "of reference"
            )


def _remarks(poses: Sequence[Pose]) -> list[str]:
    """Returns each remark once; with several people, a remark says whose it is."""
    if len(poses) == 1:
        return list(poses[0].remarks)
    people: dict[str, list[str]] = {}
    for pose in poses:
        for remark in pose.remarks:
            people.setdefault(remark, []).append(str(pose.person))
    remarks = []
    for remark, numbers in people.items():
        everybody = len(numbers) == len(poses)
        whose = "" if everybody else f"person {', '.join(numbers)}: "
        remarks.append(whose + remark)
    return remarks


def _merge_frames(poses: Sequence[Pose]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the frames that any person has, and their times, `[F]`, ascending."""
    frames = np.concatenate([pose.frames for pose in poses])
    times = np.concatenate([pose.times for pose in poses])
    merged, first_places = np.unique(frames, return_index=True)
    return merged, times[first_places]


def _person(pose: Pose, frames: np.ndarray) -> dict[str, Any]:
    """Returns one person's part; `frames` `[F]` are those of the page."""
    has_keypoint = np.isfinite(pose.keypoints_2d).all(-1)
    flags = SEEN * pose.seen + HAS_KEYPOINT * has_keypoint
    body = pose.body
    return {
        "person": pose.person,
        "joints": list(body.joints),
        "bones": [list(bone) for bone in body.bones],
        "root": body.root,
        "left": list(body.left),
        "right": list(body.right),
        "rows": pack(np.searchsorted(frames, pose.frames)[:, None]),
        "positions": pack(_whole_numbers(pose.positions_3d, UNITS_PER_METRE)),
        "keypoints": pack(_whole_numbers(pose.keypoints_2d, UNITS_PER_PIXEL)),
        "flags": pack(flags),
    }


def _whole_numbers(values: np.ndarray, units: int) -> np.ndarray:
    """Rounds `[F, J, D]` to units, `[F, J * D]`; what is no number becomes 0."""
    rounded = np.rint(np.nan_to_num(values * units))
    return rounded.reshape(len(values), -1)


def pack(numbers: np.ndarray) -> str:
    """Packs whole numbers `[F, C]` of 32 bits, each column as changes between rows.

    The first bytes of all numbers come first, then the second ones: most of the higher
    bytes are equal, which zlib makes small.
    """
    changes = np.diff(numbers.astype(np.int64), axis=0, prepend=0).astype("<i4")
    planes = changes.reshape(-1, 1).view(np.uint8).T
    packed = zlib.compress(np.ascontiguousarray(planes).tobytes(), level=9)
    return base64.b64encode(packed).decode()
