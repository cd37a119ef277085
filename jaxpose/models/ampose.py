"""AMPose: transformer encoders and graph convolution blocks in alternation over the joints of a pose.

"AMPose: Alternately Mixed Global-Local Attention Model for 3D Human Pose Estimation" (ICASSP
2023) and the thesis it grew into, cited here as "paper" and "thesis". No code was published;
what the texts leave open is a field. Shapes: `B` batch, `T` frames, `J` joints, `C` channels,
`K` neighbour groups.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body.graphs import neighbour_groups
from jaxpose.body.skeletons import H36M_19, Skeleton, get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models import layers
from jaxpose.models.base import LiftingModel

BLOCKS = ("plain_residual", "two_residual", "transformer", "convnext")
ORDERS = (
    "encoder_first",
    "graph_first",
    "encoders_then_graphs",
    "graphs_then_encoders",
)
GRAPH_NORMS = ("batch", "layer")
ANKLES, TOES = ("right_ankle", "left_ankle"), ("right_toe", "left_toe")
ACTIVATIONS = {"relu": nn.relu, "gelu": lambda x: nn.gelu(x, approximate=False)}


class AMPose(LiftingModel):
    """AMPose (paper Fig. 1, thesis chapter 3): root-relative 3D joints of the centre frame.

    Attributes:
      skeleton: the joints of the output, and of the input unless `toe_direction`.
      num_frames: `T`, odd. A joint's coordinates in all frames make one token.
      depth: `N`, encoders and graph blocks of each kind.
      width: `C`.
      heads: attention heads; must divide `width`.
      block: design of the graph block, one of `BLOCKS`; see `GraphBlock`.
      order: `encoder_first` or `graph_first` alternate; `encoders_then_graphs` and
        `graphs_then_encoders` do not (thesis Table 4.7).
      groups: neighbour groups with their own weights, a key of `graphs.NEIGHBOUR_GROUPS` (thesis Table 4.8).
      normalisation: of their adjacency, one of `graphs.NORMALISATIONS`.
      activation: of the graph block, `relu` or `gelu`; perceptrons always use GELU.
      graph_norm: normalisation in the graph block, `batch` (over batch and joints) or `layer`.
      dropout_rate: of attention weights and of every residual branch.
      toe_direction: the input is `h36m_19`, of which only the joints of `skeleton` become tokens;
        each leg's 2D vector from ankle to toe is embedded and added to that ankle's token at the
        first encoder (thesis section 4.5).
      rematerialise: blocks keep only their inputs for the backward pass (`layers.call_block`).
    """

    skeleton: str = "h36m_17"
    num_frames: int = 1
    depth: int = 5
    width: int = 512
    heads: int = 8
    block: str = "plain_residual"
    order: str = "encoder_first"
    groups: str = "self_closer_farther"
    normalisation: str = "clamped"
    activation: str = "relu"
    graph_norm: str = "batch"
    dropout_rate: float = 0.0
    toe_direction: bool = False
    rematerialise: bool = False

    @property
    def receptive_field(self) -> int:
        """Input frames of one pose."""
        return self.num_frames

    @property
    def keypoints_skeleton(self) -> str:
        """Name of the skeleton of the input keypoints."""
        return H36M_19.name if self.toe_direction else self.skeleton

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """Lifts `num_frames` frames to the pose of the centre one.

        Args:
          keypoints_2d: `[B, T, J, keypoint_features]`, screen-normalised, joints of `keypoints_skeleton`.
          train: batch statistics and dropout.

        Returns:
          positions_3d: `[B, 1, J, 3]`, metres, relative to the root, camera frame.

        Raises:
          JaxposeError: fields that do not fit each other, or an input that does not fit them.
        """
        skeleton = get_skeleton(self.skeleton)
        self._check(skeleton, keypoints_2d.shape)
        adjacency = neighbour_groups(skeleton, self.groups, self.normalisation)
        if self.toe_direction:
            keypoints_2d, toes = _split_toes(keypoints_2d, skeleton)
        z = layers.Linear(self.width, dtype=self.dtype, name="embed")(
            _frames_to_channels(keypoints_2d)
        )
        for kind, index in _stack(self.order, self.depth):
            if kind == "graph":
                block = GraphBlock(
                    design=self.block,
                    activation=self.activation,
                    norm=self.graph_norm,
                    dropout_rate=self.dropout_rate,
                    dtype=self.dtype,
                    name=f"gcn_{index}",
                )
                z = layers.call_block(
                    block, z, adjacency, train=train, rematerialise=self.rematerialise
                )
                continue
            if self.toe_direction and index == 0:
                toes = layers.Linear(self.width, dtype=self.dtype, name="toe_embed")(
                    _frames_to_channels(toes)
                )
                z = z.at[
                    :, np.array([skeleton.joints.index(name) for name in ANKLES])
                ].add(toes)
            encoder = Encoder(
                self.heads, self.dropout_rate, self.dtype, name=f"enc_{index}"
            )
            z = layers.call_block(
                encoder, z, train=train, rematerialise=self.rematerialise
            )
        # In the parameters' precision: bfloat16 would round positions to millimetres.
        return layers.Linear(3, name="head")(layers.LayerNorm(name="norm")(z))[:, None]

    def _check(self, skeleton: Skeleton, input_shape: tuple[int, ...]) -> None:
        """Raises JaxposeError unless fields and input fit each other."""
        sizes = {
            "num_frames": self.num_frames,
            "depth": self.depth,
            "width": self.width,
            "heads": self.heads,
        }
        for field, size in sizes.items():
            if size < 1:
                raise JaxposeError(f"AMPose {field} is {size}; it must be at least 1")
        if self.num_frames % 2 == 0:
            raise JaxposeError(
                f"AMPose num_frames is {self.num_frames}; it must be odd, as the output is the centre frame"
            )
        if self.width % self.heads:
            fitting = [heads for heads in range(1, 17) if self.width % heads == 0]
            raise JaxposeError(
                f"AMPose width {self.width} is not divisible by {self.heads} heads; heads that fit: {fitting}"
            )
        for field, value, choices in (
            ("block", self.block, BLOCKS),
            ("order", self.order, ORDERS),
            ("activation", self.activation, ACTIVATIONS),
            ("graph_norm", self.graph_norm, GRAPH_NORMS),
        ):
            if value not in choices:
                raise JaxposeError(
                    f"unknown AMPose {field} {value!r}; known: {', '.join(choices)}"
                )
        if not skeleton.bones:
            raise JaxposeError(
                f"AMPose needs bones; skeleton {skeleton.name!r} is a 2D keypoint layout"
            )
        if self.toe_direction and not {*ANKLES} <= {*skeleton.joints} <= {
            *H36M_19.joints
        }:
            raise JaxposeError(
                f"AMPose toe_direction reads {H36M_19.name!r}, which does not hold the joints of "
                f"{skeleton.name!r}; use skeleton 'h36m_16' or 'h36m_17'"
            )
        joints = get_skeleton(self.keypoints_skeleton).num_joints
        window = (self.num_frames, joints, self.keypoint_features)
        if len(input_shape) != 4 or input_shape[1:] != window:
            raise JaxposeError(
                f"AMPose input is {list(input_shape)}; num_frames {self.num_frames}, skeleton "
                f"{self.keypoints_skeleton!r} and keypoint_features {self.keypoint_features} "
                f"want [B, {', '.join(map(str, window))}]"
            )


class Encoder(nn.Module):
    """Transformer encoder with its own position table (thesis eqs. 3.5 to 3.7)."""

    heads: int
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """`[B, J, C]` to the same shape."""
        _, joints, width = z.shape
        position = self.param("pos", nn.initializers.normal(0.02), (joints, width))
        z = z + position.astype(z.dtype)[None]
        attention = layers.Attention(
            self.heads, dropout_rate=self.dropout_rate, dtype=self.dtype, name="attn"
        )
        z = z + attention(
            layers.LayerNorm(dtype=self.dtype, name="ln1")(z), train=train
        )
        mlp = layers.Mlp(2 * width, self.dropout_rate, self.dtype, name="mlp")
        return z + mlp(layers.LayerNorm(dtype=self.dtype, name="ln2")(z), train=train)


class GraphBlock(nn.Module):
    """The designs of thesis Table 4.6, with graph convolutions `G`, norms `N` and activation `a`.

    `plain_residual` (the paper's): `h = a(N(G(z)))`, `h + a(N(G(h)))`.
    `two_residual`: the same with `h = z + a(N(G(z)))`.
    `transformer`: `h = z + G(N(z))`, `h + MLP(LN(h))`, the perceptron C -> C -> C.
    `convnext`: `z + N(MLP(N(G(z))))`; the outer norm stands where ConvNeXt scales its branch.

    The published multiply-accumulates ask for two, two, one and two batch norms.
    """

    design: str
    activation: str = "relu"
    norm: str = "batch"
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(
        self, adjacency: np.ndarray, z: jax.Array, *, train: bool
    ) -> jax.Array:
        """`z [B, J, C]` over `adjacency [K, J, J]` to `[B, J, C]`."""

        def norm(index: int, x: jax.Array) -> jax.Array:
            if self.norm == "batch":
                return layers.BatchNorm(dtype=self.dtype, name=f"bn{index}")(
                    x, train=train
                )
            return layers.LayerNorm(dtype=self.dtype, name=f"ln{index}")(x)

        def graph(index: int, x: jax.Array) -> jax.Array:
            return GraphConvolution(self.dtype, name=f"g{index}")(adjacency, x)

        def drop(x: jax.Array) -> jax.Array:
            return layers.Dropout(self.dropout_rate)(x, train=train)

        def graph_layer(index: int, x: jax.Array) -> jax.Array:
            return drop(ACTIVATIONS[self.activation](norm(index, graph(index, x))))

        mlp = layers.Mlp(z.shape[-1], self.dropout_rate, self.dtype, name="mlp")
        if self.design == "plain_residual":
            h = graph_layer(1, z)
            return h + graph_layer(2, h)
        if self.design == "two_residual":
            h = z + graph_layer(1, z)
            return h + graph_layer(2, h)
        if self.design == "transformer":
            h = z + drop(graph(1, norm(1, z)))
            return h + mlp(
                layers.LayerNorm(dtype=self.dtype, name="ln2")(h), train=train
            )
        return z + norm(2, mlp(norm(1, graph(1, z)), train=train))


class GraphConvolution(nn.Module):
    """`Z = sum_k A_k (X Theta_k + b_k)` over neighbour groups (thesis eq. 3.9), C -> C.

    Parameters are `kernel [K, C, C]` and `bias [K, C]`; every `Theta_k` starts as a PyTorch
    Linear layer does.
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, adjacency: np.ndarray, x: jax.Array) -> jax.Array:
        """`x [B, J, C]` over `adjacency [K, J, J]` (row receives, column sends) to `[B, J, C]`."""
        batch, joints, width = x.shape
        groups = adjacency.shape[0]
        # Variance 1/(3 C) of a uniform distribution: +-1/sqrt(C).
        init = nn.initializers.variance_scaling(
            1 / 3, "fan_in", "uniform", batch_axis=0
        )
        kernel = self.param("kernel", init, (groups, width, width))
        bias = self.param("bias", layers.torch_bias_init(width), (groups, width))
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        # Neighbours first: all groups of a joint side by side make the transforms one matrix
        # product, and the biases one term per joint that no sample changes.
        gather = jnp.asarray(
            adjacency.transpose(1, 0, 2).reshape(joints * groups, joints), x.dtype
        )
        neighbours = jnp.matmul(
            jnp.broadcast_to(gather[None], (batch, *gather.shape)), x
        )
        neighbours = neighbours.reshape(batch, joints, groups * width)
        offset = jnp.asarray(adjacency.sum(-1).T, x.dtype) @ bias
        return neighbours @ kernel.reshape(groups * width, width) + offset[None]


