"""CrossFormer: PoseFormer with cross-joint and cross-frame interaction (Hassanin et al.).

The paper and its released code disagree; the fields choose between them:

| | mlp_ratio | qkv_bias | frame_groups | zeroed_frames | cross_frame |
|---|---|---|---|---|---|
| the model whose size and cost the paper reports (defaults) | 2 | True | 1 | None | gated |
| the released code and its checkpoints, 81 frames | 4 | False | 3 | (10, 16) | gated |
| equations 7 to 9 as printed | 2 | True | 1 | None | bilinear |

Further differences of the code, which all three keep: a layer scale and a LayerNorm before
the interaction modules, full instead of depth-wise convolutions in the cross-joint module,
one LayerNorm per stack, one temporal position vector shared by all frames, attention scaled
by the head width, and the head's LayerNorm before its linear map.
"""

import functools
from collections.abc import Callable
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.models.layers import (
    Attention,
    Dropout,
    DropPath,
    LayerNorm,
    Linear,
    Mlp,
    call_block,
    torch_bias_init,
    torch_linear_init,
)
from jaxpose.models.padded_conv import padded_convolution
from jaxpose.models.poseformer import (
    FrameMixingHead,
    JointEmbedding,
    check_window,
    drop_path_rates,
    token_windows,
)

CROSS_FRAME = ("gated", "bilinear", "none")


