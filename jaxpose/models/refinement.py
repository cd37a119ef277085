"""Pose refinement (Cai et al., ICCV 2019; protocol P.8), usable after any lifting model.

Mixes the lifted pose with the pose that the same depths give when the 2D keypoints are
back-projected through the camera.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.errors import JaxposeError
from jaxpose.models.layers import Linear
from jaxpose.skeletons import get_skeleton


class Refinement(nn.Module):
    """`xy = w xy_lifted + (1 - w) xy_back_projected`, `z = z_lifted`, with `w` from both poses (P.8).

    Attributes:
      skeleton: joints of the poses.
      hidden: width of the hidden layer.
      dropout_rate: dropout after it.
    """

    skeleton: str
    hidden: int = 1024
    dropout_rate: float = 0.5
    dtype: Any = None

    @nn.compact
    def __call__(self, poses: jax.Array, *, train: bool) -> jax.Array:
        """Refines each frame on its own.

        Args:
          poses: `[B, T, J, 6]`: per joint the lifted and the back-projected position, both
            root-relative in metres. The back-projected root is the origin.
          train: whether dropout is on.

        Returns:
          The refined poses `[B, T, J, 3]`.

        Raises:
          JaxposeError: the input does not have the skeleton's joints or six values each.
        """
        joints = get_skeleton(self.skeleton).num_joints
        if poses.ndim != 4 or poses.shape[2:] != (joints, 6):
            raise JaxposeError(
                f"Refinement for {self.skeleton} takes lifted and back-projected poses [B, T, {joints}, 6], "
                f"got {poses.shape}"
            )
        lifted, back_projected = poses[..., :3], poses[..., 3:]
        batch, frames = poses.shape[:2]
        x = Linear(self.hidden, dtype=self.dtype, name="fc1")(poses.reshape(batch, frames, joints * 6))
        x = nn.Dropout(self.dropout_rate)(nn.relu(x), deterministic=not train)
        x = Linear(2 * joints, dtype=self.dtype, name="fc2")(x)
        weight = nn.sigmoid(x).reshape(batch, frames, joints, 2)
        xy = weight * lifted[..., :2] + (1 - weight) * back_projected[..., :2]
        return jnp.concatenate([xy, lifted[..., 2:]], axis=-1)
