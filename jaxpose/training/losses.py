"""Training losses on root-relative positions, in the unit of the positions."""

from collections.abc import Callable

import jax.numpy as jnp

from jaxpose import metrics
from jaxpose.datasets.protocol import MILLIMETRES
from jaxpose.errors import JaxposeError
from jaxpose.metrics import Array


def squared_distance_loss(predicted: Array, target: Array) -> Array:
    """Computes the mean squared joint distance (AMPose, equation 11; thesis, 3.10).

    `mean |predicted - target|^2` over all joints.

    Args:
      predicted: `[..., J, 3]`.
      target: as `predicted`.

    Returns:
      A scalar, in the squared unit of the positions.

    Raises:
      JaxposeError: the shapes differ.
    """
    if predicted.shape != target.shape:
        raise JaxposeError(
            f"predicted {predicted.shape} and target {target.shape} must have the "
            "same shape"
        )
    return jnp.mean(jnp.sum(jnp.square(predicted - target), axis=-1))


# The values of `config.loss`. The papers' loss is the metric itself (protocol P.7).
LOSSES: dict[str, Callable[[Array, Array], Array]] = {
    "mpjpe": metrics.mpjpe,
    "mse": squared_distance_loss,
}


def loss_in_millimetres(name: str, target_scale: float) -> float | None:
    """Returns the factor from the loss `name` to millimetres, None where it has none.

    `target_scale` is the unit of the positions, in 1/metre.
    """
    return MILLIMETRES / target_scale if name == "mpjpe" else None
