"""The one TFDS schema that every data set becomes: an example per (subject, take, camera).

Units and frames: 2D keypoints in pixels, origin top left, y down; 3D joints in metres in the
camera frame (x right, y down, z forward) with the absolute root; camera centre in metres in
the world frame. What a data set lacks is absent and flagged (`has_*`), never faked.
"""

import numpy as np
import tensorflow_datasets as tfds

from jaxpose.skeletons import Skeleton

_BYTES = tfds.features.Encoding.BYTES


def clip_features(skeleton: Skeleton, keypoints_skeleton: Skeleton) -> tfds.features.FeaturesDict:
    """Features of one clip of `F` frames.

    `keypoints_2d [F, J2, 2]` follow `keypoints_skeleton` (a detector's joints may differ from
    the truth's); `positions_3d [F, J, 3]` follow `skeleton` and are NaN where absent. `valid`
    marks frames that may be a training target or be scored; others still serve as neighbours.
    """

    def array(shape: tuple[int | None, ...], dtype: type = np.float32) -> tfds.features.Tensor:
        return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=_BYTES)

    return tfds.features.FeaturesDict(
        {
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
            "has_positions_3d": np.bool_,
            "has_absolute_root": np.bool_,
            "has_intrinsics": np.bool_,
            "has_extrinsics": np.bool_,
            "image_size": array((2,), np.int32),  # width, height
            "intrinsics": array((4,), np.float64),  # fx, fy, cx, cy in pixels
            "distortion": array((5,), np.float64),  # k1, k2, k3, p1, p2 as cameras.project uses them
            "orientation": array((4,), np.float64),  # quaternion w, x, y, z, camera to world
            "translation": array((3,), np.float64),  # camera centre
            "fps": np.float32,
        }
    )
