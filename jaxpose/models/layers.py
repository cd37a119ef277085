"""Layers that several of the papers' models really share.

A layer stands here only when two models use it with the same equations; parts that merely
look alike stay in their model's file. Shapes: `B` batch, `T` frames, `J` joints, `C`
channels, `H` heads. `dtype` is the type of the computation, as everywhere in linen: None
follows the inputs and parameters (so float64 parameters give a float64 model), bfloat16
computes the matrix products in bfloat16 while parameters, statistics, softmax and
normalisations stay float32.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


def torch_linear_init(
    key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32
) -> jax.Array:
    """PyTorch's default for Linear and Conv weights: uniform in +-1/sqrt(fan_in).

    `shape` is a linen kernel, `[..., in, out]`; fan_in is the product of all but the last axis.
    """
    fan_in = 1
    for size in shape[:-1]:
        fan_in *= size
    bound = fan_in**-0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def torch_bias_init(fan_in: int) -> nn.initializers.Initializer:
    """PyTorch's default for Linear and Conv biases: uniform in +-1/sqrt(fan_in)."""
    bound = fan_in**-0.5

    def init(
        key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32
    ) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """`x [..., C] @ kernel [C, D]`, computed over one flat axis.

    Over several axes the kernel's gradient makes XLA for CPU transpose its operands first.
    """
    return (x.reshape(-1, x.shape[-1]) @ kernel).reshape(
        *x.shape[:-1], kernel.shape[-1]
    )


@jax.custom_vjp
def batched_matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    """`a [..., M, K] @ b [..., K, N]` for many small matrices, with a gradient that is fast on CPU.

    XLA for CPU leaves its fast products when an operand is to be read transposed, as every
    gradient asks; here the smaller one is transposed beforehand.
    """
    return jnp.matmul(a, b)


