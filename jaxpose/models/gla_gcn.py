"""GLA-GCN: global-local adaptive graph convolutional network (Yu et al., ICCV 2023).

A window of 2D poses becomes a graph in space and time. AGCN blocks (`agcn`) mix joints
and frames; strided modules shrink the window to one frame; individually connected
layers read each joint's position from that joint's features alone.

The released network is `sequence_layers=0, head="shared"`; by its size it is what the
paper's rows without * measured. Rows with * add the branch that reconstructs the whole
3D sequence (`sequence_layers=3`) and `head="individual"`, the weighted mean of a layer
per joint and a shared one.
"""

import math
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.body import graphs, joint_rules
from jaxpose.body.skeletons import COCO_17, HUMANEVA_15, get_skeleton
from jaxpose.models import checks
from jaxpose.models.agcn import AGCNBlock
from jaxpose.models.base import LiftingModel, LossFunction
from jaxpose.models.batch_norm import BatchNorm
from jaxpose.models.layers import (
    Dropout,
    Linear,
    call_block,
    torch_bias_init,
    torch_linear_init,
)

HEADS = ("shared", "individual", "dense")


class UnsharedLinear(nn.Module):
    """A linear layer of its own for every joint, `W_j v_j + b_j` (Eq. 5)."""

    features: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, J, C]` to `[B, J, features]`."""
        _, joints, channels = x.shape
        kernels, biases = [], []
        for j in range(joints):
            shape = (channels, self.features)
            kernels.append(self.param(f"kernel_{j}", torch_linear_init, shape))
        for j in range(joints):
            bias_init = torch_bias_init(channels)
            biases.append(self.param(f"bias_{j}", bias_init, (self.features,)))
        x, kernel, bias = nn.dtypes.promote_dtype(
            x, jnp.stack(kernels), jnp.stack(biases), dtype=self.dtype
        )
        return jnp.einsum("bjc,jcd->bjd", x, kernel) + bias[None]


class GLAGCN(LiftingModel):
    """GLA-GCN, the paper's and the released one.

    Attributes:
      keypoints_skeleton: joints of the input where they differ: `coco_17` for
        `humaneva_15` (converted by `joint_rules`). None: the same as `skeleton`.
      graph: a skeleton's links, or another graph over as many joints, for
        `graphs.gla_gcn_adjacency`. None: those of `skeleton`. The released MPI-INF-3DHP
        experiments use `h36m_17`, the HumanEva script `humaneva_15_script`.
      filter_widths: stride of each strided module, odd; the receptive field is their
        product.
      channels: `C`, channels of every block.
      input_norm: BatchNorm of the input; the released HumanEva script leaves it out.
      sequence_layers: AGCN blocks before the strided modules, whose output also becomes
        the 3D sequence; 0 (released) has neither the blocks nor the sequence.
      sequence_dropout_rate: dropout after each of those blocks.
      sequence_head_residual: whether the AGCN(C, 3, 1) block that makes the sequence
        has a residual. It never ends in a ReLU: coordinates are signed.
      head: `shared`: one linear layer for all joints (released). `individual`: the
        weighted mean of a layer per joint and a shared one (Eq. 7). `dense`: one layer
        from the features of all joints to all positions (ablation, Table 6).
      head_blend: lambda of Eq. 7, the weight of the layers per joint; only for
        `head="individual"`. The paper does not state its value. It says that layers per
        joint alone overfit, so both parts count here; with 1 the shared layer would
        have no gradient.
      adaptive: False: without the adaptive matrices (ablation, Table 6).
      strided: False: no strides, average pooling over time instead (ablation, Table 6).
      swap_input: True: left and right limbs of the input change places (ablation, Table
        6).
      dropout_rate: dropout after every block of the strided modules.
      graph_dropout_rate: dropout inside every graph convolution.
      rematerialise: blocks keep only their inputs for the backward pass
        (`layers.call_block`).
      stage_two_epoch: first epoch whose loss is of the centre frame alone; before it
        the sequence is learned too. The paper does not state when that is.
      cpu_forms: has the forms of `jaxpose.models.cpu`.
    """

    # Never None in a model: `__post_init__` puts the name of the output there.
    keypoints_skeleton: str = None  # type: ignore[assignment]
    graph: str | None = None
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)
    channels: int = 96
    input_norm: bool = True
    sequence_layers: int = 3
    sequence_dropout_rate: float = 0.1
    sequence_head_residual: bool = True
    head: str = "individual"
    head_blend: float = 0.5
    adaptive: bool = True
    strided: bool = True
    swap_input: bool = False
    dropout_rate: float = 0.1
    graph_dropout_rate: float = 0.1
    rematerialise: bool = False
    stage_two_epoch: int = 40
    cpu_forms: bool = False

    def __post_init__(self) -> None:
        """Makes an absent `keypoints_skeleton` that of the output."""
        self.keypoints_skeleton = self.keypoints_skeleton or self.skeleton
        super().__post_init__()

    @property
    def receptive_field(self) -> int:
        """Returns the number of frames in one window."""
        return math.prod(self.filter_widths)

    @nn.nowrap
    def target_pose(self, output: Any) -> jax.Array:
        """Returns the centre frame's positions `[B, 1, J, 3]` in metres."""
        centre, _ = self._branches(output)
        return super().target_pose(centre)

    @nn.nowrap
    def loss(
        self,
        output: Any,
        positions_3d: jax.Array,
        loss_function: LossFunction,
        epoch: jax.Array,
    ) -> jax.Array:
        """Returns the loss of centre and sequence; in stage two, of the centre."""
        centre, sequence = self._branches(output)
        loss = super().loss(centre, positions_3d, loss_function, epoch)
        if sequence is None:
            return loss
        sequence_loss = loss_function(sequence, positions_3d)
        return loss + jnp.where(epoch < self.stage_two_epoch, sequence_loss, 0.0)

    def for_platform(self, platform: str) -> Self:
        """Returns the model whose convolutions have a CPU's gradient on a CPU."""
        return self.clone(cpu_forms=platform == "cpu")

    def keeps_momentum(self, path: tuple[str, ...]) -> bool:
        """Returns True for the side paths: the released code decays the main path's."""
        return "down_bn" in path or "residual_bn" in path

    @nn.nowrap
    def _branches(self, output: Any) -> tuple[jax.Array, jax.Array | None]:
        """Splits the output into centre and sequence, None without its branch."""
        return output if self.sequence_layers else (output, None)

    @nn.compact
    def __call__(
        self, keypoints_2d: jax.Array, *, train: bool
    ) -> jax.Array | tuple[jax.Array, jax.Array]:
        """Lifts windows of screen-normalised 2D poses to root-relative positions.

        Args:
          keypoints_2d: `[B, T, J2, keypoint_features]`. `T` is the receptive field.
            Longer windows are averaged over time at the end, and fit only where
            residual and convolution of every strided module give the same length (for
            widths of 3: where no length is 1 modulo 3).
          train: whether BatchNorm uses the batch's statistics and dropout is on.

        Returns:
          positions_3d `[B, 1, J, 3]` of the centre frame; with `sequence_layers` the
          pair of it and the 3D sequence `[B, T, J, 3]`.

        Raises:
          JaxposeError: the fields contradict each other or the input does not fit them.
        """
        self._check(keypoints_2d)
        x = self._prepare(keypoints_2d, train=train)

        # Features of every frame, then the blocks that only the paper's model has.
        x = self._apply(x, "expand", train=train)
        for i in range(self.sequence_layers):
            x = self._apply(x, f"sequence_{i}", train=train)
            x = Dropout(self.sequence_dropout_rate)(x, train=train)

        # The target frame: features of the shrunk window, read joint by joint.
        features = self._shrink(x, train=train)
        positions_3d = self._head(features)[:, None]
        if not self.sequence_layers:
            return positions_3d

        # The branch that reconstructs every frame of the window.
        sequence = self._apply(
            x,
            "sequence_head",
            features=3,
            residual=self.sequence_head_residual,
            relu=False,
            train=train,
        )
        return positions_3d, sequence.transpose(0, 2, 1, 3)

    def _apply(
        self,
        x: jax.Array,
        name: str,
        *,
        train: bool,
        features: int | None = None,
        **kwargs: Any,
    ) -> jax.Array:
        """Applies the block `name` to `x`."""
        block = AGCNBlock(
            self.channels if features is None else features,
            self.graph or self.skeleton,
            adaptive=self.adaptive,
            dropout_rate=self.graph_dropout_rate,
            cpu_forms=self.cpu_forms,
            dtype=self.dtype,
            name=name,
            **kwargs,
        )
        return call_block(
            block,
            x,
            train=train,
            rematerialise=self.rematerialise,
        )

    def _prepare(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """Converts, swaps and normalises `[B, T, J2, C]` to `[B, J, T, C]`."""
        x = keypoints_2d if self.dtype is None else keypoints_2d.astype(self.dtype)
        if self.keypoints_skeleton != self.skeleton:
            x = jnp.asarray(
                joint_rules.convert_joints(x, self.keypoints_skeleton, self.skeleton)
            )
        if self.swap_input:
            x = x[:, :, get_skeleton(self.skeleton).mirror]
        if self.input_norm:
            flat = x.reshape(
                *x.shape[:2], -1
            )  # channel = features * joint + coordinate
            norm = BatchNorm(dtype=self.dtype, name="input_bn")
            x = norm(flat, train=train).reshape(x.shape)
        return x.transpose(0, 2, 1, 3)

    def _shrink(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Shrinks `[B, J, T, C]` to `[B, J, C]`: strided modules, mean over time."""
        for i, width in enumerate(self.filter_widths):
            stride = width if self.strided else 1
            # With stride 3 the window of output o is centred on frame 3o, the residual
            # on 3o + 1.
            residual = x[:, :, stride // 2 :: stride]
            x = self._apply(x, f"module_{i}_plain", train=train)
            x = Dropout(self.dropout_rate)(x, train=train)
            x = self._apply(
                x,
                f"module_{i}_strided",
                stride=stride,
                residual=False,
                train=train,
            )
            x = residual + Dropout(self.dropout_rate)(x, train=train)
        return jnp.mean(x, axis=2)

    def _head(self, features: jax.Array) -> jax.Array:
        """Maps `[B, J, C]` to `[B, J, 3]`."""
        # The ablation of Table 6 lets every joint see all joints.
        if self.head == "dense":
            batch, joints, width = features.shape
            flat = features.reshape(batch, joints * width)
            dense = Linear(3 * joints, dtype=self.dtype, name="head_dense")
            return dense(flat).reshape(batch, joints, 3)
        shared = Linear(3, dtype=self.dtype, name="head_shared")(features)
        if self.head == "shared":
            return shared
        # Eq. 7: a weighted mean of a layer per joint and a shared one.
        unshared = UnsharedLinear(3, dtype=self.dtype, name="head_unshared")(features)
        return self.head_blend * unshared + (1 - self.head_blend) * shared

    def _check(self, keypoints_2d: jax.Array) -> None:
        """Raises JaxposeError unless fields and input fit each other."""
        self.check_fields()
        checks.check_keypoints(self, keypoints_2d)
        frames = window = keypoints_2d.shape[1]
        # A longer window must pass every strided module with equal lengths.
        needed = self.receptive_field
        if frames < needed:
            checks.fail(
                self,
                f"filter_widths={self.filter_widths} needs windows of {needed} frames, "
                f"got {frames}",
            )
        for width in self.filter_widths if self.strided else ():
            if (frames - 1) % width < width // 2:
                checks.fail(
                    self,
                    f"filter_widths={self.filter_widths} does not fit windows of "
                    f"{window} frames: {frames} frames reach the module of stride "
                    f"{width}, whose residual and convolution then differ in length; "
                    f"use a multiple of {needed}",
                )
            frames = (frames - 1) // width + 1

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the fields fit each other."""
        # Joints of input and output.
        skeleton = get_skeleton(self.skeleton)
        keypoints_skeleton = get_skeleton(self.keypoints_skeleton)
        # The one conversion that the released experiments make.
        pair = keypoints_skeleton.name, skeleton.name
        if pair[0] != pair[1] and pair != (COCO_17.name, HUMANEVA_15.name):
            checks.fail(
                self,
                f"cannot turn {pair[0]} keypoints into {pair[1]}; it takes keypoints "
                f"of {pair[1]} itself, and coco_17 where skeleton is humaneva_15",
            )
        # The graph may be another skeleton's over as many joints.
        graph = self.graph or self.skeleton
        joints = graphs.gla_gcn_adjacency(graph).shape[-1]
        if joints != skeleton.num_joints:
            checks.fail(
                self,
                f"graph={graph!r} has {joints} joints, skeleton {skeleton.name!r} "
                f"{skeleton.num_joints}; they must agree",
            )
        checks.check_filter_widths(self, self.filter_widths)
        checks.check_sizes(self, channels=self.channels)
        checks.check_layers(self, least=0, sequence_layers=self.sequence_layers)
        if self.stage_two_epoch < 0:
            checks.fail(
                self, f"stage_two_epoch={self.stage_two_epoch} must be 0 or more"
            )
        checks.check_choices(self, HEADS, head=self.head)
        if not 0 <= self.head_blend <= 1:
            checks.fail(self, f"head_blend={self.head_blend} must be between 0 and 1")
