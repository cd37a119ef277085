"""GAST-Net: graph attention over the joints between temporal convolutions (Liu et al., ICRA 2021).

Each attention block joins a local layer, whose graphs are the skeleton's (self, bones, mirror
partners), with a global layer of self-attention over all joints (Fig. 2 of the paper).
Where paper and released code differ, this is the released code.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body import graphs
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models import temporal
from jaxpose.models.layers import (
    BatchNorm,
    Dropout,
    Linear,
    call_block,
    matmul,
    torch_bias_init,
)

_HEADS = 4
_kaiming_normal = nn.initializers.variance_scaling(2.0, "fan_in", "normal")


class SemanticGraphConv(nn.Module):
    """Graph convolution with a learned softmax weight per edge and output channel (Eqs. 1 and 2).

    `out[i, c] = S_c[i, i] (x_i W_0)_c + sum_{j != i} S_c[i, j] (x_j W_1)_c`, where the rows of
    `S_c [J, J]` are softmaxes of the edge logits over the neighbours that the mask allows.
    Parameters: `kernel [C, 2 features]`, `W_0` beside `W_1`; `edges [features, n]`, the logits
    of the mask's `n` non-zeros in row-major order.

    Attributes:
      features: output channels.
      mask: bool `[J, J]`, row receives, column sends; the diagonal is True.
      shared_edges: one matrix S for all channels, `edges [1, n]`, and a bias.
    """

    features: int
    mask: np.ndarray
    shared_edges: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`[B, T, J, C]` to `[B, T, J, features]`; `train` chooses the form with the faster gradient."""
        channels = x.shape[-1]
        kernel = self.param("kernel", self._kernel_init, (channels, 2 * self.features))
        graphs_learned = 1 if self.shared_edges else self.features
        edges = self.param(
            "edges", nn.initializers.ones_init(), (graphs_learned, int(self.mask.sum()))
        )
        x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        own, others = jnp.split(matmul(x, kernel), 2, axis=-1)
        weights = self._edge_weights(edges).astype(x.dtype)
        diagonal = jnp.diagonal(weights, axis1=1, axis2=2).T[None, None]
        if train:
            weights = jnp.broadcast_to(weights, (self.features, *self.mask.shape))
            # The diagonal of the product is taken back, which is cheaper than a second, masked matrix.
            out = jnp.einsum("cij,btjc->btic", weights, others) + diagonal * (
                own - others
            )
        else:
            out = diagonal * own + self._sum_over_neighbours(weights, others)
        if self.shared_edges:
            bias = self.param("bias", torch_bias_init(self.features), (self.features,))
            out += bias.astype(out.dtype)[None, None, None]
        return out

    def _edge_weights(self, edges: jax.Array) -> jax.Array:
        """`edges [E, n]` to `S [E, J, J]`, in at least float32."""
        position = np.zeros(self.mask.shape, np.int32)
        position[self.mask] = np.arange(self.mask.sum())
        return nn.softmax(jnp.where(self.mask[None], edges[:, position], -jnp.inf))

    def _sum_over_neighbours(self, weights: jax.Array, x: jax.Array) -> jax.Array:
        """`sum_{j != i} S_c[i, j] x_j` over the mask's few neighbours instead of all joints.

        Faster than the dense product, but not its gradient, which scatters.
        """
        neighbours = self.mask & ~np.eye(len(self.mask), dtype=bool)
        most = int(neighbours.sum(1).max())
        # [J, most]: the neighbours of each joint, filled up with joints of weight 0.
        order = np.argsort(~neighbours, axis=1, kind="stable")[:, :most]
        present = np.take_along_axis(neighbours, order, axis=1)
        picked = jnp.where(
            present[None], weights[:, np.arange(len(order))[:, None], order], 0
        )  # [E, J, most]
        terms = [
            picked[:, :, k].T[None, None] * x[:, :, order[:, k]] for k in range(most)
        ]
        return sum(terms[1:], start=terms[0])

    def _kernel_init(
        self, key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32
    ) -> jax.Array:
        """Xavier uniform of gain 1.414 with the fans that PyTorch finds for `[2, C, features]`."""
        bound = 1.414 * (6 / (self.features * (shape[0] + 2))) ** 0.5
        return jax.random.uniform(key, shape, dtype, -bound, bound)


