"""Recordings of one's own: trained on, and predicted."""

import numpy as np
import pytest

import jaxpose
from jaxpose.data.splits import load_clips_of
from jaxpose.scoring import evaluate
from tests.end_to_end.formats import clips_to_test, group

pytestmark = group("custom")


def test_recordings_of_ones_own(run):
    done = run("custom")
    assert set(done.results["per_action"]) == {"turning"}
    assert done.results["frames"] == 40
    assert done.results["protocol"]["train_subjects"] == ["anna"]


def test_predicts_recordings_of_ones_own_with_and_without_truth(run):
    done = run("custom")
    config = done.config.copy_and_resolve_references()
    config.dataset.test_subjects = ()
    clips = load_clips_of(config.dataset)
    paths = jaxpose.Run.open(done.workdir, config).write_predictions()
    files = [np.load(path) for path in paths]
    assert [str(file["subject"]) for file in files] == [
        clip.subject for clip in clips.index
    ]
    assert {str(file["subject"]) for file in files} == {
        "anna",
        "ben",
        "carla",
        "dave",
        "erin",
        "fred",
    }
    np.testing.assert_array_equal(
        np.concatenate([file["valid"] for file in files]), clips.valid
    )
    for file, clip in zip(files, clips.index, strict=True):
        assert file["positions_3d"].shape == (clip.length, 17, 3)
        assert np.isfinite(file["positions_3d"]).all()
        assert (file["unit"], file["skeleton"], file["fps"]) == (
            "metre",
            "h36m_17",
            clip.fps,
        )
    (with_truth,) = (file for file in files if file["subject"] == "fred")
    test, frames = clips_to_test(done.config)
    scores = evaluate.score(with_truth["positions_3d"], test, frames)
    assert scores["mpjpe"] == pytest.approx(done.results["mpjpe"], rel=1e-5)


def test_a_model_in_image_space_predicts_recordings_in_its_own_unit(run):
    done, custom = run("human36m_motionbert"), run("custom")
    config = done.config.copy_and_resolve_references()
    config.dataset.name, config.dataset.data_dir = (
        "custom/h36m_17",
        custom.config.dataset.data_dir,
    )
    config.dataset.test_subjects = ("fred",)
    (path,) = jaxpose.Run.open(done.workdir, config).write_predictions()
    assert np.load(path)["unit"] == "half image width"
