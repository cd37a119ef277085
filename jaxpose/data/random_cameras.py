"""Looks at poses from random cameras, as people who film themselves place them.

Fields of view, pitch and size in the image are those of phones, laptops and cameras on
tripods. `L` is the longer side of an image.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import H36M_17, Skeleton

FIELD_OF_VIEW = (35.0, 80.0)  # degrees, over the longer side
PITCH = (-30.0, 20.0)  # degrees, below 0 looks down
ROLL = 3.0  # degrees, standard deviation
# The person's standing height, divided by the height of the image.
FILLS = (0.1, 1.1)
# Width and height of images, divided by the shorter side.
SHAPES = np.array([[16 / 9, 1], [4 / 3, 1], [1, 1], [1, 4 / 3], [1, 16 / 9]])
# The standing heights that follow, in half image widths.
HEIGHTS = (
    float(2 * FILLS[0] * (SHAPES[:, 1] / SHAPES[:, 0]).min()),
    float(2 * FILLS[1] * (SHAPES[:, 1] / SHAPES[:, 0]).max()),
)
# Half of all lenses distort: radial coefficient k1.
DISTORTION = (-0.2, 0.1)
# From an ankle to the sole, and from the joint in the head to the crown, metres.
FOOT_AND_CROWN = 0.15
# The share of cameras that turn with the person.
FOLLOW = 0.2
# No joint is nearer to the camera than this, metres.
NEAREST = 0.7


class View(NamedTuple):
    """Poses as a camera sees them.

    Attributes:
      positions_3d: `[B, T, J, 3]`, metres, camera frame.
      camera: `[B, 9]`, as `cameras.project` takes it.
      half_height: `[B]`, half the image's height in screen units, where half the width
        is 1.
      follows: `[B]` bool, whether the person stays at one place in the image.
    """

    positions_3d: jax.Array
    camera: jax.Array
    half_height: jax.Array
    follows: jax.Array


def random_view(
    key: jax.Array, positions_3d: jax.Array, up: jax.Array, skeleton: Skeleton
) -> View:
    """Draws a camera per window and returns what it sees.

    The camera is level up to pitch and roll, sees the person from any side, and has the
    root's mean place somewhere in the image where the body has room.

    Args:
      key: randomness of the batch.
      positions_3d: `[B, T, J, 3]`, metres, in any frame.
      up: `[B, 3]`, the vertical in that frame, unit length.
      skeleton: of the joints.
    """
    batch = positions_3d.shape[:1]
    keys = jax.random.split(key, 9)
    # The image: its shape, and a focal length in units of half its width.
    width, height = SHAPES[:, 0], SHAPES[:, 1]
    shape = jax.random.randint(keys[0], batch, 0, len(SHAPES))
    half_height = jnp.asarray(height / width, jnp.float32)[shape]
    half_angle = jnp.deg2rad(_uniform(keys[1], batch, FIELD_OF_VIEW)) / 2
    focal = jnp.maximum(half_height, 1) / jnp.tan(half_angle)

    # Turned into the camera's directions, around the root's mean place.
    turned = _turn(keys[2], positions_3d, up)
    root = turned[:, :, skeleton.root]
    turned = turned - root.mean(axis=1)[:, None, None]

    # As far away as the size asks for, and in front of every joint.
    body = standing_height(positions_3d, skeleton).mean(axis=1)
    fills = jnp.exp(_uniform(keys[3], batch, tuple(np.log(FILLS))))
    distance = body * focal / (fills * 2 * half_height)
    nearest = -turned[..., 2].min(axis=(1, 2)) + NEAREST
    distance = jnp.maximum(distance, nearest)
    size = body * focal / distance
    room = [1 - size / 4, half_height - size / 2]
    place = []
    for axis in range(2):
        aside = _uniform(keys[4 + axis], batch, (-1.0, 1.0))
        place.append(aside * jnp.maximum(room[axis], 0) / focal)
    ray = jnp.stack([*place, jnp.ones(batch)], axis=-1)
    moved = turned + (distance[:, None] * ray)[:, None, None]

    distorts = jax.random.bernoulli(keys[6], 0.5, batch)
    k1 = jnp.where(distorts, _uniform(keys[7], batch, DISTORTION), 0.0)
    zeros = jnp.zeros((*batch, 6))
    camera = jnp.stack([focal, focal, *zeros.T[:2], k1, *zeros.T[2:]], axis=-1)
    follows = jax.random.bernoulli(keys[8], FOLLOW, batch)
    return View(moved, camera, half_height, follows)


def project(view: View, points_3d: jax.Array) -> jax.Array:
    """Projects points `[B, T, P, 3]` of the view's frame to `[B, T, P, 2]`.

    A camera that follows the person turns by a small angle, which moves the image.
    """
    camera = view.camera[:, None, None]
    root = view.positions_3d[:, :, H36M_17.root, None]
    root = jnp.asarray(cameras.project(root, camera))
    moves = root - root.mean(axis=1, keepdims=True)
    moves = jnp.where(view.follows[:, None, None, None], moves, 0)
    return jnp.asarray(cameras.project(points_3d, camera)) - moves


def standing_height(positions_3d: jax.Array, skeleton: Skeleton) -> jax.Array:
    """Returns the height `[B, T]` that people of poses `[B, T, J, 3]` stand at.

    The bones from the head to an ankle, one after the other, and what lies beyond them.
    """
    # Child joints of the bones: up one leg, and from the head down to the root.
    joints = skeleton.joints
    children = [joints.index("right_ankle"), joints.index("right_knee")]
    child = joints.index("head")
    while child != skeleton.root:
        children.append(child)
        child = skeleton.parents[child]
    parents = np.array(skeleton.parents)[children]
    bones = positions_3d[:, :, np.array(children)] - positions_3d[:, :, parents]
    return jnp.sqrt((bones**2).sum(-1)).sum(-1) + FOOT_AND_CROWN


def _turn(key: jax.Array, positions_3d: jax.Array, up: jax.Array) -> jax.Array:
    """Turns windows `[B, T, J, 3]` into the directions of level random cameras."""
    heading_key, pitch_key, roll_key = jax.random.split(key, 3)
    batch = up.shape[:1]
    # Two horizontal directions; the camera's y points down.
    axis = jnp.where(jnp.abs(up[:, :1]) < 0.7, jnp.eye(3)[0][None], jnp.eye(3)[1][None])
    across = jnp.cross(up, axis)
    across = across / jnp.sqrt((across**2).sum(-1, keepdims=True))
    level = jnp.stack([across, -up, jnp.cross(up, across)], axis=1)
    heading = _rotation(1, _uniform(heading_key, batch, (-np.pi, np.pi)))
    # A camera that looks down turns what lies ahead upwards in the image.
    pitch = _rotation(0, -jnp.deg2rad(_uniform(pitch_key, batch, PITCH)))
    roll = _rotation(2, jnp.deg2rad(ROLL) * jax.random.normal(roll_key, batch))
    rotation = level
    for further in (heading, pitch, roll):
        rotation = jnp.einsum("bij,bjk->bik", further, rotation, precision="highest")
    return jnp.einsum("bij,btnj->btni", rotation, positions_3d, precision="highest")


def _rotation(axis: int, angles: jax.Array) -> jax.Array:
    """Returns the rotations `[B, 3, 3]` about a coordinate axis by `angles [B]`."""
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    rotation = jnp.zeros((*angles.shape, 3, 3)).at[:, axis, axis].set(1.0)
    rotation = rotation.at[:, first, first].set(cos).at[:, second, second].set(cos)
    return rotation.at[:, first, second].set(-sin).at[:, second, first].set(sin)


def _uniform(
    key: jax.Array, shape: tuple[int, ...], limits: tuple[float, float]
) -> jax.Array:
    """Draws uniform numbers between two limits."""
    return jax.random.uniform(key, shape, minval=limits[0], maxval=limits[1])
