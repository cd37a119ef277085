"""Layers that at least two of the papers' models share, with the same equations.

Parts that merely look alike stay in their model's file. Shapes: `B` batch, `T` frames,
`J` joints, `C` channels, `H` heads. `dtype` is the type of the computation, as
everywhere in linen: None follows the inputs and parameters, so that float64 parameters
give a float64 model. bfloat16 computes the matrix products in bfloat16, while
parameters, statistics, softmax and normalisations stay float32.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


def torch_linear_init(
    key: jax.Array,
    shape: tuple[int, ...],
    dtype: Any = jnp.float32,
) -> jax.Array:
    """Draws PyTorch's default for Linear and Conv weights: uniform in +-1/sqrt(fan_in).

    `shape` is a linen kernel, `[..., in, out]`; fan_in is the product of all but the
    last axis.
    """
    bound = math.prod(shape[:-1]) ** -0.5
    return jax.random.uniform(key, shape, dtype, -bound, bound)


def torch_bias_init(fan_in: int) -> nn.initializers.Initializer:
    """Returns PyTorch's default for biases: uniform in +-1/sqrt(fan_in)."""
    bound = fan_in**-0.5

    def init(
        key: jax.Array,
        shape: tuple[int, ...],
        dtype: Any = jnp.float32,
    ) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def matmul(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Computes `x [..., C] @ kernel [C, D]` over one flat axis.

    Over several axes the kernel's gradient makes XLA for CPU transpose its operands
    first, which takes 15 % of AMPose's train step.
    """
    flat = x.reshape(-1, x.shape[-1]) @ kernel
    return flat.reshape(*x.shape[:-1], kernel.shape[-1])


def padded_convolution(
    x: jax.Array,
    kernel: jax.Array,
    *,
    stride: int = 1,
    groups: int = 1,
) -> jax.Array:
    """Convolves along one axis with zero padding of `size // 2` at both ends.

    Args:
      x: `[B, T, C]`.
      kernel: `[size, C / groups, features]`.
      stride: positions from one output to the next.
      groups: number of parts of the channels and of the features; each part of the
        features sees its part of the channels.

    Returns:
      `[B, (T - 1) // stride + 1, features]`.
    """
    pad = kernel.shape[0] // 2

    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(stride,),
            padding=[(pad, pad)],
            dimension_numbers=("NWC", "WIO", "NWC"),
        )

    if groups == 1:
        return convolve(x, kernel)
    # One convolution per group: XLA for CPU is slow at grouped ones.
    x_parts = jnp.split(x, groups, axis=-1)
    kernel_parts = jnp.split(kernel, groups, axis=-1)
    parts = map(convolve, x_parts, kernel_parts)
    return jnp.concatenate(list(parts), axis=-1)


def _flat_dot_general(
    x: jax.Array, kernel: jax.Array, *unused: Any, **also_unused: Any
) -> jax.Array:
    """Computes `matmul` as `nn.Dense` calls it, with these dimensions always."""
    return matmul(x, kernel)


class Linear(nn.Module):
    """`nn.Dense` with PyTorch's default initialisation, as in every reference model."""

    features: int
    use_bias: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `[..., C_in]` to `[..., features]`."""
        return nn.Dense(
            self.features,
            use_bias=self.use_bias,
            dtype=self.dtype,
            kernel_init=torch_linear_init,
            bias_init=torch_bias_init(x.shape[-1]),
            dot_general=_flat_dot_general,
            name="dense",
        )(x)


class LayerNorm(nn.Module):
    """Layer normalisation with PyTorch's epsilon; statistics in at least float32."""

    epsilon: float = 1e-5
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalises the last axis of `x [..., C]`."""
        scale = self.param("scale", nn.initializers.ones_init(), x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros_init(), x.shape[-1:])
        wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
        # The variance of centred values: a difference of squares would cancel digits.
        centred = wide - jnp.mean(wide, axis=-1, keepdims=True)
        variance = jnp.mean(jnp.square(centred), axis=-1, keepdims=True)
        normalised = centred * jax.lax.rsqrt(variance + self.epsilon)
        row = (1,) * (x.ndim - 1) + scale.shape
        out_dtype = self.dtype or jnp.promote_types(x.dtype, scale.dtype)
        return (normalised * scale.reshape(row) + bias.reshape(row)).astype(out_dtype)


class Dropout(nn.Module):
    """Zeroes elements with probability `rate`, and scales the others to keep the mean.

    Like `nn.Dropout`, with 16 random bits per element instead of 32: random numbers
    were a quarter of GLA-GCN's train step. The rate is rounded to a multiple of 2^-16.

    Attributes:
      rate: probability of zero.
      broadcast_dims: axes along which all elements share one draw.
    """

    rate: float
    broadcast_dims: tuple[int, ...] = ()

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns `x` of any shape, changed only with `train`."""
        # An element is kept where its 16 random bits are below this number.
        kept = round((1 - self.rate) * 2**16)
        if not train or kept == 2**16:
            return x
        if kept == 0:
            return jnp.zeros_like(x)
        shape = list(x.shape)
        for axis in self.broadcast_dims:
            shape[axis] = 1
        # Both halves of each random word serve one element.
        *rest, last = shape
        words_shape = (*rest, (last + 1) // 2)
        words = jax.random.bits(self.make_rng("dropout"), words_shape, jnp.uint32)
        halves = jax.lax.bitcast_convert_type(words, jnp.uint16)
        bits = halves.reshape(*rest, -1)[..., :last]
        return jnp.where(bits < kept, x * (2**16 / kept), 0)


ATTENTION_SCALES = ("head", "width", "tokens")


class Attention(nn.Module):
    """Multi-head self-attention: `softmax(Q K^T / sqrt(scale)) V`.

    One projection C -> 3C gives Q, K and V in thirds, heads contiguous inside each;
    heads are concatenated and projected C -> C. The softmax runs in at least float32.

    Attributes:
      heads: `H`; must divide the width.
      qkv_bias: whether the joint projection has a bias.
      dropout_rate: dropout of the attention weights and of the output.
      scale: `head`, the width of a head, `C / H`; `width`, that of a token, `C`; or
        `tokens`, their number.
    """

    heads: int
    qkv_bias: bool = True
    dropout_rate: float = 0.0
    dtype: Any = None
    scale: str = "head"

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps `[..., tokens, C]` to the same shape."""
        *batch, tokens, width = x.shape
        head_width = width // self.heads
        qkv = Linear(
            3 * width,
            use_bias=self.qkv_bias,
            dtype=self.dtype,
            name="qkv",
        )(x)
        # Heads before tokens: the products are then plain batched matrix products,
        # which are 2.5 times as fast on CPU as contractions across a strided head axis.

        def split_heads(x: jax.Array) -> jax.Array:
            """Reshapes `[..., tokens, C]` to `[..., H, tokens, C / H]`."""
            x = x.reshape(*batch, tokens, self.heads, head_width)
            return jnp.swapaxes(x, -2, -3)

        query, key, value = map(split_heads, jnp.split(qkv, 3, axis=-1))
        # The scale on the smaller factor; the softmax in at least float32.
        sizes = {"head": head_width, "width": width, "tokens": tokens}
        query = query * sizes[self.scale] ** -0.5
        logits = jnp.matmul(query, jnp.swapaxes(key, -1, -2))
        wide = jnp.promote_types(logits.dtype, jnp.float32)
        weights = nn.softmax(logits.astype(wide)).astype(value.dtype)
        self.sow("intermediates", "weights", weights)
        weights = Dropout(self.dropout_rate)(weights, train=train)
        out = jnp.matmul(weights, value)
        out = jnp.moveaxis(out, -3, -2).reshape(*batch, tokens, width)
        out = Linear(width, dtype=self.dtype, name="proj")(out)
        return Dropout(self.dropout_rate)(out, train=train)


def gelu(x: jax.Array) -> jax.Array:
    """Returns `x P(N < x)` of a normal number `N`: the exact GELU.

    It is written with erf: XLA expands erfc, which libraries use, into polynomials so
    long that an accelerator computes them in a kernel of their own.
    """
    # Half precision would round 1 + erf for x below 0; registers cost no memory.
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    return (0.5 * wide * (1 + jax.lax.erf(wide * 0.5**0.5))).astype(x.dtype)


ACTIVATIONS = {"relu": nn.relu, "gelu": gelu}


class Mlp(nn.Module):
    """Linear C -> hidden, activation (by default exact GELU, erf), Linear hidden -> C.

    `activation` is a key of `ACTIVATIONS`.
    """

    hidden: int
    dropout_rate: float = 0.0
    dtype: Any = None
    activation: str = "gelu"

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Maps `[..., C]` to the same shape."""
        # Dropout after either map, as in the reference.
        width = x.shape[-1]
        x = Linear(self.hidden, dtype=self.dtype, name="fc1")(x)
        x = ACTIVATIONS[self.activation](x)
        x = Dropout(self.dropout_rate)(x, train=train)
        x = Linear(width, dtype=self.dtype, name="fc2")(x)
        return Dropout(self.dropout_rate)(x, train=train)


class DropPath(nn.Module):
    """Stochastic depth: drops a residual branch per sample, scales the survivors.

    A sample is one index of the first axis.
    """

    rate: float

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Returns `x [B, ...]` with some samples zeroed in training."""
        rest = tuple(range(1, x.ndim))
        return Dropout(self.rate, broadcast_dims=rest)(x, train=train)


def call_block(
    block: nn.Module,
    x: jax.Array,
    *constants: np.ndarray,
    train: bool,
    rematerialise: bool,
) -> jax.Array:
    """Calls `block(*constants, x, train=train)`.

    With `rematerialise` only `x` is kept for the backward pass, and the rest is
    computed again there: less memory for about a third more work.
    """

    def call(block: nn.Module, x: jax.Array) -> jax.Array:
        return block(*constants, x, train=train)

    return (nn.remat(call) if rematerialise else call)(block, x)
