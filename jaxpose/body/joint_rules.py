"""Rules between joint sets: one named function per pair of skeletons.

A joint that both sets have is copied unchanged; each other joint has its rule in the
docstring. The functions convert 2D keypoints and 3D positions, `[..., J, 2 or 3]`,
NumPy or JAX. All rules are linear, so that converting commutes with normalising,
centring and mirroring.

The rules of 2D detectors, from COCO to MediaPipe, are in `detector_rules`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from jaxpose.body.detector_rules import DETECTOR_RULES, usable_rules, weighted_sum
from jaxpose.body.layouts import LAYOUT_JOINTS
from jaxpose.body.skeletons import (
    H36M_16,
    H36M_17,
    H36M_19,
    H36M_32,
    HUMANEVA_15,
    HUMANEVA_20,
    MPI_INF_3DHP_17,
    MPI_INF_3DHP_28,
    Skeleton,
    get_skeleton,
)
from jaxpose.errors import JaxposeError

if TYPE_CHECKING:  # readers of files convert joints without starting JAX
    import jax

    Array = np.ndarray | jax.Array

# Markers of the Human3.6M files (protocol P.1): those left out repeat others or do not
# move.
_H36M_17_IN_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
_H36M_16_IN_32 = tuple(marker for marker in _H36M_17_IN_32 if marker != 14)
_H36M_19_IN_32 = tuple(sorted((*_H36M_17_IN_32, 4, 9)))


def h36m_32_to_h36m_17(positions: Array) -> Array:
    """Takes the 17 moving joints of the 32 Human3.6M markers (protocol P.1).

    Leaves out repeats and end sites.
    """
    return _take(positions, _H36M_17_IN_32)


def h36m_32_to_h36m_16(positions: Array) -> Array:
    """Does as `h36m_32_to_h36m_17`, without marker 14, "Neck/Nose" (protocol P.1)."""
    return _take(positions, _H36M_16_IN_32)


def h36m_32_to_h36m_19(positions: Array) -> Array:
    """Does as `h36m_32_to_h36m_17`, with the toe markers 4 and 9 (protocol P.1)."""
    return _take(positions, _H36M_19_IN_32)


def h36m_17_to_h36m_16(positions: Array) -> Array:
    """Drops "Neck/Nose" (protocol P.1)."""
    return _assemble(positions, H36M_17, H36M_16)


def h36m_19_to_h36m_17(positions: Array) -> Array:
    """Drops the toes (protocol P.1)."""
    return _assemble(positions, H36M_19, H36M_17)


def h36m_19_to_h36m_16(positions: Array) -> Array:
    """Drops the toes and "Neck/Nose" (protocol P.1)."""
    return _assemble(positions, H36M_19, H36M_16)


def humaneva_20_to_humaneva_15(positions: Array) -> Array:
    """Converts HumanEva's 20 segment ends to 15 joints (ConvertHumanEva.m).

    thorax: mean of torso_proximal and head_proximal; elbow and knee: mean of the upper
    segment's distal and the lower segment's proximal end; the others are copied: hip
    from torso_distal, shoulders and hips from the upper proximal ends, wrists and
    ankles from the lower distal ends, head from head_distal.
    """
    joint = _by_name(positions, HUMANEVA_20)
    # The segments of a limb meet in its middle joint, of which each has its own
    # estimate.
    limbs = {}
    for side in ("left", "right"):
        for limb, start, middle, end in (
            ("arm", "shoulder", "elbow", "wrist"),
            ("leg", "hip", "knee", "ankle"),
        ):
            upper, lower = f"{side}_upper_{limb}", f"{side}_lower_{limb}"
            upper_end, lower_start = f"{upper}_distal", f"{lower}_proximal"
            limbs[f"{side}_{start}"] = joint[f"{upper}_proximal"]
            limbs[f"{side}_{middle}"] = _middle(joint, upper_end, lower_start)
            limbs[f"{side}_{end}"] = joint[f"{lower}_distal"]
    return _assemble(
        positions,
        HUMANEVA_20,
        HUMANEVA_15,
        hip=joint["torso_distal"],
        thorax=_middle(joint, "torso_proximal", "head_proximal"),
        head=joint["head_distal"],
        **limbs,
    )


def mpi_inf_3dhp_28_to_mpi_inf_3dhp_17(positions: Array) -> Array:
    """Takes the 17 "relevant" joints of the 28 annotated ones (protocol P.1)."""
    return _assemble(positions, MPI_INF_3DHP_28, MPI_INF_3DHP_17)


def mpi_inf_3dhp_17_to_h36m_17(positions: Array) -> Array:
    """Permutes 3DHP's joints to Human3.6M's order, for cross-dataset evaluation.

    Of models trained on Human3.6M and tested on 3DHP (protocol P.5). Limbs go by name;
    hip: pelvis; spine: spine; thorax: neck; neck_nose: head; head: head_top.
    """
    joint = _by_name(positions, MPI_INF_3DHP_17)
    return _assemble(
        positions,
        MPI_INF_3DHP_17,
        H36M_17,
        hip=joint["pelvis"],
        thorax=joint["neck"],
        neck_nose=joint["head"],
        head=joint["head_top"],
    )


def h36m_17_to_mpi_inf_3dhp_17(positions: Array) -> Array:
    """Permutes Human3.6M's joints to 3DHP's: inverts `mpi_inf_3dhp_17_to_h36m_17`."""
    joint = _by_name(positions, H36M_17)
    return _assemble(
        positions,
        H36M_17,
        MPI_INF_3DHP_17,
        pelvis=joint["hip"],
        neck=joint["thorax"],
        head=joint["neck_nose"],
        head_top=joint["head"],
    )


# The rules by (source, target).
JOINT_RULES: dict[tuple[str, str], Callable[[Array], Array]] = {
    # Human3.6M's own sets.
    ("h36m_32", "h36m_17"): h36m_32_to_h36m_17,
    ("h36m_32", "h36m_16"): h36m_32_to_h36m_16,
    ("h36m_32", "h36m_19"): h36m_32_to_h36m_19,
    ("h36m_17", "h36m_16"): h36m_17_to_h36m_16,
    ("h36m_19", "h36m_17"): h36m_19_to_h36m_17,
    ("h36m_19", "h36m_16"): h36m_19_to_h36m_16,
    # Data sets.
    ("humaneva_20", "humaneva_15"): humaneva_20_to_humaneva_15,
    ("mpi_inf_3dhp_28", "mpi_inf_3dhp_17"): mpi_inf_3dhp_28_to_mpi_inf_3dhp_17,
    ("mpi_inf_3dhp_17", "h36m_17"): mpi_inf_3dhp_17_to_h36m_17,
    ("h36m_17", "mpi_inf_3dhp_17"): h36m_17_to_mpi_inf_3dhp_17,
}


def detector_to_skeleton(positions: Array, layout: str, skeleton: str) -> Array:
    """Converts joints that a 2D detector sees, all of them, by `DETECTOR_RULES`.

    Args:
      positions: `[..., J, D]`, joints of `layout`.
      layout: name of a detector's layout.
      skeleton: name of a skeleton in `DETECTOR_RULES`.

    Returns:
      `[..., J', D]`, joints of `skeleton`.
    """
    joint = _by_name(positions, get_skeleton(layout))
    for name, rules in usable_rules(layout, skeleton).items():
        joint[name] = weighted_sum(joint, rules[0])
    xp = positions.__array_namespace__()
    return xp.stack([joint[name] for name in get_skeleton(skeleton).joints], axis=-2)


def _add_detectors() -> None:
    """Adds the pairs of a detector's layout and a skeleton that it has rules for."""
    for layout in LAYOUT_JOINTS:
        for skeleton in DETECTOR_RULES:
            if layout != skeleton and usable_rules(layout, skeleton):
                JOINT_RULES[layout, skeleton] = functools.partial(
                    detector_to_skeleton, layout=layout, skeleton=skeleton
                )


