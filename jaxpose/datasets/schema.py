"""Defines the TFDS schema of every data set: one example per (subject, take, camera).

Units and frames: 2D keypoints in pixels, origin top left, y down; 3D joints in metres
in the camera frame (x right, y down, z forward) with the absolute root; camera centre
in metres in the world frame. A value that a data set does not publish is NaN and has a
flag `has_*` that is False; nothing is made up.
"""

import numpy as np
import tensorflow_datasets as tfds

from jaxpose.body.skeletons import Skeleton
from jaxpose.datasets.camera import Camera
from jaxpose.errors import JaxposeError

_BYTES = tfds.features.Encoding.BYTES
# Largest magnitude of pixels and metres; larger ones are faults of a source.
_LARGEST = 1e7


def clip_features(
    skeleton: Skeleton,
    keypoints_skeleton: Skeleton,
    *,
    image_space: bool = False,
    detected: bool = False,
) -> tfds.features.FeaturesDict:
    """Returns the TFDS features of one clip of `F` frames.

    `keypoints_2d [F, J2, 2]` follow `keypoints_skeleton`, since the joints of a
    detector may differ from those of the ground truth. `positions_3d [F, J, 3]` follow
    `skeleton` and are NaN where absent. `valid [F]` marks frames that may be a training
    target or be scored; the other frames still serve as neighbours in a window.

    Args:
      skeleton: joints of `positions_3d`.
      keypoints_skeleton: joints of `keypoints_2d`.
      image_space: whether `positions_3d` are in half image widths. Two more features
        then say how to score them (`Clips.metres_per_unit`,
        `Clips.metric_positions_3d`).
      detected: whether the clips come from a detector that loses joints and frames. Two
        more features then say which joints were seen, `seen [F, J2]`, and the frames'
        numbers in the source, `frame_numbers [F]`.
    """
    # Image space needs the scale of each frame, and the metric 3D that is scored.
    features = {}
    if image_space:
        features["metres_per_unit"] = _array_feature((None,))
        features["metric_positions_3d"] = _array_feature((None, skeleton.num_joints, 3))

    if detected:
        joints = keypoints_skeleton.num_joints
        features["seen"] = _array_feature((None, joints), np.bool_)
        features["frame_numbers"] = _array_feature((None,), np.int32)

    features |= {
        # Names. Per-action tables group by `action`; `take` is unique within a subject.
        "subject": tfds.features.Text(),
        "action": tfds.features.Text(),
        "take": tfds.features.Text(),
        "camera": tfds.features.Text(),
        "skeleton": tfds.features.Text(),
        "keypoints_skeleton": tfds.features.Text(),
        "keypoints_source": tfds.features.Text(),  # gt, cpn_ft_h36m_dbb, ...
        # Frames. `activity` is numbered by the data set; 0 means not given.
        "keypoints_2d": _array_feature((None, keypoints_skeleton.num_joints, 2)),
        "positions_3d": _array_feature((None, skeleton.num_joints, 3)),
        "valid": _array_feature((None,), np.bool_),
        "activity": _array_feature((None,), np.int8),
        # Flags of what the data set publishes.
        "has_positions_3d": np.bool_,
        "has_absolute_root": np.bool_,
        "has_intrinsics": np.bool_,
        "has_extrinsics": np.bool_,
        # The camera, with the order of numbers that `Camera` documents.
        "image_size": _array_feature((2,), np.int32),
        "intrinsics": _array_feature((4,), np.float64),
        "distortion": _array_feature((5,), np.float64),
        "orientation": _array_feature((4,), np.float64),
        "translation": _array_feature((3,), np.float64),
        "fps": np.float32,
    }
    return tfds.features.FeaturesDict(features)


def _array_feature(
    shape: tuple[int | None, ...], dtype: type = np.float32
) -> tfds.features.Tensor:
    """Returns a feature that stores an array as raw bytes, which reads fastest."""
    return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=_BYTES)


