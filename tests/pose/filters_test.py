"""Smoothing: which frequencies pass, at which phase, and what cannot be smoothed."""

import dataclasses
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from tests.pose.people import make_pose, standing_pose, to_camera, walking

RATE = 100.0


def wave(frequency, frames=1000):
    """A pose in which every number but those of the hip is one sine wave."""
    signal = np.sin(2 * np.pi * frequency * np.arange(frames) / RATE)
    positions = np.broadcast_to(signal[:, None, None], (frames, 17, 3)).copy()
    positions[:, 0] = 0
    return make_pose(positions, rate=RATE), signal


@pytest.mark.parametrize(
    ("frequency", "gain"),
    [
        (6.0, np.sqrt(0.5)),  # -3 dB at the cutoff, after both passes
        (0.5, 1.0),
        (30.0, 0.0),
    ],
)
def test_the_butterworth_filter_has_its_gain_and_no_phase(frequency, gain):
    pose, signal = wave(frequency)
    smoothed = pose.smooth(6.0).positions_3d[:, 5, 1]
    middle = slice(200, 800)  # away from both ends
    np.testing.assert_allclose(smoothed[middle], gain * signal[middle], atol=3e-3)


def test_the_gain_beyond_the_cutoff_is_that_of_two_second_order_passes():
    pose, signal = wave(12.0)
    smoothed = pose.smooth(6.0).positions_3d[300:700, 5, 1]
    # Winter: tan(pi f / rate) / 0.802 is the corner of one pass.
    ratio = np.tan(np.pi * 12 / RATE) / (np.tan(np.pi * 6 / RATE) / 0.8022)
    gain = 1 / (1 + ratio**4)
    assert np.ptp(smoothed) / np.ptp(signal[300:700]) == pytest.approx(gain, rel=1e-3)


def test_smoothing_keeps_the_hip_at_zero_and_removes_noise():
    truth = to_camera(walking())
    noise = 0.02 * np.random.default_rng(0).standard_normal(truth.shape)
    noise[:, 0] = 0
    smoothed = make_pose(truth + noise).smooth().positions_3d
    assert (smoothed[:, 0] == 0).all()
    before, after = np.abs(noise).mean(), np.abs(smoothed - truth).mean()
    assert after < 0.75 * before


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_short_recordings_are_smoothed_too(frames):
    pose = standing_pose(frames)
    smoothed = pose.smooth().positions_3d
    np.testing.assert_allclose(smoothed, pose.positions_3d, atol=1e-12)


def test_every_second_frame_of_a_video_has_half_its_rate():
    pose = standing_pose(20, frames=np.arange(0, 40, 2), times=np.arange(0, 40, 2) / 60)
    assert pose.rate == pytest.approx(30)
    with pytest.raises(JaxposeError, match=r"cutoff 15 Hz: .* half of the 30 frames"):
        pose.smooth(15.0)
    # A filter of so low a cutoff is beyond float64.
    with pytest.raises(JaxposeError, match="cutoff 1e-300 Hz: expected at least"):
        pose.smooth(1e-300)
    assert np.isfinite(pose.smooth(4e-4).positions_3d).all()


def test_times_without_a_constant_step_are_refused():
    pose = standing_pose(4, times=np.array([0.0, 0.1, 0.2, 0.5]))
    expected = "'walk': smooth needs a constant step of time, found 0.1 to 0.3 s"
    with pytest.raises(JaxposeError, match=expected):
        pose.smooth(2.0)


def test_one_euro_follows_its_equations():
    # Casiez et al. (2012) by hand, for a joint that jumps 1 m in 0.1 s along x.
    positions = np.zeros((2, 17, 3))
    positions[1, 5, 0] = 1.0
    pose = make_pose(positions, rate=10.0)
    filtered = pose.one_euro(min_cutoff=1.0, beta=0.5).positions_3d
    share = 0.1 / (0.1 + 1 / (2 * np.pi * 1.0))
    speed = share * 10.0
    cutoff = 1.0 + 0.5 * speed
    expected = 0.1 / (0.1 + 1 / (2 * np.pi * cutoff))
    assert filtered[1, 5, 0] == pytest.approx(expected)
    assert (filtered[0] == 0).all()
    assert (filtered[1, 6] == 0).all()


def test_one_euro_does_not_depend_on_the_axes_or_on_later_frames():
    pose = make_pose(to_camera(walking()))
    axes = [2, 0, 1]
    turned = dataclasses.replace(pose, positions_3d=pose.positions_3d[..., axes])
    filtered = pose.one_euro().positions_3d
    np.testing.assert_allclose(turned.one_euro().positions_3d, filtered[..., axes])
    changed = pose.positions_3d.copy()
    changed[30:] += 1
    later = dataclasses.replace(pose, positions_3d=changed).one_euro()
    assert (later.positions_3d[:30] == filtered[:30]).all()


def test_one_euro_refuses_a_cutoff_of_zero():
    with pytest.raises(JaxposeError, match="min_cutoff 0, beta 5"):
        standing_pose().one_euro(min_cutoff=0.0)


def test_importing_poses_imports_neither_jax_nor_scipy():
    code = (
        "import sys, jaxpose.pose, jaxpose.pose.writers;"
        "print([name for name in ('jax', 'scipy', 'ezc3d') if name in sys.modules])"
    )
    root = pathlib.Path(__file__).parents[2]
    printed = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
    )
    assert printed.stdout.strip() == "[]"
