"""Runs on MPI-INF-3DHP, and runs on other data that are scored on it."""

import numpy as np
import pytest

import jaxpose
from configs import ampose
from jaxpose.body.joint_rules import convert_joints
from jaxpose.errors import JaxposeError
from jaxpose.scoring import evaluate
from tests.end_to_end.formats import clips_to_test, group, numbers, small

pytestmark = group("mpi_inf_3dhp")


def test_mpi_inf_3dhp_has_scenes_sequences_and_activities(run):
    results = run("mpi_inf_3dhp").results
    published = results["published"]
    assert {name: row["frames"] for name, row in published["per_scene"].items()} == {
        "GS": 40, "noGS": 40, "Outdoor": 40
    }  # fmt: skip
    assert len(published["per_sequence"]) == 6
    assert (
        sum(row["frames"] for row in published["per_activity"].values())
        == published["frames"]
        == 120
    )
    assert published["mpjpe"] == pytest.approx(results["frame_mpjpe"], rel=1e-5)
    for name in ("mpjpe", "pck", "auc", "pck_all_joints", "auc_all_joints"):
        for grouping in ("per_scene", "per_sequence", "per_activity"):
            rows = published[grouping].values()
            pooled = (
                sum(row[name] * row["frames"] for row in rows) / published["frames"]
            )
            assert published[name] == pytest.approx(pooled, rel=1e-5)
    assert 0 < published["auc"] < published["pck"] < 100
    assert published["pck_all_joints"] >= 100 / 17  # the root
    protocol = results["protocol"]
    assert (len(protocol["pck_joints"]), protocol["pck_threshold_mm"]) == (14, 150)
    assert protocol["test_frames"] == "valid frames"
    assert "per_activity" not in run("mpi_inf_3dhp_p_stmo").results["published"]


def test_a_run_on_human36m_is_scored_on_mpi_inf_3dhp(run, capsys):
    done, other = run("human36m"), run("mpi_inf_3dhp")
    config = small(ampose.get_config("mpi_cross"))
    config.dataset.data_dir = other.config.dataset.data_dir
    before = (done.workdir / "results.json").read_text()
    results = jaxpose.Run.open(done.workdir, config).evaluate()
    assert (done.workdir / "results.json").read_text() == before
    assert (done.workdir / "results_mpi_inf_3dhp_univ_annot3.json").exists()
    assert "pck_all_joints" in capsys.readouterr().out
    protocol, published = results["protocol"], results["published"]
    assert (protocol["trained_on"], protocol["dataset"]) == (
        "human36m/gt_17",
        "mpi_inf_3dhp/univ_annot3",
    )
    assert protocol["joints"] == "h36m_17"
    assert protocol["train_subjects"] == ["S1", "S5", "S6", "S7"]
    assert protocol["pck_joints"][:1] == ["right_hip"]
    assert len(protocol["pck_joints"]) == 14
    assert published["frames"] == 120

    # The same prediction in 3DHP's own order, joint by joint, gives the same numbers.
    clips, frames = clips_to_test(config)
    predicted = np.random.default_rng(0).normal(0, 0.3, (120, 17, 3)).astype(np.float32)
    native, native_frames = clips_to_test(other.config)
    np.testing.assert_array_equal(frames, native_frames)
    again = evaluate.score(
        convert_joints(predicted, "h36m_17", "mpi_inf_3dhp_17"), native, frames
    )["published"]
    assert numbers(
        evaluate.score(predicted, clips, frames)["published"]
    ) == pytest.approx(numbers(again))


def test_cross_dataset_evaluation_without_a_conversion_names_the_fix(run):
    done, other = run("human36m"), run("mpi_inf_3dhp")
    config = small(ampose.get_config("mpi_cross"))
    config.dataset.data_dir = other.config.dataset.data_dir
    config.dataset.skeleton = None
    with pytest.raises(JaxposeError, match=r"config\.dataset\.skeleton=h36m_17"):
        jaxpose.Run.open(done.workdir, config).evaluate()
    config.dataset.skeleton = "h36m_19"
    with pytest.raises(
        JaxposeError, match=r"'mpi_inf_3dhp_17' to 'h36m_19'; known from .*: h36m_17"
    ):
        jaxpose.Run.open(done.workdir, config).evaluate()
