"""Convolution along one axis that keeps the length of a sequence, or divides it by a stride.

XLA's own gradient of it is slow on CPU, inside a `scan` forty times slower than an equal one of
matrix products, which takes its place there.
"""

import functools
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

_LAYOUT = ("NWC", "WIO", "NWC")


def _convolve(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """`x [N, T, C]` by `kernel [size, C, features]`, zero padding of `size // 2`."""
    padding = [(kernel.shape[0] // 2, kernel.shape[0] // 2)]
    return jax.lax.conv_general_dilated(
        x, kernel, (stride,), padding, dimension_numbers=_LAYOUT
    )


_convolve_fast_gradient = jax.custom_vjp(_convolve, nondiff_argnums=(2,))


def _convolve_forward(
    x: jax.Array, kernel: jax.Array, stride: int
) -> tuple[jax.Array, Any]:
    return _convolve(x, kernel, stride), (x, kernel)


def _convolve_backward(
    stride: int, saved: Any, grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    def generic(
        x: jax.Array, kernel: jax.Array, grad: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        return jax.vjp(lambda x, kernel: _convolve(x, kernel, stride), x, kernel)[1](
            grad
        )

    # On CPU XLA's own gradients take most of a training step: they transpose whole activations, and
    # with a stride they leave its fast convolution.
    cpu = functools.partial(_convolve_backward_cpu, stride)
    return jax.lax.platform_dependent(*saved, grad, cpu=cpu, default=generic)


def _convolve_backward_cpu(
    stride: int, x: jax.Array, kernel: jax.Array, grad: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Gradients of `_convolve` as one matrix product per tap and one convolution without stride."""
    size = kernel.shape[0]
    pad = size // 2
    (_, frames, channels), (_, out_frames, features) = x.shape, grad.shape
    padded = jnp.pad(x, ((0, 0), (pad, pad), (0, 0)))
    last = stride * (out_frames - 1) + 1
    flat = grad.reshape(-1, features)
    taps = [
        padded[:, i : i + last : stride].reshape(-1, channels).T @ flat
        for i in range(size)
    ]
    # Padded frames in blocks of `stride`: block q receives sum_m grad[q - m] kernel[stride m + r] at r.
    reach = -(-size // stride)
    blocks = jnp.pad(kernel, ((0, reach * stride - size), (0, 0), (0, 0)))
    blocks = blocks.reshape(reach, stride * channels, features)[::-1].transpose(0, 2, 1)
    first_block, last_block = pad // stride, (pad + frames - 1) // stride
    x_grad = jax.lax.conv_general_dilated(
        grad,
        blocks,
        (1,),
        [(reach - 1 - first_block, last_block - out_frames + 1)],
        dimension_numbers=_LAYOUT,
    ).reshape(x.shape[0], -1, channels)
    start = pad - stride * first_block
    return x_grad[:, start : start + frames], jnp.stack(taps)


_convolve_fast_gradient.defvjp(_convolve_forward, _convolve_backward)


def padded_convolution(
    x: jax.Array, kernel: jax.Array, *, stride: int = 1, groups: int = 1
) -> jax.Array:
    """`x [N, T, C]` by `kernel [size, C / groups, features]` to `[N, (T - 1) // stride + 1, features]`.

    Zero padding of `size // 2`. With `groups` channels and features fall into as many parts, and
    each part of the features sees its part of the channels.
    """
    if groups == 1:
        return _convolve_fast_gradient(x, kernel, stride)
    parts = zip(
        jnp.split(x, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True
    )
    return jnp.concatenate(
        [_convolve_fast_gradient(*part, stride) for part in parts], axis=-1
    )


class PaddedTemporalConv(nn.Module):
    """Convolution over frames, zero-padded so that the output has `(T - 1) // stride + 1` frames.

    Initial weights are normal with fan-out variance `2 / (features * size)`, biases 0.

    Attributes:
      features: width of the output.
      size: frames under the kernel, odd.
      stride: frames from one output to the next.
    """

    features: int
    size: int
    stride: int = 1
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`[B, J, T, C]` to `[B, J, (T - 1) // stride + 1, features]`."""
        batch, joints, frames, channels = x.shape
        init = nn.initializers.normal((2 / (self.features * self.size)) ** 0.5)
        kernel = self.param("kernel", init, (self.size, channels, self.features))
        bias = self.param("bias", nn.initializers.zeros_init(), (self.features,))
        x, kernel, bias = nn.dtypes.promote_dtype(x, kernel, bias, dtype=self.dtype)
        pad = self.size // 2
        if frames <= pad + 1:
            # Every output sees every frame: one matrix product, where XLA's convolution is slow on CPU.
            rows = [
                kernel[pad - t : pad - t + frames]
                for t in range(0, frames, self.stride)
            ]
            matrix = jnp.stack(rows, axis=2).reshape(frames * channels, -1)
            y = x.reshape(batch * joints, frames * channels) @ matrix
        else:
            flat = x.reshape(batch * joints, frames, channels)
            y = padded_convolution(flat, kernel, stride=self.stride)
        return y.reshape(batch, joints, -1, self.features) + bias[None, None, None]
