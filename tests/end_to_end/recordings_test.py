"""Recordings of one's own: trained on, and predicted."""

import numpy as np
import pytest

import jaxpose
from jaxpose.data.splits import load_clips_of
from tests.end_to_end.formats import clips_to_test, group

pytestmark = group("custom")


def test_recordings_of_ones_own(run):
    done = run("custom")
    assert set(done.results["per_action"]) == {"turning"}
    assert done.results["frames"] == 40
    assert done.results["protocol"]["train_subjects"] == ["anna"]


def test_predicts_recordings_of_ones_own_with_and_without_truth(run, tmp_path):
    done = run("custom")
    config = done.config.copy_and_resolve_references()
    config.dataset.test_subjects = ()
    clips = load_clips_of(config.dataset)
    opened = jaxpose.Run.open(done.workdir, config)
    paths = opened.write_predictions(formats=["npz"], folder=tmp_path)
    poses = [jaxpose.Pose.load(path) for path in paths]
    names = [pose.name.split()[0] for pose in poses]
    assert names == [clip.subject for clip in clips.index]
    assert set(names) == {"anna", "ben", "carla", "dave", "erin", "fred"}
    for pose, clip in zip(poses, clips.index, strict=True):
        rows = slice(clip.start, clip.end)
        np.testing.assert_array_equal(pose.seen.all(axis=1), clips.valid[rows])
        assert pose.skeleton == "h36m_17"
        assert pose.rate == pytest.approx(clip.fps)
    # The poses are those that are scored, from the hip.
    test, frames = clips_to_test(done.config)
    expected = jaxpose.Run.open(done.workdir).predict(test, frames)
    expected = expected - expected[:, :1]
    np.testing.assert_allclose(
        poses[names.index("fred")].positions_3d, expected, atol=1e-5
    )


def test_a_model_in_image_space_gives_no_metres(run):
    done, custom = run("human36m_motionbert"), run("custom")
    config = done.config.copy_and_resolve_references()
    config.dataset.name, config.dataset.data_dir = (
        "custom/h36m_17",
        custom.config.dataset.data_dir,
    )
    config.dataset.test_subjects = ("fred",)
    with pytest.raises(
        jaxpose.JaxposeError, match="units of one half image width, from which no metre"
    ):
        jaxpose.Run.open(done.workdir, config).write_predictions()
