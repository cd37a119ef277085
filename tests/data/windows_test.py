"""Windows, flips and chunks: goldens, edges, and the same numbers from NumPy and from jit."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body import cameras
from jaxpose.body.skeletons import COCO_17, H36M_17, HUMANEVA_15
from jaxpose.data import windows
from jaxpose.data.clips import Clip, Clips
from jaxpose.errors import JaxposeError
from tests.shared import shared_path


def two_clips():
    """Clips of 5 and 3 frames whose every number is the frame's index."""
    frame = np.arange(8, dtype=np.float32)
    index, start = [], 0
    for take, length in (("a", 5), ("b", 3)):
        index.append(
            Clip("S1", "Walking", take, "0", start, length, 50.0, (1000, 1000), True)
        )
        start += length
    return Clips(
        dataset="test",
        skeleton="h36m_17",
        keypoints_skeleton="coco_17",
        keypoints_source="gt",
        keypoints_2d=np.broadcast_to(frame[:, None, None], (8, 17, 2)).copy(),
        positions_3d=np.broadcast_to(frame[:, None, None], (8, 17, 3)).copy(),
        valid=np.ones(8, bool),
        index=tuple(index),
    )


def test_windows_stay_inside_their_clip():
    table = windows.frame_table(two_clips())
    assert table.clip_start.dtype == table.clip_end.dtype == np.int32
    keypoints_2d, positions_3d = windows.gather_windows(
        table, np.array([0, 2, 4, 5, 7]), 5
    )
    np.testing.assert_array_equal(
        keypoints_2d[:, :, 3, 1],
        [
            [0, 0, 0, 1, 2],
            [0, 1, 2, 3, 4],
            [2, 3, 4, 4, 4],
            [5, 5, 5, 6, 7],
            [5, 6, 7, 7, 7],
        ],
    )
    assert keypoints_2d.shape == (5, 5, 17, 2)
    np.testing.assert_array_equal(positions_3d[..., 0], keypoints_2d[..., 0])


def test_causal_windows_end_at_the_target():
    table = windows.frame_table(two_clips())
    keypoints_2d, _ = windows.gather_windows(
        table, np.array([0, 4, 5, 7]), 5, causal_shift=2
    )
    np.testing.assert_array_equal(
        keypoints_2d[..., 0, 0],
        [[0, 0, 0, 0, 0], [0, 1, 2, 3, 4], [5, 5, 5, 5, 5], [5, 5, 5, 6, 7]],
    )


@pytest.mark.parametrize("causal_shift", [0, 4])
def test_one_window_per_frame_is_a_slide_over_the_padded_sequence(causal_shift):
    clips = two_clips()
    table = windows.frame_table(clips)
    gathered, _ = windows.gather_windows(table, np.arange(5, 8), 9, causal_shift)
    padded = windows.pad_sequence(clips.keypoints_2d[5:], 9, causal_shift)
    assert padded.shape == (3 + 8, 17, 2)
    np.testing.assert_array_equal(gathered, [padded[i : i + 9] for i in range(3)])


def test_jit_gives_the_windows_of_numpy():
    table = windows.frame_table(two_clips())
    frames = np.array([7, 0, 3], np.int32)
    gather = jax.jit(windows.gather_windows, static_argnums=(2, 3))
    for found, expected in zip(
        gather(jax.device_put(table), frames, 3, 1),
        windows.gather_windows(table, frames, 3, 1),
        strict=True,
    ):
        np.testing.assert_array_equal(found, expected)
    sequence = jnp.asarray(table.keypoints_2d)
    np.testing.assert_array_equal(
        jax.jit(windows.pad_sequence, static_argnums=1)(sequence, 5),
        windows.pad_sequence(sequence, 5),
    )


def test_sliding_windows_match_golden():
    golden = np.load(shared_path("goldens/sliding_windows_f9.npz"))
    padded = windows.pad_sequence(golden["sequence"], 9)
    np.testing.assert_array_equal(
        [padded[i : i + 9] for i in range(14)], golden["windows"]
    )


def test_flip_matches_golden():
    golden = np.load(shared_path("goldens/tta_flip_J17.npz"))
    np.testing.assert_array_equal(
        windows.flip(golden["input"], H36M_17), golden["input_flipped"]
    )
    unflipped = windows.flip(golden["pred_on_flipped"], H36M_17)
    np.testing.assert_array_equal(unflipped, golden["pred_unflipped"])
    np.testing.assert_allclose(
        (golden["pred"] + unflipped) / 2, golden["average"], rtol=1e-6
    )


@pytest.mark.parametrize("skeleton", [H36M_17, COCO_17, HUMANEVA_15])
def test_flipping_twice_is_the_identity(skeleton):
    pose = np.random.default_rng(0).normal(size=(4, 3, skeleton.num_joints, 3))
    flipped = windows.flip(pose, skeleton)
    for left, right in zip(skeleton.left, skeleton.right, strict=True):
        np.testing.assert_array_equal(
            flipped[..., left, :], pose[..., right, :] * np.array([-1, 1, 1])
        )
    np.testing.assert_array_equal(windows.flip(flipped, skeleton), pose)


