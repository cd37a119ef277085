"""Turns poses into the axes of file formats."""

import numpy as np

from jaxpose.pose.pose import Pose

# Camera axes turned by half a turn about x: y up, z towards the camera.
_HALF_TURN = np.array([1.0, -1.0, -1.0])
# Up in camera axes, whose y points down.
UP = np.array([0.0, -1.0, 0.0])


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


def in_the_middle(pose: Pose) -> np.ndarray:
    """Returns `[F, J, 3]` metres in camera axes, y down, the person in the middle.

    Heights stay where they are known, so that a jump is seen as one. Elsewhere the
    lowest joint of each frame stands on the floor, at 0.
    """
    positions = y_up(pose) * _HALF_TURN
    root = positions[:, pose.body.root, None]
    relative = positions - root
    heights = -(relative @ UP).min(axis=-1)
    if pose.frame_of_reference.is_upright and pose.frame_of_reference.has_root:
        heights = root[:, 0] @ UP
    return relative + heights[:, None, None] * UP
