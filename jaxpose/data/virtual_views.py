"""Training poses of other build, seen from other directions: both are known where cameras are.

None of the papers does this; it is off in their recipes. On small data it is what makes a
lifter serve people and headings it has not seen: the pose turns about the vertical through its
root, its bones change in length, and the clip's own camera, distortion included, sees it anew.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import Skeleton
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError


def check_views(clips: Clips) -> None:
    """Raises JaxposeError unless virtual views of `clips` can be made.

    They need 2D that is the projection of the 3D, cameras and absolute roots.
    """
    known = all(
        c.has_absolute_root and c.intrinsics is not None and c.orientation is not None
        for c in clips.index
    )
    if (
        not known
        or clips.keypoints_source != "gt"
        or clips.keypoints_skeleton != clips.skeleton
    ):
        raise JaxposeError(
            f"data set {clips.dataset!r} cannot be seen from virtual views: that needs ground-truth 2D, "
            "cameras and absolute positions; set config.augment_rotation=False and config.augment_bones=0.0"
        )


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
    """Windows of changed build, seen from a random side; one change for a whole window.

    Args:
      key: randomness of the batch.
      positions_3d: `[B, T, J, 3]`, metres, camera frame, absolute root.
      camera: `[B, 9]`.
      up: `[B, 3]`, unit.
      skeleton: of the joints.
      rotation: turn about the vertical through the root of the window's middle frame.
      bones: largest relative change of a bone's length; left and right change alike.

    Returns:
      keypoints_2d `[B, T, J, 2]`, screen-normalised, and positions_3d `[B, T, J, 3]`.
    """
    batch, frames = positions_3d.shape[:2]
    turn_key, bone_key = jax.random.split(key)
    if bones:
        factors = jax.random.uniform(
            bone_key, (batch, skeleton.num_joints), minval=1 - bones, maxval=1 + bones
        )
        partner = np.minimum(np.arange(skeleton.num_joints), skeleton.mirror)
        factors = factors[:, partner]
        positions_3d = scale_bones(positions_3d, factors, skeleton)
    if rotation:
        angle = jax.random.uniform(turn_key, (batch,), minval=-jnp.pi, maxval=jnp.pi)
        quaternion = jnp.concatenate(
            [jnp.cos(angle / 2)[:, None], jnp.sin(angle / 2)[:, None] * up], axis=1
        )
        pivot = positions_3d[:, frames // 2, skeleton.root][:, None, None]
        offset = positions_3d - pivot
        positions_3d = pivot + cameras.quaternion_rotate(
            quaternion[:, None, None], offset
        )
    return cameras.project(positions_3d, camera[:, None, None]), positions_3d


def scale_bones(
    positions_3d: jax.Array, factors: jax.Array, skeleton: Skeleton
) -> jax.Array:
    """Multiplies each bone's length; directions and the root stay.

    Args:
      positions_3d: `[B, T, J, 3]`.
      factors: `[B, J]`, of the bone from each joint's parent; the root's is not used.
      skeleton: of the joints.
    """
    parents = np.array(skeleton.parents)
    parents[skeleton.root] = skeleton.root
    # chain[j, i] = 1 where the bone ending in joint i lies between the root and joint j.
    chain = np.eye(skeleton.num_joints, dtype=np.float32)
    for _ in range(skeleton.num_joints):
        chain = np.maximum(chain, chain[parents])
    chain[:, skeleton.root] = 0.0
    bones = positions_3d - positions_3d[:, :, parents]
    bones = bones * factors[:, None, :, None]
    root = positions_3d[:, :, skeleton.root][:, :, None]
    return root + jnp.einsum("ji,btic->btjc", chain, bones, precision="highest")