class CrossFormer(LiftingModel):
    """Lifts a window of 2D poses to the 3D pose of its centre frame.

    The defaults reproduce the paper's parameter count and cost with 81 frames; 9 and 27
    frames were published too. Table 5 switches off `cross_joint`, `cross_frame`,
    `spatial_positions` and `temporal_positions`.

    Attributes:
      skeleton: name of the skeleton of input and output; gives `J`.
      num_frames: frames of the window, `T`; odd.
      joint_width: width `e` of a joint's token; a frame's token has `D = J * e` channels.
      depth: blocks of each of the two stacks.
      heads: attention heads of both stacks; divides `joint_width`.
      mlp_ratio: hidden width of the MLPs over their input width.
      qkv_bias: whether the query, key and value projections have biases.
      cross_joint: whether the spatial blocks have the cross-joint interaction.
      cross_frame: interaction of the temporal blocks: `gated` as released, `bilinear` as
        equations 7 to 9, or `none`.
      frame_groups: groups of frames that the gated interaction treats apart; divides `num_frames`.
      zeroed_frames: first and one past the last frame of the window that are set to 0 before
        the network, as the released code does; None for no frames.
      spatial_positions: whether joints have learned position vectors.
      temporal_positions: whether the learned vector shared by all frames is added.
      dropout_rate: dropout after the position vectors and in attention and MLPs.
      drop_path_rate: stochastic depth of the last block of each stack; earlier blocks rise to
        it linearly from 0.
      rematerialise: blocks keep only their inputs for the backward pass (`layers.call_block`).
      whole_sequence: takes sequences and lifts every frame that has a whole window; a frame's
        spatial tokens are computed once for all windows that it is in.
    """

    skeleton: str = "h36m_17"
    num_frames: int = 81
    joint_width: int = 32
    depth: int = 4
    heads: int = 8
    mlp_ratio: float = 2.0
    qkv_bias: bool = True
    cross_joint: bool = True
    cross_frame: str = "gated"
    frame_groups: int = 1
    zeroed_frames: tuple[int, int] | None = None
    spatial_positions: bool = True
    temporal_positions: bool = True
    dropout_rate: float = 0.0
    drop_path_rate: float = 0.1
    rematerialise: bool = False
    whole_sequence: bool = False

    @property
    def receptive_field(self) -> int:
        """Frames that one output pose sees."""
        return self.num_frames

    @property
    def lifts_sequences(self) -> bool:
        """True: the spatial blocks of a frame are computed once for all its windows."""
        return True

    def for_sequences(self) -> Self:
        """Returns the same network over sequences: `[B, F + T - 1, J, C]` to `[B, F, J, 3]`."""
        return self.clone(whole_sequence=True)

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """`keypoints_2d [B, T, J, keypoint_features]` to root-relative positions `[B, 1, J, 3]` in metres.

        Raises:
          JaxposeError: the fields or the input's shape do not fit each other.
        """
        check_window(self, keypoints_2d)
        self._check_interactions()
        batch, frames, joints, features = keypoints_2d.shape
        width = joints * self.joint_width
        rates = drop_path_rates(self.drop_path_rate, self.depth)
        zeroed = slice(*self.zeroed_frames or (0, 0))
        if self.whole_sequence:
            # Each window has other frames zeroed: one more frame stands for all of them.
            keypoints_2d = jnp.pad(keypoints_2d, ((0, 0), (0, 1), (0, 0), (0, 0)))
        elif self.zeroed_frames:
            keypoints_2d = jnp.asarray(keypoints_2d).at[:, zeroed].set(0.0)

        x = keypoints_2d.reshape(-1, joints, features)
        embedding = JointEmbedding(
            self.joint_width,
            self.spatial_positions,
            dtype=self.dtype,
            name="joint_embedding",
        )
        x = Dropout(self.dropout_rate)(embedding(x), train=train)
        interaction = (
            functools.partial(CrossJoint, dtype=self.dtype)
            if self.cross_joint
            else None
        )
        for i, rate in enumerate(rates):
            block = self._block(interaction, rate, f"spatial_block_{i}")
            x = call_block(block, x, train=train, rematerialise=self.rematerialise)
        x = LayerNorm(name="spatial_norm")(x)

        x = x.reshape(batch, -1, width)
        if self.whole_sequence:
            x = (
                token_windows(x[:, :frames], self.num_frames)
                .at[:, zeroed]
                .set(x[0, frames])
            )
        if self.temporal_positions:
            x = (
                x
                + self.param(
                    "temporal_positions", nn.initializers.zeros_init(), (1, width)
                )[None]
            )
        x = Dropout(self.dropout_rate)(x, train=train)
        interaction = {
            "gated": functools.partial(
                GatedCrossFrame, groups=self.frame_groups, dtype=self.dtype
            ),
            "bilinear": functools.partial(BilinearCrossFrame, dtype=self.dtype),
            "none": None,
        }[self.cross_frame]
        for i, rate in enumerate(rates):
            block = self._block(interaction, rate, f"temporal_block_{i}")
            x = call_block(block, x, train=train, rematerialise=self.rematerialise)
        x = LayerNorm(name="temporal_norm")(x)
        return FrameMixingHead(joints, name="head")(x).reshape(batch, -1, joints, 3)

    def _block(
        self,
        interaction: Callable[..., nn.Module] | None,
        drop_path_rate: float,
        name: str,
    ) -> "Block":
        return Block(
            self.heads,
            self.mlp_ratio,
            self.qkv_bias,
            interaction=interaction,
            dropout_rate=self.dropout_rate,
            drop_path_rate=drop_path_rate,
            dtype=self.dtype,
            name=name,
        )

    def _check_interactions(self) -> None:
        if self.cross_frame not in CROSS_FRAME:
            raise JaxposeError(
                f"CrossFormer: unknown cross_frame={self.cross_frame!r}; known: {', '.join(CROSS_FRAME)}"
            )
        if self.frame_groups < 1 or self.num_frames % self.frame_groups:
            divisors = [
                n for n in range(1, self.num_frames + 1) if self.num_frames % n == 0
            ]
            raise JaxposeError(
                f"CrossFormer: frame_groups={self.frame_groups} does not divide "
                f"num_frames={self.num_frames}; these do: {', '.join(map(str, divisors))}"
            )
        # The last index may lie past a short window: the released (10, 16) leaves 9 frames alone.
        zeroed = self.zeroed_frames or (0, 0)
        if len(zeroed) != 2 or not 0 <= zeroed[0] <= zeroed[1]:
            raise JaxposeError(
                f"CrossFormer: zeroed_frames={zeroed} must be the first and one past the last frame to "
                "zero, such as (10, 16), or None"
            )


