"""Temporal convolutions without padding, as VideoPose3D introduced them and GAST-Net took them over.

Filter widths `w_0 .. w_{K-1}` are odd; layer i dilates by `d_i = w_0 ... w_{i-1}` and sees
`pad_i = (w_i - 1) d_i / 2` frames to either side, so that the stack sees the product of the
widths. The same weights run in three forms: dilated over a whole sequence; strided over one
window of exactly the receptive field, which keeps only the frames that reach its one output; and,
if causal, streaming, where frames come one at a time and every layer remembers its past ones.
"""

import functools
import math
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.models.layers import matmul, torch_linear_init


class TemporalConv(nn.Module):
    """Convolution over the frames (axis 1) without padding and bias; other middle axes are batch.

    Attributes:
      features: output channels.
      width: `w_i`, number of taps.
      dilation: `d_i`, frames between two taps.
      dense: kernel of all `(w_i - 1) d_i + 1` frames between the outer taps, without dilation.
      strided: windows of `width` adjacent frames that do not overlap, instead of dilation.
      streaming: the input is one frame, and the output that of the kernel's last tap on it. The
        frames before it are in the ring buffer `cache/past [B, (w_i - 1) d_i, ..., C]`, where
        `cache/oldest` is the next to go; where they are absent, this frame stands for all of them.
      kernel_init: of the kernel `[taps, C, features]`.
    """

    features: int
    width: int
    dilation: int = 1
    dense: bool = False
    strided: bool = False
    streaming: bool = False
    kernel_init: nn.initializers.Initializer = torch_linear_init
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """`x [B, T, ..., C]` to `[B, T', ..., features]`."""
        channels = x.shape[-1]
        taps = (self.width - 1) * self.dilation + 1 if self.dense else self.width
        kernel = self.param("kernel", self.kernel_init, (taps, channels, self.features))
        x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        if self.streaming:
            return _window_products(self._with_past(x, taps), kernel)
        if self.strided:
            return _window_products(x, kernel)
        if self.dense:
            return _full_convolution(x, kernel)
        return _dilated_convolution(x, kernel, self.dilation)

    def _with_past(self, x: jax.Array, taps: int) -> jax.Array:
        """The frames under the taps, `[B, taps, ..., C]`, now that `x [B, 1, ..., C]` has come."""
        size = (self.width - 1) * self.dilation
        if not size:
            return x
        past = self.variable("cache", "past", lambda: jnp.repeat(x, size, axis=1))
        oldest = self.variable("cache", "oldest", lambda: jnp.zeros((), jnp.int32))
        spacing = 1 if self.dense else self.dilation
        rows = oldest.value + spacing * jnp.arange(taps - 1)
        frames = jnp.concatenate(
            [jnp.take(past.value, rows, axis=1, mode="wrap"), x], axis=1
        )
        past.value = jax.lax.dynamic_update_slice_in_dim(
            past.value, x, oldest.value, axis=1
        )
        oldest.value = (oldest.value + 1) % size
        return frames


def _dilated_convolution(x: jax.Array, kernel: jax.Array, dilation: int) -> jax.Array:
    """Convolution with `dilation` frames from one tap to the next."""
    # XLA's convolution is the fastest way forward, except over joints; its gradient is not.
    return (_convolve if x.ndim == 3 else _tap_products)(x, kernel, dilation)


def _tap_products(x: jax.Array, kernel: jax.Array, dilation: int) -> jax.Array:
    """The convolution as one matrix product per tap."""
    frames = x.shape[1] - (len(kernel) - 1) * dilation
    starts = [tap * dilation for tap in range(len(kernel))]
    terms = [matmul(x[:, s : s + frames], kernel[tap]) for tap, s in enumerate(starts)]
    return sum(terms[1:], start=terms[0])


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def _convolve(x: jax.Array, kernel: jax.Array, dilation: int) -> jax.Array:
    """The convolution of `x [B, T, C]` as one operation."""
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (1,),
        "VALID",
        rhs_dilation=(dilation,),
        dimension_numbers=("NWC", "WIO", "NWC"),
    )


def _convolve_backward(
    dilation: int, saved: tuple[jax.Array, jax.Array], grad: jax.Array
) -> tuple[jax.Array, ...]:
    return jax.vjp(functools.partial(_tap_products, dilation=dilation), *saved)[1](grad)


_convolve.defvjp(
    lambda x, kernel, d: (_convolve(x, kernel, d), (x, kernel)), _convolve_backward
)


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


def receptive_field(filter_widths: tuple[int, ...]) -> int:
    """Frames that one output sees."""
    return math.prod(filter_widths)


def check_filter_widths(model: str, filter_widths: tuple[int, ...]) -> None:
    """Raises JaxposeError unless the widths are odd positive numbers, at least one of them."""
    if not filter_widths or any(width < 1 or width % 2 == 0 for width in filter_widths):
        raise JaxposeError(
            f"{model}: filter_widths {tuple(filter_widths)} must be one or more odd numbers, e.g. (3, 3, 3)"
        )


