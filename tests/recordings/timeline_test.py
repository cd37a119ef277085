"""Frames by their numbers, and sequences at another rate."""

import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.recordings.timeline import (
    back_to_frames,
    find_step,
    make_timeline,
    sample,
    sample_positions,
)


def test_frames_lie_at_their_numbers_and_gaps_stay():
    frames = np.array([12, 10, 15])
    timeline = make_timeline(frames, 10, 7, (13, 14), "walk")
    assert timeline.numbers.tolist() == [10, 11, 12, 13, 14, 15, 16]
    assert timeline.missing.tolist() == [False] * 3 + [True] * 2 + [False] * 2
    placed = timeline.place(frames, np.array([1.0, 2.0, 3.0]), np.nan)
    np.testing.assert_array_equal(placed, [2, np.nan, 1, np.nan, np.nan, 3, np.nan])
    part = timeline.between(12, 15)
    assert part.numbers.tolist() == [12, 13, 14, 15]


@pytest.mark.parametrize(
    ("frames", "step"),
    [
        ([0, 5, 10, 15, 20], 5),
        ([3, 8, 13, 28, 33, 38], 5),  # two are missing
        ([20, 0, 10, 5, 15, 15], 5),  # in any order, two people in one frame
        ([0, 1, 2, 3, 4], 1),
        ([0, 2, 4, 7, 9], 1),
        ([0, 100, 300, 500, 900], 1),  # hundreds, but no constant step
        ([0, 30], 1),  # too few to tell
        ([], 1),
    ],
)
def test_a_constant_step_is_found(frames, step):
    assert find_step(np.array(frames, int)) == step


def test_every_fifth_frame_has_no_gaps():
    frames = np.arange(3, 104, 5)
    timeline = make_timeline(frames, 0, 104, (), "walk")
    assert timeline.step == 5
    np.testing.assert_array_equal(timeline.numbers, frames)
    assert timeline.positions(np.array([3, 13])).tolist() == [0, 2]


def test_numbers_that_are_none_are_refused():
    with pytest.raises(JaxposeError, match=r"^walk: frames 0 to 5000000 are too many"):
        make_timeline(np.array([0, 5_000_000]), 0, 5_000_001, (), "walk")


def test_every_nth_frame_gives_n_sequences_with_each_frame_once():
    parts = sample_positions(7, 50, 10.0)
    assert [part.tolist() for part in parts] == [[0, 5], [1, 6], [2], [3], [4]]
    values = np.arange(14.0).reshape(7, 2)
    taken = [sample(values, part) for part in parts]
    np.testing.assert_array_equal(back_to_frames(taken, parts, 7), values)


@pytest.mark.parametrize("fps", [29.97, 30, 31])
def test_nearly_equal_rates_are_left_alone(fps):
    (part,) = sample_positions(4, fps, 30)
    assert part.tolist() == [0, 1, 2, 3]


def test_a_slower_source_is_interpolated_in_time():
    (part,) = sample_positions(3, 10, 50)  # five samples per frame
    np.testing.assert_allclose(part, np.arange(11) / 5)
    values = np.array([0.0, 10.0, 0.0])
    sampled = sample(values, part)
    np.testing.assert_allclose(sampled, [0, 2, 4, 6, 8, 10, 8, 6, 4, 2, 0])
    np.testing.assert_array_equal(back_to_frames([sampled], [part], 3), values)


def test_rates_without_a_whole_ratio_are_interpolated_both_ways():
    (part,) = sample_positions(61, 60, 50)  # one second
    assert len(part) == 51
    np.testing.assert_allclose(part[:3], [0, 1.2, 2.4])
    line = np.arange(61)[:, None] * np.array([1.0, -2.0])  # linear in time: no error
    back = back_to_frames([sample(line, part)], [part], 61)
    np.testing.assert_allclose(back, line, atol=1e-9)


def test_the_last_frame_lies_within_the_samples():
    for num_frames in range(1, 12):
        parts = sample_positions(num_frames, 25, 10)
        assert max(part[-1] for part in parts) >= num_frames - 1
        values = np.ones((num_frames, 2))
        taken = [sample(values, part) for part in parts]
        np.testing.assert_array_equal(back_to_frames(taken, parts, num_frames), values)


def test_whole_positions_are_copied_even_beside_nan():
    values = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(sample(values, np.array([0.0, 2.0, 5.0])), [1, 3, 3])