def test_flip_where_flips_the_flagged_samples():
    pose = jax.random.normal(jax.random.key(0), (3, 2, 17, 2))
    mixed = jax.jit(lambda flags, pose: windows.flip_where(flags, pose, COCO_17))(
        np.array([True, False, True]), pose
    )
    np.testing.assert_array_equal(mixed[::2], windows.flip(pose, COCO_17)[::2])
    np.testing.assert_array_equal(mixed[1], pose[1])


def test_root_centre():
    pose = np.random.default_rng(0).normal(size=(2, 17, 3))
    centred = windows.root_centre(pose, 14)
    assert not centred[:, 14].any()
    np.testing.assert_allclose(centred[:, 3] - centred[:, 5], pose[:, 3] - pose[:, 5])


@pytest.mark.parametrize(
    ("num_frames", "chunk_length"), [(12, 5), (7, 1), (5, 5), (3, 10), (11, 4)]
)
def test_chunks_cover_the_sequence_once(num_frames, chunk_length):
    bounds = windows.chunk_bounds(num_frames, chunk_length)
    assert np.all(bounds[:, 1] - bounds[:, 0] == chunk_length)
    np.testing.assert_array_equal(bounds[1:, 0], bounds[:-1, 1])
    before, after = -bounds[0, 0], bounds[-1, 1] - num_frames
    assert 0 <= before <= after <= before + 1
    assert before + after < chunk_length


def generator_cases():
    golden = np.load(shared_path("goldens/generators.npz"))
    return golden, json.loads(str(golden["config"]))["cases"]


def test_chunked_generators_match_golden():
    golden, cases = generator_cases()
    chunked = [case for case in cases if case["name"].startswith("chunked")]
    assert len(chunked) == 8
    for case in chunked:
        name, step = case["name"], case["downsample"]
        sequences = [
            [golden[f"seq{i}/poses_{d}d"][::step] for d in (2, 3)]
            + [golden[f"seq{i}/camera"]]
            for i in range(3)
        ]
        lengths = [len(sequence[0]) for sequence in sequences]
        pairs = windows.chunk_list(
            lengths, case["chunk_length"], flipped=case["augment"]
        )
        np.testing.assert_array_equal(pairs, golden[f"{name}/pairs"])
        if case["shuffle"]:
            pairs = np.random.RandomState(case["random_seed"]).permutation(pairs)
        np.testing.assert_array_equal(pairs, golden[f"{name}/order"])
        for i, (sequence, start, _, flipped) in enumerate(pairs):
            first, reach = start - case["pad"] - case["causal_shift"], 2 * case["pad"]
            bounds = np.array([0]), np.array([lengths[sequence]])
            inputs = windows.window_rows(
                np.array([first]), case["chunk_length"] + reach, *bounds
            )[0]
            targets = windows.window_rows(
                np.array([start]), case["chunk_length"], *bounds
            )[0]
            poses_2d, poses_3d, camera = sequences[sequence]
            batch = poses_2d[inputs], poses_3d[targets], camera
            if flipped:
                batch = (
                    *(windows.flip(part, H36M_17) for part in batch[:2]),
                    cameras.flip_camera(camera),
                )
            for part, key in zip(batch, ("batch_2d", "batch_3d", "cam"), strict=True):
                np.testing.assert_array_equal(part, golden[f"{name}/{key}"][i])


def test_whole_sequences_match_golden():
    golden, cases = generator_cases()
    for case in cases[8:]:
        for i in range(3):
            stem = f"{case['name']}/seq{i}"
            padded = windows.pad_sequence(
                golden[f"seq{i}/poses_2d"], 2 * case["pad"] + 1, case["causal_shift"]
            )
            np.testing.assert_array_equal(padded, golden[f"{stem}/batch_2d"][0])
            if case["augment"]:
                np.testing.assert_array_equal(
                    windows.flip(padded, H36M_17), golden[f"{stem}/batch_2d"][1]
                )


def test_subset_matches_golden():
    golden, _ = generator_cases()
    keys = [key for key in golden.files if key.startswith("subset/")]
    assert len(keys) == 18
    for key in keys:
        fraction, num_frames, stride = (
            part[1:] for part in key.split("/")[1].split("_")
        )
        found = windows.subset_frames(int(num_frames), float(fraction), int(stride))
        np.testing.assert_array_equal(found, golden[key])


def test_bad_input_is_refused():
    table = windows.frame_table(two_clips())
    with pytest.raises(JaxposeError, match="odd"):
        windows.gather_windows(table, np.array([0]), 4)
    with pytest.raises(JaxposeError, match=r"humaneva_15.*15 joints"):
        windows.flip(np.zeros((2, 17, 2)), HUMANEVA_15)