def _stack(order: str, depth: int) -> list[tuple[str, int]]:
    """The blocks in order, as (kind, index within the kind)."""
    encoders = [("encoder", index) for index in range(depth)]
    graphs = [("graph", index) for index in range(depth)]
    first, second = (
        (graphs, encoders) if order.startswith("graph") else (encoders, graphs)
    )
    if order in ("encoder_first", "graph_first"):
        return [block for pair in zip(first, second, strict=True) for block in pair]
    return first + second


def _frames_to_channels(keypoints: jax.Array) -> jax.Array:
    """`[B, T, J, C]` to `[B, J, T C]`, a joint's keypoints in the order of time."""
    batch, frames, joints, features = keypoints.shape
    return keypoints.transpose(0, 2, 1, 3).reshape(batch, joints, frames * features)


def _split_toes(
    keypoints_2d: jax.Array, skeleton: Skeleton
) -> tuple[jax.Array, jax.Array]:
    """The joints of `skeleton` out of `h36m_19`, and the vectors from ankle to toe (right, left)."""
    joints, ankles, toes = (
        np.array([H36M_19.joints.index(name) for name in names])
        for names in (skeleton.joints, ANKLES, TOES)
    )
    # A vector has two coordinates; a difference of confidences would mean nothing.
    vectors = keypoints_2d[:, :, toes, :2] - keypoints_2d[:, :, ankles, :2]
    return keypoints_2d[:, :, joints], vectors
