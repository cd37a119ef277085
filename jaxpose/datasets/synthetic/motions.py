"""Generates procedural motions: joint angles over time, and a path on the floor.

Each motion draws its tempo, range, side and pose from the generator it is given, so
that two takes of one motion differ. Angles are degrees named as in `body.LIMITS`.
"""

from collections.abc import Callable

import numpy as np

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets.synthetic.body import LIMITS, Body, forward_kinematics

# `[F]` degrees by name. A motion may add `heading` in degrees, and `jump`, the height
# of the lowest joint above the floor in metres.
Angles = dict[str, np.ndarray]
_ANKLES = [H36M_17.joints.index(name) for name in ("left_ankle", "right_ankle")]


def generate(
    motion: str, body: Body, num_frames: int, fps: float, rng: np.random.Generator
) -> tuple[np.ndarray, Angles]:
    """Generates a take of `motion`.

    Args:
      motion: a key of `MOTIONS`.
      body: the person.
      num_frames: number of frames `F`.
      fps: frames per second.
      rng: the take is a pure function of its state and the other arguments.

    Returns:
      positions `[F, 17, 3]` in metres, world with z up and the floor at 0, on average
      within 0.5 m of the origin; and the angles `[F]`, all within `body.LIMITS`.
    """
    # The order of the draws from `rng` decides the data: keep it.
    t = np.arange(num_frames) / fps
    drawn = MOTIONS[motion](t, rng)
    turns = drawn.pop("heading", np.zeros_like(t))
    heading = turns + rng.uniform(0, 360) + _drift(t, rng, 15)
    jump = drawn.pop("jump", np.zeros_like(t))
    angles = _posture(t, rng)
    for name, values in drawn.items():
        angles[name] = angles[name] + values

    # Smoothing after the cut keeps the limits: an average of angles within them is too.
    columns = []
    for name, (lowest, highest) in LIMITS.items():
        columns.append(np.clip(angles[name], lowest, highest))
    table = np.stack(columns, axis=1)
    angles = dict(zip(LIMITS, _smooth(table).T, strict=True))
    positions = forward_kinematics(body, angles, heading)

    # Put the lowest joint on the floor, and the pelvis on its path.
    height = _smooth((body.clearance - positions[..., 2]).max(axis=1)) + jump
    # The take begins anywhere near the middle of the room.
    place = np.concatenate([_planted_path(positions), height[:, None]], axis=1)
    place[:, :2] += rng.uniform(-0.5, 0.5, 2) - place[:, :2].mean(axis=0)
    return positions + place[:, None], angles


def _planted_path(positions: np.ndarray) -> np.ndarray:
    """Returns the path of the pelvis on the ground, `[F, 2]` metres.

    On it, the foot that carries the weight stays in place. The lower foot carries more:
    weights fall by e for every 2 cm of height.

    Args:
      positions: `[F, 17, 3]`, relative to the pelvis.
    """
    feet = positions[:, _ANKLES]
    height = feet[..., 2]
    weight = np.exp(-(height - height.min(axis=1, keepdims=True)) / 0.02)
    weight /= weight.sum(axis=1, keepdims=True)

    # The pelvis moves against the foot on the ground.
    steps = np.diff(feet[..., :2], axis=0)
    moved = (weight[1:, :, None] * steps).sum(axis=1)
    path = np.concatenate([np.zeros((1, 2)), -np.cumsum(moved, axis=0)])
    return _smooth(path)


