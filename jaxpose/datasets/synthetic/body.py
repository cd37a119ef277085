"""A parametric body on the 17 Human3.6M joints: segment lengths, joint limits, kinematics.

Body frame: x forward, y to the person's left, z up. Angles are in degrees; zero is upright
standing with hanging arms. Flexion swings hip, shoulder, elbow, trunk and neck forward and
the knee backward; abduction moves a limb away from the midline; rotation turns it inward.
"""

import dataclasses

import numpy as np

from jaxpose.body.skeletons import H36M_17

# Range of each angle: clinical ranges of motion, less at the shoulder, whose girdle is rigid here.
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
LIMITS = TRUNK_LIMITS | {
    f"{side}_{name}": limit
    for side in ("left", "right")
    for name, limit in LIMB_LIMITS.items()
}

# Segment lengths as shares of stature, after the tables of Drillis and Contini; the joint centres of
# hips and shoulders lie further in than the body's outline, and the head's below its top.
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
_NOSE_FORWARD = (
    0.45  # how far forward the neck_nose joint leans, as a share of the neck's length
)


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
        """`[17]` metres: how near each joint centre can come to the floor."""
        clearance = np.full(H36M_17.num_joints, 0.08)
        clearance[
            [H36M_17.joints.index(name) for name in ("left_ankle", "right_ankle")]
        ] = _ANKLE_HEIGHT * self.stature
        return clearance


def sample_body(stature: float, rng: np.random.Generator) -> Body:
    """A body of `stature` metres whose proportions vary by a few per cent."""
    variation = rng.uniform(0.95, 1.05, len(_SEGMENTS))
    segments = {
        name: stature * share * factor
        for (name, share), factor in zip(_SEGMENTS.items(), variation, strict=True)
    }
    return Body(stature, segments)


def forward_kinematics(
    body: Body, angles: dict[str, np.ndarray], heading: np.ndarray
) -> np.ndarray:
    """Joint positions relative to the pelvis, axes of the world (z up).

    Args:
      body: the person.
      angles: `[F]` degrees for each name in `LIMITS`.
      heading: `[F]` degrees about z; 0 faces the world's x.

    Returns:
      `[F, 17, 3]` metres, joint order `H36M_17`.
    """
    size = body.segments
    pelvis = _rotation("z", heading) @ _swing(
        angles["pelvis_pitch"], angles["pelvis_roll"], 0.0
    )
    # Half of the trunk's bend at the pelvis, half at the spine joint.
    half = _swing(
        angles["trunk_flexion"] / 2, angles["trunk_bend"] / 2, angles["trunk_twist"] / 2
    )
    lower = pelvis @ half
    upper = lower @ half
    neck = upper @ _swing(
        angles["neck_flexion"] / 2, angles["neck_bend"] / 2, angles["neck_twist"]
    )
    head = neck @ _swing(
        angles["neck_flexion"] / 2, angles["neck_bend"] / 2, np.zeros_like(heading)
    )
    lean = np.array([_NOSE_FORWARD, 0.0, np.sqrt(1 - _NOSE_FORWARD**2)])
    joints = {"hip": np.zeros((len(heading), 3))}
    joints["spine"] = lower @ (size["lower_trunk"] * _Z)
    joints["thorax"] = joints["spine"] + upper @ (size["upper_trunk"] * _Z)
    joints["neck_nose"] = joints["thorax"] + neck @ (size["neck"] * lean)
    joints["head"] = joints["neck_nose"] + head @ (
        size["head"] * (_Z - 0.2 * _X) / np.hypot(1, 0.2)
    )
    for side, sign in (("left", 1.0), ("right", -1.0)):
        leg = [f"{side}_{name}" for name in ("hip", "knee", "ankle")]
        arm = [f"{side}_{name}" for name in ("shoulder", "elbow", "wrist")]
        joints[leg[0]] = pelvis @ (sign * size["hip_offset"] * _Y)
        joints[arm[0]] = joints["thorax"] + upper @ (
            sign * size["shoulder_offset"] * _Y
        )
        joints |= _limb(
            joints[leg[0]], pelvis, angles, leg, sign, (size["thigh"], size["shank"])
        )
        joints |= _limb(
            joints[arm[0]],
            upper,
            angles,
            arm,
            sign,
            (size["upper_arm"], size["forearm"]),
        )
    return np.stack([joints[name] for name in H36M_17.joints], axis=1)


_X, _Y, _Z = np.eye(3)


def _limb(
    start: np.ndarray,
    parent: np.ndarray,
    angles: dict[str, np.ndarray],
    names: list[str],
    sign: float,
    lengths: tuple[float, float],
) -> dict[str, np.ndarray]:
    """Middle and end of a limb; `sign` is 1 on the left, -1 on the right."""
    root, hinge, end = names
    flexion, abduction = angles[f"{root}_flexion"], angles[f"{root}_abduction"]
    turned = _rotation("z", -sign * angles[f"{root}_rotation"])
    upper = (
        parent @ _rotation("y", -flexion) @ _rotation("x", sign * abduction) @ turned
    )
    backward = 1.0 if hinge.endswith("knee") else -1.0
    lower = upper @ _rotation("y", backward * angles[f"{hinge}_flexion"])
    middle = start - upper @ (lengths[0] * _Z)
    return {hinge: middle, end: middle - lower @ (lengths[1] * _Z)}


def _swing(
    forward: np.ndarray, left: np.ndarray, twist: np.ndarray | float
) -> np.ndarray:
    """Rotation of an upright segment: leaning forward and to the left, turning to the left."""
    twist = np.broadcast_to(twist, np.shape(forward))
    return _rotation("y", forward) @ _rotation("x", -left) @ _rotation("z", twist)


def _rotation(axis: str, degrees: np.ndarray) -> np.ndarray:
    """`[F, 3, 3]` about a coordinate axis."""
    first = "xyz".index(axis)
    i, j = (first + 1) % 3, (first + 2) % 3
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    matrix = np.zeros((len(degrees), 3, 3))
    matrix[:, first, first] = 1
    matrix[:, i, i] = matrix[:, j, j] = cosine
    matrix[:, j, i], matrix[:, i, j] = sine, -sine
    return matrix
