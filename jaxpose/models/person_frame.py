"""Keypoints relative to the person, before any lifting model.

Pose, place and size reach the model as features of their own. The pose alone does not
tell from where the camera looks at the person, and how they move through the image.
"""

from typing import Any, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxpose.errors import JaxposeError
from jaxpose.models.base import LossFunction
from jaxpose.models.wrapper import LiftingWrapper

# What `relative_to_person` adds to each keypoint: the person's centre and size.
PLACE_FEATURES = 3
# No natural logarithm of a size goes beyond: a person of a fiftieth of the image.
_SMALLEST = -5.0


class PersonFrameLifting(LiftingWrapper, kw_only=True):
    """A lifting model that sees each frame from its own centre, in its own size.

    Centre and size are taken frame by frame, so that windows, sequences and streams
    give the same numbers. A keypoint of confidence 0 is at the centre, wherever the
    caller has filled it in.

    Attributes:
      lifting: any model that reads `PLACE_FEATURES` more per keypoint. The other fields
        of the contract are taken from it.
    """

    added_features = PLACE_FEATURES

    @property
    def lifts_sequences(self) -> bool:
        """Returns whether the lifting model does."""
        return self.lifting.lifts_sequences

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the lifting model reads keypoints alone."""
        self.lifting.check_fields()
        if self.lifting.needs_camera:
            raise JaxposeError(
                "a model that reads the camera needs keypoints in the image: set "
                "config.person_frame=False"
            )

    @nn.nowrap
    def target_pose(self, output: Any) -> jax.Array:
        """Returns the positions that the lifting model makes of its output."""
        return self.lifting.target_pose(output)

    @nn.nowrap
    def loss(
        self,
        output: Any,
        positions_3d: jax.Array,
        loss_function: LossFunction,
        epoch: jax.Array,
    ) -> jax.Array:
        """Returns the loss of the lifting model."""
        return self.lifting.loss(output, positions_3d, loss_function, epoch)

    def for_sequences(self) -> Self:
        """Returns the model with the lifting model's form."""
        return self.clone(lifting=self.lifting.for_sequences())

    def for_streams(self) -> Self:
        """Returns the model with the lifting model's form."""
        return self.clone(lifting=self.lifting.for_streams())

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> Any:
        """Returns the output of the lifting model for keypoints `[B, T, J2, C]`."""
        return self.lifting(relative_to_person(keypoints_2d), train=train)


def relative_to_person(keypoints_2d: jax.Array) -> jax.Array:
    """Moves and scales the keypoints of each frame, and adds place and size.

    The mean of the seen keypoints becomes 0, and their mean square distance from it 1.

    Args:
      keypoints_2d: `[..., J, 2 or 3]`: x, y, screen-normalised, and the confidence, 0
        where not seen. Without it all are seen.

    Returns:
      `[..., J, 5 or 6]`: x and y relative to the person, 0 where not seen; the
      confidence; and for all joints alike the centre's x and y, and the logarithm of
      the root mean square distance. These three are 0 where no joint is seen.
    """
    xy, confidence = keypoints_2d[..., :2], keypoints_2d[..., 2:]
    seen = jnp.ones_like(xy[..., :1])
    if confidence.shape[-1]:
        seen = (confidence > 0).astype(xy.dtype)
    # Where nothing is seen all is 0; the divisors are 1 there, so that gradients exist.
    total = seen.sum(-2, keepdims=True)
    total = jnp.where(total > 0, total, 1)
    centre = (seen * xy).sum(-2, keepdims=True) / total
    square = (seen * (xy - centre) ** 2).sum((-2, -1), keepdims=True) / total
    size = jnp.sqrt(jnp.where(square > 0, square, 1))
    relative = (xy - centre) / size
    # Zeros of its own type: a converter to ONNX takes a bare 0 for a double.
    relative = jnp.where(seen > 0, relative, jnp.zeros_like(relative))
    log_size = jnp.maximum(jnp.log(size), _SMALLEST)
    place = jnp.concatenate([centre, log_size], axis=-1)
    place = jnp.broadcast_to(place, (*xy.shape[:-1], PLACE_FEATURES))
    return jnp.concatenate([relative, confidence, place], axis=-1)
