"""VideoPose3D: temporal convolutions over a sequence of poses (Pavllo et al., 2019)."""

import flax.linen as nn
import jax

from jaxpose.models import checks
from jaxpose.models.batch_norm import BatchNorm
from jaxpose.models.layers import Dropout, Linear
from jaxpose.models.temporal import TemporalConvNet


class VideoPose3D(TemporalConvNet):
    """Residual temporal convolution network over frames of flattened 2D joints.

    Attributes:
      keypoints_skeleton: name of the skeleton of the input, `J2` joints; None for
        `skeleton`.
      filter_widths: as in `TemporalConvNet`; the published network sees 243 frames.
      channels: channels of every hidden layer.
      trajectory: predicts the root's absolute position instead (J = 1), as the
        trajectory network of semi-supervised training.
      dropout_rate: after each hidden layer.
    """

    # Never None in a model: `__post_init__` puts the name of the output there.
    keypoints_skeleton: str = None  # type: ignore[assignment]
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)
    channels: int = 1024
    trajectory: bool = False
    dropout_rate: float = 0.25

    def __post_init__(self) -> None:
        """Makes an absent `keypoints_skeleton` that of the output."""
        self.keypoints_skeleton = self.keypoints_skeleton or self.skeleton
        super().__post_init__()

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """Lifts `keypoints_2d [B, T, J2, C]` to `[B, T - receptive_field + 1, J, 3]`.

        2D in normalised screen coordinates (P.2), 3D in the camera frame, relative to
        the root (absolute if `trajectory`).

        Raises:
          JaxposeError: a field or the input's shape does not fit.
        """
        self._check(keypoints_2d)

        def hidden(x: jax.Array, norm: str) -> jax.Array:
            x = nn.relu(BatchNorm(dtype=self.dtype, name=norm)(x, train=train))
            return Dropout(self.dropout_rate)(x, train=train)

        # All joints of a frame are one vector.
        x = keypoints_2d.reshape(*keypoints_2d.shape[:2], -1)
        dilation = self.filter_widths[0]
        x = self._conv("expand", self.channels, dilation, 1)(x)
        x = hidden(x, "expand_norm")
        for block, size in enumerate(self.filter_widths[1:], start=1):
            # A temporal and a pointwise convolution beside the identity.
            residual = self._aligned(x, size, dilation)
            x = self._conv(f"temporal_{block}", self.channels, size, dilation)(x)
            x = hidden(x, f"temporal_norm_{block}")
            pointwise = Linear(
                self.channels,
                use_bias=False,
                dtype=self.dtype,
                name=f"pointwise_{block}",
            )
            x = residual + hidden(pointwise(x), f"pointwise_norm_{block}")
            dilation *= size
        # One linear map of the last features makes all positions.
        joints = self.output_joints
        x = Linear(3 * joints, dtype=self.dtype, name="shrink")(x)
        return x.reshape(*x.shape[:2], joints, 3)

    @property
    def output_joints(self) -> int:
        """Returns the number of joints of the output: the root's alone, or all."""
        return 1 if self.trajectory else super().output_joints

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the fields fit each other."""
        super().check_fields()
        checks.check_sizes(self, channels=self.channels)
        checks.check_rates(self, dropout_rate=self.dropout_rate)
