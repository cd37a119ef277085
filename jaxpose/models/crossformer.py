"""CrossFormer: PoseFormer with cross-joint and cross-frame interactions.

The paper and its released code disagree; the fields choose between three models:

| | default | released code | equations as printed |
|---|---|---|---|
| mlp_ratio | 2 | 4 | 2 |
| qkv_bias | True | False | True |
| cross_frame | correlation | gated | correlation |
| frame_groups | 1 | 3 | 1 |
| zeroed_frames | None | (10, 16) | None |
| block | scaled | scaled | equations |
| attention_scale | head | head | tokens |

The default has the size that the paper prints, 9.93 M with 81 frames; the released
checkpoints fit the second column alone.
The default keeps the code's layer scale, its LayerNorm before the interaction modules,
and one LayerNorm per stack. All three have the code's single temporal position vector,
shared by all frames, and its head, whose LayerNorm comes before the linear map. The
convolutions of the cross-joint module are full ones, as under equation 5; the paper's
introduction calls them depth-wise. docs/papers.md compares every element.
"""

import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.models import checks
from jaxpose.models.layers import (
    ATTENTION_SCALES,
    Attention,
    Dropout,
    DropPath,
    LayerNorm,
    Mlp,
    gelu,
    padded_convolution,
    torch_bias_init,
    torch_linear_init,
)
from jaxpose.models.poseformer import (
    FrameMixingHead,
    WindowTransformer,
    token_windows,
)

CROSS_FRAME = ("correlation", "gated", "none")
BLOCKS = ("scaled", "equations")


class CrossFormer(WindowTransformer):
    """PoseFormer with interactions between joints and between frames.

    With 81 frames it has the paper's parameter count; 9 and 27 frames were published
    too. Table 5 switches off `cross_joint`, `cross_frame`, `spatial_positions` and
    `temporal_positions`.

    Attributes:
      cross_joint: whether the spatial blocks have the cross-joint interaction.
      cross_frame: interaction of the temporal blocks: `correlation` as equations 7 to
        9, `gated` as released (see `GatedCrossFrame`), or `none`.
      frame_groups: groups of frames that the gated interaction treats apart; divides
        `num_frames`.
      block: `scaled` as released, or `equations`; see `Block`.
      attention_scale: one of `layers.ATTENTION_SCALES`; the code has `head`, equation 2
        `tokens`.
      zeroed_frames: first and one past the last frame of the window that are set to 0
        before the network, as the released code does; None for no frames.
      spatial_positions: whether joints have learned position vectors.
      temporal_positions: whether the learned vector shared by all frames is added.
    """

    cross_joint: bool = True
    cross_frame: str = "correlation"
    frame_groups: int = 1
    block: str = "scaled"
    attention_scale: str = "head"
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
        batch, frames, joints, _ = keypoints_2d.shape
        zeroed = slice(*self.zeroed_frames or (0, 0))
        if self.whole_sequence:
            # Each window has other frames zeroed: one more frame stands for all of
            # them.
            one_more = ((0, 0), (0, 1), (0, 0), (0, 0))
            keypoints_2d = jnp.pad(keypoints_2d, one_more)
        elif self.zeroed_frames:
            keypoints_2d = jnp.asarray(keypoints_2d).at[:, zeroed].set(0.0)

        x = self._frame_tokens(keypoints_2d, self.spatial_positions, train)
        if self.whole_sequence:
            zero_token = x[0, frames]
            x = token_windows(x[:, :frames], self.num_frames)
            x = x.at[:, zeroed].set(zero_token)

        # Temporal stack: each window is a sample of T tokens.
        if self.temporal_positions:
            zeros = nn.initializers.zeros_init()
            table = (1, x.shape[-1])
            x = x + self.param("temporal_positions", zeros, table)[None]
        x = Dropout(self.dropout_rate)(x, train=train)
        x = self._stack(x, "temporal", train)
        return FrameMixingHead(joints, name="head")(x).reshape(batch, -1, joints, 3)

    def _block(self, kind: str, drop_path_rate: float, name: str) -> nn.Module:
        """Returns a block of the stack `kind`."""
        return Block(
            self.heads,
            self.mlp_ratio,
            self.qkv_bias,
            interaction=self._interaction(kind),
            form=self.block,
            attention_scale=self.attention_scale,
            dropout_rate=self.dropout_rate,
            drop_path_rate=drop_path_rate,
            dtype=self.dtype,
            name=name,
        )

    def _stack(self, x: jax.Array, kind: str, train: bool) -> jax.Array:
        """Applies the blocks of one stack, and a LayerNorm if they end in none."""
        x = super()._stack(x, kind, train)
        return x if self.block == "equations" else LayerNorm(name=f"{kind}_norm")(x)

    def _interaction(self, kind: str) -> Callable[..., nn.Module] | None:
        """Returns the interaction module of a stack's blocks; None for none."""
        module: Callable[..., nn.Module] | None = None
        # Joints interact in the spatial stack, frames in the temporal one.
        if kind == "spatial":
            module = CrossJoint if self.cross_joint else None
        elif self.cross_frame == "gated":
            module = functools.partial(GatedCrossFrame, self.frame_groups)
        elif self.cross_frame == "correlation":
            module = CorrelationCrossFrame
        return None if module is None else functools.partial(module, dtype=self.dtype)

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the fields fit each other."""
        super().check_fields()
        checks.check_choices(self, CROSS_FRAME, cross_frame=self.cross_frame)
        checks.check_choices(self, BLOCKS, block=self.block)
        scale = {"attention_scale": self.attention_scale}
        checks.check_choices(self, ATTENTION_SCALES, **scale)
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
    """Transformer block with an interaction module between attention and MLP.

    `scaled`, the code's: `x += g1 MHSA(LN(x))`, `x += g3 (INT(LN(x)) + LN(x))`,
    `x += g2 MLP(LN(x))`, with learned channel vectors g that start at 1e-5.

    `equations`, equations 6 and 9 as printed: `x += MHSA(LN(x))`, `x += INT(x)`,
    `x += MLP(LN(x))`, `x = LN(x)`.

    Each branch is dropped per sample at `drop_path_rate`.

    Attributes:
      interaction: makes the interaction module; None drops that branch.
      form: one of `BLOCKS`.
      attention_scale: one of `layers.ATTENTION_SCALES`.
    """

    heads: int
    mlp_ratio: float
    qkv_bias: bool
    interaction: Callable[..., nn.Module] | None = None
    form: str = "scaled"
    attention_scale: str = "head"
    dropout_rate: float = 0.0
    drop_path_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps `[samples, tokens, C]` to the same shape."""
        attention = Attention(
            self.heads,
            self.qkv_bias,
            self.dropout_rate,
            self.dtype,
            self.attention_scale,
            name="attention",
        )
        hidden = int(x.shape[-1] * self.mlp_ratio)
        mlp = Mlp(hidden, self.dropout_rate, dtype=self.dtype, name="mlp")
        drop_path = DropPath(self.drop_path_rate)

        y = attention(self._norm(x, "attention"), train=train)
        x = x + drop_path(self._scale(y, "attention"), train=train)
        if self.interaction is not None:
            y = self._interact(self.interaction(name="interaction"), x)
            x = x + drop_path(y, train=train)
        y = mlp(self._norm(x, "mlp"), train=train)
        x = x + drop_path(self._scale(y, "mlp"), train=train)
        return LayerNorm(name="norm")(x) if self.form == "equations" else x

    def _interact(
        self, module: Callable[[jax.Array], jax.Array], x: jax.Array
    ) -> jax.Array:
        """Returns the branch of the interaction module."""
        if self.form == "equations":
            return module(x)
        # The code adds the input inside the module, and the block adds it again.
        z = self._norm(x, "interaction")
        return self._scale(module(z) + z, "interaction")

    def _norm(self, x: jax.Array, branch: str) -> jax.Array:
        return LayerNorm(dtype=self.dtype, name=f"{branch}_norm")(x)

    def _scale(self, y: jax.Array, branch: str) -> jax.Array:
        """Multiplies a branch by its vector, which starts near zero; `scaled` only."""
        if self.form == "equations":
            return y
        small = nn.initializers.constant(1e-5)
        scale = self.param(f"{branch}_scale", small, y.shape[-1:])
        return scale[None, None] * y


