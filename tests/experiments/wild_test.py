"""The bench of simulated video: pieces, scores by hand, the whole program."""

import dataclasses
import json

import numpy as np
import pytest

from experiments import wild, wild_clips
from jaxpose.data.clips import Clip, Clips
from tests.data.simulated_detector_test import standing

# Looks along the world's y, 5 m away; the world has z up: x right, y down, z forward.
LEVEL = (0.5**0.5, -(0.5**0.5), 0.0, 0.0)


def upright_clips() -> Clips:
    """Two takes of a person who sways, 450 frames, each seen by two cameras."""
    lengths = (230, 220)
    index, start = [], 0
    for take, length in enumerate(lengths):
        for camera in ("a", "b"):
            clip = Clip(
                "17", "sway", f"sway {take}", camera, start, length, 50.0, (1000, 1000),
                True, (1000.0, 1000.0, 500.0, 500.0), None, LEVEL, (0.0, -5.0, 1.0),
            )  # fmt: skip
            index.append(clip)
            start += length
    poses = np.array(np.broadcast_to(standing()[0, 0], (start, 17, 3)))
    sway = 0.2 * np.sin(np.arange(start) / 20)
    poses[..., 0] += sway[:, None] * (0.8 - poses[..., 1])
    poses[..., 2] += 5
    keypoints = poses[..., :2] / poses[..., 2:] * 2
    return Clips(
        "cmu_mocap/gt", "h36m_17", "h36m_17", "gt", keypoints.astype(np.float32),
        poses.astype(np.float32), np.ones(start, bool), tuple(index),
    )  # fmt: skip


@pytest.mark.parametrize("cameras", wild_clips.CAMERAS)
def test_takes_are_cut_into_pieces_of_one_camera(cameras):
    clips = upright_clips()
    filmed = wild_clips.film(clips, cameras, "blazepose", 0)
    assert [clip.length for clip in filmed.index] == [200, 30, 200, 20]
    assert [clip.camera for clip in filmed.index] == ["a", "a", "b", "b"]
    assert filmed.keypoints_2d.shape == (450, 17, 3)
    assert np.isfinite(filmed.keypoints_2d).all()
    again = wild_clips.film(clips, cameras, "blazepose", 0)
    np.testing.assert_array_equal(filmed.keypoints_2d, again.keypoints_2d)
    other = wild_clips.film(clips, cameras, "blazepose", 1)
    assert not np.array_equal(filmed.keypoints_2d, other.keypoints_2d)


def test_published_cameras_keep_poses_and_see_their_joints():
    clips = upright_clips()
    filmed = wild_clips.film(clips, "published", "none", 0)
    np.testing.assert_array_equal(filmed.positions_3d[:230], clips.positions_3d[:230])
    # A limb's joint is where the camera sees it; the thorax is between the shoulders.
    ankle = 3
    np.testing.assert_allclose(
        filmed.keypoints_2d[:230, ankle, :2], clips.keypoints_2d[:230, ankle], atol=1e-5
    )
    assert (filmed.keypoints_2d[:230, ankle, 2] == 1).all()


def test_scores_by_hand():
    clips = upright_clips()
    truth = clips.positions_3d - clips.positions_3d[:, :1]
    # Every joint is off by 30 mm to the right and 40 mm in depth.
    moved = truth + np.array([0.03, 0, -0.04], np.float32)
    found = wild.score(moved, clips)
    assert found["mpjpe"] == pytest.approx(50, rel=1e-4)
    assert found["depth"] == pytest.approx(40, rel=1e-4)
    assert found["in_plane"] == pytest.approx(30, rel=1e-4)
    assert found["p_mpjpe"] == pytest.approx(0, abs=0.1)
    assert found["per_joint"]["left_wrist"] == pytest.approx(50, rel=1e-4)
    assert found["jitter"] == pytest.approx(found["true_jitter"], abs=1e-3)
    # Every other frame is 10 mm off: second differences of 20 mm, but within clips.
    shaken = np.zeros_like(truth)
    shaken[::2, :, 1] = 0.01
    assert wild.jitter(shaken, clips) == pytest.approx(20, rel=1e-4)
    # What happens in frames that are not valid does not count.
    shaken[300:] *= 9
    first = dataclasses.replace(clips, valid=np.arange(clips.num_frames) < 300)
    assert wild.jitter(shaken, first) == pytest.approx(20, rel=1e-4)


def test_rows_name_model_and_ratio():
    clips = upright_clips()
    truth_plus = {
        "good": lambda filmed: filmed.positions_3d - filmed.positions_3d[:, :1] + 0.01,
        "bad": lambda filmed: filmed.positions_3d - filmed.positions_3d[:, :1] + 0.02,
    }
    rows = wild.run_bench({"cmu_mocap/gt": clips}, truth_plus, ("none",), 1)
    assert [(row["cameras"], row["model"]) for row in rows] == [
        ("published", "good"), ("published", "bad"), ("wild", "good"), ("wild", "bad"),
    ]  # fmt: skip
    table = wild.to_markdown(json.loads(json.dumps(rows)), "bad")
    good = table.splitlines()[2].split(" | ")
    assert good[4:6] == ["17.3", "0.50"]