def _batched_matmul_backward(
    saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, ...]:
    def transposed(x: jax.Array) -> jax.Array:
        return jnp.swapaxes(x, -1, -2)

    def cpu(a: jax.Array, b: jax.Array, grad: jax.Array) -> tuple[jax.Array, jax.Array]:
        written = (
            jax.lax.optimization_barrier
        )  # or XLA folds the transposition into the product
        a_grad = grad @ written(transposed(b))
        if a.shape[-1] <= grad.shape[-1]:
            return a_grad, written(transposed(a)) @ grad
        return a_grad, transposed(written(transposed(grad)) @ a)

    def generic(
        a: jax.Array, b: jax.Array, grad: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return grad @ transposed(b), transposed(a) @ grad

    return jax.lax.platform_dependent(*saved, grad, cpu=cpu, default=generic)


batched_matmul.defvjp(lambda a, b: (jnp.matmul(a, b), (a, b)), _batched_matmul_backward)


def _flat_dot_general(
    x: jax.Array, kernel: jax.Array, *unused: Any, **also_unused: Any
) -> jax.Array:
    """`matmul` as `nn.Dense` calls it; the dimensions are always those, the precision is the config's."""
    return matmul(x, kernel)


class Linear(nn.Module):
    """`nn.Dense` with PyTorch's default initialisation, the one every reference model starts from."""

    features: int
    use_bias: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[..., C_in]` to `[..., features]`."""
        return nn.Dense(
            self.features,
            use_bias=self.use_bias,
            dtype=self.dtype,
            kernel_init=torch_linear_init,
            bias_init=torch_bias_init(x.shape[-1]),
            dot_general=_flat_dot_general,
            name="dense",
        )(x)


class BatchNorm(nn.Module):
    """Batch normalisation over every axis but the last, with the reference models' statistics.

    Normalises with the biased batch variance and keeps the *unbiased* one in the running
    average, as PyTorch does (linen's own keeps the biased one). Under `jit` over a sharded
    batch the statistics are those of the global batch.

    Attributes:
      momentum: PyTorch's convention, `running = (1 - momentum) * running + momentum * batch`.
        A recipe that decays it rescales the step of the running statistics in the train step.
      epsilon: added to the variance.
      scale_init: initial value of the scale.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    scale_init: float = 1.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Normalises `x [..., C]`; with `train` it uses and updates the batch's statistics."""
        channels = x.shape[-1:]
        scale = self.param("scale", nn.initializers.constant(self.scale_init), channels)
        bias = self.param("bias", nn.initializers.zeros_init(), channels)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
        running_var = self.variable("batch_stats", "var", jnp.ones, channels)
        if train:
            # Statistics in at least float32: bfloat16 sums over a batch lose most of their digits.
            wide = x.astype(jnp.promote_types(x.dtype, jnp.float32)).reshape(
                -1, *channels
            )
            mean = jnp.mean(wide, axis=0)
            var = jnp.mean(jnp.square(wide - mean[None]), axis=0)
            if not self.is_initializing():
                unbiased = var * (wide.shape[0] / max(wide.shape[0] - 1, 1))
                running_mean.value += self.momentum * (mean - running_mean.value)
                running_var.value += self.momentum * (unbiased - running_var.value)
        else:
            mean, var = running_mean.value, running_var.value
        # One multiply and one add per element; XLA fuses them with what follows.
        factor = scale * jax.lax.rsqrt(var + self.epsilon)
        offset = bias - mean * factor
        row = (1,) * (x.ndim - 1) + channels
        out_dtype = self.dtype or jnp.promote_types(x.dtype, scale.dtype)
        return (x * factor.reshape(row) + offset.reshape(row)).astype(out_dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(3,))
def _layer_norm(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> jax.Array:
    """`x [..., C]`, `scale` and `bias` `[1, ..., C]`."""
    return _layer_norm_forward(x, scale, bias, epsilon)[0]


def _layer_norm_forward(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    centred = x - jnp.mean(x, axis=-1, keepdims=True)
    rate = jax.lax.rsqrt(
        jnp.mean(jnp.square(centred), axis=-1, keepdims=True) + epsilon
    )
    normalised = centred * rate
    return normalised * scale + bias, (normalised, rate, scale)


def _layer_norm_backward(
    epsilon: float, saved: tuple[jax.Array, ...], grad: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    del epsilon
    normalised, rate, scale = saved
    rows = tuple(range(grad.ndim - 1))
    inner = grad * scale
    along = jnp.mean(inner * normalised, axis=-1, keepdims=True)
    x_grad = rate * (
        inner - jnp.mean(inner, axis=-1, keepdims=True) - normalised * along
    )
    scale_grad = jnp.sum(grad * normalised, axis=rows, keepdims=True)
    return x_grad, scale_grad, jnp.sum(grad, axis=rows, keepdims=True)


_layer_norm.defvjp(_layer_norm_forward, _layer_norm_backward)


class LayerNorm(nn.Module):
    """Layer normalisation with the references' epsilon, and statistics in at least float32.

    The same numbers as `nn.LayerNorm`; its derived gradient takes a train step of a transformer
    10 to 15 % longer than the one written out here.
    """

    epsilon: float = 1e-5
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalises the last axis of `x [..., C]`."""
        scale = self.param("scale", nn.initializers.ones_init(), x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros_init(), x.shape[-1:])
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        out_dtype = self.dtype or jnp.promote_types(x.dtype, scale.dtype)
        row = (1,) * (x.ndim - 1) + scale.shape
        return _layer_norm(
            wide, scale.reshape(row), bias.reshape(row), self.epsilon
        ).astype(out_dtype)


class Dropout(nn.Module):
    """Zeroes elements with probability `rate`, and scales the others to keep the mean.

    As `nn.Dropout`, with 16 random bits an element instead of 32: random numbers were a quarter
    of GLA-GCN's train step. The rate is rounded to a multiple of 2^-16.

    Attributes:
      broadcast_dims: axes along which all elements share their fate.
    """

    rate: float
    broadcast_dims: tuple[int, ...] = ()

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns `x` of any shape, changed only with `train`."""
        kept = round((1 - self.rate) * 2**16)
        if not train or kept == 2**16:
            return x
        if kept == 0:
            return jnp.zeros_like(x)
        *rest, last = (
            1 if axis in self.broadcast_dims else size
            for axis, size in enumerate(x.shape)
        )
        words = jax.random.bits(self.make_rng("dropout"), (*rest, (last + 1) // 2))
        bits = jax.lax.bitcast_convert_type(words, jnp.uint16).reshape(*rest, -1)[
            ..., :last
        ]
        return jnp.where(bits < kept, x * (2**16 / kept), 0)


class Attention(nn.Module):
    """Multi-head self-attention over the second-to-last axis: softmax(Q K^T / sqrt(C / H)) V.

    One projection C -> 3C gives Q, K and V in thirds, heads contiguous inside each; heads are
    concatenated and projected C -> C. The softmax runs in at least float32.

    Attributes:
      heads: `H`; must divide the width.
      qkv_bias: whether the joint projection has a bias.
      dropout_rate: dropout of the attention weights and of the output.
    """

    heads: int
    qkv_bias: bool = True
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`[..., tokens, C]` to the same shape."""
        *batch, tokens, width = x.shape
        head_width = width // self.heads
        qkv = Linear(3 * width, use_bias=self.qkv_bias, dtype=self.dtype, name="qkv")(x)
        # Heads before tokens: the products are then plain batched matrix products, which are
        # 2.5 times as fast on CPU as contractions across a strided head axis.
        query, key, value = (
            jnp.swapaxes(part.reshape(*batch, tokens, self.heads, head_width), -2, -3)
            for part in jnp.split(qkv, 3, axis=-1)
        )
        logits = batched_matmul(query * head_width**-0.5, jnp.swapaxes(key, -1, -2))
        weights = nn.softmax(
            logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
        )
        weights = weights.astype(value.dtype)
        self.sow("intermediates", "weights", weights)
        weights = Dropout(self.dropout_rate)(weights, train=train)
        out = batched_matmul(weights, value)
        out = jnp.moveaxis(out, -3, -2).reshape(*batch, tokens, width)
        out = Linear(width, dtype=self.dtype, name="proj")(out)
        return Dropout(self.dropout_rate)(out, train=train)


class Mlp(nn.Module):
    """Linear C -> hidden, exact GELU (erf), Linear hidden -> C."""

    hidden: int
    dropout_rate: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """`[..., C]` to the same shape."""
        width = x.shape[-1]
        x = Linear(self.hidden, dtype=self.dtype, name="fc1")(x)
        x = nn.gelu(x, approximate=False)
        x = Dropout(self.dropout_rate)(x, train=train)
        x = Linear(width, dtype=self.dtype, name="fc2")(x)
        return Dropout(self.dropout_rate)(x, train=train)


def call_block(
    block: nn.Module,
    x: jax.Array,
    *constants: np.ndarray,
    train: bool,
    rematerialise: bool,
) -> jax.Array:
    """`block(*constants, x, train=train)`; with `rematerialise` only `x` is kept for the backward pass.

    What lies between is computed again there: less memory for about a third more work.
    """

    def call(block: nn.Module, x: jax.Array) -> jax.Array:
        return block(*constants, x, train=train)

    return (nn.remat(call) if rematerialise else call)(block, x)


class DropPath(nn.Module):
    """Stochastic depth: drops a residual branch per sample, survivors scaled by 1/(1 - rate).

    A sample is one index of the first axis.
    """

    rate: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns `x [B, ...]` with some samples zeroed in training."""
        rest = tuple(range(1, x.ndim))
        return Dropout(self.rate, broadcast_dims=rest)(x, train=train)
