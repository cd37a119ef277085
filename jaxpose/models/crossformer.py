"""CrossFormer: PoseFormer with cross-joint and cross-frame interactions.

The paper and its released code disagree; the fields choose between them:

| | mlp_ratio | qkv_bias | frame_groups | zeroed_frames | cross_frame |
|---|---|---|---|---|---|
| the model whose size and cost the paper reports | 2 | True | 1 | () | gated |
| the released code and its checkpoints, 81 frames | 4 | False | 3 | (10, 16) | gated |
| equations 7 to 9 as printed | 2 | True | 1 | () | bilinear |

Further differences of the code, which all three keep: a layer scale and a LayerNorm
before the interaction modules, full instead of depth-wise convolutions in the
cross-joint module, one LayerNorm per stack, one temporal position vector shared by all
frames, attention scaled by the head width, and the head's LayerNorm before its linear
map.
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.models import checks
from jaxpose.models.layers import (
    Attention,
    Dropout,
    DropPath,
    LayerNorm,
    Linear,
    Mlp,
    call_block,
    padded_convolution,
    torch_bias_init,
    torch_linear_init,
)
from jaxpose.models.poseformer import (
    FrameMixingHead,
    JointEmbedding,
    WindowTransformer,
    token_windows,
)

CROSS_FRAME = ("gated", "bilinear", "none")


class CrossFormer(WindowTransformer):
    """PoseFormer with interactions between joints and between frames.

    With 81 frames it has the paper's parameter count and cost; 9 and 27 frames were
    published too. Table 5 switches off `cross_joint`, `cross_frame`,
    `spatial_positions` and `temporal_positions`.

    Attributes:
      cross_joint: whether the spatial blocks have the cross-joint interaction.
      cross_frame: interaction of the temporal blocks: `gated` as released, `bilinear`
        as equations 7 to 9, or `none`.
      frame_groups: groups of frames that the gated interaction treats apart; divides
        `num_frames`.
      zeroed_frames: first and one past the last frame of the window that are set to 0
        before the network, as the released code does; None for no frames.
      spatial_positions: whether joints have learned position vectors.
      temporal_positions: whether the learned vector shared by all frames is added.
    """

    cross_joint: bool = True
    cross_frame: str = "gated"
    frame_groups: int = 1
    zeroed_frames: tuple[int, ...] | None = None
    spatial_positions: bool = True
    temporal_positions: bool = True

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """Lifts `keypoints_2d [B, T, J, C]` to root-relative positions `[B, 1, J, 3]`.

        Raises:
          JaxposeError: the fields or the input's shape do not fit each other.
        """
        self._check(keypoints_2d)
        batch, frames, joints, features = keypoints_2d.shape
        width = joints * self.joint_width
        zeroed = slice(*self.zeroed_frames or (0, 0))
        if self.whole_sequence:
            # Each window has other frames zeroed: one more frame stands for all of
            # them.
            one_more = ((0, 0), (0, 1), (0, 0), (0, 0))
            keypoints_2d = jnp.pad(keypoints_2d, one_more)
        elif self.zeroed_frames:
            keypoints_2d = jnp.asarray(keypoints_2d).at[:, zeroed].set(0.0)

        # Spatial stack: each frame is a sample of J tokens.
        x = keypoints_2d.reshape(-1, joints, features)
        embed = JointEmbedding(
            self.joint_width,
            self.spatial_positions,
            dtype=self.dtype,
            name="joint_embedding",
        )
        x = Dropout(self.dropout_rate)(embed(x), train=train)
        x = self._stack(x, "spatial", train)
        x = x.reshape(batch, -1, width)
        if self.whole_sequence:
            zero_token = x[0, frames]
            x = token_windows(x[:, :frames], self.num_frames)
            x = x.at[:, zeroed].set(zero_token)

        # Temporal stack: each window is a sample of T tokens.
        if self.temporal_positions:
            zeros = nn.initializers.zeros_init()
            x = x + self.param("temporal_positions", zeros, (1, width))[None]
        x = Dropout(self.dropout_rate)(x, train=train)
        x = self._stack(x, "temporal", train)
        return FrameMixingHead(joints, name="head")(x).reshape(batch, -1, joints, 3)

    def _stack(
        self,
        x: jax.Array,
        kind: str,
        train: bool,
    ) -> jax.Array:
        """Applies the blocks of one stack and its LayerNorm."""
        for i, rate in enumerate(self.drop_path_rates()):
            block = Block(
                self.heads,
                self.mlp_ratio,
                self.qkv_bias,
                interaction=self._interaction(kind),
                dropout_rate=self.dropout_rate,
                drop_path_rate=rate,
                dtype=self.dtype,
                name=f"{kind}_block_{i}",
            )
            x = call_block(
                block,
                x,
                train=train,
                rematerialise=self.rematerialise,
            )
        return LayerNorm(name=f"{kind}_norm")(x)

    def _interaction(self, kind: str) -> Callable[..., nn.Module] | None:
        """Returns the interaction module of a stack's blocks; None for none."""
        module: Callable[..., nn.Module] | None
        # Joints interact in the spatial stack, frames in the temporal one.
        if kind == "spatial":
            module = CrossJoint if self.cross_joint else None
        elif self.cross_frame == "gated":
            module = functools.partial(GatedCrossFrame, self.frame_groups)
        else:
            module = BilinearCrossFrame if self.cross_frame == "bilinear" else None
        return None if module is None else functools.partial(module, dtype=self.dtype)

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the fields fit each other."""
        super().check_fields()
        checks.check_choices(self, CROSS_FRAME, cross_frame=self.cross_frame)
        checks.check_divides(
            self,
            frame_groups=self.frame_groups,
            num_frames=self.num_frames,
        )
        # The last index may lie past a short window: the released (10, 16) leaves 9
        # frames alone.
        zeroed = self.zeroed_frames or (0, 0)
        if len(zeroed) != 2 or not 0 <= zeroed[0] <= zeroed[1]:
            checks.fail(
                self,
                f"zeroed_frames={self.zeroed_frames} must be the first and one past "
                "the last frame to zero, such as (10, 16), or None",
            )


class Block(nn.Module):
    """Pre-norm transformer block with an interaction module between attention and MLP.

    `x += g1 * MHSA(LN(x))`, `x += g3 * INT(LN(x))`, `x += g2 * MLP(LN(x))` with learned
    channel vectors g that start at 1e-5; each branch is dropped per sample at
    `drop_path_rate`.

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
        """Maps `[samples, tokens, C]` to the same shape."""
        # Each branch starts near zero, as its scale does.
        width = x.shape[-1]

        def branch(name: str, function: Callable[[jax.Array], jax.Array]) -> jax.Array:
            y = function(LayerNorm(dtype=self.dtype, name=f"{name}_norm")(x))
            small = nn.initializers.constant(1e-5)
            scale = self.param(f"{name}_scale", small, (width,))
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
        hidden = int(width * self.mlp_ratio)
        mlp = Mlp(hidden, self.dropout_rate, dtype=self.dtype, name="mlp")
        return x + branch("mlp", functools.partial(mlp, train=train))


