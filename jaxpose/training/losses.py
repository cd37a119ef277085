"""Training losses on root-relative positions, in the unit of the positions."""

import jax
import jax.numpy as jnp

from jaxpose import metrics
from jaxpose.errors import JaxposeError


def mpjpe_loss(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean Euclidean joint distance (protocol P.7) of `[..., J, 3]`; its gradient at 0 is 0."""
    return metrics.joint_errors(predicted, target).mean()


def squared_distance_loss(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared joint distance of `[..., J, 3]` (AMPose, equation 11; thesis, 3.10)."""
    if predicted.shape != target.shape:
        raise JaxposeError(
            f"predicted {predicted.shape} and target {target.shape} must have the same shape"
        )
    return jnp.mean(jnp.sum(jnp.square(predicted - target), axis=-1))


LOSSES = {"mpjpe": mpjpe_loss, "mse": squared_distance_loss}
