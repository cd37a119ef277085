"""Batch normalisation with PyTorch's statistics, and its derivative.

Shapes: `C` channels. A row is what stands at one place of all other axes.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Three = tuple[jax.Array, jax.Array, jax.Array]


class BatchNorm(nn.Module):
    """Batch normalisation over every axis but the last, with PyTorch's statistics.

    Normalises with the biased batch variance and keeps the *unbiased* one in the
    running average (linen's own keeps the biased one). Under `jit` over a sharded batch
    the statistics are those of the global batch.

    Attributes:
      momentum: in PyTorch's convention, `running = (1 - momentum) * running + momentum
        * batch`. A recipe that decays it rescales the step of the running statistics in
        the train step.
      epsilon: added to the variance.
      scale_init: initial value of the scale.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    scale_init: float = 1.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Normalises `x [..., C]`, with `train` by the batch's statistics."""
        # The scale and bias are trained; the running statistics only follow the
        # batches.
        channels = x.shape[-1:]
        scale = self.param("scale", nn.initializers.constant(self.scale_init), channels)
        bias = self.param("bias", nn.initializers.zeros_init(), channels)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, channels)
        running_var = self.variable("batch_stats", "var", jnp.ones, channels)
        if train:
            y, mean, var = normalise_batch(x, scale, bias, self.epsilon)
            if not self.is_initializing():
                rows = x.size // x.shape[-1]
                unbiased = var * (rows / max(rows - 1, 1))
                running_mean.value += self.momentum * (mean - running_mean.value)
                running_var.value += self.momentum * (unbiased - running_var.value)
        else:
            statistics = running_mean.value, running_var.value
            y = _normalise(x, *statistics, scale, bias, self.epsilon)
        return y.astype(self.dtype or jnp.promote_types(x.dtype, scale.dtype))


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def normalise_batch(
    x: jax.Array, scale: jax.Array, bias: jax.Array, epsilon: float
) -> Three:
    """Computes `scale n + bias`, with `n = (x - mean) / sqrt(var + epsilon)`.

    Mean and variance are those of the rows of `x`. The derivative is stated below: a
    gradient then passes over `x` four times, and six times if JAX derives each line.

    Args:
      x: `[..., C]`.
      scale: `[C]`.
      bias: `[C]`.
      epsilon: added to the variance.

    Returns:
      `[..., C]`, and the mean and the biased variance, `[C]`, in at least float32.
    """
    # bfloat16 sums over a batch lose most of their digits.
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean = _mean(wide)
    var = _mean(jnp.square(wide - _row(mean, x)))
    return _normalise(x, mean, var, scale, bias, epsilon), mean, var


@normalise_batch.defjvp
def _normalise_batch_jvp(
    epsilon: float, primals: Three, tangents: Three
) -> tuple[Three, Three]:
    """Computes `dy = scale (dx - E[dx] - n E[n dx]) / deviation + n dscale + dbias`.

    What is multiplied by `x - mean` and what is added are one vector each, so that a
    backward pass has two sums.
    """
    x, scale, bias = primals
    x_dot, scale_dot, bias_dot = tangents
    y, mean, var = normalise_batch(x, scale, bias, epsilon)
    rate = jax.lax.rsqrt(var + epsilon)
    factor = scale * rate
    # Rounding leaves a part of the mean in every row, and a gradient sums over rows.
    centred = x.astype(var.dtype) - _row(mean, x)
    centred -= _row(_mean(centred), x)
    x_dot = x_dot.astype(var.dtype)
    mean_dot, product = _mean(x_dot), _mean(centred * x_dot)
    times = rate * (scale_dot - factor * rate * product)
    plus = bias_dot - factor * mean_dot
    y_dot = x_dot * _row(factor, x) + centred * _row(times, x) + _row(plus, x)
    return (y, mean, var), (y_dot.astype(y.dtype), mean_dot, 2 * product)


def _mean(x: jax.Array) -> jax.Array:
    """Computes the mean `[C]` of all rows of `x [..., C]`."""
    return jnp.mean(x.reshape(-1, x.shape[-1]), axis=0)


def _row(vector: jax.Array, x: jax.Array) -> jax.Array:
    """Shapes a vector `[C]` to be combined with `x [..., C]`."""
    return vector.reshape((1,) * (x.ndim - 1) + vector.shape)


def _normalise(
    x: jax.Array,
    mean: jax.Array,
    var: jax.Array,
    scale: jax.Array,
    bias: jax.Array,
    epsilon: float,
) -> jax.Array:
    """Computes `scale (x - mean) / sqrt(var + epsilon) + bias`."""
    # One multiply and one add per element; XLA fuses them with the next operation.
    factor = scale * jax.lax.rsqrt(var + epsilon)
    offset = bias - mean * factor
    return x * _row(factor, x) + _row(offset, x)
