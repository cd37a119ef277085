"""AMPose: transformer encoders and graph convolutions in alternation over the joints.

"AMPose: Alternately Mixed Global-Local Attention Model for 3D Human Pose Estimation"
(ICASSP 2023) and the thesis that continues it, cited here as "paper" and "thesis". No
code was published; a field stands for each choice that the texts leave open. Shapes:
`B` batch, `T` frames, `J` joints, `C` channels, `K` neighbour groups.
"""

from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body.graphs import neighbour_groups
from jaxpose.body.skeletons import H36M_19, Skeleton, get_skeleton
from jaxpose.models import checks, layers
from jaxpose.models.base import LiftingModel
from jaxpose.models.batch_norm import BatchNorm

BLOCKS = ("plain_residual", "two_residual", "transformer", "convnext")
ORDERS = (
    "encoder_first",
    "graph_first",
    "encoders_then_graphs",
    "graphs_then_encoders",
)
GRAPH_NORMS = ("batch", "layer")
ANKLES, TOES = ("right_ankle", "left_ankle"), ("right_toe", "left_toe")


class AMPose(LiftingModel):
    """AMPose (paper Fig. 1, thesis chapter 3): the pose of the centre frame.

    Causal and streaming forms are in neither text.

    Attributes:
      skeleton: joints of the output, and of the input unless `toe_direction`.
      num_frames: `T`, odd. A joint's coordinates in all frames make one token.
      depth: `N`, number of encoders, and of graph blocks.
      joint_width: `C`, channels of a joint's token.
      heads: attention heads; must divide `joint_width`.
      block: design of the graph block, one of `BLOCKS`; see `GraphBlock`.
      order: `encoder_first` or `graph_first` alternate; `encoders_then_graphs` and
        `graphs_then_encoders` do not (thesis Table 4.7).
      groups: neighbour groups with their own weights, a key of
        `graphs.NEIGHBOUR_GROUPS` (thesis Table 4.8).
      normalisation: of their adjacency, one of `graphs.NORMALISATIONS`.
      activation: of the graph block, `relu` or `gelu`; neither text names it.
      graph_norm: normalisation in the graph block, `batch` (over batch and joints) or
        `layer`.
      attention_scale: one of `layers.ATTENTION_SCALES`. Both texts print one letter for
        the width of a token and of a head; `head` is usual.
      mlp_ratio: hidden width of the encoders' perceptrons over `joint_width`; 2
        follows from the parameter counts of Table 4.9.
      mlp_activation: of every perceptron, `relu` or `gelu`; the paper names GELU.
      qkv_bias: whether query, key and value have biases, which neither text says; the
        counts of Table 4.9 have them.
      dropout_rate: of attention weights and of every residual branch.
      toe_direction: the input is `h36m_19`, of which only the joints of `skeleton`
        become tokens; each leg's 2D vector from ankle to toe is embedded and added to
        that ankle's token at the first encoder (thesis section 4.5).
      rematerialise: blocks keep only their inputs for the backward pass
        (`layers.call_block`).
      causal: the pose is that of the last frame, not the middle one.
      streaming: takes one frame after the other, and keeps the ones before it in the
        collection `cache`. Needs `causal`.
    """

    num_frames: int = 1
    depth: int = 5
    joint_width: int = 512
    heads: int = 8
    block: str = "plain_residual"
    order: str = "encoder_first"
    groups: str = "self_closer_farther"
    normalisation: str = "clamped"
    activation: str = "relu"
    graph_norm: str = "batch"
    attention_scale: str = "head"
    mlp_ratio: float = 2.0
    mlp_activation: str = "gelu"
    qkv_bias: bool = True
    dropout_rate: float = 0.0
    toe_direction: bool = False
    rematerialise: bool = False
    causal: bool = False
    streaming: bool = False

    @property
    def receptive_field(self) -> int:
        """Returns the number of input frames of one pose."""
        return self.num_frames

    @property
    def causal_shift(self) -> int:
        """Frames from the centre of the window to its target frame."""
        return (self.num_frames - 1) // 2 if self.causal else 0

    def for_streams(self) -> Self:
        """Returns the streaming form; see `LiftingModel.for_streams`."""
        if self.causal and self.num_frames > 1:
            return self.clone(streaming=True)
        return super().for_streams()

    @property
    def keypoints_skeleton(self) -> str:
        """Returns the name of the skeleton of the input."""
        return H36M_19.name if self.toe_direction else self.skeleton

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """Lifts `num_frames` frames to the pose of the centre one.

        Args:
          keypoints_2d: `[B, T, J2, keypoint_features]`, screen-normalised.
          train: whether batch norm uses the batch's statistics and dropout is on.

        Returns:
          positions_3d: `[B, 1, J, 3]`, root-relative, camera frame.

        Raises:
          JaxposeError: fields that do not fit each other, or an input that does not fit
            them.
        """
        skeleton = get_skeleton(self.skeleton)
        self.check_fields()
        if self.streaming:
            keypoints_2d = self._with_past(keypoints_2d)
        checks.check_keypoints(self, keypoints_2d, self.num_frames)
        # One token per joint, made of its keypoints in all frames.
        adjacency = neighbour_groups(skeleton, self.groups, self.normalisation)
        if self.toe_direction:
            keypoints_2d, toes = _split_toes(keypoints_2d, skeleton)
            ankles = np.array([skeleton.joints.index(name) for name in ANKLES])
        z = self._embed(keypoints_2d, "embed")
        # Encoders see all joints, graph blocks the neighbours.
        for kind, index in _stack(self.order, self.depth):
            if kind == "graph":
                z = self._graph_block(z, adjacency, index, train)
                continue
            if self.toe_direction and index == 0:
                z = z.at[:, ankles].add(self._embed(toes, "toe_embed"))
            z = self._encoder(z, index, train)
        # In the parameters' precision: bfloat16 would round positions to millimetres.
        z = layers.LayerNorm(name="norm")(z)
        return layers.Linear(3, name="head")(z)[:, None]

    def _with_past(self, frame: jax.Array) -> jax.Array:
        """Returns the window `[B, T, J2, C]` that ends with `frame`; remembers it."""
        frame = jnp.asarray(frame)
        length = self.num_frames - 1
        # Where nothing came before, this frame stands for all of it.
        past = self.variable("cache", "past", lambda: jnp.repeat(frame, length, axis=1))
        window = jnp.concatenate([past.value, frame], axis=1)
        past.value = window[:, 1:]
        return window

    def _embed(self, keypoints: jax.Array, name: str) -> jax.Array:
        """Maps keypoints `[B, T, J, F]` to tokens `[B, J, C]`."""
        # A joint's numbers of all frames side by side.
        batch, frames, joints, features = keypoints.shape
        flat = keypoints.transpose(0, 2, 1, 3)
        flat = flat.reshape(batch, joints, frames * features)
        return layers.Linear(self.joint_width, dtype=self.dtype, name=name)(flat)

    def _graph_block(
        self,
        z: jax.Array,
        adjacency: np.ndarray,
        index: int,
        train: bool,
    ) -> jax.Array:
        block = GraphBlock(
            design=self.block,
            activation=self.activation,
            norm=self.graph_norm,
            mlp_activation=self.mlp_activation,
            dropout_rate=self.dropout_rate,
            dtype=self.dtype,
            name=f"gcn_{index}",
        )
        return layers.call_block(
            block,
            z,
            adjacency,
            train=train,
            rematerialise=self.rematerialise,
        )

    def _encoder(
        self,
        z: jax.Array,
        index: int,
        train: bool,
    ) -> jax.Array:
        encoder = Encoder(
            self.heads,
            mlp_ratio=self.mlp_ratio,
            mlp_activation=self.mlp_activation,
            qkv_bias=self.qkv_bias,
            attention_scale=self.attention_scale,
            dropout_rate=self.dropout_rate,
            dtype=self.dtype,
            name=f"enc_{index}",
        )
        return layers.call_block(
            encoder,
            z,
            train=train,
            rematerialise=self.rematerialise,
        )

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the fields fit each other."""
        checks.check_layers(self, depth=self.depth)
        checks.check_sizes(self, joint_width=self.joint_width)
        checks.check_ratio(self, mlp_ratio=self.mlp_ratio)
        checks.check_centre(self, self.num_frames)
        checks.check_divides(
            self,
            heads=self.heads,
            joint_width=self.joint_width,
        )
        checks.check_rates(self, dropout_rate=self.dropout_rate)
        checks.check_choices(self, BLOCKS, block=self.block)
        checks.check_choices(self, ORDERS, order=self.order)
        activations = {
            "activation": self.activation,
            "mlp_activation": self.mlp_activation,
        }
        checks.check_choices(self, layers.ACTIVATIONS, **activations)
        scale = {"attention_scale": self.attention_scale}
        checks.check_choices(self, layers.ATTENTION_SCALES, **scale)
        if self.mlp_ratio * self.joint_width < 1:
            checks.fail(
                self,
                f"mlp_ratio={self.mlp_ratio} leaves no hidden channel of "
                f"joint_width={self.joint_width}",
            )
        checks.check_choices(self, GRAPH_NORMS, graph_norm=self.graph_norm)
        checks.check_bones(self)
        # Toes and ankles must be in the input, and the tokens' joints too.
        named = set(get_skeleton(self.skeleton).joints)
        known = set(H36M_19.joints)
        if self.toe_direction and not set(ANKLES) <= named <= known:
            checks.fail(
                self,
                f"toe_direction reads {H36M_19.name!r}, which does not hold the joints "
                f"of {self.skeleton!r}; use skeleton 'h36m_16' or 'h36m_17'",
            )


class Encoder(nn.Module):
    """Transformer encoder with its own position table (thesis eqs. 3.5 to 3.7).

    The fields are those of `AMPose`.
    """

    heads: int
    mlp_ratio: float = 2.0
    mlp_activation: str = "gelu"
    qkv_bias: bool = True
    attention_scale: str = "head"
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        """Maps `[B, J, C]` to the same shape."""
        _, joints, width = z.shape
        position = self.param("pos", nn.initializers.normal(0.02), (joints, width))
        # Attention, then perceptron, each on normalised tokens beside the identity.
        z = z + position.astype(z.dtype)[None]
        attention = layers.Attention(
            self.heads,
            self.qkv_bias,
            self.dropout_rate,
            self.dtype,
            self.attention_scale,
            name="attn",
        )
        normed = layers.LayerNorm(dtype=self.dtype, name="ln1")(z)
        z = z + attention(normed, train=train)
        mlp = layers.Mlp(
            int(self.mlp_ratio * width),
            self.dropout_rate,
            self.dtype,
            self.mlp_activation,
            name="mlp",
        )
        normed = layers.LayerNorm(dtype=self.dtype, name="ln2")(z)
        return z + mlp(normed, train=train)


class GraphBlock(nn.Module):
    """Graph block in the designs of thesis Table 4.6.

    With graph convolutions `G`, norms `N` and activation `a`:

    `plain_residual` (the paper's): `h = a(N(G(z)))`, `h + a(N(G(h)))`.
    `two_residual`: the same with `h = z + a(N(G(z)))`.
    `transformer`: `h = z + G(N(z))`, `h + MLP(LN(h))`, the perceptron C -> C -> C.
    `convnext`: `z + N(MLP(N(G(z))))`; the outer norm stands where ConvNeXt scales its
    branch.

    The published multiply-accumulates ask for two, two, one and two batch norms.
    """

    design: str
    activation: str = "relu"
    norm: str = "batch"
    mlp_activation: str = "gelu"
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(
        self,
        adjacency: np.ndarray,
        z: jax.Array,
        *,
        train: bool,
    ) -> jax.Array:
        """Maps `z [B, J, C]` over `adjacency [K, J, J]` to `[B, J, C]`."""

        def norm(index: int, x: jax.Array) -> jax.Array:
            if self.norm == "batch":
                batch_norm = BatchNorm(dtype=self.dtype, name=f"bn{index}")
                return batch_norm(x, train=train)
            return layers.LayerNorm(dtype=self.dtype, name=f"ln{index}")(x)

        def graph(index: int, x: jax.Array) -> jax.Array:
            return GraphConvolution(self.dtype, name=f"g{index}")(adjacency, x)

        def drop(x: jax.Array) -> jax.Array:
            return layers.Dropout(self.dropout_rate)(x, train=train)

        def graph_layer(index: int, x: jax.Array) -> jax.Array:
            activate = layers.ACTIVATIONS[self.activation]
            return drop(activate(norm(index, graph(index, x))))

        # The design decides which of these parts exist.
        mlp = layers.Mlp(
            z.shape[-1],
            self.dropout_rate,
            self.dtype,
            self.mlp_activation,
            name="mlp",
        )
        if self.design == "plain_residual":
            h = graph_layer(1, z)
            return h + graph_layer(2, h)
        if self.design == "two_residual":
            h = z + graph_layer(1, z)
            return h + graph_layer(2, h)
        if self.design == "transformer":
            h = z + drop(graph(1, norm(1, z)))
            normed = layers.LayerNorm(dtype=self.dtype, name="ln2")(h)
            return h + mlp(normed, train=train)
        return z + norm(2, mlp(norm(1, graph(1, z)), train=train))


class GraphConvolution(nn.Module):
    """Graph convolution `Z = sum_k A_k (X Theta_k + b_k)` (thesis eq. 3.9), C -> C.

    Parameters are `kernel [K, C, C]` and `bias [K, C]`; every `Theta_k` starts as a
    PyTorch Linear layer does.
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, adjacency: np.ndarray, x: jax.Array) -> jax.Array:
        """Maps `x [B, J, C]` to its shape over `adjacency [K, J, J]`, row receives."""
        batch, joints, width = x.shape
        groups = adjacency.shape[0]
        # Variance 1/(3 C) of a uniform distribution: +-1/sqrt(C).
        init = nn.initializers.variance_scaling(
            1 / 3, "fan_in", "uniform", batch_axis=0
        )
        kernel = self.param("kernel", init, (groups, width, width))
        bias = self.param("bias", layers.torch_bias_init(width), (groups, width))
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        # Neighbours first: all groups of a joint side by side make the transforms one
        # matrix product, and the biases one term per joint that no sample changes.
        rows = adjacency.transpose(1, 0, 2).reshape(joints * groups, joints)
        gather = jnp.asarray(rows, x.dtype)[None]
        gather = jnp.broadcast_to(gather, (batch, *rows.shape))
        neighbours = jnp.matmul(gather, x).reshape(batch, joints, groups * width)
        offset = jnp.asarray(adjacency.sum(-1).T, x.dtype) @ bias
        return neighbours @ kernel.reshape(groups * width, width) + offset[None]


