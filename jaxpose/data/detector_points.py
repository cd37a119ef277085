"""Places the points that 2D detectors look for on poses of Human3.6M's joints.

The head's own points follow from its rotation: the bone from neck to head gives its
vertical, the shoulders give its left side.

Sources of the distances: crown 13.0 cm above the ears and 6.5 cm between the pupils
(Gordon et al. 1989, US Army men); 12.2 cm from an ear to the root of the nose and 5.8
cm from between the brows to the tip of the nose (Flury and Riedwyl 1988, Swiss men).
The ears lie 18.3 cm above the shoulders (Gordon et al.), which in `cmu_mocap` is six
tenths of the way from neck to head; of people who stand, that bone leans forward by 12
degrees there.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body.skeletons import COCO_17, H36M_17

# COCO's 17 points, and the three that Halpe has besides (`halpe_26`).
MORE_POINTS = ("head", "neck", "hip")
POINTS = (*COCO_17.joints, *MORE_POINTS)

# Those that the head hides when it turns away.
FACE_POINTS = POINTS[:5]

EARS_ALONG_HEAD = 0.6
LEAN = np.deg2rad(12.0)
# A point farther behind the head than this (the cosine to the ray) is not seen.
HIDDEN = 0.5
# Metres from the middle of the ears: to the left, up, forward.
HEAD_POINTS = {
    "nose": (0.0, -0.03, 0.115),
    "left_eye": (0.0325, 0.01, 0.08),
    "right_eye": (-0.0325, 0.01, 0.08),
    "left_ear": (0.0725, 0.0, 0.0),
    "right_ear": (-0.0725, 0.0, 0.0),
    "head": (0.0, 0.13, 0.0),
}


def detector_points(
    positions_3d: jax.Array, head_turn: jax.Array, neck_height: jax.Array
) -> jax.Array:
    """Returns the points that a detector looks for.

    Args:
      positions_3d: `[..., 17, 3]`, joints of `h36m_17`, metres.
      head_turn: `[...]`, radians by which the face turns to the person's left.
      neck_height: `[...]`, where the neck lies between the middle of the shoulders (0)
        and the thorax (1): detectors disagree.

    Returns:
      `[..., 20, 3]`, in the order of `POINTS`.
    """
    joint = {}
    for index, name in enumerate(H36M_17.joints):
        joint[name] = positions_3d[..., index, :]
    shoulders = (joint["left_shoulder"] + joint["right_shoulder"]) / 2
    share = neck_height[..., None]
    point = dict(joint)
    point["neck"] = (1 - share) * shoulders + share * joint["thorax"]
    # The points of the head come last: they replace the joint of the same name.
    neck, head = joint["neck_nose"], joint["head"]
    ears = neck + EARS_ALONG_HEAD * (head - neck)
    left, up, forward = _head_axes(joint, head_turn)
    for name, (to_left, to_top, ahead) in HEAD_POINTS.items():
        point[name] = ears + to_left * left + to_top * up + ahead * forward
    return jnp.stack([point[name] for name in POINTS], axis=-2)


def behind_the_head(points_3d: jax.Array) -> jax.Array:
    """Returns which points the head hides from the camera.

    Args:
      points_3d: `[..., 20, 3]`, of `detector_points`, in the camera's frame.

    Returns:
      `[..., 20]` bool: points of the face on the far side of the head.
    """
    ears = POINTS.index("left_ear"), POINTS.index("right_ear")
    middle = points_3d[..., np.array(ears), :].mean(axis=-2, keepdims=True)
    cosine = _dot(_unit(points_3d - middle), _unit(points_3d))[..., 0]
    is_face = np.array([name in FACE_POINTS for name in POINTS])
    return jnp.broadcast_to(is_face, cosine.shape) & (cosine > HIDDEN)


def _head_axes(
    joint: dict[str, jax.Array], head_turn: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Returns the head's directions `[..., 3]` to the left, up and forward."""
    bone = _unit(joint["head"] - joint["neck_nose"])
    across = joint["left_shoulder"] - joint["right_shoulder"]
    # Left without its part along the bone; left, up, forward are right-handed.
    left = _unit(across - _dot(across, bone) * bone)
    ahead = jnp.cross(left, bone)
    # The bone leans forward where the head is upright.
    up = np.cos(LEAN) * bone - np.sin(LEAN) * ahead
    forward = jnp.cross(left, up)
    cos, sin = jnp.cos(head_turn)[..., None], jnp.sin(head_turn)[..., None]
    return cos * left - sin * forward, up, cos * forward + sin * left


def _dot(a: jax.Array, b: jax.Array) -> jax.Array:
    """Returns the inner products `[..., 1]` of vectors `[..., 3]`."""
    return (a * b).sum(-1, keepdims=True)


def _unit(vectors: jax.Array) -> jax.Array:
    """Returns vectors `[..., 3]` of length 1; those of length 0 stay."""
    return vectors / jnp.sqrt(jnp.maximum(_dot(vectors, vectors), 1e-12))
