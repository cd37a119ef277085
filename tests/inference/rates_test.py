"""Clips at the rate of a model, and their poses at the frames again."""

import dataclasses

import numpy as np
import pytest

from jaxpose.data.clips import select
from jaxpose.inference.rates import Rates, resample
from tests.small_run import small_clips


@pytest.fixture
def clips():
    """Two clips of 30 frames, of 50 and 60 frames per second."""
    clips = small_clips(frames=30)
    clips = select(clips, lambda clip: clip in clips.index[:2])
    first, second = clips.index
    return dataclasses.replace(
        clips, index=(first, dataclasses.replace(second, fps=60.0))
    )


def test_the_nearest_rate_is_nearest_by_its_ratio():
    assert Rates((10, 50)).nearest(30) == 50
    assert Rates((10, 50)).nearest(20) == 10


def test_a_model_of_all_rates_between_two_sees_whole_multiples_of_others():
    known = Rates(span=(20, 60))
    assert known.are_known
    assert [known.nearest(fps) for fps in (20, 29.97, 60)] == [20, 29.97, 60]
    assert [known.nearest(fps) for fps in (120, 240, 100)] == [60, 60, 50]
    assert [known.nearest(fps) for fps in (12, 10, 1)] == [24, 20, 20]


def test_each_clip_is_sampled_at_the_rate_of_the_model(clips):
    resampled = resample(clips, Rates((25.0,)))
    lengths = [clip.length for clip in resampled.clips.index]
    assert lengths == [15, 15, 14]  # every second frame twice; 29 / 2.4 = 12.1
    assert {clip.fps for clip in resampled.clips.index} == {25}
    starts = [clip.start for clip in resampled.clips.index]
    assert starts == [0, 15, 30]
    keypoints_2d = resampled.clips.keypoints_2d
    np.testing.assert_array_equal(keypoints_2d[:15], clips.keypoints_2d[0:30:2])
    np.testing.assert_array_equal(keypoints_2d[15:30], clips.keypoints_2d[1:30:2])
    # Sample 1 of the second clip lies at frame 2.4 of it.
    expected = 0.6 * clips.keypoints_2d[32] + 0.4 * clips.keypoints_2d[33]
    np.testing.assert_allclose(keypoints_2d[31], expected, atol=1e-6)


def test_the_way_back_gives_every_frame_its_pose(clips):
    resampled = resample(clips, Rates((25.0,)))
    time = np.concatenate(
        [np.arange(0, 30, 2), np.arange(1, 30, 2), np.arange(14) * 2.4]
    )
    # Poses that are linear in time come back without an error.
    poses = np.clip(time, 0, 29)[:, None, None] * np.ones((1, 17, 3))
    back = resampled.back(poses, clips)
    expected = np.concatenate([np.arange(30), np.arange(30)])[:, None, None]
    np.testing.assert_allclose(back[:58], (expected * np.ones((1, 17, 3)))[:58])
    assert back.shape == (60, 17, 3)


def test_clips_at_the_rate_of_the_model_stay_as_they_are(clips):
    resampled = resample(clips, Rates((50.0, 60.0)))
    np.testing.assert_array_equal(resampled.clips.keypoints_2d, clips.keypoints_2d)
    assert [clip.length for clip in resampled.clips.index] == [30, 30]
    poses = np.random.default_rng(0).normal(size=(60, 17, 3))
    np.testing.assert_array_equal(resampled.back(poses, clips), poses)
