"""Poses of prepared recordings; tests/end_to_end has those of files."""

import dataclasses

import numpy as np
import pytest

from jaxpose.body import cameras
from jaxpose.data.clips import Clips, downsample, select
from jaxpose.errors import JaxposeError
from jaxpose.pose import Pose
from jaxpose.run import Run
from tests.small_run import in_memory, small_clips, small_config, train_small

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


def predict(workdir, clips: Clips, config=None, **settings) -> list[Pose]:
    """Returns the poses of `clips` as they are read back from files."""
    run = Run.open(workdir, config or config_for())
    with in_memory(clips):
        paths = run.write_predictions(formats=["npz"], **settings)
    return [Pose.load(path) for path in paths]


def test_every_recording_becomes_the_files_of_lift(workdir, capsys):
    clips = some_recordings(("anna", "jump 1 跳.mp4", "0"), ("../b", "a/b", ".."))
    with in_memory(clips):
        paths = Run.open(workdir, config_for()).write_predictions()
    folder = workdir / "predictions_synthetic_gt"
    stems = [
        folder / "anna" / "jump 1 跳.mp4" / "0_3d",
        folder / "..%2Fb" / "a%2Fb" / "%2E%2E_3d",
    ]
    expected = [f"{stem}.{ending}" for stem in stems for ending in ("npz", "html")]
    assert list(map(str, paths)) == expected
    # No picture is drawn that nobody asked for.
    assert {path for path in folder.rglob("*") if path.is_file()} == set(paths)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("anna jump 1 跳.mp4 0: 1 person, 30 frames, 100% seen")

    run = Run.open(workdir, small_config())
    for path, clip in zip(paths[::2], clips.index, strict=True):
        pose = Pose.load(path)
        rows = slice(clip.start, clip.end)
        predicted = run.predict(clips, np.arange(clip.start, clip.end))
        predicted = predicted - predicted[:, :1]
        np.testing.assert_allclose(pose.positions_3d, predicted, atol=1e-5)
        pixels = cameras.image_coordinates(clips.keypoints_2d[rows], clip.image_size)
        np.testing.assert_allclose(pose.keypoints_2d, pixels, atol=1e-2)
        np.testing.assert_array_equal(pose.frames, np.arange(clip.length))
        np.testing.assert_allclose(pose.times, np.arange(clip.length) / 50)
        assert pose.seen.all()
        assert pose.name == f"{clip.subject} {clip.take} {clip.camera}"
        assert pose.model == f"{workdir.name} step {run.step}"


def test_files_that_exist_stay_unless_they_may_be_replaced(workdir, tmp_path):
    clips = some_recordings(("anna", "jump", "0"), ("ben", "jump", "0"))
    predict(workdir, clips, folder=tmp_path)
    first, second = sorted(tmp_path.rglob("*.npz"))
    first.write_bytes(b"own")
    second.unlink()
    with pytest.raises(JaxposeError, match=r"1 of 2 .* exists; give --overwrite"):
        predict(workdir, clips, folder=tmp_path)
    assert first.read_bytes() == b"own"
    assert Pose.load(second).positions_3d.shape == (30, 17, 3)
    predict(workdir, clips, folder=tmp_path, overwrite=True)
    assert Pose.load(first).positions_3d.shape == (30, 17, 3)


def test_poses_are_smoothed_as_lift_does(workdir, tmp_path):
    clips = some_recordings(("anna", "jump", "0"))
    (plain,) = predict(workdir, clips, folder=tmp_path / "plain")
    (smooth,) = predict(workdir, clips, folder=tmp_path / "smooth", smooth=5.0)
    expected = plain.smooth(5.0).positions_3d
    np.testing.assert_allclose(smooth.positions_3d, expected)


