"""The contract of a lifting model: what it declares and may override, and units."""

from collections.abc import Callable
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.errors import JaxposeError
from jaxpose.models import cpu

LossFunction = Callable[[Any, Any], Any]


class LiftingModel(nn.Module, kw_only=True):
    """Lifts a window of 2D keypoints to the 3D pose of its target frame.

    `__call__(keypoints_2d, *, train)` takes `keypoints_2d [B, T, J2, C]`,
    screen-normalised, and returns positions `[B, 1, J, 3]`: root-relative, camera
    frame, in units of `1 / target_scale` metres. `T` is `receptive_field`, `J2` the
    joints of `keypoints_skeleton`, `C` is `keypoint_features`, `J` the joints of
    `skeleton`. A model that returns more than the positions overrides `target_pose` and
    `loss`. Parameters are in the collection `params`, running statistics in
    `batch_stats`.

    A model must declare `receptive_field`. Everything else has a default that holds for
    a model of one window, whose target is the centre frame. `build_model` checks what
    is declared, and a run that begins checks the rest (`jaxpose.models.contract`).

    Attributes:
      skeleton: name of the skeleton of the output.
      keypoint_features: numbers per keypoint, 2 (x, y) or 3 (x, y, confidence).
      target_scale: unit of the raw output, in 1/metre; `build_model` takes it from the
        config.
      dtype: type of the computation; None follows inputs and parameters.
    """

    skeleton: str = "h36m_17"
    keypoint_features: int = 2
    target_scale: float = 1.0
    dtype: Any = None

    # What a model declares.

    @property
    def receptive_field(self) -> int:
        """Returns the number of input frames, `T`, that one pose depends on; odd."""
        raise JaxposeError(f"{type(self).__name__} declares no receptive_field")

    @property
    def causal_shift(self) -> int:
        """Returns the frames from the centre to the target; 0 unless causal."""
        return 0

    @property
    def keypoints_skeleton(self) -> str:
        """Returns the name of the skeleton of the input."""
        return self.skeleton

    @property
    def needs_camera(self) -> bool:
        """Returns whether `__call__` also takes `camera [B, 9]` and `root_depth [B]`.

        The camera is that of `cameras.normalized_intrinsics`; the depth is the true one
        of the target frame's root, in metres. Such a model lifts single windows.
        """
        return False

    @property
    def lifts_sequences(self) -> bool:
        """Returns whether `for_sequences` takes more than one window at a time."""
        return False

    # What a model may override.

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError, naming a field, unless the fields fit each other."""

    def example_inputs(self, batch_size: int = 1) -> tuple[jax.Array, ...]:
        """Returns inputs of `__call__`, all ones, for `model.init` and shapes."""
        joints = get_skeleton(self.keypoints_skeleton).num_joints
        window = (self.receptive_field, joints, self.keypoint_features)
        # Every input has the batch in front.
        keypoints_2d = jnp.ones((batch_size, *window))
        if not self.needs_camera:
            return (keypoints_2d,)
        return keypoints_2d, jnp.ones((batch_size, 9)), jnp.ones(batch_size)

    @property
    def output_joints(self) -> int:
        """Returns J, the number of joints of the output: those of the skeleton."""
        return get_skeleton(self.skeleton).num_joints

    @nn.nowrap
    def target_pose(self, output: Any) -> jax.Array:
        """Returns the target frames' positions `[B, F, J, 3]` in metres.

        `output` is the value of `__call__`; F is 1 except in the form for sequences.
        """
        return output / self.target_scale

    @nn.nowrap
    def loss(
        self,
        output: Any,
        positions_3d: jax.Array,
        loss_function: LossFunction,
        epoch: jax.Array,
    ) -> jax.Array:
        """Returns the training loss of a batch, a scalar.

        The model owns it because a model may learn from more than its target frame.

        Args:
          output: the value of `__call__`.
          positions_3d: the true window `[B, T, J, 3]`, root-relative, in the unit of
            `output`.
          loss_function: of two arrays of positions, one of `losses.LOSSES`.
          epoch: number of the epoch, from 0.
        """
        del epoch
        target = windows.target_index(self.receptive_field, self.causal_shift)
        return loss_function(output, positions_3d[:, target : target + 1])

    def keeps_momentum(self, path: tuple[str, ...]) -> bool:
        """Returns whether the momentum of the batch norm at `path` never decays.

        Other batch norms follow `config.batch_norm_decay`.
        """
        del path
        return False

    def for_sequences(self) -> Self:
        """Returns the model, with the same parameters, that lifts sequences.

        Where `lifts_sequences`, it maps `[B, F + T - 1, J2, C]` to `[B, F, J, 3]`.
        """
        return self

    def for_streams(self) -> Self:
        """Returns the model, with the same parameters, that takes one frame at a time.

        It maps `[B, 1, J2, C]` to `[B, 1, J, 3]`, and keeps what it needs of earlier
        frames in the collection `cache`.

        Raises:
          JaxposeError: a pose depends on frames after its own, or the model has no form
            that remembers the frames before it.
        """
        if self.receptive_field == 1:
            return self
        reason = "it has no form that keeps the frames before"
        if self.frames_ahead:
            reason = f"a pose depends on the {self.frames_ahead} frames after its own"
        raise JaxposeError(
            f"{type(self).__name__} cannot stream: {reason}. Models of a single frame "
            "can, and causal AMPose, GAST-Net and VideoPose3D "
            "(config.model.causal=True)"
        )

    def for_platform(self, platform: str) -> Self:
        """Returns the model, with the same parameters, in its form for a platform.

        The train step asks for it. `platform` is `cpu` or an accelerator's name; forms
        that only a CPU needs are in `jaxpose.models.cpu`.
        """
        del platform
        return self

    @nn.nowrap
    def cpu_batch_size(self, batch_size: int) -> int:
        """Returns how many of `batch_size` frames to lift together on a CPU."""
        return min(batch_size, cpu.windows_per_batch(self.receptive_field))

    # What callers use.

    @property
    def frames_ahead(self) -> int:
        """Returns how many frames after its own a pose depends on."""
        return (self.receptive_field - 1) // 2 - self.causal_shift

    @nn.nowrap
    def predict(self, variables: Any, inputs: Any) -> jax.Array:
        """Returns the target frame's positions `[B, J, 3]`, root-relative, in metres.

        `inputs` are those of `__call__`: the keypoints `[B, T, J2, C]`, or a tuple like
        that of `example_inputs`.
        """
        return self.predict_sequence(variables, inputs)[:, 0]

    @nn.nowrap
    def predict_sequence(self, variables: Any, inputs: Any) -> jax.Array:
        """Returns `[B, F, J, 3]` in metres, of every frame with a whole window."""
        output = self.apply(variables, *jax.tree.leaves(inputs), train=False)
        return self.target_pose(output)
