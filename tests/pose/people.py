"""Hand-made poses of one person, and a camera that sees them."""

import numpy as np
import pytest

from jaxpose.body.skeletons import H36M_17, get_skeleton
from jaxpose.datasets.camera import Camera
from jaxpose.pose.pose import FrameOfReference, Pose

CAMERA = Camera("", (1920, 1080), intrinsics=(1500.0, 1500.0, 960.0, 540.0))

# Metres from the hip, y up. The person faces +z, so that +x is the person's left. The
# left arm is raised sideways to the height of the shoulder, the right one hangs.
STANDING = {
    "hip": (0.0, 0.0, 0.0),
    "right_hip": (-0.1, 0.0, 0.0),
    "right_knee": (-0.1, -0.42, 0.0),
    "right_ankle": (-0.1, -0.84, 0.0),
    "left_hip": (0.1, 0.0, 0.0),
    "left_knee": (0.1, -0.42, 0.0),
    "left_ankle": (0.1, -0.84, 0.0),
    "spine": (0.0, 0.25, 0.0),
    "thorax": (0.0, 0.5, 0.0),
    "neck_nose": (0.0, 0.6, 0.03),
    "head": (0.0, 0.72, 0.0),
    "left_shoulder": (0.18, 0.5, 0.0),
    "left_elbow": (0.46, 0.5, 0.0),
    "left_wrist": (0.71, 0.5, 0.0),
    "right_shoulder": (-0.18, 0.5, 0.0),
    "right_elbow": (-0.18, 0.22, 0.0),
    "right_wrist": (-0.18, -0.03, 0.0),
}


def joint(name, skeleton="h36m_17"):
    return get_skeleton(skeleton).joints.index(name)


def person(**moved):
    """`[17, 3]` metres from the hip, y up; standing but for the joints in `moved`."""
    return np.array([(STANDING | moved)[name] for name in H36M_17.joints], float)


def walking(frames=60, rate=30.0):
    """`[F, 17, 3]`, y up: turns, swings arms and legs, bends knees and elbows."""
    time = np.arange(frames) / rate
    swing = 0.5 * np.sin(2 * np.pi * time)
    positions = np.repeat(person()[None], frames, axis=0)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        angle = sign * swing
        thigh = _hanging(0.42, angle)
        shank = _hanging(0.42, angle - 0.3 - 0.2 * np.cos(2 * np.pi * time))
        upper, fore = _hanging(0.28, -angle), _hanging(0.25, -angle + 0.6)
        hip, shoulder = joint(f"{side}_hip"), joint(f"{side}_shoulder")
        positions[:, hip + 1] = positions[:, hip] + thigh
        positions[:, hip + 2] = positions[:, hip + 1] + shank
        positions[:, shoulder + 1] = positions[:, shoulder] + upper
        positions[:, shoulder + 2] = positions[:, shoulder + 1] + fore
    turn = 0.8 * time
    rotation = np.zeros((frames, 3, 3))
    rotation[:, 1, 1] = 1
    rotation[:, 0, 0] = rotation[:, 2, 2] = np.cos(turn)
    rotation[:, 0, 2], rotation[:, 2, 0] = np.sin(turn), -np.sin(turn)
    return np.einsum("fij,fnj->fni", rotation, positions)


def _hanging(length, angle):
    """A bone that hangs, swung forward by an angle."""
    zeros = np.zeros_like(angle)
    return length * np.stack([zeros, -np.cos(angle), np.sin(angle)], axis=-1)


def to_camera(positions):
    """From y up, z towards the camera, to camera axes."""
    return np.asarray(positions) * [1, -1, -1]


def project(positions, camera=CAMERA):
    """Pixels of positions in camera axes with the origin at the camera."""
    fx, fy, cx, cy = camera.intrinsics
    return positions[..., :2] / positions[..., 2:] * [fx, fy] + [cx, cy]


def make_pose(positions, root=(0.0, 0.0, 4.0), rate=30.0, **fields):
    """A pose relative to the hip, in camera axes, as a lifter returns it.

    Args:
      positions: `[F, J, 3]` metres from the hip, in camera axes.
      root: of the hip in camera axes, `[3]` or `[F, 3]`; where the keypoints are from.
      rate: frames per second.
      fields: of the pose, in place of these.
    """
    positions = np.asarray(positions, float)
    frames, joints = positions.shape[:2]
    placed = positions + np.broadcast_to(root, (frames, 3))[:, None]
    made = {
        "name": "walk",
        "positions_3d": positions,
        "seen": np.ones((frames, joints), bool),
        "frames": np.arange(frames),
        "times": np.arange(frames) / rate,
        "keypoints_2d": project(placed),
        "camera": CAMERA,
        "frame_of_reference": FrameOfReference.CAMERA_FROM_HIP,
        "model": "made up",
    }
    return Pose(**(made | fields))


def standing_pose(length=3, **fields):
    """A person who stands still and faces the camera, the left arm raised."""
    return make_pose(np.repeat(to_camera(person())[None], length, axis=0), **fields)


def walk(length=20, **fields):
    """A walking person from frame 6 of a source of 30 frames per second."""
    frames = np.arange(6, 6 + length)
    made = {"frames": frames, "times": frames / 30.0} | fields
    return make_pose(to_camera(walking(length)), root=(0.2, 0.1, 4.0), **made)


def check_standing(positions, unit, right, up, away):
    """Checks where `standing_pose` is, in the axes and unit of a format."""
    frame = positions[0] / unit
    head, hip = frame[joint("head")], frame[joint("hip")]
    assert (head - hip) @ up == pytest.approx(0.72, abs=1e-5)
    assert (frame[joint("left_ankle")] - hip) @ up == pytest.approx(-0.84, abs=1e-5)
    # The camera sees the left of a person who faces it on the right.
    wrist = frame[joint("left_wrist")] - hip
    assert wrist @ right == pytest.approx(0.71, abs=1e-5)
    assert wrist @ up == pytest.approx(0.5, abs=1e-5)
    assert (frame[joint("right_wrist")] - hip) @ right == pytest.approx(-0.18, abs=1e-5)
    # The nose is in front: nearer to the camera.
    nose = frame[joint("neck_nose")] - hip
    assert nose @ away == pytest.approx(-0.03, abs=1e-5)


Y_UP = {"right": (1, 0, 0), "up": (0, 1, 0), "away": (0, 0, -1)}
Z_UP = {"right": (1, 0, 0), "up": (0, 0, 1), "away": (0, 1, 0)}
