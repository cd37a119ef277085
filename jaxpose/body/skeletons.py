"""Joint sets: names, parents and mirror pairs (protocol table P.1).

Data sets, models and metrics name one of these skeletons for each array of joints, so
that joint order is never implied.
"""

import dataclasses

from jaxpose.body.layouts import LAYOUT_JOINTS
from jaxpose.errors import JaxposeError


@dataclasses.dataclass(frozen=True)
class Skeleton:
    """A joint set.

    Attributes:
      name: the name used in configs and data sets.
      joints: joint names in array order, `J` of them.
      parents: index of each joint's parent, -1 for the root; empty for 2D layouts (COCO
        and similar ones have no root).
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
        """Returns `J`."""
        return len(self.joints)

    @property
    def root(self) -> int:
        """Returns the index of the joint that root-relative positions subtract.

        Raises:
          JaxposeError: the skeleton has none.
        """
        if not self.parents:
            raise JaxposeError(
                f"skeleton {self.name!r} is a 2D keypoint layout without a root joint; "
                "use a skeleton with bones, h36m_17 for example"
            )
        return self.parents.index(-1)

    @property
    def bones(self) -> tuple[tuple[int, int], ...]:
        """Returns the (child, parent) pairs."""
        pairs = enumerate(self.parents)
        return tuple((child, parent) for child, parent in pairs if parent >= 0)

    @property
    def mirror(self) -> tuple[int, ...]:
        """Returns the permutation of the joints that swaps left and right."""
        # Joints on the midline stay in place.
        order = list(range(self.num_joints))
        for left, right in zip(self.left, self.right, strict=True):
            order[left], order[right] = right, left
        return tuple(order)


def _tree(name: str, parent_of: dict[str, str]) -> Skeleton:
    """Makes a skeleton from its joints in array order and the parent of each, or ""."""
    # Names are easier to check than the indices that the arrays need.
    joints = tuple(parent_of)
    parents = []
    for parent in parent_of.values():
        parents.append(joints.index(parent) if parent else -1)
    left, right = _sides(joints)
    return Skeleton(name, joints, tuple(parents), left, right)


def _layout(name: str, joints: tuple[str, ...]) -> Skeleton:
    """Makes a 2D keypoint layout from its joints in array order."""
    left, right = _sides(joints)
    return Skeleton(name, joints, (), left, right)


def _sides(joints: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns the joints named `left_*`, and in the same order their mirror joints."""
    # The name tells the side and the partner, wherever the array has it.
    left, right = [], []
    for index, joint in enumerate(joints):
        if joint.startswith("left_"):
            left.append(index)
            right.append(joints.index("right_" + joint.removeprefix("left_")))
    return tuple(left), tuple(right)


# Human3.6M as the papers use it.
_H36M_17_PARENTS = {
    "hip": "",
    "right_hip": "hip",
    "right_knee": "right_hip",
    "right_ankle": "right_knee",
    "left_hip": "hip",
    "left_knee": "left_hip",
    "left_ankle": "left_knee",
    "spine": "hip",
    "thorax": "spine",
    "neck_nose": "thorax",
    "head": "neck_nose",
    "left_shoulder": "thorax",
    "left_elbow": "left_shoulder",
    "left_wrist": "left_elbow",
    "right_shoulder": "thorax",
    "right_elbow": "right_shoulder",
    "right_wrist": "right_elbow",
}
H36M_17 = _tree("h36m_17", _H36M_17_PARENTS)

# As H36M_17 without "Neck/Nose": the joints of stacked-hourglass keypoints.
# Without the neck, the head's parent is the thorax.
_H36M_16_PARENTS = {**_H36M_17_PARENTS, "head": "thorax"}
del _H36M_16_PARENTS["neck_nose"]
H36M_16 = _tree("h36m_16", _H36M_16_PARENTS)

# As H36M_17 with the toes.
H36M_19 = _tree(
    "h36m_19",
    {
        "hip": "",
        "right_hip": "hip",
        "right_knee": "right_hip",
        "right_ankle": "right_knee",
        "right_toe": "right_ankle",
        "left_hip": "hip",
        "left_knee": "left_hip",
        "left_ankle": "left_knee",
        "left_toe": "left_ankle",
        "spine": "hip",
        "thorax": "spine",
        "neck_nose": "thorax",
        "head": "neck_nose",
        "left_shoulder": "thorax",
        "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow",
        "right_shoulder": "thorax",
        "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow",
    },
)

