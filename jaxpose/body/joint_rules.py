"""Joint-set conversions: one named function per pair of skeletons, one rule per joint.

Joints that both sets have are copied unchanged; every other joint states its rule. The same
functions convert 2D keypoints and 3D positions, `[..., J, 2 or 3]`, NumPy or JAX, and all
rules are linear, so converting commutes with normalising, centring and mirroring.

No two projects agree on how COCO keypoints become Human3.6M joints. The rules here are the
ones MotionBERT uses where it has one (Halpe-26 with pelvis, neck and head annotated), the
means of protocol P.1 (pelvis between the hips, thorax between the shoulders), and for the top
of the head, which COCO and OpenPose do not annotate, an extrapolation from body proportions.
They are approximations: in the CMU motion capture of `cmu_mocap`, which has both, the mean of
the shoulders lies 75 mm from the thorax joint on average, and the spine rule 64 mm from the spine.
"""

from collections.abc import Callable

import jax
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

Array = np.ndarray | jax.Array

# Ear to crown over mid-shoulder to ear, upright: 13.0 cm / 18.3 cm, means of the 1988 survey of
# US Army men (Gordon et al. 1989: stature 175.6, tragion to top of head 13.0, acromion 144.3).
_CROWN_BEYOND_EARS = 0.7

_H36M_17_IN_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
_H36M_16_IN_32 = tuple(marker for marker in _H36M_17_IN_32 if marker != 14)
_H36M_19_IN_32 = tuple(sorted((*_H36M_17_IN_32, 4, 9)))


def h36m_32_to_h36m_17(positions: Array) -> Array:
    """The 17 moving joints of the 32 Human3.6M markers, copied (P.1: drops repeats and end sites)."""
    return _take(positions, _H36M_17_IN_32)


def h36m_32_to_h36m_16(positions: Array) -> Array:
    """As `h36m_32_to_h36m_17` without marker 14, "Neck/Nose" (P.1)."""
    return _take(positions, _H36M_16_IN_32)


def h36m_32_to_h36m_19(positions: Array) -> Array:
    """As `h36m_32_to_h36m_17` with the toe markers 4 and 9 (P.1)."""
    return _take(positions, _H36M_19_IN_32)


def h36m_17_to_h36m_16(positions: Array) -> Array:
    """Drops "Neck/Nose" (P.1)."""
    return _assemble(positions, H36M_17, H36M_16)


def h36m_19_to_h36m_17(positions: Array) -> Array:
    """Drops the toes (P.1)."""
    return _assemble(positions, H36M_19, H36M_17)


def h36m_19_to_h36m_16(positions: Array) -> Array:
    """Drops the toes and "Neck/Nose" (P.1)."""
    return _assemble(positions, H36M_19, H36M_16)


def coco_17_to_humaneva_15(positions: Array) -> Array:
    """COCO keypoints in HumanEva's order (P.1).

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
    """COCO keypoints as Human3.6M joints.

    hip: mean of the hips; thorax: mean of the shoulders (both as P.1 does for HumanEva);
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
    """Halpe-26 (AlphaPose) keypoints as Human3.6M joints, MotionBERT's rule.

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
    """OpenPose BODY_25 keypoints as Human3.6M joints.

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
    """The 17 COCO keypoints that Halpe-26 begins with, copied."""
    return _assemble(positions, HALPE_26, COCO_17)


def body_25_to_coco_17(positions: Array) -> Array:
    """The 17 COCO keypoints among BODY_25's, copied."""
    return _assemble(positions, BODY_25, COCO_17)


def mpii_16_to_h36m_17(positions: Array) -> Array:
    """MPII keypoints as Human3.6M joints.

    hip: pelvis; spine: mean of pelvis and thorax; thorax: thorax; neck_nose: upper_neck;
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
    """HumanEva's 20 segment ends as 15 joints (ConvertHumanEva.m).

    thorax: mean of torso_proximal and head_proximal; elbow and knee: mean of the upper
    segment's distal and the lower segment's proximal end; the others are copied: hip from
    torso_distal, shoulders and hips from the upper proximal ends, wrists and ankles from the
    lower distal ends, head from head_distal.
    """
    joint = _by_name(positions, HUMANEVA_20)
    limbs = {}
    for side in ("left", "right"):
        for limb, ends in (
            ("arm", ("shoulder", "elbow", "wrist")),
            ("leg", ("hip", "knee", "ankle")),
        ):
            upper, lower = f"{side}_upper_{limb}", f"{side}_lower_{limb}"
            limbs[f"{side}_{ends[0]}"] = joint[f"{upper}_proximal"]
            limbs[f"{side}_{ends[1]}"] = _middle(
                joint, f"{upper}_distal", f"{lower}_proximal"
            )
            limbs[f"{side}_{ends[2]}"] = joint[f"{lower}_distal"]
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
    """The 17 "relevant" joints of the 28 annotated ones, copied (P.1)."""
    return _assemble(positions, MPI_INF_3DHP_28, MPI_INF_3DHP_17)


def mpi_inf_3dhp_17_to_h36m_17(positions: Array) -> Array:
    """The mapping of cross-dataset evaluation (trained on Human3.6M, tested on 3DHP; P.5).

    A permutation. Limbs go by name; hip: pelvis; spine: spine; thorax: neck;
    neck_nose: head; head: head_top.
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
    """Inverse of `mpi_inf_3dhp_17_to_h36m_17`: scores a Human3.6M model in 3DHP's joint order."""
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


