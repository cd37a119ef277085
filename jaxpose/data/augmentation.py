"""GLA-GCN's augmentation of the training target."""

import jax
import jax.numpy as jnp

ANGLES_DEGREES = (-5.0, 0.0, 5.0)
SCALES = (0.95, 1.0, 1.05)


def move_in_image_plane(
    positions_3d: jax.Array, degrees: jax.Array | float, scale: jax.Array | float
) -> jax.Array:
    """Turns positions about the z axis and scales x and y; z stays.

    `x' = s (x cos a - y sin a)`, `y' = s (x sin a + y cos a)`.

    Args:
      positions_3d: `[B, ..., J, 3]`, root-relative, any unit.
      degrees: angle `a` from x towards y, clockwise in the image, where y points down;
        a number, or `[B]`, one per sample.
      scale: factor `s`, likewise.

    Returns:
      As `positions_3d`.
    """
    # One angle and one scale per sample, for all of its frames and joints.
    rank = positions_3d.ndim - 1
    angle = jnp.deg2rad(_per_sample(degrees, rank))
    scale = _per_sample(scale, rank)
    # Scale and rotation in one matrix.
    cos = scale * jnp.cos(angle)
    sin = scale * jnp.sin(angle)
    x = positions_3d[..., 0]
    y = positions_3d[..., 1]
    z = positions_3d[..., 2]
    moved_x = cos * x - sin * y
    moved_y = sin * x + cos * y
    moved = jnp.stack([moved_x, moved_y, z], axis=-1)
    return moved.astype(positions_3d.dtype)


def random_move_in_image_plane(key: jax.Array, positions_3d: jax.Array) -> jax.Array:
    """Applies `move_in_image_plane` with a random angle and scale for each sample.

    Draws both uniformly and independently from `ANGLES_DEGREES` and `SCALES`, as
    GLA-GCN's released training code does; the 2D input is not moved.

    Args:
      key: randomness of the batch.
      positions_3d: `[B, ..., J, 3]`, root-relative, any unit.

    Returns:
      As `positions_3d`.
    """
    angle_key, scale_key = jax.random.split(key)
    batch = positions_3d.shape[:1]
    # One draw per sample moves all frames of the sample in the same way.
    angles = jnp.asarray(ANGLES_DEGREES, positions_3d.dtype)
    scales = jnp.asarray(SCALES, positions_3d.dtype)
    return move_in_image_plane(
        positions_3d,
        jax.random.choice(angle_key, angles, batch),
        jax.random.choice(scale_key, scales, batch),
    )


def _per_sample(values: jax.Array | float, rank: int) -> jax.Array:
    """Returns a number or `[B]` with axes of size 1 appended up to `rank`."""
    values = jnp.asarray(values)
    missing = (1,) * (rank - values.ndim)
    return values.reshape(*values.shape, *missing)
