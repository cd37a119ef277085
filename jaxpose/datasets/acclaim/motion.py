"""Turns Acclaim motion into the 17 Human3.6M joints at another frame rate, z up."""

import itertools

import numpy as np

from jaxpose.datasets.acclaim import asf_amc

# Bones whose ends are the joints of H36M_17 from index 1 on. The pelvis is the middle
# of both hips.
JOINT_BONES = (
    "rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia", "lowerback",
    "thorax", "upperneck", "head", "lclavicle", "lhumerus", "lwrist", "rclavicle",
    "rhumerus", "rwrist",
)  # fmt: skip

# Faster joints are jumps of the recording: a marker lost or mistaken for another.
MAX_SPEED = 15.0  # metres per second
# Between two jumps as close as this the joint is where it does not belong.
MAX_EXCURSION = 0.25  # seconds
# A take in which no joint moves as far as this is one pose, not a motion.
MIN_MOTION = 0.05  # metres


def joints(
    skeleton: asf_amc.AcclaimSkeleton, motion: dict[str, np.ndarray]
) -> np.ndarray:
    """Returns H36M_17 joints `[F, 17, 3]` in the file's world (y up), metres."""
    ends = asf_amc.bone_ends(skeleton, motion, JOINT_BONES)
    pelvis = (ends["lhipjoint"] + ends["rhipjoint"]) / 2
    return np.stack([pelvis] + [ends[bone] for bone in JOINT_BONES], axis=1)


def find_jumps(positions: np.ndarray, rate: float) -> np.ndarray:
    """Finds the frames around jumps, in which a joint is faster than `MAX_SPEED`.

    Args:
      positions: `[F, J, 3]`, metres.
      rate: frames per second.

    Returns:
      `[F]` bool: the frames before and after each jump, and the frames of up to
      `MAX_EXCURSION` between two jumps, or between a jump and an end of the take.
    """
    distances = np.linalg.norm(np.diff(positions, axis=0), axis=-1)
    steps = np.flatnonzero((distances * rate > MAX_SPEED).any(axis=-1))
    marked = np.zeros(len(positions), bool)
    if not len(steps):
        return marked
    marked[steps] = marked[steps + 1] = True
    # Stretches of frames without a jump, as [start, end).
    borders = np.concatenate([[0], steps + 1, [len(positions)]])
    for start, end in itertools.pairwise(borders.tolist()):
        if end - start <= MAX_EXCURSION * rate:
            marked[start:end] = True
    return marked


def is_static(positions: np.ndarray) -> bool:
    """Returns whether no joint of `positions [F, J, 3]` moves by `MIN_MOTION`."""
    return bool(np.ptp(positions, axis=0).max() < MIN_MOTION)


def resample(values: np.ndarray, rate: float, new_rate: float) -> np.ndarray:
    """Returns `values [F, ...]` at `new_rate`, linear in time between frames.

    The first frame stays where it is.
    """
    last = len(values) - 1
    num_frames = int(last * new_rate / rate) + 1
    places = np.arange(num_frames) * (rate / new_rate)  # in frames of the source
    below = np.minimum(places.astype(np.int64), max(last - 1, 0))
    above = np.minimum(below + 1, last)
    share = (places - below).reshape(-1, *[1] * (values.ndim - 1))
    return (1 - share) * values[below] + share * values[above]


def to_z_up(positions: np.ndarray) -> np.ndarray:
    """Converts world axes (x, y, z) with y up to (x, -z, y) with z up."""
    x, y, z = np.moveaxis(positions, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def centre(positions: np.ndarray) -> np.ndarray:
    """Moves `positions [F, J, 3]`, z up, so that the mean pelvis is over the origin."""
    offset = positions[:, :1].mean(axis=0, keepdims=True)
    offset[..., 2] = 0  # feet stay on the floor
    return positions - offset
