"""Predictions of recordings without a truth; tests/end_to_end has those of files."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from jaxpose.data.clips import Clips, downsample, select
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import Predictor
from jaxpose.parallel import sharding
from jaxpose.run import Run
from tests.small_run import (
    in_memory,
    small_clips,
    small_config,
    train_small,
    without_pictures,
)

pytestmark = pytest.mark.xdist_group("train")


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A finished run of another target scale than the config's."""
    directory = tmp_path_factory.mktemp("finished")
    train_small(str(directory), {"num_epochs": 1, "target_scale": 10.0})
    return directory


def some_recordings(*names: tuple[str, str, str]) -> Clips:
    """2D only, of these subjects, takes and cameras."""
    clips = select(small_clips(frames=30), lambda clip: clip.subject.startswith("test"))
    clips = select(clips, lambda clip: clip in clips.index[: len(names)])
    renamed = [
        dataclasses.replace(clip, subject=subject, take=take, camera=camera)
        for clip, (subject, take, camera) in zip(clips.index, names, strict=True)
    ]
    return dataclasses.replace(
        clips,
        index=tuple(renamed),
        positions_3d=np.full_like(clips.positions_3d, np.nan),
    )


def config_for(*subjects: str):
    config = small_config()
    config.dataset.test_subjects = subjects
    return config


def test_every_recording_becomes_a_file_and_a_picture(workdir, capsys):
    clips = some_recordings(("anna", "jump 1 跳.mp4", "0"), ("../b", "a/b", ".."))
    with in_memory(clips):
        paths = Run.open(workdir, config_for()).write_predictions()
    folder = workdir / "predictions_synthetic_gt"
    assert paths == [
        folder / "anna" / "jump 1 跳.mp4" / "0.npz",
        folder / "..%2Fb" / "a%2Fb" / "%2E%2E.npz",
    ]
    written = {path for path in folder.rglob("*") if path.is_file()}
    assert written == {*paths, *(path.with_suffix(".gif") for path in paths)}
    assert f"2 recordings are in {folder}" in capsys.readouterr().out

    run, mesh = Run.open(workdir, small_config()), sharding.make_mesh()
    lift = Predictor(run.model, clips, flip_average=True, batch_size=8, mesh=mesh)
    for path, clip in zip(paths, clips.index, strict=True):
        file = np.load(path)
        expected = lift(run.variables, np.arange(clip.start, clip.end))
        np.testing.assert_allclose(file["positions_3d"], expected, atol=1e-6)
        np.testing.assert_array_equal(file["valid"], clips.valid[clip.start : clip.end])
        np.testing.assert_array_equal(file["frames"], np.arange(clip.length))
        np.testing.assert_allclose(file["times"], np.arange(clip.length) / 50)
        assert file["seen"].shape == (clip.length, 17)
        assert file["seen"].all()
        names = [
            str(file[name])
            for name in ("subject", "action", "take", "camera", "skeleton", "unit")
        ]
        assert names == [
            clip.subject,
            clip.action,
            clip.take,
            clip.camera,
            "h36m_17",
            "metre",
        ]
        assert file["step"] == run.step == 12
        with Image.open(path.with_suffix(".gif")) as animation:
            assert animation.n_frames == 8  # 30 at 50 frames per second, every fourth
            first = np.asarray(animation.convert("RGB"))
            animation.seek(4)
            assert (np.asarray(animation.convert("RGB")) != first).any()


def test_only_the_named_subjects_are_predicted(workdir):
    clips = some_recordings(("anna", "jump", "0"), ("ben", "jump", "0"))
    with in_memory(clips):
        (path,) = Run.open(workdir, config_for("ben")).write_predictions()
        assert path.parts[-3:] == ("ben", "jump", "0.npz")
        with pytest.raises(
            JaxposeError,
            match=r"no subject 'carla'; it has anna, ben\. .*=\"\(\)\" predicts all",
        ):
            Run.open(workdir, config_for("carla")).write_predictions()


def test_a_stride_keeps_every_nth_frame_and_says_which(workdir):
    config = config_for()
    config.dataset.frame_stride = 4
    with in_memory(some_recordings(("anna", "slow", "0"), ("ben", "slow", "0"))):
        paths = Run.open(workdir, config).write_predictions()
    for path in paths:
        file = np.load(path)
        np.testing.assert_array_equal(file["frames"], np.arange(0, 30, 4))
        assert file["positions_3d"].shape == (8, 17, 3)
        assert file["fps"] == 12.5
        np.testing.assert_allclose(file["times"], np.arange(0, 30, 4) / 50)


def test_source_frames_and_unseen_joints_are_in_the_result(workdir):
    clips = some_recordings(("anna", "walk", "0"))
    seen = np.random.default_rng(0).random((30, 17)) > 0.2
    # Every second frame of a video at 100 frames per second, from number 11 on.
    clips = dataclasses.replace(
        clips, seen=seen, frame_numbers=np.arange(11, 71, 2, dtype=np.int32)
    )
    with in_memory(clips):
        (path,) = Run.open(workdir, config_for()).write_predictions()
    file = np.load(path)
    np.testing.assert_array_equal(file["seen"], seen)
    np.testing.assert_array_equal(file["frames"], np.arange(11, 71, 2))
    np.testing.assert_allclose(file["times"], np.arange(11, 71, 2) / 100)


def test_a_temporal_model_gets_recordings_at_its_own_rate(tmp_path):
    """Trained at 10 frames per second, it lifts those of 50 and of 10 alike."""
    fields = {"model.num_frames": 3, "num_epochs": 1, "dataset.frame_stride": 5}
    train_small(str(tmp_path), fields)
    config = small_config()
    config.update_from_flattened_dict(fields)
    config.dataset.test_subjects = ()
    fast = some_recordings(("anna", "fast", "0"))
    slow = dataclasses.replace(
        downsample(fast, 5), frame_numbers=np.arange(6, dtype=np.int32)
    )
    results = []
    for clips in (fast, slow):
        with in_memory(clips), without_pictures():
            (path,) = Run.open(tmp_path, config).write_predictions()
            results.append(dict(np.load(path)))
    assert [len(result["positions_3d"]) for result in results] == [30, 6]
    assert [float(result["fps"]) for result in results] == [50, 10]
    np.testing.assert_allclose(
        results[0]["positions_3d"][::5], results[1]["positions_3d"], atol=1e-6
    )
    np.testing.assert_allclose(results[0]["times"][::5], results[1]["times"])


def test_what_cannot_be_predicted_is_named(workdir, tmp_path):
    config = config_for()
    config.model.depth = 3
    with pytest.raises(JaxposeError, match=r"config\.model\.depth: 1 there, 3 now"):
        Run.open(workdir, config).write_predictions()
    with pytest.raises(JaxposeError, match="holds no run"):
        Run.open(tmp_path, config_for()).write_predictions()
    other = dataclasses.replace(
        some_recordings(("anna", "jump", "0")), keypoints_skeleton="coco_17"
    )
    with (
        in_memory(other),
        pytest.raises(JaxposeError, match=r"config\.dataset\.keypoints_skeleton"),
    ):
        Run.open(workdir, config_for()).write_predictions()