JOINT_RULES: dict[tuple[str, str], Callable[[Array], Array]] = {
    ("h36m_32", "h36m_17"): h36m_32_to_h36m_17,
    ("h36m_32", "h36m_16"): h36m_32_to_h36m_16,
    ("h36m_32", "h36m_19"): h36m_32_to_h36m_19,
    ("h36m_17", "h36m_16"): h36m_17_to_h36m_16,
    ("h36m_19", "h36m_17"): h36m_19_to_h36m_17,
    ("h36m_19", "h36m_16"): h36m_19_to_h36m_16,
    ("coco_17", "humaneva_15"): coco_17_to_humaneva_15,
    ("coco_17", "h36m_17"): coco_17_to_h36m_17,
    ("halpe_26", "h36m_17"): halpe_26_to_h36m_17,
    ("body_25", "h36m_17"): body_25_to_h36m_17,
    ("halpe_26", "coco_17"): halpe_26_to_coco_17,
    ("body_25", "coco_17"): body_25_to_coco_17,
    ("mpii_16", "h36m_17"): mpii_16_to_h36m_17,
    ("humaneva_20", "humaneva_15"): humaneva_20_to_humaneva_15,
    ("mpi_inf_3dhp_28", "mpi_inf_3dhp_17"): mpi_inf_3dhp_28_to_mpi_inf_3dhp_17,
    ("mpi_inf_3dhp_17", "h36m_17"): mpi_inf_3dhp_17_to_h36m_17,
    ("h36m_17", "mpi_inf_3dhp_17"): h36m_17_to_mpi_inf_3dhp_17,
}


def convert_joints(positions: Array, source: str, target: str) -> Array:
    """`positions [..., J, D]` of skeleton `source` in the joints of `target`.

    A pair without a rule of its own goes through `h36m_17` where both halves have one
    (COCO to 16 joints, say).

    Raises:
      JaxposeError: no rule leads from `source` to `target`.
    """
    if source == target:
        return positions
    if (source, target) in JOINT_RULES:
        return JOINT_RULES[source, target](positions)
    first, second = (
        JOINT_RULES.get((source, "h36m_17")),
        JOINT_RULES.get(("h36m_17", target)),
    )
    if first is None or second is None:
        known = ", ".join(f"{a} -> {b}" for a, b in JOINT_RULES)
        raise JaxposeError(
            f"no conversion from skeleton {source!r} to {target!r}; known: {known}"
        )
    return second(first(positions))


def _take(positions: Array, markers: tuple[int, ...]) -> Array:
    _check_joints(positions, H36M_32)
    return positions[..., markers, :]


def _by_name(positions: Array, skeleton: Skeleton) -> dict[str, Array]:
    _check_joints(positions, skeleton)
    return {
        name: positions[..., index, :] for index, name in enumerate(skeleton.joints)
    }


def _check_joints(positions: Array, skeleton: Skeleton) -> None:
    if positions.ndim < 2 or positions.shape[-2] != skeleton.num_joints:
        raise JaxposeError(
            f"array of shape {positions.shape} is not in skeleton {skeleton.name!r}: "
            f"expected [..., {skeleton.num_joints}, 2 or 3]"
        )


def _assemble(
    positions: Array, source: Skeleton, target: Skeleton, **rules: Array
) -> Array:
    """Joints of `target`: by its rule where there is one, else copied from the joint of that name."""
    joint = _by_name(positions, source) | rules
    return positions.__array_namespace__().stack(
        [joint[name] for name in target.joints], axis=-2
    )


def _middle(joint: dict[str, Array], first: str, second: str) -> Array:
    return (joint[first] + joint[second]) / 2


def _crown(joint: dict[str, Array], thorax: Array) -> Array:
    ears = _middle(joint, "left_ear", "right_ear")
    return ears + _CROWN_BEYOND_EARS * (ears - thorax)
