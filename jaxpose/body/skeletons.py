"""Joint sets: names, parents and mirror pairs (protocol table P.1).

Everything that has joints, be it a data set, a model or a metric, names one of these
skeletons; joint order is never implied.
"""

import dataclasses

from jaxpose.errors import JaxposeError


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """A joint set.

    Attributes:
      name: the name used in configs and data sets.
      joints: joint names in array order, `J` of them.
      parents: index of each joint's parent, -1 for the root; empty for 2D-only layouts
        (COCO and its like have no root).
      left: joints on the person's left; element k mirrors element k of `right`.
      right: joints on the person's right.
    """

    name: str
    joints: tuple[str, ...]
    parents: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]

    @property
    def num_joints(self) -> int:
        """`J`."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """Index of the joint that root-relative positions subtract."""
        if not self.parents:
            raise JaxposeError(
                f"skeleton {self.name!r} is a 2D keypoint layout: it has no root joint"
            )
        return self.parents.index(-1)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """(child, parent) pairs."""
        return tuple(
            (child, parent) for child, parent in enumerate(self.parents) if parent >= 0
        )

    @property
    def mirror(self) -> tuple[int, ...]:
        """Permutation of the joints that swaps left and right."""
        order = list(range(self.num_joints))
        for a, b in zip(self.left, self.right, strict=True):
            order[a], order[b] = b, a
        return tuple(order)


H36M_17 = Skeleton(
    name="h36m_17",
    joints=(
        "hip", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle",
        "spine", "thorax", "neck_nose", "head", "left_shoulder", "left_elbow", "left_wrist",
        "right_shoulder", "right_elbow", "right_wrist",
    ),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15),
    left=(4, 5, 6, 11, 12, 13),
    right=(1, 2, 3, 14, 15, 16),
)  # fmt: skip

H36M_16 = Skeleton(
    name="h36m_16",
    joints=tuple(name for name in H36M_17.joints if name != "neck_nose"),
    parents=(-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 10, 11, 8, 13, 14),
    left=(4, 5, 6, 10, 11, 12),
    right=(1, 2, 3, 13, 14, 15),
)

H36M_19 = Skeleton(
    name="h36m_19",
    joints=(
        "hip", "right_hip", "right_knee", "right_ankle", "right_toe", "left_hip", "left_knee",
        "left_ankle", "left_toe", "spine", "thorax", "neck_nose", "head", "left_shoulder",
        "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    ),
    parents=(-1, 0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 10, 13, 14, 10, 16, 17),
    left=(5, 6, 7, 8, 13, 14, 15),
    right=(1, 2, 3, 4, 16, 17, 18),
)  # fmt: skip

H36M_32 = Skeleton(
    name="h36m_32",
    joints=(
        "hips", "right_up_leg", "right_leg", "right_foot", "right_toe_base", "right_toe_site",
        "left_up_leg", "left_leg", "left_foot", "left_toe_base", "left_toe_site", "spine_base",
        "spine", "neck", "head", "head_site", "left_shoulder_base", "left_arm", "left_fore_arm",
        "left_hand", "left_hand_thumb", "left_thumb_site", "left_wrist_end", "left_wrist_site",
        "right_shoulder_base", "right_arm", "right_fore_arm", "right_hand", "right_hand_thumb",
        "right_thumb_site", "right_wrist_end", "right_wrist_site",
    ),
    parents=(
        -1, 0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12, 13, 14, 12, 16, 17, 18, 19, 20, 19, 22,
        12, 24, 25, 26, 27, 28, 27, 30,
    ),
    left=(6, 7, 8, 9, 10, 16, 17, 18, 19, 20, 21, 22, 23),
    right=(1, 2, 3, 4, 5, 24, 25, 26, 27, 28, 29, 30, 31),
)  # fmt: skip

HUMANEVA_15 = Skeleton(
    name="humaneva_15",
    joints=(
        "hip", "thorax", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder",
        "right_elbow", "right_wrist", "left_hip", "left_knee", "left_ankle", "right_hip",
        "right_knee", "right_ankle", "head",
    ),
    parents=(-1, 0, 1, 2, 3, 1, 5, 6, 0, 8, 9, 0, 11, 12, 1),
    left=(2, 3, 4, 8, 9, 10),
    right=(5, 6, 7, 11, 12, 13),
)  # fmt: skip

HUMANEVA_20 = Skeleton(
    name="humaneva_20",
    joints=(
        "torso_distal", "torso_proximal", "head_proximal",
        "left_upper_arm_proximal", "left_upper_arm_distal",
        "left_lower_arm_proximal", "left_lower_arm_distal",
        "right_upper_arm_proximal", "right_upper_arm_distal",
        "right_lower_arm_proximal", "right_lower_arm_distal",
        "left_upper_leg_proximal", "left_upper_leg_distal",
        "left_lower_leg_proximal", "left_lower_leg_distal",
        "right_upper_leg_proximal", "right_upper_leg_distal",
        "right_lower_leg_proximal", "right_lower_leg_distal",
        "head_distal",
    ),
    parents=(-1, 0, 1, 1, 3, 4, 5, 1, 7, 8, 9, 0, 11, 12, 13, 0, 15, 16, 17, 2),
    left=(3, 4, 5, 6, 11, 12, 13, 14),
    right=(7, 8, 9, 10, 15, 16, 17, 18),
)  # fmt: skip

MPI_INF_3DHP_17 = Skeleton(
    name="mpi_inf_3dhp_17",
    joints=(
        "head_top", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
        "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle", "left_hip",
        "left_knee", "left_ankle", "pelvis", "spine", "head",
    ),
    parents=(1, 15, 1, 2, 3, 1, 5, 6, 14, 8, 9, 14, 11, 12, -1, 14, 1),
    left=(5, 6, 7, 11, 12, 13),
    right=(2, 3, 4, 8, 9, 10),
)  # fmt: skip

MPI_INF_3DHP_28 = Skeleton(
    name="mpi_inf_3dhp_28",
    joints=(
        "spine3", "spine4", "spine2", "spine", "pelvis", "neck", "head", "head_top",
        "left_clavicle", "left_shoulder", "left_elbow", "left_wrist", "left_hand",
        "right_clavicle", "right_shoulder", "right_elbow", "right_wrist", "right_hand",
        "left_hip", "left_knee", "left_ankle", "left_foot", "left_toe",
        "right_hip", "right_knee", "right_ankle", "right_foot", "right_toe",
    ),
    parents=(
        2, 0, 3, 4, -1, 1, 5, 6, 5, 8, 9, 10, 11, 5, 13, 14, 15, 16, 4, 18, 19, 20, 21, 4, 23,
        24, 25, 26,
    ),
    left=(8, 9, 10, 11, 12, 18, 19, 20, 21, 22),
    right=(13, 14, 15, 16, 17, 23, 24, 25, 26, 27),
)  # fmt: skip

COCO_17 = Skeleton(
    name="coco_17",
    joints=(
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder",
        "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip",
        "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    ),
    parents=(),
    left=(1, 3, 5, 7, 9, 11, 13, 15),
    right=(2, 4, 6, 8, 10, 12, 14, 16),
)  # fmt: skip

HALPE_26 = Skeleton(
    name="halpe_26",
    joints=(
        *COCO_17.joints, "head", "neck", "hip", "left_big_toe", "right_big_toe", "left_small_toe",
        "right_small_toe", "left_heel", "right_heel",
    ),
    parents=(),
    left=(*COCO_17.left, 20, 22, 24),
    right=(*COCO_17.right, 21, 23, 25),
)  # fmt: skip

BODY_25 = Skeleton(
    name="body_25",
    joints=(
        "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder",
        "left_elbow", "left_wrist", "mid_hip", "right_hip", "right_knee", "right_ankle",
        "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear",
        "left_big_toe", "left_small_toe", "left_heel", "right_big_toe", "right_small_toe",
        "right_heel",
    ),
    parents=(),
    left=(5, 6, 7, 12, 13, 14, 16, 18, 19, 20, 21),
    right=(2, 3, 4, 9, 10, 11, 15, 17, 22, 23, 24),
)  # fmt: skip

MPII_16 = Skeleton(
    name="mpii_16",
    joints=(
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "pelvis",
        "thorax", "upper_neck", "head_top", "right_wrist", "right_elbow", "right_shoulder",
        "left_shoulder", "left_elbow", "left_wrist",
    ),
    parents=(),
    left=(3, 4, 5, 13, 14, 15),
    right=(2, 1, 0, 12, 11, 10),
)  # fmt: skip

SKELETONS = {
    skeleton.name: skeleton
    for skeleton in (
        H36M_17,
        H36M_16,
        H36M_19,
        H36M_32,
        HUMANEVA_15,
        HUMANEVA_20,
        MPI_INF_3DHP_17,
        MPI_INF_3DHP_28,
        COCO_17,
        HALPE_26,
        BODY_25,
        MPII_16,
    )
}


def get_skeleton(name: str) -> Skeleton:
    """The skeleton called `name`.

    Raises:
      JaxposeError: no such skeleton.
    """
    if name not in SKELETONS:
        raise JaxposeError(f"unknown skeleton {name!r}; known: {', '.join(SKELETONS)}")
    return SKELETONS[name]
