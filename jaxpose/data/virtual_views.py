"""Changes the heading and the bone lengths of training poses where the camera is known.

None of the papers does this, and their recipes leave it off. On small data it helps a
model with people and headings that it has not seen. The pose turns about the vertical
through its root, its bones change in length, and the clip's own camera projects it
again, distortion included.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import Skeleton
from jaxpose.data.clips import Clip, Clips
from jaxpose.errors import JaxposeError


def check_views(clips: Clips) -> None:
    """Checks that virtual views of `clips` can be made.

    Raises:
      JaxposeError: the 2D is not the projection of the 3D, or a clip has no camera or
        no absolute root.
    """
    has_projections = (
        clips.keypoints_source == "gt" and clips.keypoints_skeleton == clips.skeleton
    )
    are_located = all(_is_located(clip) for clip in clips.index)
    if not has_projections or not are_located:
        raise JaxposeError(
            f"data set {clips.dataset!r} cannot be seen from virtual views: that needs "
            "ground-truth 2D, cameras and absolute positions; set "
            "config.augment_rotation=False and config.augment_bones=0.0"
        )


def _is_located(clip: Clip) -> bool:
    """Returns whether the poses of `clip` and its camera have a place in the world."""
    has_camera = clip.intrinsics is not None and clip.orientation is not None
    return clip.has_absolute_root and has_camera


def random_views(
    key: jax.Array,
    positions_3d: jax.Array,
    camera: jax.Array,
    up: jax.Array,
    skeleton: Skeleton,
    *,
    rotation: bool,
    bones: float,
) -> tuple[jax.Array, jax.Array]:
    """Changes bone lengths and headings of poses at random and projects them again.

    All frames of a window change in the same way.

    Args:
      key: randomness of the batch.
      positions_3d: `[B, T, J, 3]`, metres, camera frame, absolute root.
      camera: `[B, 9]`, as `cameras.project` takes it.
      up: `[B, 3]`, the world's vertical in the camera frame, unit length.
      skeleton: of the joints.
      rotation: whether to turn the poses about the vertical through the root of the
        window's middle frame.
      bones: largest relative change of a bone's length, the same on the left and on the
        right.

    Returns:
      keypoints_2d `[B, T, J, 2]`, screen-normalised, and positions_3d `[B, T, J, 3]`.
    """
    batch_size = positions_3d.shape[0]
    turn_key, bone_key = jax.random.split(key)
    if bones:
        positions_3d = random_bones(bone_key, positions_3d, skeleton, bones)
    if rotation:
        angles = jax.random.uniform(
            turn_key,
            (batch_size,),
            minval=-jnp.pi,
            maxval=jnp.pi,
        )
        positions_3d = _turn(positions_3d, angles, up, skeleton)
    keypoints_2d = cameras.project(positions_3d, camera[:, None, None])
    return jnp.asarray(keypoints_2d), positions_3d


def random_bones(
    key: jax.Array, positions_3d: jax.Array, skeleton: Skeleton, bones: float
) -> jax.Array:
    """Changes the length of each bone of windows `[B, T, J, 3]` at random.

    By at most the fraction `bones`, the same on the left and on the right.
    """
    shape = (positions_3d.shape[0], skeleton.num_joints)
    factors = jax.random.uniform(key, shape, minval=1 - bones, maxval=1 + bones)
    # Both joints of a mirror pair take the factor of the first one.
    first_of_pair = np.minimum(np.arange(skeleton.num_joints), skeleton.mirror)
    return scale_bones(positions_3d, factors[:, first_of_pair], skeleton)


def _turn(
    positions_3d: jax.Array, angles: jax.Array, up: jax.Array, skeleton: Skeleton
) -> jax.Array:
    """Turns windows `[B, T, J, 3]` by `angles [B]` about the verticals `up [B, 3]`.

    The axis goes through the root of the middle frame.
    """
    # The quaternions of the rotations about the verticals.
    half_angles = angles[:, None] / 2
    quaternion = jnp.concatenate(
        [jnp.cos(half_angles), jnp.sin(half_angles) * up], axis=1
    )
    middle = positions_3d.shape[1] // 2
    pivot = positions_3d[:, middle, skeleton.root][:, None, None]
    turned = cameras.quaternion_rotate(quaternion[:, None, None], positions_3d - pivot)
    return pivot + jnp.asarray(turned)


def scale_bones(
    positions_3d: jax.Array, factors: jax.Array, skeleton: Skeleton
) -> jax.Array:
    """Multiplies the length of each bone; directions and the root stay.

    Args:
      positions_3d: `[B, T, J, 3]`.
      factors: `[B, J]`, of the bone from each joint's parent; the root's is not used.
      skeleton: of the joints.

    Returns:
      `[B, T, J, 3]`.
    """
    parents = np.array(skeleton.parents)
    parents[skeleton.root] = skeleton.root
    # chain[j, i] = 1 where the bone that ends in joint i lies between the root and
    # joint j.
    chain = np.eye(skeleton.num_joints, dtype=np.float32)
    for _ in range(skeleton.num_joints):
        chain = np.maximum(chain, chain[parents])
    chain[:, skeleton.root] = 0.0

    # Each joint is the root plus the sum of the scaled bones on the way to it.
    bones = positions_3d - positions_3d[:, :, parents]
    bones = bones * factors[:, None, :, None]
    root = positions_3d[:, :, skeleton.root][:, :, None]
    return root + jnp.einsum("ji,btic->btjc", chain, bones, precision="highest")