class Block(nn.Module):
    """Pre-norm transformer block with an interaction module between attention and MLP.

    `x += g1 * MHSA(LN(x))`, `x += g3 * INT(LN(x))`, `x += g2 * MLP(LN(x))` with learned channel
    vectors g that start at 1e-5; each branch is dropped per sample at `drop_path_rate`.

    Attributes:
      interaction: makes the interaction module; None drops that branch.
    """

    heads: int
    mlp_ratio: float
    qkv_bias: bool
    interaction: Callable[..., nn.Module] | None = None
    dropout_rate: float = 0.0
    drop_path_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`[samples, tokens, C]` to the same shape."""
        width = x.shape[-1]

        def branch(name: str, function: Callable[[jax.Array], jax.Array]) -> jax.Array:
            y = function(LayerNorm(dtype=self.dtype, name=f"{name}_norm")(x))
            scale = self.param(
                f"{name}_scale", nn.initializers.constant(1e-5), (width,)
            )
            return DropPath(self.drop_path_rate)(scale[None, None] * y, train=train)

        attention = Attention(
            self.heads,
            self.qkv_bias,
            self.dropout_rate,
            dtype=self.dtype,
            name="attention",
        )
        x = x + branch("attention", functools.partial(attention, train=train))
        if self.interaction is not None:
            x = x + branch("interaction", self.interaction(name="interaction"))
        mlp = Mlp(
            int(width * self.mlp_ratio), self.dropout_rate, dtype=self.dtype, name="mlp"
        )
        return x + branch("mlp", functools.partial(mlp, train=train))


class CrossJoint(nn.Module):
    """Cross-joint interaction, equation 5: `Z = CONV(GN(GELU(CONV(Z)))) + Z`.

    Convolutions of kernel 5 over the joints in array order; GN normalises each channel over
    the joints of a frame.
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """`[frames, J, C]` to the same shape."""
        width = z.shape[-1]
        y = Convolution(width, 5, use_bias=True, dtype=self.dtype, name="conv1")(z)
        y = nn.gelu(y, approximate=False)
        y = _group_norm(width, self.dtype)(y)
        return (
            Convolution(width, 5, use_bias=True, dtype=self.dtype, name="conv2")(y) + z
        )


class GatedCrossFrame(nn.Module):
    """Cross-frame interaction of the released code, in the place of equations 7 to 9.

    Frames are the channels of convolutions of kernel 3 over a token's `D` entries. In every
    group of frames the value is scaled by one number, the inner product of key and query;
    then convolution and GroupNorm by group, and the input is added.
    """

    groups: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """`[B, T, D]` to the same shape."""
        x = z.swapaxes(1, 2)  # frames are channels, and channels come last
        frames = x.shape[-1]
        key, query, value = (
            Convolution(frames, 3, dtype=self.dtype, name=name)(x)
            for name in ("key", "query", "value")
        )
        grouped = (*x.shape[:2], self.groups, frames // self.groups)
        key, query, value = (
            key.reshape(grouped),
            query.reshape(grouped),
            value.reshape(grouped),
        )
        # In at least float32: the sum runs over all entries of a group of frames.
        wide = jnp.promote_types(key.dtype, jnp.float32)
        gate = jnp.einsum("bdgt,bdgt->bg", key, query, preferred_element_type=wide)
        y = jnp.einsum("bg,bdgt->bdgt", gate, value).reshape(x.shape)
        y = Convolution(frames, 3, groups=self.groups, dtype=self.dtype, name="conv")(y)
        return _group_norm(self.groups, self.dtype)(y).swapaxes(1, 2) + z


class BilinearCrossFrame(nn.Module):
    """Cross-frame interaction by equations 7 to 9: `Z = GN(CONV((K Q^T / D) V)) + Z`.

    K, Q, V are linear maps D -> D of each frame without biases (equation 7). The paper gives
    no scale for the `[T, T]` correlations; division by D keeps them of order one. CONV has
    kernel 3 over the frames, D -> D channels and no bias; GN has one group.
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """`[B, T, D]` to the same shape."""
        width = z.shape[-1]
        key, query, value = (
            Linear(width, use_bias=False, dtype=self.dtype, name=name)(z)
            for name in ("key", "query", "value")
        )
        correlation = jnp.einsum("bfd,bgd->bfg", key, query) / width
        y = jnp.einsum("bfg,bgd->bfd", correlation, value)
        y = Convolution(width, 3, dtype=self.dtype, name="conv")(y)
        return _group_norm(1, self.dtype)(y) + z


class Convolution(nn.Module):
    """Convolution `[B, positions, C]` to `[B, positions, features]`, with PyTorch's initialisation."""

    features: int
    size: int
    use_bias: bool = False
    groups: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Convolves with zero padding of `size // 2`."""
        channels = x.shape[-1] // self.groups
        kernel = self.param(
            "kernel", torch_linear_init, (self.size, channels, self.features)
        )
        x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        y = padded_convolution(x, kernel, groups=self.groups)
        if self.use_bias:
            bias = self.param(
                "bias", torch_bias_init(self.size * channels), (self.features,)
            )
            y = y + bias.astype(y.dtype)[None, None]
        return y


def _group_norm(groups: int, dtype: Any) -> nn.GroupNorm:
    return nn.GroupNorm(
        groups, epsilon=1e-5, use_fast_variance=False, dtype=dtype, name="norm"
    )
