"""The cameras in `metadata.xml`, which comes with the official code (code-v1.2.zip)."""

import dataclasses
import pathlib
import re

import numpy as np

from jaxpose.datasets.h36m_cameras import CAMERA_NAMES, h36m_cameras
from jaxpose.datasets.schema import Camera
from jaxpose.errors import JaxposeError

_NUM_SUBJECTS = 11
_NUM_NUMBERS = 6 * len(CAMERA_NAMES) * _NUM_SUBJECTS + 9 * len(CAMERA_NAMES)


def read_cameras(path: pathlib.Path, subject: str) -> tuple[Camera, ...]:
    """The four cameras around `subject`.

    The element `w0` holds, per camera and subject, three Euler angles a and the camera centre in
    millimetres, and behind those, per camera, fx, fy, cx, cy, k1, k2, k3, p1, p2 with the two
    tangential terms in the opposite order of protocol P.2. A world vector turns into the camera
    frame by `X(a0) Y(a1) Z(a2)`. Image sizes are the published ones: the file's differ.

    Raises:
      JaxposeError: no such element, or not 300 finite numbers.
    """
    text = path.read_bytes().decode("utf-8", errors="replace")
    match = re.search(r"<w0>\s*\[?([^<\]]*)\]?\s*</w0>", text)
    try:
        numbers = (
            np.array([float(number) for number in match[1].replace(",", " ").split()])
            if match
            else ()
        )
    except ValueError as error:
        raise JaxposeError(
            f"{path}: <w0> holds what is not a number: {error}"
        ) from error
    if len(numbers) != _NUM_NUMBERS or not np.isfinite(numbers).all():
        raise JaxposeError(
            f"{path}: <w0> holds {len(numbers)} numbers, expected {_NUM_NUMBERS} finite ones; "
            "take metadata.xml from code-v1.2.zip of the official site"
        )
    poses = numbers[:-36].reshape(len(CAMERA_NAMES), _NUM_SUBJECTS, 6)[
        :, int(subject[1:]) - 1
    ]
    lenses = numbers[-36:].reshape(len(CAMERA_NAMES), 9)
    return tuple(
        dataclasses.replace(
            published,
            intrinsics=tuple(lens[:4].tolist()),
            distortion=(*lens[4:7].tolist(), float(lens[8]), float(lens[7])),
            orientation=tuple(_quaternion(pose[:3]).tolist()),
            translation=tuple((pose[3:] / 1000).tolist()),
        )
        for published, pose, lens in zip(
            h36m_cameras(subject), poses, lenses, strict=True
        )
    )


def _quaternion(angles: np.ndarray) -> np.ndarray:
    """Camera to world, the inverse of `X(a0) Y(a1) Z(a2)`: the product of Z, Y and X by -a."""
    w, x, y, z = 1.0, 0.0, 0.0, 0.0
    for axis in (2, 1, 0):
        c, s = np.cos(-angles[axis] / 2), np.sin(-angles[axis] / 2)
        u = np.zeros(3)
        u[axis] = s
        v = np.array([x, y, z])
        w, (x, y, z) = w * c - v @ u, w * u + c * v + np.cross(v, u)
    return np.array([w, x, y, z])
