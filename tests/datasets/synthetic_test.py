"""The synthetic body: kinematics, limits, floor, smoothness and determinism."""

import numpy as np
import pytest

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets.h36m_cameras import FPS
from jaxpose.datasets.synthetic.body import LIMITS, forward_kinematics, sample_body
from jaxpose.datasets.synthetic.motions import MOTIONS, generate
from jaxpose.datasets.synthetic.synthetic_dataset_builder import STATURES

FRAMES = 200


def _body(stature: float = 1.75):
    return sample_body(stature, np.random.default_rng(0))


def _take(motion: str, seed: int = 1):
    body = _body()
    return body, *generate(motion, body, FRAMES, FPS, np.random.default_rng(seed))


def _pose(**angles: float) -> dict[str, np.ndarray]:
    """Joint positions by name; heading 0, so x is forward, y to the left, z up."""
    values = {name: np.full(1, float(angles.get(name, 0))) for name in LIMITS}
    positions = forward_kinematics(
        _body(), values, np.full(1, float(angles.get("heading", 0)))
    )
    return dict(zip(H36M_17.joints, positions[0], strict=True))


def test_standing_is_upright_symmetric_and_as_tall_as_asked():
    pose = _pose()
    mirrored = np.stack(list(pose.values()))[list(H36M_17.mirror)] * [1, -1, 1]
    np.testing.assert_allclose(np.stack(list(pose.values())), mirrored, atol=1e-12)
    assert pose["left_hip"][1] > 0 > pose["right_hip"][1]
    height = pose["head"][2] - pose["left_ankle"][2] + _body().clearance[6]
    assert (
        0.92 * 1.75 < height < 1.0 * 1.75
    )  # the head joint lies a little below the top of the head


@pytest.mark.parametrize(
    ("angle", "joint", "axis", "sign"),
    [
        ("left_hip_flexion", "left_knee", 0, 1),
        ("left_knee_flexion", "left_ankle", 0, -1),
        ("left_hip_abduction", "left_ankle", 1, 1),
        ("right_hip_abduction", "right_ankle", 1, -1),
        ("right_shoulder_flexion", "right_wrist", 0, 1),
        ("left_shoulder_abduction", "left_wrist", 1, 1),
        ("right_elbow_flexion", "right_wrist", 0, 1),
        ("trunk_flexion", "head", 0, 1),
        ("trunk_bend", "head", 1, 1),
        ("pelvis_pitch", "thorax", 0, 1),
        ("trunk_twist", "right_shoulder", 0, 1),
    ],
)
def test_positive_angles_move_joints_as_documented(angle, joint, axis, sign):
    moved = _pose(**{angle: 30})[joint] - _pose()[joint]
    assert sign * moved[axis] > 0.03


def test_inward_rotation_turns_the_bent_forearm_towards_the_midline():
    bent = {"left_elbow_flexion": 90, "right_elbow_flexion": 90}
    plain = _pose(**bent)
    turned = _pose(**bent, left_shoulder_rotation=30, right_shoulder_rotation=30)
    assert turned["left_wrist"][1] < plain["left_wrist"][1]
    assert turned["right_wrist"][1] > plain["right_wrist"][1]


def test_heading_turns_to_the_left():
    expected = _pose()["left_hip"][[1, 0, 2]] * [-1, 1, 1]
    np.testing.assert_allclose(_pose(heading=90)["left_hip"], expected, atol=1e-12)


def test_at_least_ten_kinds_of_motion():
    assert len(MOTIONS) >= 10
    assert {"walk", "run", "sit", "reach", "turn", "crouch"} <= set(MOTIONS)


@pytest.mark.parametrize("motion", MOTIONS)
def test_take_keeps_bones_limits_and_floor(motion):
    body, positions, angles = _take(motion)
    assert positions.shape == (FRAMES, 17, 3)
    lengths = _bone_lengths(positions)
    np.testing.assert_allclose(
        lengths, np.broadcast_to(lengths[:1], lengths.shape), rtol=1e-9
    )
    for name, (lower, upper) in LIMITS.items():
        assert (
            lower - 1e-9 <= angles[name].min() <= angles[name].max() <= upper + 1e-9
        ), name
    above_floor = (positions[..., 2] - body.clearance).min(axis=1)
    assert above_floor.min() > -0.04
    if motion not in ("jump", "run"):
        assert above_floor.max() < 0.04


@pytest.mark.parametrize("motion", MOTIONS)
def test_take_is_smooth_and_stays_before_the_cameras(motion):
    _, positions, _ = _take(motion)
    acceleration = np.linalg.norm(np.diff(positions, 2, axis=0), axis=-1) * FPS**2
    assert acceleration.max() < 150  # m/s^2; a jump of 6 cm between two frames
    ground = positions[:, 0, :2]
    assert np.abs(ground.mean(axis=0)).max() < 0.501
    assert np.linalg.norm(ground, axis=-1).max() < 3


@pytest.mark.parametrize("motion", ["walk", "run", "turn", "kick"])
def test_the_foot_that_carries_the_weight_stands_still(motion):
    _, positions, _ = _take(motion)
    feet = positions[:, [3, 6]]
    speed = np.linalg.norm(np.diff(feet[..., :2], axis=0), axis=-1) * FPS
    carries = feet[1:, :, 2] + 0.05 < feet[1:, ::-1, 2]
    assert np.median(speed[carries]) < 0.2 * np.median(speed[carries[:, ::-1]])


def test_jumps_leave_the_floor():
    body, positions, _ = _take("jump")
    assert (positions[..., 2] - body.clearance).min(axis=1).max() > 0.08


def test_walking_gets_somewhere_with_a_human_pace():
    _, positions, _ = _take("walk")
    pace = np.linalg.norm(np.diff(positions[:, 0, :2], axis=0), axis=-1).mean() * FPS
    assert 0.5 < pace < 2.0


def test_left_and_right_are_equally_long():
    lengths = _bone_lengths(_take("walk")[1])[0]
    of_child = {
        child: length for (child, _), length in zip(H36M_17.bones, lengths, strict=True)
    }
    for left, right in zip(H36M_17.left, H36M_17.right, strict=True):
        assert of_child[left] == pytest.approx(of_child[right], rel=1e-9)


def test_takes_are_a_function_of_the_seed():
    np.testing.assert_array_equal(_take("sit", 3)[1], _take("sit", 3)[1])
    assert np.abs(_take("sit", 3)[1] - _take("sit", 4)[1]).max() > 0.05


def test_bodies_differ_between_train_and_test():
    assert not set(STATURES["train"]) & set(STATURES["test"])
    assert (
        min(STATURES["train"])
        < min(STATURES["test"])
        < max(STATURES["test"])
        < max(STATURES["train"])
    )
    small, tall = (
        sample_body(1.5, np.random.default_rng(1)),
        sample_body(1.9, np.random.default_rng(1)),
    )
    for name in small.segments:
        assert tall.segments[name] / small.segments[name] == pytest.approx(1.9 / 1.5)


def _bone_lengths(positions: np.ndarray) -> np.ndarray:
    child, parent = np.array(H36M_17.bones).T
    return np.linalg.norm(positions[:, child] - positions[:, parent], axis=-1)
