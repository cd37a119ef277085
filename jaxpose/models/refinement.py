"""Pose refinement after any lifting model (Cai et al., ICCV 2019; protocol P.8).

Mixes the lifted pose with the pose that the same depths give when the 2D keypoints are
back-projected through the camera.
"""

from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.body import cameras
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.errors import JaxposeError
from jaxpose.models.layers import Dropout, Linear
from jaxpose.models.wrapper import LiftingWrapper


class Refinement(nn.Module):
    """Refinement network: a weighted mean of lifted and back-projected poses (P.8).

    `xy = w xy_lifted + (1 - w) xy_back_projected`, `z = z_lifted`; `w` is a function of
    both poses.

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
          poses: `[B, T, J, 6]`: per joint the lifted and the back-projected position,
            both root-relative in metres. The back-projected root is the origin.
          train: whether dropout is on.

        Returns:
          The refined poses `[B, T, J, 3]`.

        Raises:
          JaxposeError: the input does not have the skeleton's joints or six values
            each.
        """
        joints = get_skeleton(self.skeleton).num_joints
        if poses.ndim != 4 or poses.shape[2:] != (joints, 6):
            raise JaxposeError(
                f"Refinement for {self.skeleton} takes lifted and back-projected poses "
                f"[B, T, {joints}, 6], got {poses.shape}"
            )
        # Two weights per joint, of x and y, from both poses of all joints.
        lifted, back_projected = poses[..., :3], poses[..., 3:]
        batch, frames = poses.shape[:2]
        x = Linear(self.hidden, dtype=self.dtype, name="fc1")(
            poses.reshape(batch, frames, joints * 6)
        )
        x = Dropout(self.dropout_rate)(nn.relu(x), train=train)
        x = Linear(2 * joints, dtype=self.dtype, name="fc2")(x)
        # Between 0 and 1: 1 keeps the lifted coordinate. The depth stays as lifted.
        weight = nn.sigmoid(x).reshape(batch, frames, joints, 2)
        xy = weight * lifted[..., :2] + (1 - weight) * back_projected[..., :2]
        return jnp.concatenate([xy, lifted[..., 2:]], axis=-1)


class RefinedLifting(LiftingWrapper, kw_only=True):
    """A lifting model with the refinement network behind it, trained together (P.8).

    The true root depth is an input, so scores with refinement are not comparable to
    scores without: the protocol fields say so.

    Attributes:
      lifting: any model whose keypoints are the joints of its output. The fields of the
        contract are taken from it.
    """

    @property
    def needs_camera(self) -> bool:
        """Returns True: poses are back-projected at the true root depth."""
        return True

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless every joint of the output has a keypoint."""
        self.lifting.check_fields()
        if self.keypoints_skeleton != self.skeleton:
            raise JaxposeError(
                "refinement back-projects the keypoint of every joint; the lifting "
                f"model reads {self.keypoints_skeleton!r} and predicts "
                f"{self.skeleton!r}: set config.refinement=False"
            )

    def for_streams(self) -> Self:
        """Refuses: the true root depth of a new frame is not known.

        Raises:
          JaxposeError: always.
        """
        raise JaxposeError(
            "a refined model cannot stream: refinement needs the true root depth of "
            "every frame; stream its lifting model"
        )

    @nn.compact
    def __call__(
        self,
        keypoints_2d: jax.Array,
        camera: jax.Array,
        root_depth: jax.Array,
        *,
        train: bool,
    ) -> jax.Array:
        """Lifts and refines the target frame.

        Args:
          keypoints_2d: `[B, T, J, keypoint_features]`, screen-normalised.
          camera: `[B, 9]` from `cameras.normalized_intrinsics`; its distortion is not
            used.
          root_depth: `[B]`, absolute z of the target frame's root, metres.
          train: whether dropout is on.

        Returns:
          `[B, 1, J, 3]`, root-relative, in the unit of the lifting model.

        Raises:
          JaxposeError: the lifting model's keypoints are not the joints of its output.
        """
        self.check_fields()
        lifted = self.lifting.target_pose(self.lifting(keypoints_2d, train=train))
        # The same depths along the camera rays of the keypoints.
        target = windows.target_index(self.receptive_field, self.causal_shift)
        root = get_skeleton(self.skeleton).root
        back_projected = cameras.back_project(
            jnp.asarray(keypoints_2d)[:, target, :, :2],
            lifted[:, 0, :, 2],
            root_depth,
            camera,
            root,
        )
        # Refined in metres, returned in the unit of the lifting model.
        poses = jnp.concatenate([lifted, back_projected[:, None]], axis=-1)
        refined = Refinement(
            self.skeleton,
            dtype=self.dtype,
            name="refinement",
        )(poses, train=train)
        return refined * self.target_scale