def check_keypoints(model: LiftingModel, keypoints_2d: jax.Array) -> None:
    """Raises JaxposeError unless `keypoints_2d` is `[B, T, J2, C]` as the model declares."""
    skeleton, features = model.keypoints_skeleton, model.keypoint_features
    expected = (get_skeleton(skeleton).num_joints, features)
    if keypoints_2d.ndim != 4 or keypoints_2d.shape[2:] != expected:
        raise JaxposeError(
            f"{type(model).__name__}: keypoints_2d must be [batch, frames, {expected[0]}, "
            f"{features}] (joints of skeleton {skeleton!r}, keypoint_features={features}), "
            f"got {list(keypoints_2d.shape)}"
        )


class TemporalConvNet(LiftingModel):
    """Base of the networks made of these convolutions: the same parameters in three forms.

    The plain form takes any number of frames and dilates its convolutions.

    Attributes:
      filter_widths: frames of each temporal convolution, odd; their product is the receptive field.
      causal: the output belongs to the last frame of the window, not the middle one.
      dense: kernels of full size without dilation (other parameters, no strided form).
      strided: takes windows of exactly the receptive field and computes only what their one
        output needs. Training uses it; in training mode batch-norm statistics are those of the
        frames kept.
      streaming: takes one frame after the other and returns that frame's pose, what is needed of
        the past being in collection `cache` (see `jaxpose.inference.streaming`). Needs `causal`.
    """

    filter_widths: tuple[int, ...] = (3, 3, 3)
    causal: bool = False
    dense: bool = False
    strided: bool = False
    streaming: bool = False

    @property
    def receptive_field(self) -> int:
        """Frames that one output sees."""
        return receptive_field(self.filter_widths)

    @property
    def causal_shift(self) -> int:
        """Frames that the window lies further in the past than one centred on the output."""
        return (self.receptive_field - 1) // 2 if self.causal else 0

    @property
    def lifts_sequences(self) -> bool:
        """True: every layer is computed once per frame."""
        return True

    def for_sequences(self) -> Self:
        """Returns the plain form: `[B, F + receptive_field - 1, J2, C]` to `[B, F, J, 3]`."""
        return self.clone(strided=False, streaming=False)

    def for_streams(self) -> Self:
        """Returns the streaming form; see `LiftingModel.for_streams`."""
        super().for_streams()
        return self.clone(strided=False, streaming=True)

    @nn.nowrap
    def cpu_batch_size(self, batch_size: int) -> int:
        """Returns `batch_size`: a longer sequence repeats less of its overlap."""
        return batch_size

    def _conv(
        self, name: str, features: int, width: int, dilation: int, **kwargs: Any
    ) -> TemporalConv:
        form = {
            "dense": self.dense,
            "strided": self.strided,
            "streaming": self.streaming,
        }
        return TemporalConv(
            features, width, dilation, dtype=self.dtype, name=name, **form, **kwargs
        )

    def _aligned(self, x: jax.Array, width: int, dilation: int) -> jax.Array:
        """The frames of `x [B, T, ...]` that a layer's outputs are added to.

        The middle frame under the kernel; its last one if `causal`.
        """
        if self.streaming:
            return x
        if self.strided:
            return x[:, (width - 1 if self.causal else width // 2) :: width]
        pad = (width - 1) * dilation // 2
        first = 2 * pad if self.causal else pad
        return x[:, first : first + x.shape[1] - 2 * pad]

    def _check_form(self, model: str, frames: int) -> None:
        """Raises JaxposeError unless fields and the number of frames suit the form of execution."""
        check_filter_widths(model, self.filter_widths)
        if self.dense and self.strided:
            raise JaxposeError(
                f"{model}: dense kernels have no strided form; set strided=False"
            )
        needed = self.receptive_field
        if self.streaming:
            self._check_streaming(model, frames)
        elif self.strided and frames != needed:
            raise JaxposeError(
                f"{model}: the strided form takes windows of exactly its receptive field of {needed} frames, "
                f"got {frames}; cut windows of {needed} or set strided=False"
            )
        elif frames < needed:
            raise JaxposeError(
                f"{model}: got {frames} frames, fewer than the receptive field of {needed}; "
                "pad the sequence at its edges or choose smaller filter_widths"
            )

    def _check_streaming(self, model: str, frames: int) -> None:
        if self.strided:
            raise JaxposeError(
                f"{model}: strided and streaming are two forms; set one of them"
            )
        if not self.causal and self.receptive_field > 1:
            raise JaxposeError(
                f"{model}: streaming needs causal=True; centred, each of its outputs sees "
                f"{self.receptive_field // 2} frames that have not come yet"
            )
        if frames != 1:
            raise JaxposeError(
                f"{model}: the streaming form takes one frame at a time, got {frames}"
            )
