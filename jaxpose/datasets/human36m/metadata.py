"""Reads the cameras in `metadata.xml` of the official code (code-v1.2.zip)."""

import dataclasses
import pathlib

import numpy as np

from jaxpose.datasets.camera import Camera
from jaxpose.datasets.h36m_cameras import CAMERA_NAMES, h36m_cameras
from jaxpose.errors import JaxposeError
from jaxpose.regular_files import read_regular
from jaxpose.wording import cut

_NUM_SUBJECTS = 11
_POSE_SIZE = 6  # three angles and the camera centre
_LENS_SIZE = 9  # fx, fy, cx, cy, k1, k2, k3, p2, p1
_POSES_SIZE = _POSE_SIZE * len(CAMERA_NAMES) * _NUM_SUBJECTS
_MAX_BYTES = 2**27
_MAX_TEXT = 100_000  # characters of 300 numbers, with room
_LENSES_SIZE = _LENS_SIZE * len(CAMERA_NAMES)


def read_cameras(path: pathlib.Path, subject: str) -> tuple[Camera, ...]:
    """Returns the four cameras around `subject`.

    The element `w0` holds, per camera and subject, three Euler angles a and the camera
    centre in millimetres, and then, per camera, fx, fy, cx, cy, k1, k2, k3 and the two
    tangential terms in the reverse order of protocol P.2. The rotation of a world
    vector into the camera frame is `X(a0) Y(a1) Z(a2)`. Image sizes are the published
    ones, since the file's differ.

    Raises:
      JaxposeError: there is no such element, or it does not hold 300 finite numbers.
    """
    numbers = _read_numbers(path)
    poses = numbers[:_POSES_SIZE].reshape(len(CAMERA_NAMES), _NUM_SUBJECTS, _POSE_SIZE)
    lenses = numbers[_POSES_SIZE:].reshape(len(CAMERA_NAMES), _LENS_SIZE)
    subject_index = int(subject[1:]) - 1

    # Names and image sizes come from the published cameras, the numbers from the file.
    cameras = []
    for index, known in enumerate(h36m_cameras(subject)):
        fx, fy, cx, cy, k1, k2, k3, p2, p1 = lenses[index].tolist()
        pose = poses[index, subject_index]
        w, x, y, z = _quaternion(pose[:3]).tolist()
        centre_x, centre_y, centre_z = (pose[3:] / 1000).tolist()
        camera = dataclasses.replace(
            known,
            intrinsics=(fx, fy, cx, cy),
            distortion=(k1, k2, k3, p1, p2),
            orientation=(w, x, y, z),
            translation=(centre_x, centre_y, centre_z),
        )
        cameras.append(camera)
    return tuple(cameras)


def _read_numbers(path: pathlib.Path) -> np.ndarray:
    """Returns the 300 numbers of the element `w0`.

    Raises:
      JaxposeError: there is no such element, or it does not hold 300 finite numbers.
    """
    # The file is large and not always valid XML; this one element is enough. Its end is
    # looked for first, so that no text makes the search slow.
    text = read_regular(path, _MAX_BYTES).decode("utf-8", errors="replace")
    end = max(text.find("</w0>"), 0)
    start = text.rfind("<w0>", 0, end)
    inside = text[start + len("<w0>") : end] if start >= 0 else ""
    inside = inside[:_MAX_TEXT].strip().removeprefix("[").removesuffix("]")
    words = inside.replace(",", " ").split()
    try:
        numbers = np.array([float(word) for word in words])
    except ValueError as error:
        raise JaxposeError(
            f"{path}: <w0> holds text that is not a number: {cut(str(error))}"
        ) from error
    expected = _POSES_SIZE + _LENSES_SIZE
    if len(numbers) != expected or not np.isfinite(numbers).all():
        raise JaxposeError(
            f"{path}: <w0> holds {len(numbers)} numbers, expected {expected} finite "
            "ones; take metadata.xml from code-v1.2.zip of the official site"
        )
    return numbers


def _quaternion(angles: np.ndarray) -> np.ndarray:
    """Returns the rotation (w, x, y, z), camera to world, of angles `[3]` in radians.

    It is the inverse of `X(a0) Y(a1) Z(a2)`: `Z(-a2) Y(-a1) X(-a0)`.
    """
    scalar, vector = 1.0, np.zeros(3)
    for axis in (2, 1, 0):
        # Quaternion product with the rotation by -a about one axis.
        cosine, sine = np.cos(-angles[axis] / 2), np.sin(-angles[axis] / 2)
        turn = np.zeros(3)
        turn[axis] = sine
        turned = scalar * turn + cosine * vector + np.cross(vector, turn)
        scalar = scalar * cosine - vector @ turn
        vector = turned
    return np.array([scalar, *vector])