def test_only_the_named_subjects_are_predicted(workdir, tmp_path):
    clips = some_recordings(("anna", "jump", "0"), ("ben", "jump", "0"))
    (pose,) = predict(workdir, clips, config_for("ben"), folder=tmp_path)
    assert pose.name == "ben jump 0"
    with pytest.raises(
        JaxposeError,
        match=r"no subject 'carla'; it has anna, ben\. .*=\"\(\)\" predicts all",
    ):
        predict(workdir, clips, config_for("carla"), folder=tmp_path)


def test_a_stride_keeps_every_nth_frame_and_says_which(workdir, tmp_path):
    config = config_for()
    config.dataset.frame_stride = 4
    clips = some_recordings(("anna", "slow", "0"), ("ben", "slow", "0"))
    for pose in predict(workdir, clips, config, folder=tmp_path):
        np.testing.assert_array_equal(pose.frames, np.arange(0, 30, 4))
        assert pose.positions_3d.shape == (8, 17, 3)
        assert pose.rate == pytest.approx(12.5)
        np.testing.assert_allclose(pose.times, np.arange(0, 30, 4) / 50)


def test_source_frames_and_unseen_joints_are_in_the_result(workdir, tmp_path):
    clips = some_recordings(("anna", "walk", "0"))
    # Knees, ankles, elbows and wrists: no rule makes them of other joints.
    limbs = [2, 3, 5, 6, 12, 13, 15, 16]
    seen = np.ones((30, 17), bool)
    seen[:, limbs] = np.random.default_rng(0).random((30, 8)) > 0.2
    # Every second frame of a video at 100 frames per second, from number 11 on.
    clips = dataclasses.replace(
        clips, seen=seen, frame_numbers=np.arange(11, 71, 2, dtype=np.int32)
    )
    (pose,) = predict(workdir, clips, folder=tmp_path)
    np.testing.assert_array_equal(pose.seen, seen)
    np.testing.assert_array_equal(np.isnan(pose.keypoints_2d[..., 0]), ~seen)
    np.testing.assert_array_equal(pose.frames, np.arange(11, 71, 2))
    np.testing.assert_allclose(pose.times, np.arange(11, 71, 2) / 100)


def test_the_distortion_of_a_lens_stays_as_in_training(workdir, tmp_path):
    clips = some_recordings(("anna", "walk", "0"))
    (plain,) = predict(workdir, clips, folder=tmp_path / "plain")
    (clip,) = clips.index
    lens = {"intrinsics": (900.0, 900.0, 500.0, 500.0), "distortion": (0.2, 0, 0, 0, 0)}
    clips = dataclasses.replace(clips, index=(dataclasses.replace(clip, **lens),))
    (pose,) = predict(workdir, clips, folder=tmp_path / "lens")
    np.testing.assert_array_equal(pose.positions_3d, plain.positions_3d)
    assert pose.camera.intrinsics == lens["intrinsics"]
    assert pose.camera.distortion == lens["distortion"]


def test_a_temporal_model_gets_recordings_at_its_own_rate(tmp_path):
    """Trained at 10 frames per second, it lifts those of 50 and of 10 alike."""
    fields = {"model.num_frames": 3, "num_epochs": 1, "dataset.frame_stride": 5}
    train_small(str(tmp_path / "run"), fields)
    config = small_config()
    config.update_from_flattened_dict(fields)
    config.dataset.test_subjects = ()
    fast = some_recordings(("anna", "fast", "0"))
    numbers = np.arange(6, dtype=np.int32)
    slow = dataclasses.replace(downsample(fast, 5), frame_numbers=numbers)
    poses = []
    for clips in (fast, slow):
        folder = tmp_path / str(len(poses))
        poses += predict(tmp_path / "run", clips, config, folder=folder)
    assert [len(pose.frames) for pose in poses] == [30, 6]
    assert [pose.rate for pose in poses] == pytest.approx([50, 10])
    np.testing.assert_allclose(
        poses[0].positions_3d[::5], poses[1].positions_3d, atol=1e-6
    )
    np.testing.assert_allclose(poses[0].times[::5], poses[1].times)


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
    with pytest.raises(JaxposeError, match=r"config\.dataset\.keypoints_skeleton"):
        predict(workdir, other)