def _stack(order: str, depth: int) -> list[tuple[str, int]]:
    """Returns the blocks in order, as (kind, index within the kind)."""
    # Four orders: which kind comes first, and whether the kinds alternate.
    encoders = [("encoder", index) for index in range(depth)]
    graphs = [("graph", index) for index in range(depth)]
    starts_with_graphs = order in ("graph_first", "graphs_then_encoders")
    first, second = (graphs, encoders) if starts_with_graphs else (encoders, graphs)
    if order in ("encoder_first", "graph_first"):
        return [block for pair in zip(first, second, strict=True) for block in pair]
    return first + second


def _split_toes(
    keypoints_2d: jax.Array, skeleton: Skeleton
) -> tuple[jax.Array, jax.Array]:
    """Splits `h36m_19` into the joints of `skeleton` and vectors from ankle to toe.

    The vectors `[B, T, 2, 2]` are those of the right and the left leg.
    """

    def pick(names: tuple[str, ...]) -> jax.Array:
        indices = np.array([H36M_19.joints.index(name) for name in names])
        return keypoints_2d[:, :, indices]

    # A vector has two coordinates; a difference of confidences would mean nothing.
    vectors = pick(TOES)[..., :2] - pick(ANKLES)[..., :2]
    return pick(skeleton.joints), vectors
