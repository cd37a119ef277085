"""Constant graph matrices of the models, made from a skeleton.

All are float64 or bool NumPy arrays; a model casts them to its own precision. A joint
is its own neighbour only where a function says so. `J` joints, `K` neighbour groups.
"""

import numpy as np

from jaxpose.body.skeletons import HUMANEVA_15, Skeleton, get_skeleton
from jaxpose.errors import JaxposeError

# The neighbour groups of AMPose (thesis Table 4.8). Each inner tuple is one group,
# which has its own weights.
NEIGHBOUR_GROUPS: dict[str, tuple[tuple[str, ...], ...]] = {
    "self_closer_farther": (("self",), ("closer",), ("farther",)),
    "self_closer+farther": (("self",), ("closer", "farther")),
    "self_closer_farther_mirror": (("self",), ("closer",), ("farther",), ("mirror",)),
    "self_closer+farther_mirror": (("self",), ("closer", "farther"), ("mirror",)),
    "self_closer+farther+mirror": (("self",), ("closer", "farther", "mirror")),
    "self+closer+farther+mirror": (("self", "closer", "farther", "mirror"),),
}

NORMALISATIONS = ("clamped", "literal", "row_mean", "split", "binary")

# GAST-Net's distal joints, where they are not simply the leaves of the skeleton.
_DISTAL = {
    "humaneva_15": (4, 7, 10, 13),  # the head is a leaf but not distal
    "h36m_19": (3, 4, 7, 8, 12, 15, 18),  # ankles as well as toes
}

# GLA-GCN's inward links (i, j), where they are not (child, parent) of the skeleton.
_GLA_GCN_LINKS = {
    # The links lead away from the thorax in the arms and away from the hip in the legs.
    "humaneva_15": (
        (14, 1), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 0), (0, 11),
        (11, 12), (12, 13), (0, 8), (8, 9), (9, 10),
    ),
    # The released HumanEva script does not connect the right arm and the left leg.
    "humaneva_15_script": (
        (14, 1), (2, 3), (3, 4), (1, 2), (5, 6), (6, 7), (1, 0), (0, 11), (11, 12),
        (12, 13), (8, 9), (9, 10),
    ),
}  # fmt: skip


