"""Adaptive graph convolutional (AGCN) blocks, of which GLA-GCN is made.

A block mixes joints by `S + A + P` (data-dependent, fixed and learnt matrices), and
frames by a kernel of 9. Equations and figures are those of GLA-GCN's paper.

Features are kept as `[B, J, T, C]`: joints fold into the batch of a 1-D convolution
over frames, and aggregation over joints is one small matrix product per sample, both
without a transpose.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.body import graphs
from jaxpose.models import cpu
from jaxpose.models.batch_norm import BatchNorm
from jaxpose.models.layers import Dropout, matmul, padded_convolution

NUM_SUBSETS = 3  # neighbours: the joint itself, inward, outward
TEMPORAL_KERNEL = 9


def _pointwise(
    features: int,
    name: str,
    dtype: Any,
) -> nn.Dense:
    """Returns a 1x1 convolution of initial fan-out variance `2 / features`."""
    return nn.Dense(
        features,
        dtype=dtype,
        kernel_init=_pointwise_init(features),
        name=name,
    )


def _pointwise_init(features: int) -> nn.initializers.Initializer:
    """Returns what draws the kernel of a 1x1 convolution."""
    return nn.initializers.normal((2 / features) ** 0.5)


class AdaptiveGraphConv(nn.Module):
    """Adaptive graph convolution (Eqs. 2 and 3).

    `ReLU(Drop(BN(sum_k W_k x (S_k + A_k + P_k))) + down(x))`, where
    `S_k = softmax_i(theta_k(x_i) . phi_k(x_j) / (E T))` compares joints over the whole
    window, one matrix per sample; the released code divides by `E T`, the paper does
    not. The embedding width `E` is a quarter of `features`. `A_k` is fixed, `P_k`
    learnt. `down` is the identity if the width does not change, else a 1x1 convolution
    with BatchNorm. Dropout stands inside the residual, as in the released code (the
    paper draws it after the layer).

    Attributes:
      features: channels of the output.
      graph: name for `graphs.gla_gcn_adjacency`.
      adaptive: False drops S and P, which leaves a plain ST-GCN layer (ablation, Table
        6).
      dropout_rate: 0.1 in the released code, whatever the model's other dropout.
    """

    features: int
    graph: str
    adaptive: bool = True
    dropout_rate: float = 0.1
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps `[B, J, T, C_in]` to `[B, J, T, features]`."""
        batch, joints, frames, channels = x.shape
        mixing = self._mixing(x).reshape(batch, NUM_SUBSETS * joints, joints)
        # Projecting first costs as much as mixing first, and XLA for CPU vectorises the
        # activation before it only in this order.
        normal = nn.initializers.normal
        std = (2 / (self.features * channels * NUM_SUBSETS)) ** 0.5
        kernels = self._per_subset(
            "project_kernel", normal(std), (channels, self.features)
        )
        biases = self._per_subset(
            "project_bias", nn.initializers.zeros_init(), (self.features,)
        )
        kernel = jnp.concatenate(kernels, axis=-1)
        inputs, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        projected = _subsets_first(matmul(inputs, kernel), NUM_SUBSETS)
        # One product sums over the joints of all subsets.
        projected = projected.reshape(
            batch, NUM_SUBSETS * joints, frames * self.features
        )
        y = jnp.einsum("bij,biz->bjz", mixing, projected)
        y = y.reshape(batch, joints, frames, self.features)
        # One bias per subset, as in the reference; only their sum matters.
        y += functools.reduce(jnp.add, biases).astype(y.dtype)[None, None, None]
        y = BatchNorm(
            scale_init=1e-6,
            dtype=self.dtype,
            name="graph_bn",
        )(y, train=train)
        y = Dropout(self.dropout_rate)(y, train=train)
        # The way past the convolution, mapped where the width changes.
        if channels != self.features:
            x = _pointwise(self.features, "down", self.dtype)(x)
            x = BatchNorm(dtype=self.dtype, name="down_bn")(x, train=train)
        return nn.relu(y + x)

    def _per_subset(
        self, name: str, init: nn.initializers.Initializer, shape: tuple[int, ...]
    ) -> list[jax.Array]:
        """Returns a parameter for each subset, `name_0` and so on."""
        return [self.param(f"{name}_{k}", init, shape) for k in range(NUM_SUBSETS)]

    def _mixing(self, x: jax.Array) -> jax.Array:
        """Computes `S_k + A_k + P_k`, `[B, K, J, J]`; the last axis receives."""
        # Softmax and sums in at least float32.
        wide = jnp.promote_types(x.dtype, jnp.float32)
        adjacency = jnp.asarray(graphs.gla_gcn_adjacency(self.graph), wide)
        if not self.adaptive:
            shape = (x.shape[0], *adjacency.shape)
            return jnp.broadcast_to(adjacency[None], shape).astype(x.dtype)
        small = nn.initializers.constant(1e-6)
        learnt = self.param("adjacency", small, adjacency.shape)

        # S_k compares embeddings of the whole window, one matrix per sample.
        theta, phi = self._embeddings(x)
        logits = jnp.einsum("bkiz,bkjz->bkij", theta, phi).astype(wide)
        # Over the source joint: columns sum to 1.
        similarity = nn.softmax(logits / theta.shape[-1], axis=2)
        self.sow("intermediates", "similarity", similarity)
        return (similarity + (adjacency + learnt)[None]).astype(x.dtype)

    def _embeddings(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Embeds `x [B, J, T, C]` as source and as target, each `[B, K, J, T E]`."""
        width = self.features // 4 or 3
        # All of them are one product, whose results are then sorted by subset once.
        kernels, biases = [], []
        for name in ("theta", "phi"):
            for k in range(NUM_SUBSETS):
                pointwise = PointwiseParams(width, name=f"{name}_{k}")
                kernel, bias = pointwise(x.shape[-1])
                kernels.append(kernel)
                biases.append(bias)
        x, kernel, bias = nn.dtypes.promote_dtype(
            x, jnp.concatenate(kernels, -1), jnp.concatenate(biases), dtype=self.dtype
        )
        embedded = matmul(x, kernel) + bias[None, None, None]
        embedded = _subsets_first(embedded, 2 * NUM_SUBSETS)
        return embedded[:, :NUM_SUBSETS], embedded[:, NUM_SUBSETS:]


def _subsets_first(x: jax.Array, subsets: int) -> jax.Array:
    """Sorts `x [B, J, T, K C]` as `[B, K, J, T C]`."""
    batch, joints, frames, together = x.shape
    width = together // subsets
    x = jnp.moveaxis(x.reshape(batch, joints, frames, subsets, width), 3, 1)
    return x.reshape(batch, subsets, joints, frames * width)


class PointwiseParams(nn.Module):
    """Parameters of a 1x1 convolution that is computed together with others."""

    features: int

    @nn.compact
    def __call__(self, channels: int) -> tuple[jax.Array, jax.Array]:
        """Returns kernel `[channels, features]` and bias, as `_pointwise` has them."""
        init = _pointwise_init(self.features)
        # As those of `nn.Dense`, also where JAX computes in float64.
        shape = (channels, self.features)
        kernel = self.param("kernel", init, shape, jnp.float32)
        zeros = nn.initializers.zeros_init()
        return kernel, self.param("bias", zeros, (self.features,), jnp.float32)


class PaddedTemporalConv(nn.Module):
    """Convolution over frames with zero padding, from T to `(T - 1) // stride + 1`.

    Initial weights are normal with fan-out variance `2 / (features * size)`, biases 0.

    Attributes:
      features: channels of the output.
      size: frames under the kernel, odd.
      stride: frames from one output to the next.
      cpu_forms: computes the gradient as `cpu.padded_convolution` does.
    """

    features: int
    size: int
    stride: int = 1
    cpu_forms: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[B, J, T, C]` to `[B, J, (T - 1) // stride + 1, features]`."""
        batch, joints, frames, channels = x.shape
        init = nn.initializers.normal((2 / (self.features * self.size)) ** 0.5)
        kernel = self.param("kernel", init, (self.size, channels, self.features))
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        flat = x.reshape(batch * joints, frames, channels)
        if self.cpu_forms:
            y = cpu.padded_convolution(flat, kernel, self.stride)
        else:
            y = padded_convolution(flat, kernel, stride=self.stride)
        return y.reshape(batch, joints, -1, self.features) + bias[None, None, None]


class AGCNBlock(nn.Module):
    """AGCN(C_in, features, stride): graph, then temporal convolution (Figure 1).

    BatchNorms on the main path are `graph_bn` and `temporal_bn`; those of the side
    paths are `down_bn` and `residual_bn`. The released recipe decays the momentum of
    the former alone.

    Attributes:
      features: channels of the output.
      graph: name for `graphs.gla_gcn_adjacency`.
      stride: of the convolution over time (kernel 9, padding 4).
      residual: whether the block has its own residual: the identity where channels and
        length stay, else a convolution of kernel 1 with BatchNorm.
      relu: whether the block ends in a ReLU.
      adaptive: see `AdaptiveGraphConv`.
      dropout_rate: dropout inside the graph convolution.
      cpu_forms: see `PaddedTemporalConv`.
    """

    features: int
    graph: str
    stride: int = 1
    residual: bool = True
    relu: bool = True
    adaptive: bool = True
    dropout_rate: float = 0.1
    cpu_forms: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps `[B, J, T, C_in]` to `[B, J, (T - 1) // stride + 1, features]`."""
        y = AdaptiveGraphConv(
            self.features,
            self.graph,
            self.adaptive,
            self.dropout_rate,
            self.dtype,
            name="graph_conv",
        )(x, train=train)
        y = PaddedTemporalConv(
            self.features,
            TEMPORAL_KERNEL,
            self.stride,
            self.cpu_forms,
            dtype=self.dtype,
            name="temporal_conv",
        )(y)
        y = BatchNorm(dtype=self.dtype, name="temporal_bn")(y, train=train)
        if self.residual:
            if x.shape[-1] != self.features or self.stride != 1:
                x = x[:, :, :: self.stride]
                x = _pointwise(self.features, "residual", self.dtype)(x)
                x = BatchNorm(dtype=self.dtype, name="residual_bn")(x, train=train)
            y = y + x
        return nn.relu(y) if self.relu else y