def _posture(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns the stance of one take: an offset and a slow drift of every angle."""
    angles = {name: rng.normal(0, 3) + _drift(t, rng, 4) for name in LIMITS}
    # Nobody stands perfectly straight: arms and knees are a little bent.
    for side in ("left", "right"):
        angles[f"{side}_shoulder_abduction"] += rng.uniform(5, 20)
        angles[f"{side}_elbow_flexion"] += rng.uniform(10, 40)
        angles[f"{side}_knee_flexion"] += rng.uniform(5, 15)
        angles[f"{side}_hip_flexion"] += rng.uniform(0, 8)
        angles[f"{side}_hip_abduction"] += rng.uniform(0, 8)
    return angles


def _drift(t: np.ndarray, rng: np.random.Generator, size: float) -> np.ndarray:
    """Returns slow irregular movement `[F]` with standard deviation `size`."""
    # Four sines of amplitude 1 have a variance of 2.
    frequency = rng.uniform(0.05, 0.5, (4, 1))
    phase = rng.uniform(0, 2 * np.pi, (4, 1))
    waves = np.sin(2 * np.pi * frequency * t[None] + phase)
    return size * np.sqrt(0.5) * waves.sum(axis=0)


def _smooth(values: np.ndarray, sigma: float = 2.0) -> np.ndarray:
    """Returns a Gaussian average along the first axis, edges repeated.

    Args:
      values: `[F, ...]`.
      sigma: standard deviation of the kernel in frames.
    """
    reach = int(3 * sigma)
    offsets = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    neighbours = np.arange(len(values))[:, None] + offsets[None]
    neighbours = np.clip(neighbours, 0, len(values) - 1)
    return np.moveaxis(values[neighbours], 1, -1) @ (kernel / kernel.sum())


def _cycle(
    t: np.ndarray, rng: np.random.Generator, slowest: float, fastest: float
) -> np.ndarray:
    """Returns the phase `[F]` in radians of a rhythm between two frequencies in Hz."""
    return 2 * np.pi * (rng.uniform(slowest, fastest) * t + rng.uniform())


def _go_and_return(
    t: np.ndarray, rng: np.random.Generator, slowest: float, fastest: float
) -> np.ndarray:
    """Returns the share `[F]` in [0, 1] of a pose that is taken and left repeatedly."""
    # tanh flattens the tops of the cosine, so that the pose is held for a while.
    wave = np.cos(_cycle(t, rng, slowest, fastest))
    return 0.5 - 0.5 * np.tanh(2.5 * wave) / np.tanh(2.5)


def _pulses(phase: np.ndarray) -> np.ndarray:
    """Returns `[F]` in [0, 1]: a smooth bump in half of each cycle, 0 in the other."""
    return np.maximum(np.sin(phase), 0) ** 2


def _both(name: str, values: np.ndarray) -> Angles:
    """Returns one angle of the left and the right limb."""
    return {f"left_{name}": values, f"right_{name}": values}


def _sides(rng: np.random.Generator) -> tuple[str, str]:
    """Returns the side that acts, drawn at random, and the other."""
    return ("left", "right") if rng.uniform() < 0.5 else ("right", "left")


def _gait(phase: np.ndarray, hip: float, knee: float, shoulder: float) -> Angles:
    """Returns a walking rhythm: legs alternate, and arms swing against them.

    Args:
      phase: `[F]` radians.
      hip: degrees that the hips swing.
      knee: degrees that the knees bend.
      shoulder: degrees that the arms swing.
    """
    angles = {}
    for side, shift in (("left", 0.0), ("right", np.pi)):
        angles[f"{side}_hip_flexion"] = hip * (0.2 + np.sin(phase + shift))
        angles[f"{side}_knee_flexion"] = knee * _pulses(phase + shift + np.pi / 2)
        angles[f"{side}_shoulder_flexion"] = -shoulder * np.sin(phase + shift)
    angles["trunk_twist"] = 0.2 * shoulder * np.sin(phase)
    return angles


def _walk(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns walking along a curve."""
    angles = _gait(
        _cycle(t, rng, 0.7, 1.1),
        rng.uniform(18, 28),
        rng.uniform(45, 60),
        rng.uniform(10, 35),
    )
    return angles | {"heading": t * rng.uniform(30, 60) * rng.choice([-1, 1])}


def _run(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns running along a curve: fast, knees high, both feet leave the floor."""
    phase = _cycle(t, rng, 1.1, 1.5)
    angles = _gait(
        phase, rng.uniform(26, 36), rng.uniform(80, 110), rng.uniform(30, 50)
    )
    angles |= _both("elbow_flexion", np.full_like(t, rng.uniform(50, 80)))
    angles["trunk_flexion"] = np.full_like(t, rng.uniform(5, 15))
    angles["jump"] = rng.uniform(0.02, 0.06) * np.sin(phase) ** 2
    return angles | {"heading": t * rng.uniform(80, 120) * rng.choice([-1, 1])}


def _march(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns marching in place with raised knees."""
    phase = _cycle(t, rng, 0.5, 0.9)
    hip, arm = rng.uniform(50, 95), rng.uniform(20, 70)
    angles = {}
    for side, shift in (("left", 0.0), ("right", np.pi)):
        angles[f"{side}_hip_flexion"] = hip * _pulses(phase + shift)
        angles[f"{side}_knee_flexion"] = (hip + 5) * _pulses(phase + shift)
        angles[f"{side}_shoulder_flexion"] = arm * _pulses(phase + shift + np.pi)
    return angles


def _turn(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns small steps that turn around and back."""
    angles = _gait(
        _cycle(t, rng, 0.8, 1.3),
        rng.uniform(4, 10),
        rng.uniform(25, 45),
        rng.uniform(5, 20),
    )
    angle = rng.uniform(120, 360) * rng.choice([-1, 1])
    return angles | {"heading": angle * _go_and_return(t, rng, 0.08, 0.2)}


def _sit(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns sitting down, as on a chair, and standing up."""
    seated = _go_and_return(t, rng, 0.1, 0.25)
    hand, lean = rng.uniform(15, 50), rng.uniform(10, 30)
    # The trunk leans forward on the way down and up, most in the middle of it.
    leaning = lean * 4 * seated * (1 - seated)
    return {
        **_both("hip_flexion", rng.uniform(78, 92) * seated),
        **_both("knee_flexion", rng.uniform(75, 95) * seated),
        **_both("shoulder_flexion", hand * seated),
        **_both("elbow_flexion", rng.uniform(10, 60) * seated),
        "trunk_flexion": leaning + rng.uniform(-5, 20) * seated,
    }


def _crouch(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns crouching down and rising."""
    low = _go_and_return(t, rng, 0.15, 0.4)
    return {
        **_both("hip_flexion", rng.uniform(70, 115) * low),
        **_both("knee_flexion", rng.uniform(85, 125) * low),
        **_both("hip_abduction", rng.uniform(0, 20) * low),
        **_both("shoulder_flexion", rng.uniform(0, 90) * low),
        "pelvis_pitch": rng.uniform(5, 25) * low,
        "trunk_flexion": rng.uniform(5, 30) * low,
    }


def _reach(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns one arm reaching out, the trunk following."""
    out = _go_and_return(t, rng, 0.15, 0.4)
    side, _ = _sides(rng)
    # The trunk turns toward the arm.
    across = -1.0 if side == "left" else 1.0
    return {
        f"{side}_shoulder_flexion": rng.uniform(40, 150) * out,
        f"{side}_shoulder_abduction": rng.uniform(-25, 70) * out,
        f"{side}_elbow_flexion": -30 * out,
        "trunk_flexion": rng.uniform(-5, 35) * out,
        "trunk_twist": across * rng.uniform(0, 30) * out,
        "neck_flexion": rng.uniform(-30, 20) * out,
        **_both("knee_flexion", rng.uniform(0, 30) * out),
        **_both("hip_flexion", rng.uniform(0, 20) * out),
    }


def _wave(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns one raised hand that waves."""
    up = _go_and_return(t, rng, 0.1, 0.2)
    side, _ = _sides(rng)
    swing = np.sin(_cycle(t, rng, 1.0, 2.2))
    return {
        f"{side}_shoulder_abduction": up * rng.uniform(60, 120),
        f"{side}_shoulder_flexion": up * rng.uniform(-10, 50),
        f"{side}_shoulder_rotation": up * (-rng.uniform(30, 60) + 15 * swing),
        f"{side}_elbow_flexion": up
        * (rng.uniform(45, 80) + rng.uniform(15, 35) * swing),
        "trunk_bend": up * rng.uniform(-8, 8),
    }


def _jump(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns jumping in place."""
    phase = _cycle(t, rng, 0.45, 0.8)
    bent = _pulses(phase)
    arms = rng.uniform(20, 120)
    # The flight follows the crouch: a parabola over a third of the cycle.
    flight = np.maximum(1 - (((phase / (2 * np.pi)) % 1 - 0.72) / 0.17) ** 2, 0)
    return {
        **_both("hip_flexion", rng.uniform(40, 80) * bent),
        **_both("knee_flexion", rng.uniform(55, 95) * bent),
        **_both("shoulder_flexion", arms * np.sqrt(flight + 0.01) - 30 * bent),
        "trunk_flexion": rng.uniform(10, 35) * bent,
        "jump": rng.uniform(0.1, 0.35) * _smooth(flight),
    }


def _kick(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns one leg kicking."""
    phase = _cycle(t, rng, 0.4, 0.8)
    side, other = _sides(rng)
    # The leg is drawn back before it strikes; the opposite arm balances it.
    strike, load = _pulses(phase), _pulses(phase + 2.2)
    return {
        f"{side}_hip_flexion": rng.uniform(50, 105) * strike - 20 * load,
        f"{side}_hip_abduction": rng.uniform(0, 30) * strike,
        f"{side}_knee_flexion": 75 * load + rng.uniform(0, 25) * strike,
        f"{other}_shoulder_flexion": rng.uniform(20, 60) * strike,
        f"{side}_shoulder_flexion": -rng.uniform(10, 35) * strike,
        "trunk_flexion": rng.uniform(-20, 15) * strike,
    }


def _bend(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns bending forward and rising."""
    down = _go_and_return(t, rng, 0.15, 0.35)
    return {
        "pelvis_pitch": rng.uniform(10, 45) * down,
        "trunk_flexion": rng.uniform(30, 70) * down,
        **_both("hip_flexion", rng.uniform(10, 50) * down),
        **_both("knee_flexion", rng.uniform(0, 40) * down),
        **_both("shoulder_flexion", rng.uniform(30, 90) * down),
        **_both("elbow_flexion", -20 * down),
    }


def _punch(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns both arms punching in turn."""
    phase = _cycle(t, rng, 0.6, 1.3)
    reach = rng.uniform(50, 90)
    angles = _both("hip_flexion", np.full_like(t, rng.uniform(5, 30)))
    angles |= _both("knee_flexion", np.full_like(t, rng.uniform(10, 40)))
    for side, shift in (("left", 0.0), ("right", np.pi)):
        thrust = _pulses(phase + shift)
        angles[f"{side}_shoulder_flexion"] = 20 + reach * thrust
        angles[f"{side}_elbow_flexion"] = 85 - 100 * thrust
    angles["trunk_twist"] = rng.uniform(10, 30) * -np.sin(phase)
    return angles


def _stretch(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns stretching both arms, the trunk swaying."""
    up = _go_and_return(t, rng, 0.12, 0.3)
    way = np.sin(_cycle(t, rng, 0.1, 0.4))  # sways slowly while the arms are up
    return {
        **_both("shoulder_abduction", rng.uniform(70, 140) * up),
        **_both("shoulder_flexion", rng.uniform(-20, 30) * up),
        **_both("elbow_flexion", rng.uniform(-20, 40) * up),
        "trunk_bend": rng.uniform(10, 30) * way * up,
        "pelvis_roll": rng.uniform(0, 10) * way * up,
        "neck_flexion": rng.uniform(-30, 10) * up,
    }


def _lunge(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns lunging with one leg in front."""
    low = _go_and_return(t, rng, 0.15, 0.4)
    front, back = _sides(rng)
    return {
        f"{front}_hip_flexion": rng.uniform(50, 85) * low,
        f"{front}_knee_flexion": rng.uniform(50, 85) * low,
        f"{back}_hip_flexion": -20 * low,
        f"{back}_knee_flexion": rng.uniform(20, 70) * low,
        "trunk_flexion": rng.uniform(-5, 25) * low,
        **_both("shoulder_flexion", rng.uniform(-20, 80) * low),
    }


def _twist(t: np.ndarray, rng: np.random.Generator) -> Angles:
    """Returns twisting the trunk and the neck."""
    way = np.sin(_cycle(t, rng, 0.2, 0.5))
    return {
        "trunk_twist": rng.uniform(20, 42) * way,
        "neck_twist": rng.uniform(0, 40) * way,
        **_both("shoulder_abduction", np.full_like(t, rng.uniform(20, 80))),
        **_both("shoulder_flexion", np.full_like(t, rng.uniform(0, 60))),
        **_both("elbow_flexion", np.full_like(t, rng.uniform(0, 80))),
    }


# By action, in alphabetical order; the place of a motion decides its seeds.
MOTIONS: dict[str, Callable[[np.ndarray, np.random.Generator], Angles]] = {
    "bend": _bend,
    "crouch": _crouch,
    "jump": _jump,
    "kick": _kick,
    "lunge": _lunge,
    "march": _march,
    "punch": _punch,
    "reach": _reach,
    "run": _run,
    "sit": _sit,
    "stretch": _stretch,
    "turn": _turn,
    "twist": _twist,
    "walk": _walk,
    "wave": _wave,
}
