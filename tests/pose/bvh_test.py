"""BVH files, read back by bvhio."""

import dataclasses
import warnings

import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from tests.pose.people import (
    Y_UP,
    check_standing,
    joint,
    make_pose,
    person,
    standing_pose,
    to_camera,
    walk,
    walking,
)

with warnings.catch_warnings():
    # It imports PyGLM by a name that PyGLM is about to rename.
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    import bvhio


def read_bvh(path, frames):
    """World positions `[F, J, 3]` by joint name, as another library computes them."""
    root = bvhio.readAsHierarchy(str(path))
    positions = {}
    for frame in range(frames):
        root.loadPose(frame)
        for node, _, _ in root.layout():
            place = positions.setdefault(node.Name, [])
            place.append(list(node.PositionWorld))
    return {name: np.array(place) for name, place in positions.items()}


def test_bvh_is_centimetres_with_y_up_and_fixed_bones(tmp_path):
    pose = standing_pose()
    path = pose.save(tmp_path / "stand.bvh")
    named = read_bvh(path, 3)
    assert set(named) == set(pose.joints)
    positions = np.stack([named[name] for name in pose.joints], axis=1)
    check_standing(positions, 100.0, **Y_UP)
    container = bvhio.readAsBvh(str(path))
    assert container.FrameCount == 3
    assert container.FrameTime == pytest.approx(1 / 30)


def test_bvh_moves_as_the_pose_does(tmp_path):
    pose = walk().with_root().upright(pitch=-10)
    named = read_bvh(pose.save(tmp_path / "walk.bvh"), 20)
    positions = np.stack([named[name] for name in pose.joints], axis=1) / 100
    # The made-up person has bones of constant length, so nothing is lost.
    np.testing.assert_allclose(positions, pose.positions_3d, atol=2e-4)


def test_bvh_keeps_directions_where_bones_change_their_length(tmp_path):
    rng = np.random.default_rng(0)
    noisy = to_camera(walking(20)) + 0.02 * rng.standard_normal((20, 17, 3))
    pose = make_pose(noisy)
    named = read_bvh(pose.save(tmp_path / "noisy.bvh"), 20)
    for parent, child in (("left_knee", "left_ankle"), ("right_elbow", "right_wrist")):
        bone = named[child] - named[parent]
        expected = (
            pose.positions_3d[:, joint(child)] - pose.positions_3d[:, joint(parent)]
        )
        length = pose.bone_lengths()[f"{parent}-{child}"]
        np.testing.assert_allclose(
            np.linalg.norm(bone, axis=-1), 100 * length, rtol=1e-4
        )
        expected = to_camera(expected) / np.linalg.norm(
            expected, axis=-1, keepdims=True
        )
        np.testing.assert_allclose(bone / (100 * length), expected, atol=1e-3)


def test_bvh_has_a_t_pose_at_rest_and_no_jumps_between_frames(tmp_path):
    # A person who turns three times about the vertical.
    turns = np.linspace(0, 6 * np.pi, 120)
    cosine, sine, zero, one = np.cos(turns), np.sin(turns), 0 * turns, 1 + 0 * turns
    rotation = np.array(
        [[cosine, zero, sine], [zero, one, zero], [-sine, zero, cosine]]
    )
    positions = np.einsum("ijf,nj->fni", rotation, person())
    path = make_pose(to_camera(positions)).save(tmp_path / "turn.bvh")
    text = path.read_text()
    offsets = dict(zip(*rest_pose(text), strict=True))
    assert offsets["left_wrist"] == pytest.approx([25, 0, 0], abs=1e-4)
    assert offsets["right_wrist"] == pytest.approx([-25, 0, 0], abs=1e-4)
    assert offsets["left_ankle"] == pytest.approx([0, -42, 0], abs=1e-4)
    assert offsets["left_shoulder"] == pytest.approx([18, 0, 0], abs=1e-4)
    motion = text.partition("Frame Time:")[2].splitlines()[1:]
    channels = np.array([line.split() for line in motion], float)
    assert channels.shape == (120, 3 + 3 * 17)
    assert np.abs(np.diff(channels, axis=0)).max() < 10  # 9.1 degrees per frame
    assert np.ptp(channels[:, 5]) == pytest.approx(3 * 360)


def test_a_bone_without_length_is_named(tmp_path):
    pose = standing_pose()
    flat = dataclasses.replace(pose, positions_3d=1e-30 * pose.positions_3d)
    with pytest.raises(JaxposeError, match=r"the bone from hip to .* has no length"):
        flat.save(tmp_path / "flat.bvh")


def rest_pose(text):
    names, offsets = [], []
    for line in text.partition("MOTION")[0].splitlines():
        words = line.split()
        if words[0] in ("ROOT", "JOINT"):
            names.append(words[1])
        elif words[0] == "End":
            names.append("end of " + names[-1])
        elif words[0] == "OFFSET":
            offsets.append([float(word) for word in words[1:]])
    return names, offsets
