"""Windows at the edges of clips, mirror images, root centring; NumPy and `jit` agree.

The recorded windows, chunks and mirror images are compared in `tests/goldens_test.py`.
"""

import jax
import numpy as np
import pytest

from jaxpose.body.skeletons import COCO_17, H36M_17, HUMANEVA_15
from jaxpose.data import windows
from jaxpose.data.clips import Clip, Clips
from jaxpose.errors import JaxposeError
from tests import reference_windows


def two_clips(**camera):
    """Clips of 5 and 3 frames; every number of a frame is the frame's index."""
    frame = np.arange(8, dtype=np.float32)
    image_size = (1000, 1000)
    a = Clip("S1", "Walk", "a", "0", 0, 5, 50.0, image_size, True, **camera)
    b = Clip("S1", "Walk", "b", "0", 5, 3, 50.0, image_size, True)
    return Clips(
        dataset="test",
        skeleton="h36m_17",
        keypoints_skeleton="coco_17",
        keypoints_source="gt",
        keypoints_2d=np.broadcast_to(frame[:, None, None], (8, 17, 2)).copy(),
        positions_3d=np.broadcast_to(frame[:, None, None], (8, 17, 3)).copy(),
        valid=np.ones(8, bool),
        index=(a, b),
    )


def test_the_table_has_the_range_of_frames_of_each_clip():
    table = windows.frame_table(two_clips())
    assert table.clip_start.dtype == table.clip_end.dtype == np.int32
    assert table.clip_start.tolist() == [0, 5]
    assert table.clip_end.tolist() == [5, 8]
    assert table.clip_of_frame.tolist() == [0, 0, 0, 0, 0, 1, 1, 1]


def test_the_table_has_the_camera_and_the_vertical_of_each_clip():
    half = np.sqrt(0.5)
    table = windows.frame_table(
        two_clips(
            intrinsics=(1000.0, 1500.0, 500.0, 400.0),
            orientation=(half, -half, 0.0, 0.0),  # the camera looks along the world's y
        )
    )
    expected = [2, 3, 0, -0.2, 0, 0, 0, 0, 0]
    np.testing.assert_allclose(table.camera[0], expected, atol=1e-6)
    np.testing.assert_allclose(table.up[0], [0, -1, 0], atol=1e-6)
    assert np.isnan(table.camera[1]).all()
    assert np.isnan(table.up[1]).all()


def test_windows_stay_inside_their_clip():
    table = windows.frame_table(two_clips())
    frames = np.array([0, 2, 4, 5, 7])
    keypoints_2d, positions_3d = windows.gather_windows(table, frames, 5)
    assert keypoints_2d.shape == (5, 5, 17, 2)
    assert positions_3d.shape == (5, 5, 17, 3)
    expected = [
        [0, 0, 0, 1, 2],
        [0, 1, 2, 3, 4],
        [2, 3, 4, 4, 4],
        [5, 5, 5, 6, 7],
        [5, 6, 7, 7, 7],
    ]
    np.testing.assert_array_equal(keypoints_2d[:, :, 3, 1], expected)
    np.testing.assert_array_equal(positions_3d[:, :, 16, 2], expected)


def test_causal_windows_end_at_the_target():
    table = windows.frame_table(two_clips())
    frames = np.array([0, 4, 5, 7])
    keypoints_2d, _ = windows.gather_windows(table, frames, 5, causal_shift=2)
    expected = [
        [0, 0, 0, 0, 0],
        [0, 1, 2, 3, 4],
        [5, 5, 5, 5, 5],
        [5, 5, 5, 6, 7],
    ]
    np.testing.assert_array_equal(keypoints_2d[..., 0, 0], expected)


@pytest.mark.parametrize("causal_shift", [0, 4])
def test_one_window_per_frame_is_a_slide_over_the_padded_sequence(causal_shift):
    clips = two_clips()
    table = windows.frame_table(clips)
    gathered, _ = windows.gather_windows(table, np.arange(5, 8), 9, causal_shift)
    sequence = clips.keypoints_2d[5:]
    padded = reference_windows.pad_sequence(sequence, 9, causal_shift)
    assert padded.shape == (3 + 8, 17, 2)
    np.testing.assert_array_equal(gathered, [padded[i : i + 9] for i in range(3)])


def test_jit_gives_the_windows_of_numpy():
    table = windows.frame_table(two_clips())
    frames = np.array([7, 0, 3], np.int32)
    gather = jax.jit(windows.gather_windows, static_argnums=(2, 3))
    by_jax = gather(jax.device_put(table), jax.device_put(frames), 3, 1)
    by_numpy = windows.gather_windows(table, frames, 3, 1)
    np.testing.assert_array_equal(by_jax[0], by_numpy[0])
    np.testing.assert_array_equal(by_jax[1], by_numpy[1])


@pytest.mark.parametrize("skeleton", [H36M_17, COCO_17, HUMANEVA_15])
def test_flipping_twice_is_the_identity(skeleton):
    pose = np.random.default_rng(0).normal(size=(4, 3, skeleton.num_joints, 3))
    flipped = windows.flip(pose, skeleton)
    for left, right in zip(skeleton.left, skeleton.right, strict=True):
        expected = pose[..., right, :] * np.array([-1, 1, 1])
        np.testing.assert_array_equal(flipped[..., left, :], expected)
    np.testing.assert_array_equal(windows.flip(flipped, skeleton), pose)


def test_flip_where_flips_the_flagged_samples():
    pose = jax.random.normal(jax.random.key(0), (3, 2, 17, 2))
    flags = np.array([True, False, True])
    flip_where = jax.jit(windows.flip_where, static_argnums=2)
    mixed = flip_where(flags, pose, COCO_17)
    np.testing.assert_array_equal(mixed[::2], windows.flip(pose, COCO_17)[::2])
    np.testing.assert_array_equal(mixed[1], pose[1])


def test_root_centre():
    pose = np.random.default_rng(0).normal(size=(2, 17, 3))
    centred = windows.root_centre(pose, 14)
    assert not centred[:, 14].any()
    np.testing.assert_allclose(centred[:, 3] - centred[:, 5], pose[:, 3] - pose[:, 5])


@pytest.mark.parametrize("receptive_field", [0, 4])
def test_a_window_needs_an_odd_number_of_frames(receptive_field):
    table = windows.frame_table(two_clips())
    with pytest.raises(JaxposeError, match=f"is {receptive_field}; .* an odd number"):
        windows.gather_windows(table, np.array([0]), receptive_field)


def test_a_flip_needs_the_joints_of_its_skeleton():
    with pytest.raises(JaxposeError, match=r"\(2, 17, 2\).*humaneva_15.*15 joints"):
        windows.flip(np.zeros((2, 17, 2)), HUMANEVA_15)
