"""PoseFormer: transformers over joints, then over frames (Zheng et al., ICCV 2021).

`WindowTransformer`, `FrameMixingHead` and `token_windows` are also CrossFormer's, which
extends this model. Tokens are `[B * T, J, e]` in the spatial
stack, one frame being one sample, and `[B, T, D]` with `D = J * e` in the temporal one.
With `dtype=bfloat16` the matrix products are bfloat16 and the residual stream stays
float32.
"""

from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.models import checks
from jaxpose.models.base import LiftingModel
from jaxpose.models.layers import (
    Attention,
    Dropout,
    DropPath,
    LayerNorm,
    Linear,
    Mlp,
    call_block,
)


class WindowTransformer(LiftingModel):
    """A transformer whose window is lifted to the pose of its centre frame.

    Attributes:
      num_frames: frames of the window, `T`; odd.
      joint_width: `e`, channels of a joint's token; a frame's token has `D = J * e`.
      depth: blocks of each of the two stacks.
      heads: attention heads of both stacks; divides `joint_width`.
      mlp_ratio: hidden width of the MLPs over their input width.
      qkv_bias: whether the query, key and value projections have biases.
      dropout_rate: dropout after the position tables and in attention and MLPs.
      drop_path_rate: stochastic depth of the last block of each stack; earlier blocks
        rise to it linearly from 0.
      rematerialise: blocks keep only their inputs for the backward pass
        (`layers.call_block`).
      whole_sequence: takes sequences and lifts every frame that has a whole window; a
        frame's spatial tokens are computed once for all windows that it is in.
    """

    num_frames: int = 81
    joint_width: int = 32
    depth: int = 4
    heads: int = 8
    mlp_ratio: float = 2.0
    qkv_bias: bool = True
    dropout_rate: float = 0.0
    drop_path_rate: float = 0.1
    rematerialise: bool = False
    whole_sequence: bool = False

    @property
    def receptive_field(self) -> int:
        """Returns the number of frames that one output pose sees."""
        return self.num_frames

    @property
    def lifts_sequences(self) -> bool:
        """Returns True: spatial blocks compute a frame once for all of its windows."""
        return True

    def for_sequences(self) -> Self:
        """Returns the network that maps `[B, F + T - 1, J, C]` to `[B, F, J, 3]`."""
        return self.clone(whole_sequence=True)

    def drop_path_rates(self) -> list[float]:
        """Returns the rate of each block of a stack, rising from 0 linearly."""
        return np.linspace(0.0, self.drop_path_rate, self.depth).tolist()

    def _frame_tokens(
        self, keypoints_2d: jax.Array, positions: bool, train: bool
    ) -> jax.Array:
        """Makes one token of each frame: `[B, T, J, C]` to `[B, T, D]`.

        `positions` is that of `JointEmbedding`.
        """
        # Spatial stack: each frame is a sample of J tokens.
        batch, frames, joints, features = keypoints_2d.shape
        x = keypoints_2d.reshape(batch * frames, joints, features)
        embed = JointEmbedding(
            self.joint_width,
            positions,
            dtype=self.dtype,
            name="joint_embedding",
        )
        x = Dropout(self.dropout_rate)(embed(x), train=train)
        x = self._stack(x, "spatial", train)
        return x.reshape(batch, frames, joints * self.joint_width)

    def _stack(self, x: jax.Array, kind: str, train: bool) -> jax.Array:
        """Applies the blocks of one stack, `spatial` or `temporal`."""
        for i, rate in enumerate(self.drop_path_rates()):
            x = call_block(
                self._block(kind, rate, f"{kind}_block_{i}"),
                x,
                train=train,
                rematerialise=self.rematerialise,
            )
        return x

    def _block(self, kind: str, drop_path_rate: float, name: str) -> nn.Module:
        """Returns a block of the stack `kind`."""
        raise JaxposeError(f"{type(self).__name__} declares no block")

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the fields fit each other."""
        checks.check_centre(self, self.num_frames)
        checks.check_layers(self, depth=self.depth)
        checks.check_sizes(self, joint_width=self.joint_width)
        checks.check_ratio(self, mlp_ratio=self.mlp_ratio)
        checks.check_divides(
            self,
            heads=self.heads,
            joint_width=self.joint_width,
        )
        checks.check_rates(
            self,
            dropout_rate=self.dropout_rate,
            drop_path_rate=self.drop_path_rate,
        )

    def _check(self, keypoints_2d: jax.Array) -> None:
        """Raises JaxposeError unless fields and input fit each other."""
        self.check_fields()
        # A sequence has at least one window; its frames share the spatial stack.
        is_longer = self.whole_sequence and keypoints_2d.shape[1] > self.num_frames
        frames = None if is_longer else self.num_frames
        checks.check_keypoints(self, keypoints_2d, frames)


class PoseFormer(WindowTransformer):
    """PoseFormer: spatial blocks, temporal blocks, weighted mean over frames."""

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """Lifts `keypoints_2d [B, T, J, C]` to root-relative positions `[B, 1, J, 3]`.

        Raises:
          JaxposeError: the fields or the input's shape do not fit each other.
        """
        self._check(keypoints_2d)
        batch, _, joints, _ = keypoints_2d.shape
        x = self._frame_tokens(keypoints_2d, True, train)
        if self.whole_sequence:
            x = token_windows(x, self.num_frames)

        # Temporal stack: each window is a sample of T tokens.
        # A learned vector per frame of the window.
        table = (1, self.num_frames, x.shape[-1])
        x = x + self.param("temporal_positions", nn.initializers.zeros_init(), table)
        x = Dropout(self.dropout_rate)(x, train=train)
        x = self._stack(x, "temporal", train)
        return FrameMixingHead(joints, name="head")(x).reshape(batch, -1, joints, 3)

    def _block(self, kind: str, drop_path_rate: float, name: str) -> nn.Module:
        """Returns a block; both stacks have the same."""
        return Block(
            self.heads,
            self.mlp_ratio,
            self.qkv_bias,
            dropout_rate=self.dropout_rate,
            drop_path_rate=drop_path_rate,
            dtype=self.dtype,
            name=name,
        )

    def _stack(self, x: jax.Array, kind: str, train: bool) -> jax.Array:
        """Applies the blocks of one stack and its LayerNorm."""
        x = super()._stack(x, kind, train)
        return LayerNorm(epsilon=1e-6, name=f"{kind}_norm")(x)


class Block(nn.Module):
    """Pre-norm transformer block: `x += MHSA(LN(x))`, then `x += MLP(LN(x))`.

    Both branches are dropped per sample (index of the first axis) at `drop_path_rate`.
    """

    heads: int
    mlp_ratio: float
    qkv_bias: bool
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
            dtype=self.dtype,
            name="attention",
        )
        hidden = int(x.shape[-1] * self.mlp_ratio)
        mlp = Mlp(hidden, self.dropout_rate, dtype=self.dtype, name="mlp")

        def norm(x: jax.Array, name: str) -> jax.Array:
            return LayerNorm(epsilon=1e-6, dtype=self.dtype, name=name)(x)

        drop_path = DropPath(self.drop_path_rate)
        # Samples drop the two branches independently.
        y = attention(norm(x, "attention_norm"), train=train)
        x = x + drop_path(y, train=train)
        y = mlp(norm(x, "mlp_norm"), train=train)
        return x + drop_path(y, train=train)


class JointEmbedding(nn.Module):
    """Maps each joint's keypoint to its token and adds a learned vector per joint.

    Attributes:
      features: channels of a token.
      positions: whether the table of joint vectors exists; without it joints are told
        apart only by the layers that follow.
    """

    features: int
    positions: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array) -> jax.Array:
        """Maps `[samples, J, C]` to `[samples, J, features]`."""
        # The same map for all joints; the table tells them apart.
        x = Linear(self.features, dtype=self.dtype, name="linear")(keypoints_2d)
        if self.positions:
            table = (1, keypoints_2d.shape[1], self.features)
            x = x + self.param("positions", nn.initializers.zeros_init(), table)
        return x


class FrameMixingHead(nn.Module):
    """Mixes the frames' tokens by learned weights, normalises and maps to positions.

    The LayerNorm cancels the bias of the mixing; it is kept because the references have
    it. Not a place for bfloat16: these few products make the reported positions.
    """

    joints: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps tokens `[B, T, D]` to positions `[B, 1, joints, 3]`."""
        # Frames are the channels of the mixing, one weight each.
        mixed = Linear(1, name="frame_mixing")(x.swapaxes(1, 2)).swapaxes(1, 2)
        normed = LayerNorm(name="norm")(mixed)
        positions = Linear(3 * self.joints, name="linear")(normed)
        return positions.reshape(x.shape[0], 1, self.joints, 3)


def token_windows(tokens: jax.Array, num_frames: int) -> jax.Array:
    """Cuts a sequence of tokens into its windows of `T = num_frames`.

    `[B, F + T - 1, D]` becomes `[B * F, T, D]`.
    """
    frames, width = tokens.shape[1:]
    # Row numbers of all windows, one window per line.
    starts = np.arange(frames - num_frames + 1)[:, None]
    rows = starts + np.arange(num_frames)[None]
    return jnp.take(tokens, rows, axis=1).reshape(-1, num_frames, width)
