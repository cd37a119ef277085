"""The one TFDS schema that every data set becomes: an example per (subject, take, camera).

Units and frames: 2D keypoints in pixels, origin top left, y down; 3D joints in metres in the
camera frame (x right, y down, z forward) with the absolute root; camera centre in metres in
the world frame. What a data set lacks is absent and flagged (`has_*`), never faked.
"""

import numpy as np
import tensorflow_datasets as tfds

from jaxpose.body.skeletons import Skeleton
from jaxpose.datasets.camera import Camera
from jaxpose.errors import JaxposeError

_BYTES = tfds.features.Encoding.BYTES


def clip_features(
    skeleton: Skeleton, keypoints_skeleton: Skeleton, *, image_space: bool = False
) -> tfds.features.FeaturesDict:
    """Features of one clip of `F` frames.

    `keypoints_2d [F, J2, 2]` follow `keypoints_skeleton` (a detector's joints may differ from
    the truth's); `positions_3d [F, J, 3]` follow `skeleton` and are NaN where absent. `valid`
    marks frames that may be a training target or be scored; others still serve as neighbours.
    With `image_space`, `positions_3d` are in half image widths, and two features say how to score
    them (`Clips.metres_per_unit`, `Clips.metric_positions_3d`).
    """

    def array(
        shape: tuple[int | None, ...], dtype: type = np.float32
    ) -> tfds.features.Tensor:
        return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=_BYTES)

    scored = {
        "metres_per_unit": array((None,)),
        "metric_positions_3d": array((None, skeleton.num_joints, 3)),
    }
    return tfds.features.FeaturesDict(
        (scored if image_space else {})
        | {
            "subject": tfds.features.Text(),
            "action": tfds.features.Text(),  # what per-action tables group by
            "take": tfds.features.Text(),  # the recording, unique within its subject
            "camera": tfds.features.Text(),
            "skeleton": tfds.features.Text(),
            "keypoints_skeleton": tfds.features.Text(),
            "keypoints_source": tfds.features.Text(),  # gt, cpn_ft_h36m_dbb, ...
            "keypoints_2d": array((None, keypoints_skeleton.num_joints, 2)),
            "positions_3d": array((None, skeleton.num_joints, 3)),
            "valid": array((None,), np.bool_),
            "activity": array(
                (None,), np.int8
            ),  # of each frame, numbered by the data set; 0: not given
            "has_positions_3d": np.bool_,
            "has_absolute_root": np.bool_,
            "has_intrinsics": np.bool_,
            "has_extrinsics": np.bool_,
            "image_size": array((2,), np.int32),  # width, height
            "intrinsics": array((4,), np.float64),  # fx, fy, cx, cy in pixels
            "distortion": array((5,), np.float64),  # k1, k2, k3, p1, p2 of protocol P.2
            "orientation": array(
                (4,), np.float64
            ),  # quaternion w, x, y, z, camera to world
            "translation": array((3,), np.float64),  # camera centre
            "fps": np.float32,
        }
    )


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
) -> dict[str, object]:
    """One validated example of `clip_features`.

    Args:
      subject: the person.
      action: what per-action tables group by.
      take: the recording, unique within its subject.
      camera: the camera; what it lacks is flagged as absent.
      skeleton: joints of `positions_3d`.
      keypoints_2d: `[F, J2, 2]` pixels.
      positions_3d: `[F, J, 3]` metres, camera frame; None where the data set has none.
      fps: frames per second.
      valid: `[F]` bool; None means every frame.
      activity: `[F]` int8, where it changes within a take (the test set of MPI-INF-3DHP numbers
        its seven from 1); None where the data set gives none.
      keypoints_source: where the 2D comes from.
      keypoints_skeleton: joints of `keypoints_2d`; None means `skeleton`.
      has_absolute_root: whether the root of `positions_3d` is its place in the camera frame.

    Raises:
      JaxposeError: wrong shape, empty, or a number in a valid frame is not finite.
    """
    where = f"clip {subject}/{take}/{camera.name}"
    keypoints_skeleton = keypoints_skeleton or skeleton
    num_frames = len(keypoints_2d)
    has_positions_3d = positions_3d is not None
    if positions_3d is None:
        positions_3d = np.full((num_frames, skeleton.num_joints, 3), np.nan, np.float32)
    if valid is None:
        valid = np.ones(num_frames, np.bool_)
    if activity is None:
        activity = np.zeros(num_frames, np.int8)
    for name, array, shape in (
        ("keypoints_2d", keypoints_2d, (num_frames, keypoints_skeleton.num_joints, 2)),
        ("positions_3d", positions_3d, (num_frames, skeleton.num_joints, 3)),
        ("valid", valid, (num_frames,)),
        ("activity", activity, (num_frames,)),
    ):
        if array.shape != shape or num_frames == 0:
            raise JaxposeError(
                f"{where}: {name} has shape {array.shape}, expected {shape} with at least one frame "
                f"(frames, joints of {keypoints_skeleton.name} in 2D and {skeleton.name} in 3D)"
            )
    _check_finite(where, "keypoints_2d", keypoints_2d)
    if has_positions_3d:
        _check_finite(where, "positions_3d", positions_3d)
    if not (np.isfinite(fps) and fps > 0):
        raise JaxposeError(
            f"{where}: {fps} frames per second; expected a positive number"
        )
    has_intrinsics = camera.intrinsics is not None
    has_extrinsics = camera.orientation is not None and camera.translation is not None
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
        "has_intrinsics": has_intrinsics,
        "has_extrinsics": has_extrinsics,
        "image_size": np.array(camera.image_size, np.int32),
        "intrinsics": _numbers(where, "intrinsics", camera.intrinsics, 4),
        "distortion": _numbers(where, "distortion", camera.distortion, 5),
        "orientation": _numbers(where, "orientation", camera.orientation, 4),
        "translation": _numbers(where, "translation", camera.translation, 3),
        "fps": np.float32(fps),
    }


def _check_finite(where: str, name: str, array: np.ndarray) -> None:
    bad = ~np.isfinite(array).all(axis=(1, 2))
    if bad.any():
        raise JaxposeError(
            f"{where}: {name} is not finite in {bad.sum()} of {len(bad)} frames, first in frame "
            f"{int(bad.argmax())} (counted from 0); cut the clip there or repair the source file"
        )


def _numbers(
    where: str, name: str, values: tuple[float, ...] | None, size: int
) -> np.ndarray:
    """`values` as `[size]` float64, NaN where absent."""
    if values is None:
        return np.full(size, np.nan)
    array = np.asarray(values, np.float64)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise JaxposeError(
            f"{where}: camera {name} is {values}; expected {size} finite numbers"
        )
    return array
