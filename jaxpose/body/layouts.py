"""Joint orders of 2D detectors, and the names that people give them.

Each order is that of a released package, which is named beside it with the version that
it was read in; `openpose` is src/openpose/pose/poseParameters.cpp of its repository. A
joint that two layouts share has one name in both: OpenPose's LEye is `left_eye`.
"""

from jaxpose.errors import JaxposeError


def _both(*parts: str) -> tuple[str, ...]:
    """Returns each part of the left side, followed by that of the right."""
    joints = []
    for part in parts:
        joints += [f"left_{part}", f"right_{part}"]
    return tuple(joints)


def _side(side: str, *parts: str) -> tuple[str, ...]:
    """Returns the parts of one side."""
    return tuple(f"{side}_{part}" for part in parts)


def _hand(side: str, *, root: bool) -> tuple[str, ...]:
    """Returns the joints of a hand, four per finger, from the thumb on."""
    joints = [f"{side}_hand_root"] if root else []
    for finger in ("thumb", "forefinger", "middle_finger", "ring_finger", "pinky"):
        joints += [f"{side}_{finger}_{number}" for number in range(1, 5)]
    return tuple(joints)


def _face(count: int) -> tuple[str, ...]:
    """Returns the points of a face. They have numbers, and no sides here."""
    return tuple(f"face_{number}" for number in range(count))


_ARM = ("shoulder", "elbow", "wrist")
_LEG = ("hip", "knee", "ankle")
_FOOT = ("big_toe", "small_toe", "heel")
_FEET = (*_side("left", *_FOOT), *_side("right", *_FOOT))
_HANDS = (*_hand("left", root=True), *_hand("right", root=True))

# COCO: rtmlib 0.0.16 (coco17), mmpose 1.3.2 (coco.py). Mask R-CNN, YOLO, ViTPose.
_COCO_17 = ("nose", *_both("eye", "ear", *_ARM, *_LEG))

# Neck and 17 joints as of OpenPose's first model: rtmlib 0.0.16 (openpose18),
# openpose (POSE_COCO_BODY_PARTS). AlphaPose writes it for --format cmu.
_COCO_18 = (
    "nose",
    "neck",
    *_side("right", *_ARM),
    *_side("left", *_ARM),
    *_side("right", *_LEG),
    *_side("left", *_LEG),
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
)

# COCO with neck, pelvis and feet: rtmlib 0.0.16 (coco25).
_COCO_25 = (
    *_COCO_17[:5],
    "neck",
    *_both(*_ARM, "hip"),
    "mid_hip",
    *_both("knee", "ankle"),
    *_FEET,
)

# COCO-WholeBody: rtmlib 0.0.16 (coco133), mmpose 1.3.2 (coco_wholebody.py).
_COCO_WHOLEBODY_133 = (*_COCO_17, *_FEET, *_face(68), *_HANDS)

# The same as OpenPose would write it: rtmlib 0.0.16 (openpose134).
_OPENPOSE_134 = (*_COCO_18, *_FEET, *_face(68), *_HANDS)

# Halpe: rtmlib 0.0.16 (halpe26), mmpose 1.3.2 (halpe26.py, halpe.py), pose2sim 0.10.49
# (HALPE_26, HALPE_68, HALPE_136). AlphaPose, RTMPose.
_HALPE_26 = (*_COCO_17, "head", "neck", "hip", *_both(*_FOOT))
_HALPE_68 = (*_HALPE_26, *_HANDS)
_HALPE_136 = (*_HALPE_26, *_face(68), *_HANDS)

# OpenPose: openpose (POSE_BODY_25_BODY_PARTS), pose2sim 0.10.49 (BODY_25).
_BODY_25 = (
    *_COCO_18[:8],
    "mid_hip",
    *_COCO_18[8:],
    *_FEET,
)

# OpenPose's experimental models: openpose (POSE_BODY_25B_BODY_PARTS,
# POSE_BODY_135_BODY_PARTS), pose2sim 0.10.49 (BODY_25B, BODY_135).
_BODY_25B = (*_COCO_17, "upper_neck", "head_top", *_FEET)
_BODY_135 = (
    *_BODY_25B,
    *_hand("left", root=False),
    *_hand("right", root=False),
    *_face(70),
)

# MPII: mmpose 1.3.2 (mpii.py). Stacked hourglass.
_MPII_16 = (
    *_side("right", *reversed(_LEG)),
    *_side("left", *_LEG),
    "pelvis",
    "thorax",
    "upper_neck",
    "head_top",
    *_side("right", *reversed(_ARM)),
    *_side("left", *_ARM),
)