class CrossJoint(nn.Module):
    """Branch of the cross-joint interaction, equation 5: `CONV(GN(GELU(CONV(Z))))`.

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
        y = gelu(conv(name="conv1")(z))
        y = _group_norm(width, self.dtype)(y)
        return conv(name="conv2")(y)


class CorrelationCrossFrame(nn.Module):
    """Branch of the cross-frame interaction, equations 7 to 9: `GN(CONV(C V))`.

    Key, query and value are convolutions of kernel 3 over a token's `D` entries, with
    frames as channels and without biases. `C = K Q^T / D` correlates every two frames;
    the paper does not divide, and GN, of one group, makes it the same except for its
    epsilon. Half precision needs correlations of order one.
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array) -> jax.Array:
        """Maps `[B, T, D]` to the same shape."""
        x = z.swapaxes(1, 2)  # frames are channels, and channels come last
        width, frames = x.shape[1:]
        # The three convolutions are one, of their kernels side by side.
        kernels = [Kernel(frames, 3, name=n)(frames) for n in ("key", "query", "value")]
        x, kernel = nn.dtypes.promote_dtype(
            x, jnp.concatenate(kernels, axis=-1), dtype=self.dtype
        )
        key, query, value = jnp.split(padded_convolution(x, kernel), 3, axis=-1)
        # In at least float32: the sum runs over all entries of a frame.
        wide = jnp.promote_types(key.dtype, jnp.float32)
        correlation = jnp.einsum(
            "bdf,bdg->bfg", key, query, preferred_element_type=wide
        )
        correlation = (correlation / width).astype(value.dtype)
        y = jnp.einsum("bfg,bdg->bdf", correlation, value)
        y = Convolution(frames, 3, dtype=self.dtype, name="conv")(y)
        return _group_norm(1, self.dtype)(y).swapaxes(1, 2)


class GatedCrossFrame(nn.Module):
    """Branch of the cross-frame interaction of the released code.

    Convolutions as in `CorrelationCrossFrame`. In every group of frames the value is
    scaled by one number `a`, the inner product of key and query; then convolution and
    GroupNorm by group.

    The norm takes the scale out again: CONV is linear and stays inside the groups, so
    `GN(CONV(a V)) = GN(a CONV(V)) = sign(a) GN(CONV(V))` except for GN's epsilon. Key
    and query act through the sign alone and have next to no gradient. This form is for
    the released checkpoints; use `CorrelationCrossFrame` to train.
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
        return _group_norm(self.groups, self.dtype)(y).swapaxes(1, 2)


class Kernel(nn.Module):
    """Kernel of a `Convolution` that is computed together with others."""

    features: int
    size: int

    @nn.compact
    def __call__(self, channels: int) -> jax.Array:
        """Returns the kernel `[size, channels, features]`."""
        shape = (self.size, channels, self.features)
        return self.param("kernel", torch_linear_init, shape)


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
