"""Temporal convolutions without padding, as VideoPose3D introduced them and GAST-Net took them over.

Filter widths `w_0 .. w_{K-1}` are odd; layer i dilates by `d_i = w_0 ... w_{i-1}` and sees
`pad_i = (w_i - 1) d_i / 2` frames to either side, so that the stack sees the product of the
widths. The same weights run in two forms: dilated over a whole sequence, or strided over one
window of exactly the receptive field, which keeps only the frames that reach its one output.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.errors import JaxposeError
from jaxpose.models.layers import matmul, torch_linear_init
from jaxpose.skeletons import get_skeleton


class TemporalConv(nn.Module):
    """Convolution over the frames (axis 1) without padding and bias; other middle axes are batch.

    Attributes:
      features: output channels.
      width: `w_i`, number of taps.
      dilation: `d_i`, frames between two taps.
      dense: kernel of all `(w_i - 1) d_i + 1` frames between the outer taps, without dilation.
      strided: windows of `width` adjacent frames that do not overlap, instead of dilation.
      kernel_init: of the kernel `[taps, C, features]`.
    """

    features: int
    width: int
    dilation: int = 1
    dense: bool = False
    strided: bool = False
    kernel_init: nn.initializers.Initializer = torch_linear_init
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`x [B, T, ..., C]` to `[B, T', ..., features]`."""
        channels = x.shape[-1]
        taps = (self.width - 1) * self.dilation + 1 if self.dense else self.width
        kernel = self.param("kernel", self.kernel_init, (taps, channels, self.features))
        x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        if self.strided:
            return _window_products(x, kernel)
        if self.dense:
            return _full_convolution(x, kernel)
        frames = x.shape[1] - (taps - 1) * self.dilation
        starts = [tap * self.dilation for tap in range(taps)]
        terms = [matmul(x[:, s : s + frames], kernel[tap]) for tap, s in enumerate(starts)]
        return sum(terms[1:], start=terms[0])


def _window_products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolution whose stride is its kernel size: one matrix product per window."""
    batch, frames, *joints, channels = x.shape
    size, _, features = kernel.shape
    windows = x.reshape(batch, frames // size, size, *joints, channels)
    if joints:
        windows = jnp.moveaxis(windows, 2, -2)
    windows = windows.reshape(batch, frames // size, *joints, size * channels)
    return matmul(windows, kernel.reshape(-1, features))


def _full_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolution with every frame under the kernel a tap: too many for a product each."""
    batch, frames, *joints, channels = x.shape
    out = jax.lax.conv_general_dilated(
        x.reshape(batch, frames, -1, channels),
        kernel[:, None],
        window_strides=(1, 1),
        padding="VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return out.reshape(batch, -1, *joints, kernel.shape[-1])


def aligned_frames(x: jax.Array, width: int, dilation: int, *, causal: bool, strided: bool) -> jax.Array:
    """The frames of `x [B, T, ...]` that a layer's outputs are added to.

    The middle frame under the kernel; its last one if `causal`.
    """
    if strided:
        return x[:, (width - 1 if causal else width // 2) :: width]
    pad = (width - 1) * dilation // 2
    first = 2 * pad if causal else pad
    return x[:, first : first + x.shape[1] - 2 * pad]


def receptive_field(filter_widths: tuple[int, ...]) -> int:
    """Frames that one output sees."""
    return math.prod(filter_widths)


def check_filter_widths(model: str, filter_widths: tuple[int, ...]) -> None:
    """Raises JaxposeError unless the widths are odd positive numbers, at least one of them."""
    if not filter_widths or any(width < 1 or width % 2 == 0 for width in filter_widths):
        raise JaxposeError(
            f"{model}: filter_widths {tuple(filter_widths)} must be one or more odd numbers, e.g. (3, 3, 3)"
        )


def check_keypoints(model: str, keypoints_2d: jax.Array, skeleton: str, features: int) -> None:
    """Raises JaxposeError unless `keypoints_2d` is `[B, T, J, features]` with the joints of `skeleton`."""
    expected = (get_skeleton(skeleton).num_joints, features)
    if keypoints_2d.ndim != 4 or keypoints_2d.shape[2:] != expected:
        raise JaxposeError(
            f"{model}: keypoints_2d must be [batch, frames, {expected[0]}, {features}] (joints of skeleton "
            f"{skeleton!r}, in_features={features}), got {list(keypoints_2d.shape)}"
        )


def check_frames(model: str, frames: int, filter_widths: tuple[int, ...], *, strided: bool) -> None:
    """Raises JaxposeError unless `frames` suit the receptive field and the form of execution."""
    needed = receptive_field(filter_widths)
    if strided and frames != needed:
        raise JaxposeError(
            f"{model}: the strided form takes windows of exactly its receptive field of {needed} frames, "
            f"got {frames}; cut windows of {needed} or set strided=False"
        )
    if frames < needed:
        raise JaxposeError(
            f"{model}: got {frames} frames, fewer than the receptive field of {needed}; "
            "pad the sequence at its edges or choose smaller filter_widths"
        )
