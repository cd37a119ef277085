"""GLA-GCN's augmentation of the training target."""

import jax
import jax.numpy as jnp

ANGLES_DEGREES = (-5.0, 0.0, 5.0)
SCALES = (0.95, 1.0, 1.05)


def move_in_image_plane(
    positions_3d: jax.Array, degrees: jax.Array, scale: jax.Array
) -> jax.Array:
    """Positions turned about the z axis and scaled in x and y; z stays.

    Args:
      positions_3d: `[..., J, 3]`, root-relative, any unit.
      degrees: angle from x towards y (clockwise in the image, where y points down), a number or
        one a sample `[B]` for positions `[B, ..., J, 3]`.
      scale: factor of x and y, likewise.
    """
    degrees, scale = (
        jnp.reshape(
            value,
            (*jnp.shape(value), *(1,) * (positions_3d.ndim - 1 - jnp.ndim(value))),
        )
        for value in (degrees, scale)
    )
    x, y, z = (positions_3d[..., i] for i in range(3))
    angle = jnp.deg2rad(degrees)
    cos, sin = scale * jnp.cos(angle), scale * jnp.sin(angle)
    return jnp.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1).astype(
        positions_3d.dtype
    )


def random_move_in_image_plane(key: jax.Array, positions_3d: jax.Array) -> jax.Array:
    """As `move_in_image_plane`, with an angle and a scale drawn for each sample of `[B, ..., J, 3]`.

    Uniformly and independently from `ANGLES_DEGREES` and `SCALES`, as GLA-GCN's released
    training generator does (its 2D input is not moved).
    """
    angle_key, scale_key = jax.random.split(key)
    batch = positions_3d.shape[:1]
    degrees = jax.random.choice(
        angle_key, jnp.asarray(ANGLES_DEGREES, positions_3d.dtype), batch
    )
    scale = jax.random.choice(scale_key, jnp.asarray(SCALES, positions_3d.dtype), batch)
    return move_in_image_plane(positions_3d, degrees, scale)
