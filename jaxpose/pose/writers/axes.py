"""Turns poses into the axes of file formats."""

import numpy as np

from jaxpose.pose.pose import Pose

# Camera axes turned by half a turn about x: y up, z towards the camera.
_HALF_TURN = np.array([1.0, -1.0, -1.0])


def y_up(pose: Pose) -> np.ndarray:
    """Returns `[F, J, 3]` metres with x right, y up and z towards the camera.

    An upright pose has these axes already. A pose in camera axes is turned by half a
    turn about x: its up is that of the image.
    """
    if pose.frame_of_reference.is_upright:
        return pose.positions_3d
    return pose.positions_3d * _HALF_TURN


def z_up(pose: Pose) -> np.ndarray:
    """Returns `[F, J, 3]` metres with x right, y away from the camera and z up."""
    turned = y_up(pose)
    return np.stack([turned[..., 0], -turned[..., 2], turned[..., 1]], axis=-1)