class LocalGraph(nn.Module):
    """Local layer: graph convolutions over mirror partners and over bones, fused (section 3.2).

    Attributes:
      skeleton: name of the skeleton, gives the masks.
      features: output channels.
      symmetric_graph: has the graph of mirror partners (ablation "local symmetry GCNs").
      connection_graph: has the graph of bones (ablation "local connection GCNs").
      shared_edges: edge weights shared by the channels, and biases: the released repository's
        second local layer, which its network does not use.
    """

    skeleton: str
    features: int
    symmetric_graph: bool = True
    connection_graph: bool = True
    shared_edges: bool = False
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`[B, T, J, C]` to `[B, T, J, features]`."""
        skeleton = get_skeleton(self.skeleton)
        masks = {}
        if self.symmetric_graph:
            masks["symmetric"] = graphs.symmetric_mask(skeleton)
        if self.connection_graph:
            masks["connection"] = graphs.connection_mask(skeleton)
        branches = []
        for name, mask in masks.items():
            conv = SemanticGraphConv(
                self.features, mask, self.shared_edges, dtype=self.dtype, name=name
            )
            branches.append(
                nn.relu(
                    BatchNorm(dtype=self.dtype, name=f"{name}_norm")(
                        conv(x, train=train), train=train
                    )
                )
            )
        x = jnp.concatenate(branches, axis=-1)
        x = Linear(self.features, use_bias=False, dtype=self.dtype, name="fuse")(x)
        x = nn.relu(BatchNorm(dtype=self.dtype, name="fuse_norm")(x, train=train))
        return Dropout(self.dropout_rate)(x, train=train)


class _HeadWeights(NamedTuple):
    """One head's weights; `logits*` give `w . theta(x)` and `w . phi(x)`, None without B_k."""

    values: jax.Array  # [C, q]
    values_bias: jax.Array  # [q]
    logits: jax.Array | None  # [C, 2]
    logits_bias: jax.Array | None  # [2]
    adaptive: jax.Array | None  # C_k, [J, J]


class GlobalHead(nn.Module):
    """Parameters of one attention head, in the form the layer computes with.

    `w . [theta(x_i); phi(x_j)]` is linear in each joint's features, so theta and phi are never
    applied: multiplied by their half of w they leave two numbers per joint.
    """

    width: int
    attention: bool
    adaptive: bool

    @nn.compact
    def __call__(self, channels: int, joints: int) -> _HeadWeights:
        """Weights for inputs `[..., joints, channels]`."""
        zeros, width = nn.initializers.zeros_init(), self.width
        values = self.param("g_kernel", _kaiming_normal, (channels, width))
        values_bias = self.param("g_bias", zeros, (width,))
        logits = logits_bias = adaptive = None
        if self.attention:
            maps = ("theta", "phi")
            kernels = jnp.stack(
                [
                    self.param(f"{m}_kernel", _kaiming_normal, (channels, width))
                    for m in maps
                ]
            )
            biases = jnp.stack([self.param(f"{m}_bias", zeros, (width,)) for m in maps])
            halves = self.param("w", _kaiming_normal, (2 * width, 1)).reshape(2, width)
            logits = jnp.einsum("ncq,nq->cn", kernels, halves, precision="highest")
            logits_bias = jnp.sum(biases * halves, axis=-1)
        if self.adaptive:
            adaptive = self.param("adaptive", zeros, (joints, joints))
        return _HeadWeights(values, values_bias, logits, logits_bias, adaptive)