class CrossJoint(nn.Module):
    """Cross-joint interaction, equation 5: `Z = CONV(GN(GELU(CONV(Z)))) + Z`.

    Convolutions of kernel 5 over the joints in array order; GN normalises each channel
    over the joints of a frame.
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Maps `[frames, J, C]` to the same shape."""
        width = z.shape[-1]
        conv = functools.partial(
            Convolution,
            width,
            5,
            use_bias=True,
            dtype=self.dtype,
        )
        # Channels are normalised apart: as many groups as channels.
        y = nn.gelu(conv(name="conv1")(z), approximate=False)
        y = _group_norm(width, self.dtype)(y)
        return conv(name="conv2")(y) + z


class GatedCrossFrame(nn.Module):
    """Cross-frame interaction of the released code, in the place of equations 7 to 9.

    Frames are the channels of convolutions of kernel 3 over a token's `D` entries. In
    every group of frames the value is scaled by one number, the inner product of key
    and query; then convolution and GroupNorm by group, and the input is added.
    """

    groups: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Maps `[B, T, D]` to the same shape."""
        x = z.swapaxes(1, 2)  # frames are channels, and channels come last
        frames = x.shape[-1]
        grouped = (*x.shape[:2], self.groups, frames // self.groups)

        def project(name: str) -> jax.Array:
            conv = Convolution(frames, 3, dtype=self.dtype, name=name)
            return conv(x).reshape(grouped)

        key, query, value = project("key"), project("query"), project("value")
        # In at least float32: the sum runs over all entries of a group of frames.
        wide = jnp.promote_types(key.dtype, jnp.float32)
        gate = jnp.einsum("bdgt,bdgt->bg", key, query, preferred_element_type=wide)
        # Back to frames as channels, convolved and normalised by group.
        y = jnp.einsum("bg,bdgt->bdgt", gate, value).reshape(x.shape)
        y = Convolution(
            frames,
            3,
            groups=self.groups,
            dtype=self.dtype,
            name="conv",
        )(y)
        return _group_norm(self.groups, self.dtype)(y).swapaxes(1, 2) + z


class BilinearCrossFrame(nn.Module):
    """Cross-frame interaction by equations 7 to 9: `Z = GN(CONV((K Q^T / D) V)) + Z`.

    K, Q, V are linear maps D -> D of each frame without biases (equation 7). The paper
    gives no scale for the `[T, T]` correlations; division by D keeps them of order one.
    CONV has kernel 3 over the frames, D -> D channels and no bias; GN has one group.
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Maps `[B, T, D]` to the same shape."""
        width = z.shape[-1]
        linear = functools.partial(
            Linear,
            width,
            use_bias=False,
            dtype=self.dtype,
        )
        key, query, value = (linear(name=n)(z) for n in ("key", "query", "value"))
        # How far each frame's key agrees with each frame's query.
        correlation = jnp.einsum("bfd,bgd->bfg", key, query) / width
        y = jnp.einsum("bfg,bgd->bfd", correlation, value)
        y = Convolution(width, 3, dtype=self.dtype, name="conv")(y)
        return _group_norm(1, self.dtype)(y) + z


class Convolution(nn.Module):
    """Convolution with PyTorch's initialisation and zero padding of `size // 2`."""

    features: int
    size: int
    use_bias: bool = False
    groups: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, positions, C]` to `[B, positions, features]`."""
        # A group's kernel sees the channels of its group.
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
        groups,
        epsilon=1e-5,
        use_fast_variance=False,
        dtype=dtype,
        name="norm",
    )
