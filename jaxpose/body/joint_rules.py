"""Rules between joint sets: one named function per pair of skeletons.

A joint that both sets have is copied unchanged; each other joint has its rule in the
docstring. The functions convert 2D keypoints and 3D positions, `[..., J, 2 or 3]`,
NumPy or JAX. All rules are linear, so that converting commutes with normalising,
centring and mirroring.

No two projects agree on how COCO keypoints become Human3.6M joints. The rules here are
those of MotionBERT where it has one (Halpe-26, which annotates pelvis, neck and head),
the means of protocol P.1 (pelvis between the hips, thorax between the shoulders), and
for the top of the head, which COCO and OpenPose do not annotate, an extrapolation from
body proportions. They are approximations: in the CMU motion capture of `cmu_mocap`,
which has both, the mean of the shoulders is 75 mm away from the thorax joint on
average, and the spine rule 64 mm from the spine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from jaxpose.body.skeletons import (
    BODY_25,
    COCO_17,
    H36M_16,
    H36M_17,
    H36M_19,
    H36M_32,
    HALPE_26,
    HUMANEVA_15,
    HUMANEVA_20,
    MPI_INF_3DHP_17,
    MPI_INF_3DHP_28,
    MPII_16,
    Skeleton,
)
from jaxpose.errors import JaxposeError

if TYPE_CHECKING:  # readers of files convert joints without starting JAX
    import jax

    Array = np.ndarray | jax.Array

# The distance from ear to crown, divided by that from mid-shoulder to ear, upright:
# 13.0 cm by 18.3 cm, means of the 1988 survey of US Army men (Gordon et al. 1989:
# stature 175.6, tragion to top of head 13.0, acromion 144.3).
_CROWN_BEYOND_EARS = 0.7

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


def coco_17_to_humaneva_15(positions: Array) -> Array:
    """Converts COCO keypoints to HumanEva's joints (protocol P.1).

    hip: mean of the hips; thorax: mean of the shoulders; head: the nose.
    """
    joint = _by_name(positions, COCO_17)
    return _assemble(
        positions,
        COCO_17,
        HUMANEVA_15,
        hip=_middle(joint, "left_hip", "right_hip"),
        thorax=_middle(joint, "left_shoulder", "right_shoulder"),
        head=joint["nose"],
    )


def coco_17_to_h36m_17(positions: Array) -> Array:
    """Converts COCO keypoints to Human3.6M joints.

    hip: mean of the hips; thorax: mean of the shoulders (both as in P.1 for HumanEva);
    spine: mean of those two (MotionBERT's rule for Halpe); neck_nose: the nose;
    head (the crown): the middle of the ears plus 0.7 of the way from the thorax to it.
    """
    joint = _by_name(positions, COCO_17)
    hip = _middle(joint, "left_hip", "right_hip")
    thorax = _middle(joint, "left_shoulder", "right_shoulder")
    return _assemble(
        positions,
        COCO_17,
        H36M_17,
        hip=hip,
        spine=(hip + thorax) / 2,
        thorax=thorax,
        neck_nose=joint["nose"],
        head=_crown(joint, thorax),
    )


def halpe_26_to_h36m_17(positions: Array) -> Array:
    """Converts Halpe-26 (AlphaPose) keypoints to Human3.6M joints: MotionBERT's rule.

    hip, thorax and head: Halpe's hip, neck and head; spine: mean of hip and neck;
    neck_nose: the nose.
    """
    joint = _by_name(positions, HALPE_26)
    return _assemble(
        positions,
        HALPE_26,
        H36M_17,
        spine=(joint["hip"] + joint["neck"]) / 2,
        thorax=joint["neck"],
        neck_nose=joint["nose"],
    )


def body_25_to_h36m_17(positions: Array) -> Array:
    """Converts OpenPose BODY_25 keypoints to Human3.6M joints.

    hip: mid_hip; thorax: neck (OpenPose defines both as means of the hips and of the
    shoulders); spine, neck_nose and head as in `coco_17_to_h36m_17`.
    """
    joint = _by_name(positions, BODY_25)
    return _assemble(
        positions,
        BODY_25,
        H36M_17,
        hip=joint["mid_hip"],
        spine=(joint["mid_hip"] + joint["neck"]) / 2,
        thorax=joint["neck"],
        neck_nose=joint["nose"],
        head=_crown(joint, joint["neck"]),
    )


def halpe_26_to_coco_17(positions: Array) -> Array:
    """Takes the 17 COCO keypoints, the first ones of Halpe-26."""
    return _assemble(positions, HALPE_26, COCO_17)


def body_25_to_coco_17(positions: Array) -> Array:
    """Takes the 17 COCO keypoints out of BODY_25's."""
    return _assemble(positions, BODY_25, COCO_17)


def mpii_16_to_h36m_17(positions: Array) -> Array:
    """Converts MPII keypoints to Human3.6M joints.

    hip: pelvis; spine: mean of pelvis and thorax; thorax: thorax; neck_nose:
      upper_neck;
    head: head_top.
    """
    joint = _by_name(positions, MPII_16)
    return _assemble(
        positions,
        MPII_16,
        H36M_17,
        hip=joint["pelvis"],
        spine=(joint["pelvis"] + joint["thorax"]) / 2,
        neck_nose=joint["upper_neck"],
        head=joint["head_top"],
    )


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
    # Keypoints of 2D detectors.
    ("coco_17", "humaneva_15"): coco_17_to_humaneva_15,
    ("coco_17", "h36m_17"): coco_17_to_h36m_17,
    ("halpe_26", "h36m_17"): halpe_26_to_h36m_17,
    ("body_25", "h36m_17"): body_25_to_h36m_17,
    ("halpe_26", "coco_17"): halpe_26_to_coco_17,
    ("body_25", "coco_17"): body_25_to_coco_17,
    ("mpii_16", "h36m_17"): mpii_16_to_h36m_17,
    # Data sets.
    ("humaneva_20", "humaneva_15"): humaneva_20_to_humaneva_15,
    ("mpi_inf_3dhp_28", "mpi_inf_3dhp_17"): mpi_inf_3dhp_28_to_mpi_inf_3dhp_17,
    ("mpi_inf_3dhp_17", "h36m_17"): mpi_inf_3dhp_17_to_h36m_17,
    ("h36m_17", "mpi_inf_3dhp_17"): h36m_17_to_mpi_inf_3dhp_17,
}


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
        known = ", ".join(f"{a} -> {b}" for a, b in JOINT_RULES)
        raise JaxposeError(
            f"no conversion from skeleton {source!r} to {target!r}; known: {known}"
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


def _crown(joint: dict[str, Array], thorax: Array) -> Array:
    """Extrapolates the top of the head: from the thorax through the ears."""
    ears = _middle(joint, "left_ear", "right_ear")
    return ears + _CROWN_BEYOND_EARS * (ears - thorax)