# MPII as OpenPose writes it: openpose (POSE_MPI_BODY_PARTS). Its Head and Neck are
# MPII's head top and upper neck.
_MPI_15 = ("head_top", "upper_neck", *_COCO_18[2:14], "chest")

# CrowdPose: mmpose 1.3.2 (crowdpose.py).
_CROWDPOSE_14 = (*_both(*_ARM, *_LEG), "head_top", "neck")

# AI Challenger: mmpose 1.3.2 (aic.py).
_AIC_14 = (*_COCO_18[2:14], "head_top", "neck")

# MediaPipe, BlazePose: mediapipe 0.10.21 (solutions/pose.py, PoseLandmark).
_MEDIAPIPE_33 = (
    "nose",
    *_side("left", "eye_inner", "eye", "eye_outer"),
    *_side("right", "eye_inner", "eye", "eye_outer"),
    *_both("ear", "mouth", *_ARM, "pinky", "index", "thumb", *_LEG),
    *_both("heel", "foot_index"),
)

# The joints of each layout, in array order. Of several with as many joints, the usual
# one is first.
LAYOUT_JOINTS: dict[str, tuple[str, ...]] = {
    "coco_17": _COCO_17,
    "coco_18": _COCO_18,
    "coco_wholebody_133": _COCO_WHOLEBODY_133,
    "openpose_134": _OPENPOSE_134,
    "halpe_26": _HALPE_26,
    "halpe_68": _HALPE_68,
    "halpe_136": _HALPE_136,
    "body_25": _BODY_25,
    "body_25b": _BODY_25B,
    "coco_25": _COCO_25,
    "body_135": _BODY_135,
    "mpii_16": _MPII_16,
    "mpi_15": _MPI_15,
    "crowdpose_14": _CROWDPOSE_14,
    "aic_14": _AIC_14,
    "mediapipe_33": _MEDIAPIPE_33,
}

# All layouts that recordings may have: Human3.6M's joints, too, as other lifters' files
# hold them (mmpose 1.3.2, h36m.py).
LAYOUTS = (*LAYOUT_JOINTS, "h36m_17")

# Other spellings, in lower case and without anything but letters and digits.
_ALIASES = {
    "coco": "coco_17",
    "cocokeypoints": "coco_17",
    "yolo": "coco_17",
    "body17": "coco_17",
    "openpose18": "coco_18",
    "openposecoco": "coco_18",
    "cocoopenpose": "coco_18",
    "body18": "coco_18",
    "coco133": "coco_wholebody_133",
    "cocowholebody": "coco_wholebody_133",
    "wholebody": "coco_wholebody_133",
    "wholebody133": "coco_wholebody_133",
    "openpose133": "openpose_134",
    "cocowholebodyopenpose": "openpose_134",
    "bodywithfeet": "halpe_26",
    "body26": "halpe_26",
    "halpe": "halpe_136",
    "halpefullbody": "halpe_136",
    "openpose": "body_25",
    "openpose25": "body_25",
    "openposebody25": "body_25",
    "openpose25b": "body_25b",
    "openposebody25b": "body_25b",
    "openpose135": "body_135",
    "openposebody135": "body_135",
    "mpii": "mpii_16",
    "mpi": "mpi_15",
    "openposempi": "mpi_15",
    "openposempi15": "mpi_15",
    "crowdpose": "crowdpose_14",
    "aic": "aic_14",
    "aichallenger": "aic_14",
    "mediapipe": "mediapipe_33",
    "mediapipepose": "mediapipe_33",
    "blazepose": "mediapipe_33",
    "blazepose33": "mediapipe_33",
    "h36m": "h36m_17",
    "human36m": "h36m_17",
    "human36m17": "h36m_17",
}


def layout_name(name: str) -> str:
    """Returns the name of a layout in the spelling of `LAYOUTS`.

    "COCO_17", "coco17" and "Coco-17" are one name, and so are the usual other names:
    "blazepose" is `mediapipe_33`.

    Raises:
      JaxposeError: no layout has the name. The message is to follow what states it.
    """
    letters = "".join(character for character in name.lower() if character.isalnum())
    for layout in LAYOUTS:
        if letters == layout.replace("_", ""):
            return layout
    if letters in _ALIASES:
        return _ALIASES[letters]
    raise JaxposeError(
        f"{name!r} is no joint order known here; known are {', '.join(LAYOUTS)}"
    )
