"""PoseFormer: a transformer over joints, then one over frames (Zheng et al., ICCV 2021).

`JointEmbedding`, `FrameMixingHead`, `token_windows` and `check_window` are also CrossFormer's,
which extends this model. Tokens are `[B * T, J, e]` in the spatial stack, one frame being one
sample, and `[B, T, D]` with `D = J * e` in the temporal one. With `dtype=bfloat16` the matrix products are
bfloat16 and the residual stream stays float32.
"""

from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body.skeletons import get_skeleton
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
)


class PoseFormer(LiftingModel):
    """Lifts a window of 2D poses to the 3D pose of its centre frame.

    The defaults are the published model with 81 frames; 9 and 27 frames were published too.

    Attributes:
      skeleton: name of the skeleton of input and output; gives `J`.
      num_frames: frames of the window, `T`; odd.
      joint_width: width `e` of a joint's token; a frame's token has `D = J * e` channels.
      depth: blocks of each of the two stacks.
      heads: attention heads of both stacks; divides `joint_width`.
      mlp_ratio: hidden width of the MLPs over their input width.
      qkv_bias: whether the query, key and value projections have biases.
      dropout_rate: dropout after the position tables and in attention and MLPs.
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
        batch, frames, joints, features = keypoints_2d.shape
        width = joints * self.joint_width
        rates = drop_path_rates(self.drop_path_rate, self.depth)

        x = keypoints_2d.reshape(batch * frames, joints, features)
        x = JointEmbedding(self.joint_width, dtype=self.dtype, name="joint_embedding")(
            x
        )
        x = Dropout(self.dropout_rate)(x, train=train)
        for i, rate in enumerate(rates):
            block = self._block(rate, f"spatial_block_{i}")
            x = call_block(block, x, train=train, rematerialise=self.rematerialise)
        x = LayerNorm(epsilon=1e-6, name="spatial_norm")(x)

        x = x.reshape(batch, frames, width)
        if self.whole_sequence:
            x = token_windows(x, self.num_frames)
        x = x + self.param(
            "temporal_positions",
            nn.initializers.zeros_init(),
            (1, self.num_frames, width),
        )
        x = Dropout(self.dropout_rate)(x, train=train)
        for i, rate in enumerate(rates):
            block = self._block(rate, f"temporal_block_{i}")
            x = call_block(block, x, train=train, rematerialise=self.rematerialise)
        x = LayerNorm(epsilon=1e-6, name="temporal_norm")(x)
        return FrameMixingHead(joints, name="head")(x).reshape(batch, -1, joints, 3)

    def _block(self, drop_path_rate: float, name: str) -> "Block":
        return Block(
            self.heads,
            self.mlp_ratio,
            self.qkv_bias,
            dropout_rate=self.dropout_rate,
            drop_path_rate=drop_path_rate,
            dtype=self.dtype,
            name=name,
        )


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
        """`[samples, tokens, C]` to the same shape."""
        attention = Attention(
            self.heads,
            self.qkv_bias,
            self.dropout_rate,
            dtype=self.dtype,
            name="attention",
        )
        mlp = Mlp(
            int(x.shape[-1] * self.mlp_ratio),
            self.dropout_rate,
            dtype=self.dtype,
            name="mlp",
        )
        drop_path = DropPath(self.drop_path_rate)
        y = attention(
            LayerNorm(epsilon=1e-6, dtype=self.dtype, name="attention_norm")(x),
            train=train,
        )
        x = x + drop_path(y, train=train)
        y = mlp(
            LayerNorm(epsilon=1e-6, dtype=self.dtype, name="mlp_norm")(x), train=train
        )
        return x + drop_path(y, train=train)


class JointEmbedding(nn.Module):
    """Linear map of every joint's keypoint to its token, plus a learned vector per joint.

    Attributes:
      width: channels of a token.
      positions: whether the table of joint vectors exists; without it joints are told apart
        only by what follows.
    """

    width: int
    positions: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array) -> jax.Array:
        """`[samples, J, C]` to `[samples, J, width]`."""
        x = Linear(self.width, dtype=self.dtype, name="linear")(keypoints_2d)
        if self.positions:
            table = (1, keypoints_2d.shape[1], self.width)
            x = x + self.param("positions", nn.initializers.zeros_init(), table)
        return x


class FrameMixingHead(nn.Module):
    """Mixes the frames' tokens with one learned weight each, then LayerNorm and a linear map.

    The bias of the mixing is annihilated by the LayerNorm; it is kept because the references
    have it. Not a place for bfloat16: these few products make the reported positions.
    """

    joints: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Tokens `[B, T, D]` to positions `[B, 1, joints, 3]`."""
        mixed = Linear(1, name="frame_mixing")(x.swapaxes(1, 2)).swapaxes(1, 2)
        positions = Linear(3 * self.joints, name="linear")(
            LayerNorm(name="norm")(mixed)
        )
        return positions.reshape(x.shape[0], 1, self.joints, 3)


def token_windows(tokens: jax.Array, num_frames: int) -> jax.Array:
    """Every window of a sequence of tokens: `[B, F + T - 1, D]` to `[B * F, T, D]` with `T = num_frames`."""
    frames, width = tokens.shape[1:]
    rows = np.arange(frames - num_frames + 1)[:, None] + np.arange(num_frames)[None]
    return jnp.take(tokens, rows, axis=1).reshape(-1, num_frames, width)


def drop_path_rates(last: float, depth: int) -> list[float]:
    """Stochastic-depth rate of each of `depth` blocks, from 0 linearly to `last`."""
    return np.linspace(0.0, last, depth).tolist()


def check_window(model: LiftingModel, keypoints_2d: jax.Array) -> None:
    """Checks a window transformer's `num_frames`, `joint_width`, `depth`, `heads` and its input.

    Raises:
      JaxposeError: a field is out of range, or `keypoints_2d` is not `[B, T, J, C]` with the
        model's joints and frames, at least so many frames with `whole_sequence`.
    """
    kind = type(model).__name__
    if model.num_frames < 1 or model.num_frames % 2 == 0:
        raise JaxposeError(
            f"{kind}: num_frames={model.num_frames} has no centre frame; use an odd number, "
            "such as 9, 27 or 81"
        )
    for field in ("joint_width", "depth", "heads"):
        if getattr(model, field) < 1:
            raise JaxposeError(
                f"{kind}: {field}={getattr(model, field)} must be at least 1"
            )
    if model.joint_width % model.heads:
        divisors = [
            n for n in range(1, model.joint_width + 1) if model.joint_width % n == 0
        ]
        raise JaxposeError(
            f"{kind}: heads={model.heads} does not divide joint_width={model.joint_width}; "
            f"these do: {', '.join(map(str, divisors))}"
        )
    skeleton = get_skeleton(model.skeleton)
    expected = (model.num_frames, skeleton.num_joints, model.keypoint_features)
    shape = keypoints_2d.shape
    if model.whole_sequence and len(shape) == 4 and shape[1] > model.num_frames:
        shape = (shape[0], model.num_frames, *shape[2:])
    if keypoints_2d.ndim != 4 or shape[1:] != expected:
        raise JaxposeError(
            f"{kind}: keypoints_2d has shape {keypoints_2d.shape}, expected [B, T, J, C] with "
            f"T={expected[0]} (num_frames), J={expected[1]} (skeleton {skeleton.name!r}) and "
            f"C={expected[2]} (keypoint_features); feed such windows, or set these fields to the data's"
        )