_add_detectors()


def has_rule(source: str, target: str) -> bool:
    """Returns whether `convert_joints` leads from one skeleton to another."""
    if source == target or (source, target) in JOINT_RULES:
        return True
    return (source, "h36m_17") in JOINT_RULES and ("h36m_17", target) in JOINT_RULES


def convert_joints(positions: Array, source: str, target: str) -> Array:
    """Converts positions from one skeleton to another.

    A pair without a rule of its own goes through `h36m_17` where both halves have one
    (COCO to 16 joints, for example).

    Args:
      positions: `[..., J, D]`, joints of `source`.
      source: name of a skeleton.
      target: name of a skeleton.

    Returns:
      `[..., J', D]`, joints of `target`.

    Raises:
      JaxposeError: no rule leads from `source` to `target`, or `positions` has another
        number of joints than `source`.
    """
    if source == target:
        return positions
    if (source, target) in JOINT_RULES:
        return JOINT_RULES[source, target](positions)
    # By way of the joint set that most others have a rule to.
    to_h36m_17 = JOINT_RULES.get((source, "h36m_17"))
    from_h36m_17 = JOINT_RULES.get(("h36m_17", target))
    if to_h36m_17 is None or from_h36m_17 is None:
        known = ", ".join(end for start, end in JOINT_RULES if start == source)
        raise JaxposeError(
            f"no conversion from skeleton {source!r} to {target!r}; "
            f"known from {source!r}: {known or 'none'}"
        )
    return from_h36m_17(to_h36m_17(positions))


def _take(positions: Array, markers: tuple[int, ...]) -> Array:
    """Returns some of the 32 Human3.6M markers."""
    _check_joints(positions, H36M_32)
    return positions[..., markers, :]


def _by_name(positions: Array, skeleton: Skeleton) -> dict[str, Array]:
    """Returns each joint `[..., D]` under its name."""
    _check_joints(positions, skeleton)
    joint = {}
    for index, name in enumerate(skeleton.joints):
        joint[name] = positions[..., index, :]
    return joint


def _check_joints(positions: Array, skeleton: Skeleton) -> None:
    """Raises JaxposeError unless `positions` has the joints of `skeleton`."""
    if positions.ndim < 2 or positions.shape[-2] != skeleton.num_joints:
        raise JaxposeError(
            f"array of shape {positions.shape} is not in skeleton {skeleton.name!r}: "
            f"expected [..., {skeleton.num_joints}, 2 or 3]"
        )


def _assemble(
    positions: Array, source: Skeleton, target: Skeleton, **rules: Array
) -> Array:
    """Stacks the joints of `target`.

    Args:
      positions: `[..., J, D]`, joints of `source`.
      source: skeleton of `positions`.
      target: skeleton of the result.
      **rules: `[..., D]` for each joint that is not a copy of the joint of the same
        name.

    Returns:
      `[..., J', D]`.
    """
    # Rules replace joints of the same name.
    joint = _by_name(positions, source) | rules
    xp = positions.__array_namespace__()
    return xp.stack([joint[name] for name in target.joints], axis=-2)


def _middle(joint: dict[str, Array], first: str, second: str) -> Array:
    """Returns the mean of two joints."""
    return (joint[first] + joint[second]) / 2