# All markers of Human3.6M's files.
H36M_32 = _tree(
    "h36m_32",
    {
        "hips": "",
        "right_up_leg": "hips",
        "right_leg": "right_up_leg",
        "right_foot": "right_leg",
        "right_toe_base": "right_foot",
        "right_toe_site": "right_toe_base",
        "left_up_leg": "hips",
        "left_leg": "left_up_leg",
        "left_foot": "left_leg",
        "left_toe_base": "left_foot",
        "left_toe_site": "left_toe_base",
        "spine_base": "hips",
        "spine": "spine_base",
        "neck": "spine",
        "head": "neck",
        "head_site": "head",
        "left_shoulder_base": "spine",
        "left_arm": "left_shoulder_base",
        "left_fore_arm": "left_arm",
        "left_hand": "left_fore_arm",
        "left_hand_thumb": "left_hand",
        "left_thumb_site": "left_hand_thumb",
        "left_wrist_end": "left_hand",
        "left_wrist_site": "left_wrist_end",
        "right_shoulder_base": "spine",
        "right_arm": "right_shoulder_base",
        "right_fore_arm": "right_arm",
        "right_hand": "right_fore_arm",
        "right_hand_thumb": "right_hand",
        "right_thumb_site": "right_hand_thumb",
        "right_wrist_end": "right_hand",
        "right_wrist_site": "right_wrist_end",
    },
)

# HumanEva-I as the papers use it.
HUMANEVA_15 = _tree(
    "humaneva_15",
    {
        "hip": "",
        "thorax": "hip",
        "left_shoulder": "thorax",
        "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow",
        "right_shoulder": "thorax",
        "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow",
        "left_hip": "hip",
        "left_knee": "left_hip",
        "left_ankle": "left_knee",
        "right_hip": "hip",
        "right_knee": "right_hip",
        "right_ankle": "right_knee",
        "head": "thorax",
    },
)

# The ends of the 20 segments in HumanEva's files.
HUMANEVA_20 = _tree(
    "humaneva_20",
    {
        "torso_distal": "",
        "torso_proximal": "torso_distal",
        "head_proximal": "torso_proximal",
        "left_upper_arm_proximal": "torso_proximal",
        "left_upper_arm_distal": "left_upper_arm_proximal",
        "left_lower_arm_proximal": "left_upper_arm_distal",
        "left_lower_arm_distal": "left_lower_arm_proximal",
        "right_upper_arm_proximal": "torso_proximal",
        "right_upper_arm_distal": "right_upper_arm_proximal",
        "right_lower_arm_proximal": "right_upper_arm_distal",
        "right_lower_arm_distal": "right_lower_arm_proximal",
        "left_upper_leg_proximal": "torso_distal",
        "left_upper_leg_distal": "left_upper_leg_proximal",
        "left_lower_leg_proximal": "left_upper_leg_distal",
        "left_lower_leg_distal": "left_lower_leg_proximal",
        "right_upper_leg_proximal": "torso_distal",
        "right_upper_leg_distal": "right_upper_leg_proximal",
        "right_lower_leg_proximal": "right_upper_leg_distal",
        "right_lower_leg_distal": "right_lower_leg_proximal",
        "head_distal": "head_proximal",
    },
)

# The "relevant" joints of MPI-INF-3DHP.
MPI_INF_3DHP_17 = _tree(
    "mpi_inf_3dhp_17",
    {
        "head_top": "neck",
        "neck": "spine",
        "right_shoulder": "neck",
        "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow",
        "left_shoulder": "neck",
        "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow",
        "right_hip": "pelvis",
        "right_knee": "right_hip",
        "right_ankle": "right_knee",
        "left_hip": "pelvis",
        "left_knee": "left_hip",
        "left_ankle": "left_knee",
        "pelvis": "",
        "spine": "pelvis",
        "head": "neck",
    },
)

# All annotated joints of MPI-INF-3DHP.
MPI_INF_3DHP_28 = _tree(
    "mpi_inf_3dhp_28",
    {
        "spine3": "spine2",
        "spine4": "spine3",
        "spine2": "spine",
        "spine": "pelvis",
        "pelvis": "",
        "neck": "spine4",
        "head": "neck",
        "head_top": "head",
        "left_clavicle": "neck",
        "left_shoulder": "left_clavicle",
        "left_elbow": "left_shoulder",
        "left_wrist": "left_elbow",
        "left_hand": "left_wrist",
        "right_clavicle": "neck",
        "right_shoulder": "right_clavicle",
        "right_elbow": "right_shoulder",
        "right_wrist": "right_elbow",
        "right_hand": "right_wrist",
        "left_hip": "pelvis",
        "left_knee": "left_hip",
        "left_ankle": "left_knee",
        "left_foot": "left_ankle",
        "left_toe": "left_foot",
        "right_hip": "pelvis",
        "right_knee": "right_hip",
        "right_ankle": "right_knee",
        "right_foot": "right_ankle",
        "right_toe": "right_foot",
    },
)

# 2D keypoints of detectors.
_LAYOUTS = {name: _layout(name, joints) for name, joints in LAYOUT_JOINTS.items()}
COCO_17 = _LAYOUTS["coco_17"]
HALPE_26 = _LAYOUTS["halpe_26"]
BODY_25 = _LAYOUTS["body_25"]
MPII_16 = _LAYOUTS["mpii_16"]

# All skeletons by name: the values of configs and data sets.
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
        *_LAYOUTS.values(),
    )
}


def get_skeleton(name: str) -> Skeleton:
    """Returns the skeleton called `name`.

    Raises:
      JaxposeError: there is no such skeleton.
    """
    if name not in SKELETONS:
        raise JaxposeError(f"unknown skeleton {name!r}; known: {', '.join(SKELETONS)}")
    return SKELETONS[name]
