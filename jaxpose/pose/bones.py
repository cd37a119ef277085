"""Lengths of bones, and poses in which they are constant."""

import numpy as np

from jaxpose.body.skeletons import Skeleton


def outwards(body: Skeleton) -> list[int]:
    """Returns all joints, each after its parent."""
    order = [body.root]
    for joint in order:
        for child, parent in enumerate(body.parents):
            if parent == joint:
                order.append(child)
    return order


def median_lengths(
    positions_3d: np.ndarray, seen: np.ndarray, body: Skeleton
) -> np.ndarray:
    """Returns `[J]` metres: the bone from each joint's parent to it, 0 for the root.

    It is the median of the frames in which both ends were seen, or of all frames where
    there are none.

    Args:
      positions_3d: `[F, J, 3]`.
      seen: `[F, J]` bool.
      body: joint set of the positions.
    """
    lengths = np.zeros(body.num_joints)
    for child, parent in body.bones:
        both = seen[:, child] & seen[:, parent]
        frames = both if both.any() else np.ones(len(seen), bool)
        bones = positions_3d[frames, child] - positions_3d[frames, parent]
        lengths[child] = np.median(np.linalg.norm(bones, axis=-1))
    return lengths


def with_lengths(
    positions_3d: np.ndarray, lengths: np.ndarray, body: Skeleton
) -> np.ndarray:
    """Returns `[F, J, 3]` with these bone lengths, the same directions and root.

    A bone without length keeps none, because it has no direction.

    Args:
      positions_3d: `[F, J, 3]`.
      lengths: `[J]` metres, of the bone from each joint's parent to it.
      body: joint set of the positions.
    """
    moved = positions_3d.copy()
    for child in outwards(body)[1:]:
        parent = body.parents[child]
        bones = positions_3d[:, child] - positions_3d[:, parent]
        measured = np.linalg.norm(bones, axis=-1, keepdims=True)
        scale = lengths[child] / np.maximum(measured, 1e-9)
        moved[:, child] = moved[:, parent] + bones * scale
    return moved