def neighbour_masks(skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Returns AMPose's kinds of neighbour, bool `[J, J]`: row receives from column.

    `self` is the identity, `closer` the parent (towards the hip), `farther` the
    children, `mirror` the left/right partner (nothing for joints on the midline).
    """
    shape = (skeleton.num_joints, skeleton.num_joints)
    closer = np.zeros(shape, bool)
    for child, parent in skeleton.bones:
        closer[child, parent] = True
    mirror = np.zeros(shape, bool)
    mirror[skeleton.left, skeleton.right] = True
    mirror[skeleton.right, skeleton.left] = True
    return {
        "self": np.eye(skeleton.num_joints, dtype=bool),
        "closer": closer,
        "farther": closer.T,
        "mirror": mirror,
    }


def neighbour_groups(
    skeleton: Skeleton,
    groups: str = "self_closer_farther",
    normalisation: str = "clamped",
) -> np.ndarray:
    """Computes AMPose's adjacency, one matrix per neighbour group.

    The layer is `Z = sum_k A[k] X Theta_k`. The paper writes `D_k^-1/2 A_k D_k^-1/2`
    with `D_k` the row degree of `A_k`, which does not fit matrices that are not
    symmetric. Groups that merge several kinds of neighbour merge their binary masks and
    are normalised afterwards.

    Args:
      skeleton: gives the joints, the bones and the mirror pairs.
      groups: a key of `NEIGHBOUR_GROUPS`.
      normalisation: one of `clamped` (default): the formula with every degree at least
        1; `literal`: the formula with `0^-1/2 = 0`: the hip's children receive nothing
        from it and leaves send nothing to their parents; `row_mean`: the mean over the
        group's neighbours; `split`: the union of all groups is normalised
        symmetrically, then split (as in ST-GCN); `binary`: no normalisation.

    Returns:
      `[K, J, J]` float64, row receives from column.

    Raises:
      JaxposeError: `groups` or `normalisation` is unknown.
    """
    if groups not in NEIGHBOUR_GROUPS:
        known = ", ".join(NEIGHBOUR_GROUPS)
        raise JaxposeError(f"unknown neighbour groups {groups!r}; known: {known}")
    if normalisation not in NORMALISATIONS:
        known = ", ".join(NORMALISATIONS)
        raise JaxposeError(f"unknown normalisation {normalisation!r}; known: {known}")
    masks = neighbour_masks(skeleton)
    merged = []
    for kinds in NEIGHBOUR_GROUPS[groups]:
        merged.append(np.any([masks[kind] for kind in kinds], axis=0))
    adjacency = np.stack(merged).astype(np.float64)
    if normalisation == "binary":
        return adjacency

    # Degrees [K, J], or [1, J] over all groups. A row without entries stays 0 whatever
    # its degree.
    degree = adjacency.sum(-1)
    if normalisation == "split":
        degree = degree.sum(0, keepdims=True)
    clamped = np.maximum(degree, 1)
    if normalisation == "row_mean":
        return adjacency / clamped[:, :, None]
    scale = 1 / np.sqrt(clamped)
    if normalisation == "literal":
        scale = np.where(degree > 0, scale, 0)
    return scale[:, :, None] * adjacency * scale[:, None, :]


def physical_adjacency(skeleton: Skeleton) -> np.ndarray:
    """Returns GAST-Net's physical adjacency `[J, J]` float64.

    Bones both ways and the identity; each row sums to 1.
    """
    masks = neighbour_masks(skeleton)
    linked = masks["self"] | masks["closer"] | masks["farther"]
    return linked / linked.sum(1, keepdims=True)


def symmetric_mask(skeleton: Skeleton) -> np.ndarray:
    """Returns GAST-Net's symmetric mask: each joint and its left/right partner.

    Bool `[J, J]`.
    """
    masks = neighbour_masks(skeleton)
    return masks["self"] | masks["mirror"]


def distal_joints(skeleton: Skeleton) -> tuple[int, ...]:
    """Returns GAST-Net's distal joints: the ends of the limbs and the head.

    Those of its released code.
    """
    if skeleton.name in _DISTAL:
        return _DISTAL[skeleton.name]
    joints = range(skeleton.num_joints)
    return tuple(joint for joint in joints if joint not in skeleton.parents)


def connection_mask(skeleton: Skeleton) -> np.ndarray:
    """Returns GAST-Net's connection mask: each joint and its neighbours.

    Distal joints also reach their second neighbours. Bool `[J, J]`.
    """
    near = physical_adjacency(skeleton) > 0
    mask = near.copy()
    for joint in distal_joints(skeleton):
        mask[joint] = near[near[joint]].any(0)
    return mask


def gla_gcn_adjacency(graph: str) -> np.ndarray:
    """Computes GLA-GCN's adjacency: the identity, inward and outward links.

    Used from the right: `out[j] = sum_i x[i] A[k, i, j]`. Inward and outward links are
    normalised by column. The values are rounded to float32, as in the reference: 1/3 is
    then off by 1e-8, which shows in float64.

    Args:
      graph: a skeleton with bones, by name; or `humaneva_15_script`, the graph of
        GLA-GCN's released HumanEva script, which lacks two links.

    Returns:
      `[3, J, J]` float64.

    Raises:
      JaxposeError: there is no such graph.
    """
    skeleton = HUMANEVA_15 if graph == "humaneva_15_script" else get_skeleton(graph)
    if not skeleton.bones:
        raise JaxposeError(
            f"skeleton {graph!r} is a 2D keypoint layout without bones to make a graph "
            "of; give one with bones, h36m_17 for example"
        )
    inward = np.zeros((skeleton.num_joints, skeleton.num_joints))
    for i, j in _GLA_GCN_LINKS.get(graph, skeleton.bones):
        inward[j, i] = 1
    itself = np.eye(skeleton.num_joints)
    stack = np.stack([itself, _column_mean(inward), _column_mean(inward.T)])
    return stack.astype(np.float32).astype(np.float64)


def _column_mean(links: np.ndarray) -> np.ndarray:
    """Divides each column by its number of links."""
    return links / np.maximum(links.sum(0, keepdims=True), 1)
