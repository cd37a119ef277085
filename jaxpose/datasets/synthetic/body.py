"""A parametric body on the 17 Human3.6M joints: segments, limits and kinematics.

Body frame: x forward, y to the person's left, z up. Angles are in degrees; zero is
upright standing with hanging arms. Flexion swings hip, shoulder, elbow, trunk and neck
forward and the knee backward; abduction moves a limb away from the midline; rotation
turns it inward.
"""

import dataclasses

import numpy as np

from jaxpose.body.skeletons import H36M_17

# Range of each angle in degrees: clinical ranges of motion, less at the shoulder, whose
# girdle is rigid here.
TRUNK_LIMITS = {
    "pelvis_pitch": (-25, 60),
    "pelvis_roll": (-25, 25),
    "trunk_flexion": (-25, 75),
    "trunk_bend": (-35, 35),
    "trunk_twist": (-45, 45),
    "neck_flexion": (-50, 50),
    "neck_bend": (-40, 40),
    "neck_twist": (-70, 70),
}
LIMB_LIMITS = {
    "hip_flexion": (-25, 125),
    "hip_abduction": (-25, 45),
    "hip_rotation": (-40, 40),
    "knee_flexion": (0, 145),
    "shoulder_flexion": (-50, 170),
    "shoulder_abduction": (-30, 150),
    "shoulder_rotation": (-70, 80),
    "elbow_flexion": (0, 145),
}
LIMITS = dict(TRUNK_LIMITS)
for _side in ("left", "right"):
    for _name, _limit in LIMB_LIMITS.items():
        LIMITS[f"{_side}_{_name}"] = _limit

# Segment lengths as fractions of stature, after the tables of Drillis and Contini. The
# joint centres of hips and shoulders lie inside the body's outline, and the head's
# below its top.
_SEGMENTS = {
    "hip_offset": 0.075,
    "thigh": 0.245,
    "shank": 0.246,
    "lower_trunk": 0.133,
    "upper_trunk": 0.145,
    "neck": 0.070,
    "head": 0.068,
    "shoulder_offset": 0.085,
    "upper_arm": 0.165,
    "forearm": 0.145,
}
_ANKLE_HEIGHT = 0.045  # of stature, above the sole
_CLEARANCE = 0.08  # metres, of all other joint centres above the floor
_NOSE_FORWARD = 0.45  # of the neck's length, how far forward neck_nose lies
_HEAD_BACK = (
    0.2  # of the height of the head's end above neck_nose, how far back it lies
)

_X, _Y, _Z = np.eye(3)  # forward, left, up


@dataclasses.dataclass(frozen=True)
class Body:
    """A person.

    Attributes:
      stature: metres.
      segments: length of each segment, metres; left and right are equal.
    """

    stature: float
    segments: dict[str, float]

    @property
    def clearance(self) -> np.ndarray:
        """Returns the least height of each joint above the floor, `[17]` metres."""
        clearance = np.full(H36M_17.num_joints, _CLEARANCE)
        for name in ("left_ankle", "right_ankle"):
            ankle = H36M_17.joints.index(name)
            clearance[ankle] = _ANKLE_HEIGHT * self.stature
        return clearance


def sample_body(stature: float, rng: np.random.Generator) -> Body:
    """Returns a body of `stature` metres whose proportions vary by a few per cent."""
    variation = rng.uniform(0.95, 1.05, len(_SEGMENTS))
    segments = {}
    for (name, share), factor in zip(_SEGMENTS.items(), variation, strict=True):
        segments[name] = stature * share * factor
    return Body(stature, segments)