class GlobalGraph(nn.Module):
    """Global layer: 4 heads of additive self-attention over a frame's joints (Eqs. 3 and 4).

    Head k: `y = (B_k + C_k) g(x)`, `B_k = softmax_j(LeakyReLU_0.2(w . [theta(x_i); phi(x_j)]))`,
    C_k learned. The attention matrices `[B, T, 4, J, J]` are sown as `intermediates/weights`.

    Attributes:
      attention_matrix: has B_k, which depends on the input.
      adaptive_matrix: has C_k, which does not.
    """

    attention_matrix: bool = True
    adaptive_matrix: bool = True
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`[B, T, J, C]` to the same shape."""
        *batch, joints, channels = x.shape
        width = channels // _HEADS
        heads = [
            GlobalHead(
                width, self.attention_matrix, self.adaptive_matrix, name=f"head_{k}"
            )(channels, joints)
            for k in range(_HEADS)
        ]
        values = self._project(
            x, [head.values for head in heads], [head.values_bias for head in heads]
        )
        values = values.reshape(*batch, joints, _HEADS, width)
        mixing = 0.0
        if self.attention_matrix:
            logits = self._project(
                x, [head.logits for head in heads], [head.logits_bias for head in heads]
            )
            logits = jnp.moveaxis(
                logits.reshape(*batch, joints, _HEADS, 2), -3, -1
            )  # [..., K, 2, J]
            logits = nn.leaky_relu(
                logits[..., 0, :, None] + logits[..., 1, None, :], 0.2
            )
            weights = nn.softmax(
                logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
            )
            self.sow("intermediates", "weights", weights)
            mixing += weights
        if self.adaptive_matrix:
            adaptive = jnp.stack([head.adaptive for head in heads])
            mixing += jnp.broadcast_to(adaptive, (*batch, *adaptive.shape))
        x = jnp.einsum("...kij,...jkq->...ikq", mixing.astype(values.dtype), values)
        x = x.reshape(*batch, joints, channels)
        x = Linear(channels, use_bias=False, dtype=self.dtype, name="fuse")(x)
        x = nn.relu(BatchNorm(dtype=self.dtype, name="fuse_norm")(x, train=train))
        return Dropout(self.dropout_rate)(x, train=train)

    def _project(
        self, x: jax.Array, kernels: list[jax.Array], biases: list[jax.Array]
    ) -> jax.Array:
        """All heads' linear maps of `x` in one product, heads outermost."""
        kernel, bias = jnp.concatenate(kernels, axis=-1), jnp.concatenate(biases)
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        return matmul(x, kernel) + bias.reshape((1,) * (x.ndim - 1) + bias.shape)


