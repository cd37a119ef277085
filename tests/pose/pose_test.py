"""The pose itself: what it refuses, bones, and joint angles of hand-made people."""

import dataclasses

import numpy as np
import pytest

import jaxpose
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.pose.pose import FrameOfReference
from tests.pose.made_pose import waving
from tests.pose.people import (
    joint,
    make_pose,
    person,
    standing_pose,
    to_camera,
    walking,
)


def angles_of(upright=False, **moved):
    """The joint angles of a person who stands but for some joints, in one frame."""
    positions = person(**moved)[None]
    if upright:
        frame = FrameOfReference.UPRIGHT_FROM_HIP
        pose = make_pose(positions, frame_of_reference=frame)
    else:
        pose = make_pose(to_camera(positions))
    return {name: float(value[0]) for name, value in pose.joint_angles().items()}


def test_a_pose_is_shown_on_one_line():
    shown = "<Pose wave: 40 frames of 17 joints, 25 fps, camera axes, relative to the"
    assert repr(waving()) == f"{shown} hip>"


def test_pose_is_public():
    assert jaxpose.Pose is type(standing_pose())


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "seen",
            np.ones((3, 16), bool),
            r"seen has shape \[3, 16\]; expected \[3, 17\]",
        ),
        ("times", np.array([0.0, 0.1, 0.1]), "times do not ascend"),
        ("positions_3d", np.full((3, 17, 3), np.nan), "not all finite"),
        ("positions_3d", np.full((3, 17, 3), 1e30), r"not all .* within 1e\+09 m"),
        ("positions_3d", np.zeros((0, 17, 3)), "with at least one frame"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(field, value, message):
    with pytest.raises(JaxposeError, match=f"'walk'.*{message}"):
        dataclasses.replace(standing_pose(), **{field: value})


def test_angles_of_a_person_who_stands_with_the_left_arm_raised_sideways():
    angles = angles_of()
    for side in ("left", "right"):
        for name in ("knee_flexion", "hip_flexion", "hip_abduction", "elbow_flexion"):
            assert angles[f"{side}_{name}"] == pytest.approx(0, abs=1e-9)
    assert angles["left_shoulder_abduction"] == pytest.approx(90)
    assert angles["left_shoulder_elevation"] == pytest.approx(90)
    assert np.isnan(angles["left_shoulder_flexion"])  # the arm is across its plane
    for name in ("flexion", "abduction", "elevation"):
        assert angles[f"right_shoulder_{name}"] == pytest.approx(0, abs=1e-9)
    assert angles["trunk_rotation"] == pytest.approx(0, abs=1e-9)
    assert "trunk_flexion" not in angles  # camera axes do not tell what is upright


def test_angles_of_a_person_on_a_chair():
    seated = {}
    for side, x in (("left", 0.1), ("right", -0.1)):
        seated[f"{side}_knee"] = (x, 0.0, 0.42)
        seated[f"{side}_ankle"] = (x, -0.42, 0.42)
    angles = angles_of(**seated)
    for side in ("left", "right"):
        assert angles[f"{side}_hip_flexion"] == pytest.approx(90)
        assert angles[f"{side}_knee_flexion"] == pytest.approx(90)
        assert angles[f"{side}_hip_abduction"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("elbow", "flexion"),
    [
        ((-0.18, 0.5, 0.28), 90),  # forward
        ((-0.18, 0.78, 0.0), 180),  # overhead
        ((-0.18, 0.5, -0.28), -90),  # backward
        ((-0.18, 0.5 - 0.28 * np.cos(0.5), -0.28 * np.sin(0.5)), -np.degrees(0.5)),
    ],
)
def test_the_shoulder_flexes_forward_and_extends_backward(elbow, flexion):
    angles = angles_of(right_elbow=elbow)
    assert angles["right_shoulder_flexion"] == pytest.approx(flexion)
    assert angles["right_shoulder_elevation"] == pytest.approx(abs(flexion))


def test_abduction_is_away_from_the_body_on_both_sides():
    far, near = 0.1 + 0.42 * np.sin(0.4), 0.1 - 0.42 * np.sin(0.2)
    angles = angles_of(
        left_knee=(far, -0.42 * np.cos(0.4), 0), right_knee=(-near, -0.42, 0)
    )
    assert angles["left_hip_abduction"] == pytest.approx(np.degrees(0.4))
    inwards = np.degrees(np.arctan2(0.42 * np.sin(0.2), 0.42))
    assert angles["right_hip_abduction"] == pytest.approx(-inwards)
    angles = angles_of(right_elbow=(-0.46, 0.5, 0))
    assert angles["right_shoulder_abduction"] == pytest.approx(90)


def test_elbow_flexion_is_the_angle_between_the_bones():
    wrist = (-0.18, 0.22 - 0.25 * np.cos(1.2), 0.25 * np.sin(1.2))
    angles = angles_of(right_wrist=wrist)
    assert angles["right_elbow_flexion"] == pytest.approx(np.degrees(1.2))


def test_shoulders_that_turn_left_rotate_the_trunk_to_the_left():
    # Turned left, the left shoulder is behind: the person faces +z.
    turned = np.array([0.18 * np.cos(0.3), 0.5, -0.18 * np.sin(0.3)])
    angles = angles_of(left_shoulder=turned, right_shoulder=turned * [-1, 1, -1])
    assert angles["trunk_rotation"] == pytest.approx(np.degrees(0.3))


def test_an_upright_trunk_leans_forward_and_to_the_right():
    lean = np.radians(20)
    ahead = {"thorax": (0, 0.5 * np.cos(lean), 0.5 * np.sin(lean))}
    angles = angles_of(upright=True, **ahead)
    assert angles["trunk_flexion"] == pytest.approx(20)
    assert angles["trunk_side_lean"] == pytest.approx(0, abs=1e-9)
    aside = {"thorax": (-0.5 * np.sin(lean), 0.5 * np.cos(lean), 0)}
    angles = angles_of(upright=True, **aside)
    assert angles["trunk_side_lean"] == pytest.approx(20)
    assert angles["trunk_flexion"] == pytest.approx(0, abs=1e-9)


def test_toes_that_are_lifted_flex_the_ankle():
    standing = dict(zip(get_skeleton("h36m_17").joints, person(), strict=True))
    for side in ("left", "right"):
        ankle = standing[f"{side}_ankle"]
        standing[f"{side}_toe"] = ankle + 0.2 * np.array([0, np.sin(0.3), np.cos(0.3)])
    positions = [[standing[name] for name in get_skeleton("h36m_19").joints]]
    angles = make_pose(to_camera(positions), skeleton="h36m_19").joint_angles()
    assert angles["left_ankle_flexion"] == pytest.approx(np.degrees(0.3))
    assert angles["right_ankle_flexion"] == pytest.approx(np.degrees(0.3))


def test_angles_say_which_joints_a_skeleton_lacks():
    pose = make_pose(
        np.random.default_rng(0).normal(size=(2, 32, 3)), skeleton="h36m_32"
    )
    with pytest.raises(
        JaxposeError, match=r"joint angles needs the joints hip, .*h36m_32"
    ):
        pose.joint_angles()


def test_bone_lengths_are_those_of_the_frames_that_saw_both_ends():
    pose = standing_pose(3)
    positions, seen = pose.positions_3d.copy(), pose.seen.copy()
    positions[2, joint("left_wrist"), 0] += 5  # a guess, far off
    seen[2, joint("left_wrist")] = False
    positions[1, joint("left_wrist"), 0] += 0.02
    changed = dataclasses.replace(pose, positions_3d=positions, seen=seen)
    lengths = changed.bone_lengths()
    assert lengths["left_elbow-left_wrist"] == pytest.approx(0.26)
    assert lengths["hip-right_hip"] == pytest.approx(0.1)
    assert len(lengths) == 16


def test_constant_bones_keep_the_root_and_every_direction():
    rng = np.random.default_rng(1)
    positions = to_camera(walking(20)) * rng.uniform(0.9, 1.1, (20, 1, 1)) + [1, 2, 3]
    pose = make_pose(positions)
    constant = pose.with_constant_bones()
    assert (constant.positions_3d[:, 0] == pose.positions_3d[:, 0]).all()
    for child, parent in pose.body.bones:
        before = pose.positions_3d[:, child] - pose.positions_3d[:, parent]
        after = constant.positions_3d[:, child] - constant.positions_3d[:, parent]
        lengths = np.linalg.norm(after, axis=-1)
        name = f"{pose.joints[parent]}-{pose.joints[child]}"
        np.testing.assert_allclose(lengths, pose.bone_lengths()[name])
        before /= np.linalg.norm(before, axis=-1, keepdims=True)
        np.testing.assert_allclose(after / lengths[:, None], before, atol=1e-12)
