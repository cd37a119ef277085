"""Attention blocks of GAST-Net: graphs of the skeleton beside attention over joints.

A block joins a local layer, whose graphs are the skeleton's (self, bones, mirror
partners), with a global layer of self-attention over all joints (Fig. 2 of the paper).
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body import graphs
from jaxpose.body.skeletons import get_skeleton
from jaxpose.models.batch_norm import BatchNorm
from jaxpose.models.layers import Dropout, Linear, matmul, torch_bias_init

HEADS = 4
kaiming_normal = nn.initializers.variance_scaling(2.0, "fan_in", "normal")


class SemanticGraphConv(nn.Module):
    """Graph convolution with a learned weight per edge and channel (Eqs. 1 and 2).

    `out[i, c] = S_c[i, i] (x_i W_0)_c + sum_{j != i} S_c[i, j] (x_j W_1)_c`, where the
    rows of `S_c [J, J]` are softmaxes of the edge logits over the neighbours that the
    mask allows. Parameters: `kernel [C, 2 features]`, `W_0` beside `W_1`; `edges
    [features, n]`, the logits of the mask's `n` non-zeros in row-major order.

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
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, T, J, C]` to `[B, T, J, features]`."""
        channels = x.shape[-1]
        kernel = self.param("kernel", self._kernel_init, (channels, 2 * self.features))
        graphs_learned = 1 if self.shared_edges else self.features
        shape = (graphs_learned, int(self.mask.sum()))
        edges = self.param("edges", nn.initializers.ones_init(), shape)
        x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        own, others = jnp.split(matmul(x, kernel), 2, axis=-1)
        weights = self._edge_weights(edges).astype(x.dtype)
        # The diagonal is masked out before the sum: taken back after it, digits cancel.
        diagonal = jnp.diagonal(weights, axis1=1, axis2=2).T[None, None]
        is_other = ~np.eye(len(self.mask), dtype=bool)
        weights = jnp.where(is_other[None], weights, 0)
        weights = jnp.broadcast_to(weights, (self.features, *self.mask.shape))
        out = diagonal * own + jnp.einsum("cij,btjc->btic", weights, others)
        if self.shared_edges:
            bias = self.param("bias", torch_bias_init(self.features), (self.features,))
            out += bias.astype(out.dtype)[None, None, None]
        return out

    def _edge_weights(self, edges: jax.Array) -> jax.Array:
        """Computes `S [E, J, J]` of `edges [E, n]`, in at least float32."""
        # Where the logit of an edge stands in `edges`.
        position = np.zeros(self.mask.shape, np.int32)
        position[self.mask] = np.arange(self.mask.sum())
        return nn.softmax(jnp.where(self.mask[None], edges[:, position], -jnp.inf))

    def _kernel_init(
        self,
        key: jax.Array,
        shape: tuple[int, ...],
        dtype: Any = jnp.float32,
    ) -> jax.Array:
        """Draws Xavier uniform of gain 1.414, fans as PyTorch of `[2, C, features]`."""
        bound = 1.414 * (6 / (self.features * (shape[0] + 2))) ** 0.5
        return jax.random.uniform(key, shape, dtype, -bound, bound)


class LocalGraph(nn.Module):
    """Local layer: convolutions over mirror partners and bones, fused (section 3.2).

    Attributes:
      skeleton: name of the skeleton, gives the masks.
      features: output channels.
      symmetric_graph: has the graph of mirror partners (ablation "local symmetry
        GCNs").
      connection_graph: has the graph of bones (ablation "local connection GCNs").
      shared_edges: edge weights shared by the channels, and biases: the released
        repository's second local layer, which its network does not use.
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
        """Maps `[B, T, J, C]` to `[B, T, J, features]`."""
        skeleton = get_skeleton(self.skeleton)
        # One branch per graph; Table 1 leaves out one of them.
        masks = {}
        if self.symmetric_graph:
            masks["symmetric"] = graphs.symmetric_mask(skeleton)
        if self.connection_graph:
            masks["connection"] = graphs.connection_mask(skeleton)
        branches = []
        for name, mask in masks.items():
            conv = SemanticGraphConv(
                self.features,
                mask,
                self.shared_edges,
                dtype=self.dtype,
                name=name,
            )
            norm = BatchNorm(dtype=self.dtype, name=f"{name}_norm")
            branches.append(nn.relu(norm(conv(x), train=train)))

        # The branches side by side, fused to the width of one.
        x = jnp.concatenate(branches, axis=-1)
        x = Linear(
            self.features,
            use_bias=False,
            dtype=self.dtype,
            name="fuse",
        )(x)
        x = nn.relu(BatchNorm(dtype=self.dtype, name="fuse_norm")(x, train=train))
        return Dropout(self.dropout_rate)(x, train=train)


class _HeadWeights(NamedTuple):
    """One head's weights; `logits*` give `w . theta(x)` and `w . phi(x)` of B_k."""

    values: jax.Array  # [C, q]
    values_bias: jax.Array  # [q]
    logits: Any  # [C, 2], None without B_k
    logits_bias: Any  # [2], None without B_k
    adaptive: Any  # C_k [J, J], None without


class GlobalHead(nn.Module):
    """Parameters of one attention head, in the form the layer computes with.

    `w . [theta(x_i); phi(x_j)]` is linear in each joint's features, so theta and phi
    are never applied: multiplied by their half of w they leave two numbers per joint.

    Attributes:
      features: `q`, channels of a head.
      attention: has B_k.
      adaptive: has C_k.
    """

    features: int
    attention: bool
    adaptive: bool

    @nn.compact
    def __call__(self, channels: int, joints: int) -> _HeadWeights:
        """Returns the weights for inputs `[..., joints, channels]`."""
        # The map of the values, of every head.
        zeros, size = nn.initializers.zeros_init(), self.features
        values = self.param("g_kernel", kaiming_normal, (channels, size))
        values_bias = self.param("g_bias", zeros, (size,))
        logits = logits_bias = adaptive = None
        if self.attention:
            maps, shape = ("theta", "phi"), (channels, size)
            kernels = [self.param(f"{m}_kernel", kaiming_normal, shape) for m in maps]
            biases = [self.param(f"{m}_bias", zeros, (size,)) for m in maps]
            # The halves of w meet theta and phi once, here, not at every pair.
            halves = self.param("w", kaiming_normal, (2 * size, 1)).reshape(2, size)
            logits = jnp.einsum(
                "ncq,nq->cn", jnp.stack(kernels), halves, precision="highest"
            )
            logits_bias = jnp.sum(jnp.stack(biases) * halves, axis=-1)
        if self.adaptive:
            adaptive = self.param("adaptive", zeros, (joints, joints))
        return _HeadWeights(
            values,
            values_bias,
            logits,
            logits_bias,
            adaptive,
        )


class GlobalGraph(nn.Module):
    """Global layer: 4 heads of additive self-attention over joints (Eqs. 3 and 4).

    Head k: `y = (B_k + C_k) g(x)`, `B_k = softmax_j(LeakyReLU_0.2(w . [theta(x_i);
    phi(x_j)]))`, C_k learned. The attention matrices `[B, T, 4, J, J]` are sown as
    `intermediates/weights`.

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
        """Maps `[B, T, J, C]` to the same shape."""
        *batch, joints, channels = x.shape
        width = channels // HEADS
        # Parameters head by head, products over all heads at once.
        heads = []
        for k in range(HEADS):
            head = GlobalHead(
                width, self.attention_matrix, self.adaptive_matrix, name=f"head_{k}"
            )
            heads.append(head(channels, joints))
        values = self._project(
            x, [head.values for head in heads], [head.values_bias for head in heads]
        )
        values = values.reshape(*batch, joints, HEADS, width)

        # Every joint gathers the values of all joints, head by head.
        mixing = self._mixing(x, heads).astype(values.dtype)
        x = jnp.einsum("...kij,...jkq->...ikq", mixing, values)
        x = x.reshape(*batch, joints, channels)
        x = Linear(
            channels,
            use_bias=False,
            dtype=self.dtype,
            name="fuse",
        )(x)
        x = nn.relu(BatchNorm(dtype=self.dtype, name="fuse_norm")(x, train=train))
        return Dropout(self.dropout_rate)(x, train=train)

    def _mixing(self, x: jax.Array, heads: list[_HeadWeights]) -> jax.Array:
        """Computes `B_k + C_k`, `[B, T, 4, J, J]`."""
        *batch, joints, _ = x.shape
        if self.attention_matrix:
            logits = self._project(
                x, [head.logits for head in heads], [head.logits_bias for head in heads]
            )
            # [..., J, 2 K] to [..., K, 2, J]: what a joint adds as receiver and as
            # sender.
            logits = logits.reshape(*batch, joints, HEADS, 2)
            logits = jnp.moveaxis(logits, -3, -1)
            pairs = logits[..., 0, :, None] + logits[..., 1, None, :]
            pairs = nn.leaky_relu(pairs, 0.2)
            wide = jnp.promote_types(pairs.dtype, jnp.float32)
            mixing = nn.softmax(pairs.astype(wide))
            self.sow("intermediates", "weights", mixing)
        if self.adaptive_matrix:
            adaptive = jnp.stack([head.adaptive for head in heads])
            adaptive = jnp.broadcast_to(adaptive, (*batch, *adaptive.shape))
            mixing = mixing + adaptive if self.attention_matrix else adaptive
        return mixing

    def _project(
        self,
        x: jax.Array,
        kernels: list[jax.Array],
        biases: list[jax.Array],
    ) -> jax.Array:
        """Computes all heads' linear maps of `x` in one product, heads outermost."""
        kernel, bias = jnp.concatenate(kernels, axis=-1), jnp.concatenate(biases)
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        return matmul(x, kernel) + bias.reshape((1,) * (x.ndim - 1) + bias.shape)


class GraphAttentionBlock(nn.Module):
    """Attention block: input, local and global layer, fused (section 3.4).

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
        """Maps `[B, T, J, C]` to `[B, T, J, 2 features]`."""
        # The skeleton's graphs, and attention over all joints.
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
        # The input itself is not normalised, and there is no residual.
        x = jnp.concatenate([x, local(x, train=train), across(x, train=train)], axis=-1)
        x = Linear(
            2 * self.features,
            use_bias=False,
            dtype=self.dtype,
            name="fuse",
        )(x)
        return nn.relu(BatchNorm(dtype=self.dtype, name="fuse_norm")(x, train=train))
