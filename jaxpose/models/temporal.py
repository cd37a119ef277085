"""Temporal convolutions without padding, of VideoPose3D and GAST-Net.

Filter widths `w_0 .. w_{K-1}` are odd; layer i dilates by `d_i = w_0 ... w_{i-1}` and
sees `pad_i = (w_i - 1) d_i / 2` frames to either side, so that the stack sees the
product of the widths. The same weights run in three forms: dilated over a whole
sequence; strided over one window of exactly the receptive field, which keeps only the
frames that reach its one output; and, if causal, streaming, where frames come one at a
time and every layer remembers its past.
"""

import math
from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.models import checks
from jaxpose.models.base import LiftingModel
from jaxpose.models.layers import matmul, torch_linear_init


class TemporalConv(nn.Module):
    """Convolution over the frames (axis 1) without padding and bias.

    All other axes but the last are batch.

    Attributes:
      features: output channels.
      size: `w_i`, number of frames under the kernel.
      dilation: `d_i`, frames from one of them to the next.
      dense: kernel of all `(w_i - 1) d_i + 1` frames between the outer ones, without
        dilation.
      strided: windows of `size` adjacent frames that do not overlap, instead of
        dilation.
      streaming: the input is one frame, and the output that of the kernel's last tap on
        it. The frames before it are in the ring buffer `cache/past [B, (w_i - 1) d_i,
        ..., C]`, whose oldest entry is at `cache/oldest`; where they are absent, this
        frame stands for them.
      kernel_init: of the kernel `[taps, C, features]`.
    """

    features: int
    size: int
    dilation: int = 1
    dense: bool = False
    strided: bool = False
    streaming: bool = False
    kernel_init: nn.initializers.Initializer = torch_linear_init
    dtype: Any = None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps `x [B, T, ..., C]` to `[B, T', ..., features]`."""
        channels = x.shape[-1]
        taps = (self.size - 1) * self.dilation + 1 if self.dense else self.size
        kernel = self.param("kernel", self.kernel_init, (taps, channels, self.features))
        x, kernel = nn.dtypes.promote_dtype(x, kernel, dtype=self.dtype)
        # The same products in every form; only the frames under the taps differ.
        if self.streaming:
            return _window_products(self._with_past(x, taps), kernel)
        if self.strided:
            return _window_products(x, kernel)
        if self.dense:
            return _full_convolution(x, kernel)
        return _dilated_convolution(x, kernel, self.dilation)

    def _with_past(self, x: jax.Array, taps: int) -> jax.Array:
        """Returns the frames under the taps, `[B, taps, ..., C]`, and remembers `x`."""
        # A kernel of one frame needs no memory.
        length = (self.size - 1) * self.dilation
        if not length:
            return x
        past = self.variable("cache", "past", lambda: jnp.repeat(x, length, axis=1))
        oldest = self.variable("cache", "oldest", lambda: jnp.zeros((), jnp.int32))
        spacing = 1 if self.dense else self.dilation
        # The ring begins at its oldest frame, and the taps lie `spacing` frames apart.
        rows = oldest.value + spacing * jnp.arange(taps - 1)
        before = jnp.take(past.value, rows, axis=1, mode="wrap")
        # This frame takes the place of the oldest one.
        past.value = jax.lax.dynamic_update_slice_in_dim(
            past.value, x, oldest.value, axis=1
        )
        oldest.value = (oldest.value + 1) % length
        return jnp.concatenate([before, x], axis=1)


def _dilated_convolution(
    x: jax.Array,
    kernel: jax.Array,
    dilation: int,
) -> jax.Array:
    """Convolves `x [B, T, ..., C]` with `dilation` frames from one tap to the next.

    One operation where frames are the only axis, and one product per tap over joints:
    either is a fifth faster there on CPU.
    """
    if x.ndim == 3:
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            window_strides=(1,),
            padding="VALID",
            rhs_dilation=(dilation,),
            dimension_numbers=("NWC", "WIO", "NWC"),
        )
    # The first tap's frames, then every other tap's, shifted by the dilation.
    frames = x.shape[1] - (len(kernel) - 1) * dilation
    out = matmul(x[:, :frames], kernel[0])
    for tap in range(1, len(kernel)):
        start = tap * dilation
        out += matmul(x[:, start : start + frames], kernel[tap])
    return out


def _window_products(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolves with a stride of the kernel's size: one matrix product per window."""
    batch, frames, *joints, channels = x.shape
    size, _, features = kernel.shape
    # The frames of a window side by side as channels, joints before them.
    windows = x.reshape(batch, frames // size, size, *joints, channels)
    if joints:
        windows = jnp.moveaxis(windows, 2, -2)
    windows = windows.reshape(batch, frames // size, *joints, size * channels)
    return matmul(windows, kernel.reshape(-1, features))


def _full_convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolves without dilation; too many taps for a product each."""
    # Joints are a second axis, over which the kernel does not reach.
    batch, frames, *joints, channels = x.shape
    out = jax.lax.conv_general_dilated(
        x.reshape(batch, frames, -1, channels),
        kernel[:, None],
        window_strides=(1, 1),
        padding="VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    return out.reshape(batch, -1, *joints, kernel.shape[-1])


class TemporalConvNet(LiftingModel):
    """Base of the networks of these convolutions: one set of parameters, three forms.

    The plain form takes any number of frames and dilates its convolutions.

    Attributes:
      filter_widths: frames under each temporal convolution, odd; their product is the
        receptive field.
      causal: the output belongs to the last frame of the window, not the middle one.
      dense: kernels of full size without dilation (other parameters, no strided form).
      strided: takes windows of exactly the receptive field and computes only what their
        one output needs. Training uses it; in training mode batch-norm statistics are
        those of the frames kept.
      streaming: takes one frame after the other and returns that frame's pose; what it
        needs of the past is in the collection `cache` (see
        `jaxpose.inference.streaming`). Needs `causal`.
    """

    filter_widths: tuple[int, ...] = (3, 3, 3)
    causal: bool = False
    dense: bool = False
    strided: bool = False
    streaming: bool = False

    @property
    def receptive_field(self) -> int:
        """Returns the number of frames that one output sees."""
        return math.prod(self.filter_widths)

    @property
    def causal_shift(self) -> int:
        """Returns the frames from the centre of the window to its target frame."""
        return (self.receptive_field - 1) // 2 if self.causal else 0

    @property
    def lifts_sequences(self) -> bool:
        """Returns True: every layer is computed once per frame."""
        return True

    def for_sequences(self) -> Self:
        """Returns the plain form, which takes any number of frames."""
        return self.clone(strided=False, streaming=False)

    def for_streams(self) -> Self:
        """Returns the streaming form; see `LiftingModel.for_streams`."""
        if not self.causal:
            return super().for_streams()
        return self.clone(strided=False, streaming=True)

    @nn.nowrap
    def cpu_batch_size(self, batch_size: int) -> int:
        """Returns `batch_size`: a longer sequence repeats less of its overlap."""
        return batch_size

    def _conv(
        self, name: str, features: int, size: int, dilation: int, **kwargs: Any
    ) -> TemporalConv:
        return TemporalConv(
            features,
            size,
            dilation,
            dense=self.dense,
            strided=self.strided,
            streaming=self.streaming,
            dtype=self.dtype,
            name=name,
            **kwargs,
        )

    def _aligned(
        self,
        x: jax.Array,
        size: int,
        dilation: int,
    ) -> jax.Array:
        """Returns the frames of `x [B, T, ...]` that a layer's outputs are added to.

        The middle frame under the kernel; its last one if `causal`.
        """
        # One frame at a time, the middle of each window, or all but the edges.
        if self.streaming:
            return x
        if self.strided:
            return x[:, (size - 1 if self.causal else size // 2) :: size]
        pad = (size - 1) * dilation // 2
        first = 2 * pad if self.causal else pad
        return x[:, first : first + x.shape[1] - 2 * pad]

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the fields fit each other."""
        checks.check_filter_widths(self, self.filter_widths)
        if self.dense and self.strided:
            checks.fail(self, "dense kernels have no strided form; set strided=False")

    def _check(self, keypoints_2d: jax.Array) -> None:
        """Raises JaxposeError unless fields and input suit the form of execution."""
        self.check_fields()
        checks.check_keypoints(self, keypoints_2d)
        frames = keypoints_2d.shape[1]
        # Each form takes another number of frames.
        needed = self.receptive_field
        if self.streaming:
            self._check_streaming(frames)
        elif self.strided and frames != needed:
            checks.fail(
                self,
                f"the strided form takes windows of exactly its receptive field of "
                f"{needed} frames, got {frames}; cut windows of {needed} or set "
                "strided=False",
            )
        elif frames < needed:
            checks.fail(
                self,
                f"got {frames} frames, fewer than the receptive field of {needed}; pad "
                "the sequence at its edges or choose smaller filter_widths",
            )

    def _check_streaming(self, frames: int) -> None:
        if self.strided:
            checks.fail(self, "strided and streaming are two forms; set one of them")
        if not self.causal and self.receptive_field > 1:
            checks.fail(
                self,
                "streaming needs causal=True; centred, each of its outputs sees "
                f"{self.receptive_field // 2} frames that have not come yet",
            )
        if frames != 1:
            checks.fail(
                self, f"the streaming form takes one frame at a time, got {frames}"
            )