def forward_kinematics(
    body: Body, angles: dict[str, np.ndarray], heading: np.ndarray
) -> np.ndarray:
    """Computes joint positions relative to the pelvis, axes of the world (z up).

    Args:
      body: the person.
      angles: `[F]` degrees for each name in `LIMITS`.
      heading: `[F]` degrees about z; 0 faces the world's x.

    Returns:
      `[F, 17, 3]` metres, joint order `H36M_17`.
    """
    size = body.segments

    # Orientations from the pelvis to the head. Half of the trunk's bend is at the
    # pelvis, half at the spine joint; likewise for neck and head.
    pelvis = _rotation("z", heading) @ _swing(
        angles["pelvis_pitch"], angles["pelvis_roll"], np.zeros_like(heading)
    )
    half = _swing(
        angles["trunk_flexion"] / 2, angles["trunk_bend"] / 2, angles["trunk_twist"] / 2
    )
    lower = pelvis @ half
    upper = lower @ half
    flexion, bend = angles["neck_flexion"] / 2, angles["neck_bend"] / 2
    neck = upper @ _swing(flexion, bend, angles["neck_twist"])
    head = neck @ _swing(flexion, bend, np.zeros_like(heading))

    # The trunk, upward from the hip joint, which is the origin.
    to_nose = np.array([_NOSE_FORWARD, 0.0, np.sqrt(1 - _NOSE_FORWARD**2)])
    to_head = size["head"] * (_Z - _HEAD_BACK * _X) / np.hypot(1, _HEAD_BACK)
    joints = {"hip": np.zeros((len(heading), 3))}
    joints["spine"] = lower @ (size["lower_trunk"] * _Z)
    joints["thorax"] = joints["spine"] + upper @ (size["upper_trunk"] * _Z)
    joints["neck_nose"] = joints["thorax"] + neck @ (size["neck"] * to_nose)
    joints["head"] = joints["neck_nose"] + head @ to_head

    # Legs hang from the pelvis, arms from the upper trunk.
    for side, sign in (("left", 1.0), ("right", -1.0)):
        leg = [f"{side}_{name}" for name in ("hip", "knee", "ankle")]
        hip = pelvis @ (sign * size["hip_offset"] * _Y)
        lengths = (size["thigh"], size["shank"])
        joints |= _limb(hip, pelvis, angles, leg, sign, lengths)

        arm = [f"{side}_{name}" for name in ("shoulder", "elbow", "wrist")]
        offset = upper @ (sign * size["shoulder_offset"] * _Y)
        lengths = (size["upper_arm"], size["forearm"])
        joints |= _limb(joints["thorax"] + offset, upper, angles, arm, sign, lengths)
    return np.stack([joints[name] for name in H36M_17.joints], axis=1)


def _limb(
    start: np.ndarray,
    parent: np.ndarray,
    angles: dict[str, np.ndarray],
    names: list[str],
    sign: float,
    lengths: tuple[float, float],
) -> dict[str, np.ndarray]:
    """Returns the three joints of a leg or an arm, `[F, 3]` each.

    Args:
      start: `[F, 3]`, its first joint.
      parent: `[F, 3, 3]`, orientation of the segment that it hangs from.
      angles: as in `forward_kinematics`.
      names: names of its three joints.
      sign: 1 on the left, -1 on the right.
      lengths: metres, of its two segments.
    """
    root, hinge, end = names
    flexion, abduction = angles[f"{root}_flexion"], angles[f"{root}_abduction"]
    turned = _rotation("z", -sign * angles[f"{root}_rotation"])
    upper = (
        parent @ _rotation("y", -flexion) @ _rotation("x", sign * abduction) @ turned
    )
    # Knees bend backward, elbows forward.
    backward = 1.0 if hinge.endswith("knee") else -1.0
    lower = upper @ _rotation("y", backward * angles[f"{hinge}_flexion"])
    middle = start - upper @ (lengths[0] * _Z)
    return {root: start, hinge: middle, end: middle - lower @ (lengths[1] * _Z)}


def _swing(forward: np.ndarray, left: np.ndarray, twist: np.ndarray) -> np.ndarray:
    """Returns the rotation `[F, 3, 3]` of an upright segment.

    Args:
      forward: `[F]` degrees that it leans forward.
      left: `[F]` degrees that it leans to the left.
      twist: `[F]` degrees that it turns to the left.
    """
    return _rotation("y", forward) @ _rotation("x", -left) @ _rotation("z", twist)


def _rotation(axis: str, degrees: np.ndarray) -> np.ndarray:
    """Returns the rotations `[F, 3, 3]` about a coordinate axis, `x`, `y` or `z`."""
    first = "xyz".index(axis)
    i, j = (first + 1) % 3, (first + 2) % 3  # the plane that turns
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.zeros((len(degrees), 3, 3))
    matrix[:, first, first] = 1
    matrix[:, i, i] = matrix[:, j, j] = cosine
    matrix[:, j, i], matrix[:, i, j] = sine, -sine
    return matrix