class GraphAttentionBlock(nn.Module):
    """Attention block: input, local layer and global layer side by side, fused (section 3.4).

    Attributes:
      skeleton: name of the skeleton.
      features: channels of the local layer; the block returns twice as many.
    """

    skeleton: str
    features: int
    symmetric_graph: bool = True
    connection_graph: bool = True
    attention_matrix: bool = True
    adaptive_matrix: bool = True
    shared_edges: bool = False
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`[B, T, J, C]` to `[B, T, J, 2 features]`."""
        local = LocalGraph(
            self.skeleton,
            self.features,
            self.symmetric_graph,
            self.connection_graph,
            self.shared_edges,
            self.dropout_rate,
            self.dtype,
            name="local",
        )
        across = GlobalGraph(
            self.attention_matrix,
            self.adaptive_matrix,
            self.dropout_rate,
            self.dtype,
            name="global",
        )
        x = jnp.concatenate([x, local(x, train=train), across(x, train=train)], axis=-1)
        x = Linear(2 * self.features, use_bias=False, dtype=self.dtype, name="fuse")(x)
        return nn.relu(BatchNorm(dtype=self.dtype, name="fuse_norm")(x, train=train))


class GASTNet(temporal.TemporalConvNet):
    """Graph attention spatio-temporal convolution network.

    Attributes:
      skeleton: name of the skeleton of input and output, `J` joints; gives the graphs.
      channels: width of the first convolution, a multiple of 4; every block doubles it.
      symmetric_graph, connection_graph, attention_matrix, adaptive_matrix: ablations of Table 1:
        without the local symmetry, without the local connection graph convolution, without B_k, C_k.
      shared_edges: the local layer of the released repository that its network does not use.
      dropout_rate: after the second convolution of temporal blocks and the attention layers.
      rematerialise: attention blocks keep only their inputs for the backward pass (`layers.call_block`).
    """

    skeleton: str = "h36m_17"
    channels: int = 128
    symmetric_graph: bool = True
    connection_graph: bool = True
    attention_matrix: bool = True
    adaptive_matrix: bool = True
    shared_edges: bool = False
    dropout_rate: float = 0.05
    rematerialise: bool = False

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """`keypoints_2d [B, T, J, keypoint_features]` to `positions_3d [B, T - receptive_field + 1, J, 3]`.

        2D in normalised screen coordinates (P.2), 3D in metres in the camera frame, relative
        to the root.

        Raises:
          JaxposeError: a field or the input's shape does not fit.
        """
        self._check(keypoints_2d)

        def norm(x: jax.Array, name: str) -> jax.Array:
            return BatchNorm(dtype=self.dtype, name=name)(x, train=train)

        def attention_block(x: jax.Array, block: int) -> jax.Array:
            attention = GraphAttentionBlock(
                self.skeleton,
                x.shape[-1],
                self.symmetric_graph,
                self.connection_graph,
                self.attention_matrix,
                self.adaptive_matrix,
                self.shared_edges,
                self.dropout_rate,
                self.dtype,
                name=f"attention_{block}",
            )
            return call_block(
                attention, x, train=train, rematerialise=self.rematerialise
            )

        x = norm(keypoints_2d, "input_norm")
        dilation = self.filter_widths[0]
        x = self._conv(
            "expand", self.channels, dilation, 1, kernel_init=_kaiming_normal
        )(x)
        x = attention_block(nn.relu(norm(x, "expand_norm")), 0)
        for block, width in enumerate(self.filter_widths[1:], start=1):
            channels = x.shape[-1]
            residual = self._aligned(x, width, dilation)
            x = self._conv(f"temporal_{block}", channels, width, dilation)(x)
            x = nn.relu(norm(x, f"temporal_norm_{block}"))
            x = Linear(
                channels, use_bias=False, dtype=self.dtype, name=f"pointwise_{block}"
            )(x)
            x = nn.relu(norm(x, f"pointwise_norm_{block}"))
            x = residual + Dropout(self.dropout_rate)(x, train=train)
            x = attention_block(x, block)
            dilation *= width
        return Linear(3, use_bias=False, dtype=self.dtype, name="shrink")(x)

    def _check(self, keypoints_2d: jax.Array) -> None:
        if self.channels < _HEADS or self.channels % _HEADS:
            raise JaxposeError(
                f"GAST-Net: channels={self.channels} must be a positive multiple of its {_HEADS} heads"
            )
        if not (self.symmetric_graph or self.connection_graph):
            raise JaxposeError(
                "GAST-Net: symmetric_graph and connection_graph are both off; leave one on"
            )
        if not (self.attention_matrix or self.adaptive_matrix):
            raise JaxposeError(
                "GAST-Net: attention_matrix and adaptive_matrix are both off; leave one on"
            )
        if not get_skeleton(self.skeleton).bones:
            raise JaxposeError(
                f"GAST-Net: skeleton {self.skeleton!r} has no bones to make its graphs of"
            )
        temporal.check_keypoints(self, keypoints_2d)
        self._check_form("GAST-Net", keypoints_2d.shape[1])
