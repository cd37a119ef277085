"""Scores of clips: averages, velocities, baselines."""

import json

import numpy as np
import pytest

from jaxpose.data.clips import select_subjects
from jaxpose.errors import JaxposeError
from jaxpose.scoring import baselines, evaluate
from tests.shared import shared_path
from tests.small_run import small_clips


@pytest.fixture
def clips():
    return select_subjects(small_clips(frames=20), ("test_0", "test_1"))


def test_scores_are_action_means_of_frame_means_in_millimetres(clips):
    rng = np.random.default_rng(1)
    frames = evaluate.scored_frames(clips)
    target = evaluate.root_relative(clips, frames)
    predicted = target + rng.normal(size=target.shape).astype(np.float32) * 0.05
    results = evaluate.score(predicted, clips, frames)
    error = np.linalg.norm(predicted - target, axis=-1).mean(-1) * 1000
    actions = np.array([clip.action for clip in clips.index])[
        clips.clip_of_frame[frames]
    ]
    by_action = {action: error[actions == action].mean() for action in ("Walk", "Sit")}
    assert results["mpjpe"] == pytest.approx(
        np.mean(list(by_action.values())), rel=1e-5
    )
    assert results["frame_mpjpe"] == pytest.approx(error.mean(), rel=1e-5)
    assert results["per_action"]["Sit"]["mpjpe"] == pytest.approx(
        by_action["Sit"], rel=1e-5
    )
    assert (
        results["per_action"]["Sit"]["frames"]
        == (actions == "Sit").sum()
        < (actions == "Walk").sum()
    )


def test_velocity_is_of_neighbouring_frames_of_a_clip_only(clips):
    frames = evaluate.scored_frames(clips)
    target = evaluate.root_relative(clips, frames)
    clip = clips.clip_of_frame[frames]
    # Constant within a clip, another in each: no velocity error although neighbours in
    # the array differ.
    predicted = target + clip[:, None, None].astype(np.float32)
    assert evaluate.score(predicted, clips, frames)["mpjve"] == pytest.approx(
        0, abs=1e-3
    )
    drift = target + frames[:, None, None].astype(np.float32) * 0.001
    assert evaluate.score(drift, clips, frames)["mpjve"] == pytest.approx(
        np.sqrt(3), rel=1e-3
    )


def test_invalid_frames_and_frames_without_truth_are_not_scored(clips):
    clips.positions_3d[2, 5] = np.nan
    frames = evaluate.scored_frames(clips)
    assert 2 not in frames
    assert clips.valid[frames].all()
    clips.valid[:] = False
    with pytest.raises(JaxposeError, match="no valid frame with 3D"):
        evaluate.scored_frames(clips)


def test_ridge_recovers_a_linear_truth(clips):
    rng = np.random.default_rng(2)
    matrix = rng.normal(size=(34, 51))
    poses = (
        (clips.keypoints_2d.reshape(-1, 34) @ matrix)
        .reshape(-1, 17, 3)
        .astype(np.float32)
    )
    clips.positions_3d[:] = poses - poses[:, :1]
    predicted = baselines.fit_ridge(clips, penalty=1e-9)(clips.keypoints_2d)
    np.testing.assert_allclose(predicted, clips.positions_3d, atol=1e-3)


def test_mean_pose_is_the_mean_of_valid_frames(clips):
    frames = evaluate.scored_frames(clips)
    np.testing.assert_allclose(
        baselines.mean_pose(clips),
        evaluate.root_relative(clips, frames).mean(0),
        atol=1e-6,
    )


def test_group_average_matches_the_recorded_reference():
    golden = np.load(shared_path("goldens/protocol_average.npz"))
    actions = json.loads(str(golden["config"]))["actions"]
    errors = np.array([golden[f"{action}/sequence_error"] for action in actions])
    frames = np.array([golden[f"{action}/sequence_frames"] for action in actions])
    average = evaluate.group_average((errors * frames).sum(1), frames.sum(1))
    np.testing.assert_allclose(average.per_group, golden["per_action"], rtol=1e-9)
    np.testing.assert_allclose(average.average, golden["average"], rtol=1e-9)


def test_group_average_leaves_out_groups_without_frames():
    average = evaluate.group_average(np.array([6.0, 0.0, 10.0]), np.array([3, 0, 1]))
    np.testing.assert_array_equal(average.per_group, [2, np.nan, 10])
    assert average.average == 6  # (2 + 10) / 2
    assert average.frame_mean == 4  # (6 + 10) / 4


def test_nothing_to_average_is_an_error():
    with pytest.raises(JaxposeError, match="no valid frame to average"):
        evaluate.group_average(np.zeros(2), np.zeros(2, int))
