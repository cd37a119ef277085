"""VideoPose3D: temporal convolutions over the 2D joints of a sequence (Pavllo et al., CVPR 2019)."""

import flax.linen as nn
import jax

from jaxpose.body.skeletons import get_skeleton
from jaxpose.models import temporal
from jaxpose.models.layers import BatchNorm, Dropout, Linear


class VideoPose3D(temporal.TemporalConvNet):
    """Residual temporal convolution network over frames of flattened 2D joints.

    Attributes:
      skeleton: name of the skeleton of the output, `J` joints.
      keypoints_skeleton: name of the skeleton of the input, `J2` joints; empty for `skeleton`.
      channels: width of every hidden layer.
      trajectory: predicts the root's absolute position instead (J = 1), as the trajectory
        network of semi-supervised training.
      dropout_rate: after each hidden layer.
    """

    skeleton: str = "h36m_17"
    keypoints_skeleton: str = ""
    filter_widths: tuple[int, ...] = (3, 3, 3, 3, 3)
    channels: int = 1024
    trajectory: bool = False
    dropout_rate: float = 0.25

    def __post_init__(self) -> None:
        """Makes an empty `keypoints_skeleton` that of the output."""
        self.keypoints_skeleton = self.keypoints_skeleton or self.skeleton
        super().__post_init__()

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """`keypoints_2d [B, T, J2, keypoint_features]` to `positions_3d [B, T - receptive_field + 1, J, 3]`.

        2D in normalised screen coordinates (P.2), 3D in metres in the camera frame, relative
        to the root (absolute if `trajectory`).

        Raises:
          JaxposeError: a field or the input's shape does not fit.
        """
        self._check(keypoints_2d)

        def hidden(x: jax.Array, norm: str) -> jax.Array:
            x = nn.relu(BatchNorm(dtype=self.dtype, name=norm)(x, train=train))
            return Dropout(self.dropout_rate)(x, train=train)

        x = keypoints_2d.reshape(*keypoints_2d.shape[:2], -1)
        x = hidden(
            self._conv("expand", self.channels, self.filter_widths[0], 1)(x),
            "expand_norm",
        )
        dilation = self.filter_widths[0]
        for block, width in enumerate(self.filter_widths[1:], start=1):
            residual = self._aligned(x, width, dilation)
            x = self._conv(f"temporal_{block}", self.channels, width, dilation)(x)
            x = hidden(x, f"temporal_norm_{block}")
            pointwise = Linear(
                self.channels,
                use_bias=False,
                dtype=self.dtype,
                name=f"pointwise_{block}",
            )
            x = residual + hidden(pointwise(x), f"pointwise_norm_{block}")
            dilation *= width
        joints = 1 if self.trajectory else get_skeleton(self.skeleton).num_joints
        x = Linear(3 * joints, dtype=self.dtype, name="shrink")(x)
        return x.reshape(*x.shape[:2], joints, 3)

    def _check(self, keypoints_2d: jax.Array) -> None:
        temporal.check_keypoints(self, keypoints_2d)
        self._check_form("VideoPose3D", keypoints_2d.shape[1])
