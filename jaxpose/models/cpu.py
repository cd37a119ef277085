"""What only a CPU needs: forms of layers that XLA for CPU computes faster.

The layers of the models are the definition. The compiled train step asks for these
forms through `LiftingModel.for_platform`; `model.apply` never uses them by itself. A
form stays here while it gains at least a tenth of a train step at a published size.
"""

import functools

import jax
import jax.numpy as jnp

from jaxpose.models import layers

Pair = tuple[jax.Array, jax.Array]

# More windows, or frames in them, leave the processor's caches: AMPose lifts 224
# poses/s by 1,024 and 288 by 128, CrossFormer with 81 frames 58 by 128 and 78 by 32.
_MOST_WINDOWS, _MOST_FRAMES = 128, 2592


def windows_per_batch(receptive_field: int) -> int:
    """Returns how many windows to lift together."""
    return max(1, min(_MOST_WINDOWS, _MOST_FRAMES // receptive_field))


def padded_convolution(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Computes `layers.padded_convolution` of one group by what a CPU does fastest.

    Short windows are one matrix product, longer ones have a gradient of their own.
    """
    if x.shape[1] <= kernel.shape[0] // 2 + 1:
        return _one_product(x, kernel, stride)
    return _convolution(x, kernel, stride)


def _one_product(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Computes the convolution of a window whose outputs all see every frame.

    Gain: a sixth of the train step of GLA-GCN at T=27 (batch 16: 199 milliseconds, and
    235 after it had been removed).
    """
    frames, channels = x.shape[1:]
    pad = kernel.shape[0] // 2
    # Output t reads frame s by the tap pad + s - t.
    taps = [kernel[pad - t : pad - t + frames] for t in range(0, frames, stride)]
    matrix = jnp.stack(taps, axis=2).reshape(frames * channels, -1)
    y = x.reshape(len(x), frames * channels) @ matrix
    return y.reshape(len(x), len(taps), -1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolution(x: jax.Array, kernel: jax.Array, stride: int) -> jax.Array:
    """Computes the convolution, with a gradient of its own.

    The kernel's gradient is one matrix product per tap, and the input's a convolution
    without stride. XLA's own transposes whole activations, and with a stride it leaves
    its fast convolution. Gain: 18 % of the train step of GLA-GCN at T=243 (4,581
    against 5,556 processor milliseconds, batch 16).
    """
    return layers.padded_convolution(x, kernel, stride=stride)


def _forward(x: jax.Array, kernel: jax.Array, stride: int) -> tuple[jax.Array, Pair]:
    return _convolution(x, kernel, stride), (x, kernel)


def _backward(stride: int, saved: Pair, grad: jax.Array) -> Pair:
    x_grad = _input_gradient(*saved, grad, stride)
    return x_grad, _kernel_gradient(*saved, grad, stride)


def _kernel_gradient(
    x: jax.Array, kernel: jax.Array, grad: jax.Array, stride: int
) -> jax.Array:
    """Computes `[size, C, features]`: per tap, its frames times their gradients."""
    size, channels, features = kernel.shape
    pad = size // 2
    padded = jnp.pad(x, ((0, 0), (pad, pad), (0, 0)))
    last = stride * (grad.shape[1] - 1) + 1
    flat = grad.reshape(-1, features)
    taps = []
    for tap in range(size):
        frames = padded[:, tap : tap + last : stride].reshape(-1, channels)
        taps.append(frames.T @ flat)
    return jnp.stack(taps)


def _input_gradient(
    x: jax.Array, kernel: jax.Array, grad: jax.Array, stride: int
) -> jax.Array:
    """Computes `[B, T, C]` in blocks of `stride` padded frames.

    Block q receives `sum_m grad[q - m] kernel[stride m + r]` at its frame r, which is a
    convolution over blocks.
    """
    size, channels, features = kernel.shape
    pad, frames, out_frames = size // 2, x.shape[1], grad.shape[1]
    reach = -(-size // stride)
    blocks = jnp.pad(kernel, ((0, reach * stride - size), (0, 0), (0, 0)))
    blocks = blocks.reshape(reach, stride * channels, features)
    blocks = blocks[::-1].transpose(0, 2, 1)
    # Only the blocks that hold frames of x, not those of its padding alone.
    first, last = pad // stride, (pad + frames - 1) // stride
    found = jax.lax.conv_general_dilated(
        grad,
        blocks,
        window_strides=(1,),
        padding=[(reach - 1 - first, last - out_frames + 1)],
        dimension_numbers=("NWC", "WIO", "NWC"),
    )
    found = found.reshape(x.shape[0], -1, channels)
    start = pad - stride * first
    return found[:, start : start + frames]


_convolution.defvjp(_forward, _backward)
