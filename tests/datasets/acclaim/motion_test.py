"""Motion on the 17 joints: frame rates, jumps of the recording, world axes."""

import numpy as np

from jaxpose.datasets.acclaim import motion


def test_resampling_keeps_time_and_straight_lines():
    line = np.arange(121.0)[:, None, None] * np.ones((1, 2, 3)) / 120
    resampled = motion.resample(line, 120, 50)
    assert len(resampled) == 51
    np.testing.assert_allclose(resampled[:, 0, 0], np.arange(51) / 50, atol=1e-12)
    np.testing.assert_array_equal(motion.resample(line[:1], 120, 50), line[:1])
    np.testing.assert_allclose(motion.resample(line, 120, 120), line)


def test_sixty_hertz_last_twice_as_long_as_as_many_frames_of_120():
    line = np.arange(121.0)[:, None, None] * np.ones((1, 2, 3)) / 60  # 1 m/s
    resampled = motion.resample(line, 60, 50)
    assert len(resampled) == 101
    speed = np.diff(resampled[:, 0, 0]) * 50
    np.testing.assert_allclose(speed, 1.0, atol=1e-12)


def _jumps(*steps: int, distance: float = 0.13, rate: float = 120) -> list[int]:
    """Frames around jumps of one of two joints, in a take of 200 frames."""
    positions = np.zeros((200, 2, 3))
    for number, step in enumerate(steps):
        positions[step:, 1, 0] = 0 if number % 2 else distance
    return np.flatnonzero(motion.find_jumps(positions, rate)).tolist()


def test_the_frames_before_and_after_a_jump_are_marked():
    assert _jumps(100) == [99, 100]  # 15.6 m/s
    assert _jumps(100, distance=0.12) == []  # 14.4 m/s
    assert _jumps(100, rate=60) == []  # 7.8 m/s
    assert not motion.find_jumps(np.zeros((1, 2, 3)), 120).any()


def test_a_quarter_of_a_second_between_jumps_or_at_an_end_is_marked_too():
    assert _jumps(100, 130) == list(range(99, 131))
    assert _jumps(100, 131) == [99, 100, 130, 131]
    assert _jumps(30) == list(range(31))
    assert _jumps(31) == [30, 31]
    assert _jumps(170) == list(range(169, 200))
    assert _jumps(169) == [168, 169]


def test_a_pose_with_less_than_five_centimetres_of_motion_is_static():
    positions = np.ones((5, 2, 3)) * np.arange(1.0, 4.0)
    positions[2, 1, 1] += 0.049
    assert motion.is_static(positions)
    positions[2, 1, 1] += 0.002
    assert not motion.is_static(positions)


def test_world_axes_and_centre():
    np.testing.assert_array_equal(motion.to_z_up(np.array([1.0, 2.0, 3.0])), [1, -3, 2])
    moved = motion.centre(np.random.default_rng(0).normal(5, 1, (9, 17, 3)))
    np.testing.assert_allclose(moved[:, 0, :2].mean(axis=0), 0, atol=1e-12)
    assert moved[..., 2].mean() > 4  # heights stay
