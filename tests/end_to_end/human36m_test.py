"""Runs on Human3.6M: its actions and frames, toes, and image space."""

import numpy as np
import pytest

import jaxpose
from jaxpose.datasets.h36m_cameras import h36m_cameras
from jaxpose.datasets.human36m import facts, motionbert
from jaxpose.errors import JaxposeError
from jaxpose.scoring import evaluate
from tests import (
    fabricate_human36m,
    motionbert_score,
)
from tests.end_to_end.formats import clips_to_test, group

pytestmark = group("human36m")


def test_human36m_has_fifteen_actions_and_all_frames_of_its_test_subjects(run):
    results = run("human36m").results
    assert set(results["per_action"]) == set(facts.ACTIONS)
    takes = [
        (subject, take)
        for subject in facts.TEST_SUBJECTS
        for take in facts.FRAMES[subject]
    ]
    assert len(takes) == 59
    frames = 4 * sum(fabricate_human36m.num_frames(*take) for take in takes)
    assert results["frames"] == frames == run("human36m_cpn").results["frames"]
    means = [row["mpjpe"] for row in results["per_action"].values()]
    assert results["mpjpe"] == pytest.approx(np.mean(means))
    assert "published" not in results
    assert results["protocol"]["keypoints_source"] == "gt"
    assert (
        run("human36m_cpn").results["protocol"]["keypoints_source"] == "cpn_ft_h36m_dbb"
    )


def test_toes_are_input_and_not_output(run):
    done = run("human36m_toes")
    clips, _ = clips_to_test(done.config)
    assert (clips.skeleton, clips.keypoints_skeleton) == ("h36m_16", "h36m_19")
    assert done.results["protocol"]["joints"] == "h36m_16"
    same = run("human36m").config.copy_and_resolve_references()
    same.dataset.skeleton = "h36m_16"
    np.testing.assert_allclose(
        clips.positions_3d, clips_to_test(same)[0].positions_3d, atol=1e-6
    )


def test_the_pickle_is_scored_as_motionbert_does(run):
    done = run("human36m_motionbert")
    clips, frames = clips_to_test(done.config)
    rng = np.random.default_rng(0)
    predicted = evaluate.root_relative(clips, frames)
    assert evaluate.score(predicted, clips, frames)["mpjpe"] == pytest.approx(
        0, abs=1e-2
    )
    predicted = predicted + rng.normal(0, 0.02, predicted.shape).astype(np.float32)
    results = evaluate.score(predicted, clips, frames)

    by_source, start = {}, 0
    cameras = {
        camera.name: index + 1 for index, camera in enumerate(h36m_cameras("S9"))
    }
    for clip in clips.index:
        if f"{clip.take}" not in motionbert.UNSCORED:
            windows = (np.arange(clip.length), predicted[start : start + clip.length])
            by_source[f"{clip.take}_ca_{cameras[clip.camera]:02d}"] = [windows]
            start += clip.length
    pickled = motionbert.read_clips(
        done.source / motionbert.FILES["motionbert_sh"], "test"
    )
    published = motionbert_score.mpjpe_by_action(pickled, by_source)
    assert results["mpjpe"] == pytest.approx(published.pop("average"), rel=1e-5)
    assert {
        action: row["mpjpe"] for action, row in results["per_action"].items()
    } == pytest.approx(published, rel=1e-5)
    assert len(frames) == start < clips.num_frames
    assert results["mpjpe"] > 20
    assert "2.5d_factor" in done.results["protocol"]["units"]


def test_image_space_and_metres_do_not_mix(run):
    image, metric = run("human36m_motionbert"), run("human36m")
    for trained, tested in ((image, metric), (metric, image)):
        with pytest.raises(
            JaxposeError, match=r"trained on 'human36m/.* is in .*same unit"
        ):
            jaxpose.Run.open(trained.workdir, tested.config).evaluate()