def clip_example(
    *,
    subject: str,
    action: str,
    take: str,
    camera: Camera,
    skeleton: Skeleton,
    keypoints_2d: np.ndarray,
    positions_3d: np.ndarray | None,
    fps: float,
    valid: np.ndarray | None = None,
    activity: np.ndarray | None = None,
    keypoints_source: str = "gt",
    keypoints_skeleton: Skeleton | None = None,
    has_absolute_root: bool = True,
    seen: np.ndarray | None = None,
    frame_numbers: np.ndarray | None = None,
) -> dict[str, object]:
    """Returns one validated example of `clip_features`.

    Args:
      subject: name of the person.
      action: name that per-action tables group by.
      take: name of the recording, unique within its subject.
      camera: the camera; its None values are flagged as absent.
      skeleton: joints of `positions_3d`.
      keypoints_2d: `[F, J2, 2]` pixels.
      positions_3d: `[F, J, 3]` metres, camera frame; None where the data set has none.
      fps: frames per second.
      valid: `[F]` bool; None means every frame.
      activity: `[F]` int8, for data sets whose activity changes within a take: the test
        set of MPI-INF-3DHP numbers its seven activities from 1. None where not given.
      keypoints_source: name of the detector or projection that the 2D comes from.
      keypoints_skeleton: joints of `keypoints_2d`; None means `skeleton`.
      has_absolute_root: whether `positions_3d` have the root at its place in the camera
        frame.
      seen: `[F, J2]` bool, whether the joint was seen, for detected clips only.
      frame_numbers: `[F]` int, numbers in the source, for detected clips only.

    Raises:
      JaxposeError: a shape is wrong, the clip is empty, or a number is not finite.
    """
    where = f"clip {subject}/{take}/{camera.name}"  # for error messages
    keypoints_skeleton = keypoints_skeleton or skeleton
    num_frames = len(keypoints_2d)
    has_positions_3d = positions_3d is not None

    # Fill in what the data set does not give.
    if positions_3d is None:
        positions_3d = np.full((num_frames, skeleton.num_joints, 3), np.nan, np.float32)
    if valid is None:
        valid = np.ones(num_frames, np.bool_)
    if activity is None:
        activity = np.zeros(num_frames, np.int8)

    # Check every array: the model code after this point trusts shapes and numbers.
    frames = {
        "keypoints_2d": keypoints_2d,
        "positions_3d": positions_3d,
        "valid": valid,
        "activity": activity,
    }
    _require_shapes(where, frames, skeleton, keypoints_skeleton)
    _require_finite(where, "keypoints_2d", keypoints_2d)
    if has_positions_3d:
        _require_finite(where, "positions_3d", positions_3d)
    if not (np.isfinite(fps) and fps > 0):
        raise JaxposeError(f"{where}: fps is {fps}; expected a positive number")

    # Only the features of detected clips have these two.
    detected: dict[str, object] = {}
    if seen is not None and frame_numbers is not None:
        detected["seen"] = seen.astype(np.bool_)
        detected["frame_numbers"] = frame_numbers.astype(np.int32)

    # Large arrays are stored in float32, the precision of training.
    return {
        "subject": subject,
        "action": action,
        "take": take,
        "camera": camera.name,
        "skeleton": skeleton.name,
        "keypoints_skeleton": keypoints_skeleton.name,
        "keypoints_source": keypoints_source,
        "keypoints_2d": keypoints_2d.astype(np.float32),
        "positions_3d": positions_3d.astype(np.float32),
        "valid": valid.astype(np.bool_),
        "activity": activity.astype(np.int8),
        "has_positions_3d": has_positions_3d,
        "has_absolute_root": has_positions_3d and has_absolute_root,
        **_camera_values(where, camera),
        "fps": np.float32(fps),
        **detected,
    }


def _camera_values(where: str, camera: Camera) -> dict[str, object]:
    """Returns the camera's part of an example: two flags and its numbers."""
    # A pose needs both parts: an orientation alone places nothing in the world.
    has_extrinsics = camera.orientation is not None and camera.translation is not None
    return {
        "has_intrinsics": camera.intrinsics is not None,
        "has_extrinsics": has_extrinsics,
        "image_size": np.array(camera.image_size, np.int32),
        "intrinsics": _require_numbers(where, "intrinsics", camera.intrinsics, 4),
        "distortion": _require_numbers(where, "distortion", camera.distortion, 5),
        "orientation": _require_numbers(where, "orientation", camera.orientation, 4),
        "translation": _require_numbers(where, "translation", camera.translation, 3),
    }


def _require_shapes(
    where: str,
    frames: dict[str, np.ndarray],
    skeleton: Skeleton,
    keypoints_skeleton: Skeleton,
) -> None:
    """Raises JaxposeError unless all arrays have the same frames, at least one."""
    # The 2D decides the number of frames; every clip has it.
    num_frames = len(frames["keypoints_2d"])
    shapes: dict[str, tuple[int, ...]] = {
        "keypoints_2d": (num_frames, keypoints_skeleton.num_joints, 2),
        "positions_3d": (num_frames, skeleton.num_joints, 3),
        "valid": (num_frames,),
        "activity": (num_frames,),
    }
    for name, expected in shapes.items():
        shape = frames[name].shape
        if shape != expected or num_frames == 0:
            raise JaxposeError(
                f"{where}: {name} has shape {shape}, expected {expected} with at least "
                f"one frame (frames, joints of {keypoints_skeleton.name} in 2D and "
                f"{skeleton.name} in 3D)"
            )


def _require_finite(where: str, name: str, array: np.ndarray) -> None:
    """Raises JaxposeError if a frame of `array [F, J, C]` holds a NaN or infinity.

    A number that is infinite in float32, in which it is stored, counts as infinity.
    """
    bad = ~(np.abs(array) <= _LARGEST).all(axis=(1, 2))
    if bad.any():
        first = int(bad.argmax())
        raise JaxposeError(
            f"{where}: {name} is not finite in {bad.sum()} of {len(bad)} frames, or "
            f"above {_LARGEST:g}, first in frame {first} (counted from 0); cut the "
            "clip there or repair the source file"
        )


def _require_numbers(
    where: str, name: str, values: tuple[float, ...] | None, size: int
) -> np.ndarray:
    """Returns camera numbers as `[size]` float64, NaN where `values` is None.

    Raises:
      JaxposeError: there are more or fewer numbers, or one is not finite.
    """
    if values is None:
        return np.full(size, np.nan)
    array = np.asarray(values, np.float64)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise JaxposeError(
            f"{where}: camera {name} is {values}; expected {size} finite numbers"
        )
    return array
