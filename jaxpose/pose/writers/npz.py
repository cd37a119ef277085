"""NumPy's npz: everything that a pose holds, and the one format that is read back."""

import io
import pathlib
from typing import Any

import numpy as np

from jaxpose.datasets.arrays import require_array, require_key
from jaxpose.datasets.camera import Camera, checked_intrinsics
from jaxpose.datasets.restricted import load_npz
from jaxpose.errors import JaxposeError
from jaxpose.pose.pose import FrameOfReference, Pose
from jaxpose.wording import shown

_MOST = 2**53  # of whole numbers, which float64 holds exactly


def encode(pose: Pose) -> bytes:
    """Returns an npz file.

        positions_3d         [F, J, 3] metres, in the frame of reference
        joints               [J] names
        seen                 [F, J] bool: whether the detector saw the joint
        frames               [F] int, numbers in the source
        times                [F] seconds since frame 0 of the source
        frame_of_reference   axes and origin, in words
        keypoints_2d         [F, J, 2] pixels, NaN where not seen
        model                which weights lifted it
        fps                  frames per second of these frames
        skeleton             name of the joint order
        name, person         of the recording; number of the person in it
        image_size           [2] width and height in pixels
        intrinsics           [4] fx, fy, cx, cy in pixels, or [0] where unknown
        distortion           [5] k1, k2, k3, p1, p2, or [0] where unknown
        remarks              [n] sentences about what was assumed or estimated

    All arrays are plain: `np.load(path)` reads them.
    """
    # What is unknown is an empty array: NumPy writes None as a pickle.
    camera = pose.camera
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        positions_3d=pose.positions_3d,
        joints=np.array(pose.joints),
        seen=pose.seen,
        frames=pose.frames,
        times=pose.times,
        frame_of_reference=pose.frame_of_reference.value,
        keypoints_2d=pose.keypoints_2d,
        model=pose.model,
        fps=pose.rate,
        skeleton=pose.skeleton,
        name=pose.name,
        person=pose.person,
        image_size=np.array(camera.image_size),
        intrinsics=np.array(camera.intrinsics or (), float),
        distortion=np.array(camera.distortion or (), float),
        remarks=np.array(pose.remarks, str),
    )
    return stream.getvalue()


def load(path: pathlib.Path) -> Pose:
    """Reads a file of `encode`.

    Raises:
      JaxposeError: the file is missing, damaged or another kind of npz.
    """
    # An npz of another program is told by the key that it lacks.
    arrays = load_npz(path)
    frame_of_reference = _text(arrays, "frame_of_reference", path)
    if frame_of_reference not in set(FrameOfReference):
        raise JaxposeError(
            f"{path}: unknown frame_of_reference {shown(frame_of_reference)}; known: "
            f"{'; '.join(FrameOfReference)}"
        )
    width, height = _whole(arrays, "image_size", path, (2,)).tolist()
    if min(width, height) < 1:
        raise JaxposeError(
            f"{path}: image_size is [{width}, {height}]; expected pixels, from 1 on"
        )
    camera = Camera(
        name="",
        image_size=(width, height),
        intrinsics=_known(arrays, "intrinsics", path),
        distortion=_known(arrays, "distortion", path),
    )
    keypoints_2d = require_array(
        require_key(arrays, "keypoints_2d", str(path)),
        f"{path}: keypoints_2d",
        (None, None, 2),
        finite=False,
    )
    remarks = np.asarray(require_key(arrays, "remarks", str(path)))
    try:
        return Pose(
            name=_text(arrays, "name", path),
            positions_3d=_numbers(arrays, "positions_3d", path, (None, None, 3)),
            seen=_numbers(arrays, "seen", path, (None, None)).astype(bool),
            frames=_whole(arrays, "frames", path, (None,)),
            times=_numbers(arrays, "times", path, (None,)),
            keypoints_2d=keypoints_2d,
            camera=camera,
            frame_of_reference=FrameOfReference(frame_of_reference),
            skeleton=_text(arrays, "skeleton", path),
            model=_text(arrays, "model", path),
            person=int(_whole(arrays, "person", path, ())),
            remarks=tuple(str(remark) for remark in remarks.ravel()),
        )
    except JaxposeError as error:
        message = str(error)
        if not message.startswith(str(path)):
            message = f"{path}: {message}"
        raise JaxposeError(message) from None


def _numbers(
    arrays: dict[str, Any], key: str, path: pathlib.Path, shape: tuple[int | None, ...]
) -> np.ndarray:
    """Returns an array of the file as float64."""
    value = np.asarray(require_key(arrays, key, str(path)))
    return require_array(value, f"{path}: {key}", shape)


def _whole(
    arrays: dict[str, Any], key: str, path: pathlib.Path, shape: tuple[int | None, ...]
) -> np.ndarray:
    """Returns an array of whole numbers of the file."""
    numbers = _numbers(arrays, key, path, shape)
    if (numbers % 1).any() or (np.abs(numbers) > _MOST).any():
        raise JaxposeError(f"{path}: {key}: expected whole numbers up to 2^53")
    return numbers.astype(int)


def _known(arrays: dict[str, Any], key: str, path: pathlib.Path) -> Any:
    """Returns the numbers of a camera, None where the array is empty."""
    value = require_key(arrays, key, str(path))
    if np.size(value) == 0:
        return None
    if key == "intrinsics":
        return checked_intrinsics(value, f"{path}: {key}")
    return tuple(_numbers(arrays, key, path, (5,)).tolist())


def _text(arrays: dict[str, Any], key: str, path: pathlib.Path) -> str:
    """Returns a string of the file."""
    value = np.asarray(require_key(arrays, key, str(path)))
    if value.ndim or value.dtype.kind != "U":
        raise JaxposeError(
            f"{path}: {key}: expected a text, found {value.dtype} {list(value.shape)}"
        )
    return str(value)
