"""Training losses on root-relative positions, in the unit of the positions."""

import jax
import jax.numpy as jnp

from jaxpose.errors import JaxposeError


def _check(predicted: jax.Array, target: jax.Array) -> None:
    if predicted.shape != target.shape:
        raise JaxposeError(f"predicted positions are {predicted.shape}, the target {target.shape}")


def mpjpe_loss(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean Euclidean joint distance (protocol P.7) of `[..., J, 3]`; its gradient at 0 is 0."""
    _check(predicted, target)
    squared = jnp.sum(jnp.square(predicted - target), axis=-1)
    # The square root has no derivative at 0, where a perfect joint lies; NaN stays NaN.
    perfect = squared == 0
    return jnp.mean(jnp.where(perfect, 0.0, jnp.sqrt(jnp.where(perfect, 1.0, squared))))


def squared_distance_loss(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean squared joint distance of `[..., J, 3]` (AMPose, equation 11; thesis, 3.10)."""
    _check(predicted, target)
    return jnp.mean(jnp.sum(jnp.square(predicted - target), axis=-1))


LOSSES = {"mpjpe": mpjpe_loss, "mse": squared_distance_loss}
