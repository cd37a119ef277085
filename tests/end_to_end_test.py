"""Every file format, from fabricated files through prepare, train and evaluate.

Recipes are the named ones with small models and a few updates.
"""

import dataclasses
import functools
import json
import math
import pathlib
from collections.abc import Callable
from unittest import mock

import ml_collections
import numpy as np
import pytest

import jaxpose
from configs import ampose, videopose3d
from experiments.tables import TABLES
from jaxpose import prepare
from jaxpose.body.joint_rules import convert_joints
from jaxpose.config import data_fields
from jaxpose.data.clips import select_subjects
from jaxpose.data.splits import load_clips_of
from jaxpose.datasets.h36m_cameras import h36m_cameras
from jaxpose.datasets.human36m import facts, motionbert
from jaxpose.errors import JaxposeError
from jaxpose.scoring import evaluate, pictures
from jaxpose.training.metric_writer import read_metrics
from tests import (
    fabricate_custom,
    fabricate_human36m,
    fabricate_humaneva,
    motionbert_score,
)
from tests.fabricate import FABRICATORS

pytestmark = pytest.mark.xdist_group("end_to_end")


def _human36m(source: str) -> ml_collections.ConfigDict:
    config = ampose.get_config("gt17")
    config.update_from_flattened_dict(data_fields(f"human36m/{source}_17"))
    return config


def _custom() -> ml_collections.ConfigDict:
    config = ampose.get_config("gt17")
    config.dataset.name = "custom/h36m_17"
    config.dataset.train_subjects, config.dataset.test_subjects = ("anna",), ("fred",)
    config.dataset.validation_subjects = ()
    return config


def _fabricate_custom(folder: pathlib.Path) -> None:
    FABRICATORS["custom"](folder)
    fabricate_custom.write_npz(folder / "fred" / "with_3d.npz", 40, subject="fred")


# Format: what writes its files, and the recipe.
FORMATS: dict[
    str, tuple[Callable[[pathlib.Path], None], Callable[[], ml_collections.ConfigDict]]
] = {
    "human36m_archives": (FABRICATORS["human36m_archives"], lambda: _human36m("gt")),
    "human36m": (FABRICATORS["human36m"], lambda: _human36m("gt")),
    "human36m_cpn": (FABRICATORS["human36m"], lambda: videopose3d.get_config("cpn9")),
    "human36m_toes": (FABRICATORS["human36m"], lambda: ampose.get_config("toes16")),
    "human36m_motionbert": (
        FABRICATORS["human36m_motionbert"],
        lambda: _human36m("motionbert_sh"),
    ),
    "humaneva": (FABRICATORS["humaneva"], lambda: videopose3d.get_config("humaneva27")),
    "humaneva_detections": (
        FABRICATORS["humaneva"],
        lambda: TABLES["gast_net.table4"].rows[-1].make_config(),
    ),
    "humaneva_mat": (
        FABRICATORS["humaneva_mat"],
        lambda: videopose3d.get_config("humaneva27"),
    ),
    "mpi_inf_3dhp": (FABRICATORS["mpi_inf_3dhp"], lambda: ampose.get_config("mpi9")),
    "mpi_inf_3dhp_p_stmo": (
        FABRICATORS["mpi_inf_3dhp_p_stmo"],
        lambda: ampose.get_config("mpi9"),
    ),
    "custom": (_fabricate_custom, _custom),
}


@pytest.fixture(scope="module", autouse=True)
def no_animation():
    """Drawing takes longer than all else; train_test looks at the pictures."""
    with mock.patch.object(pictures, "animate_clip"):
        yield


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run."""

    source: pathlib.Path
    workdir: pathlib.Path
    config: ml_collections.ConfigDict
    results: dict


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """`(format, dataset) -> (source, data_dir)`; each is written and prepared once."""

    @functools.cache
    def fabricated(fabricate: Callable[[pathlib.Path], None]) -> pathlib.Path:
        folder = tmp_path_factory.mktemp("source")
        fabricate(folder)
        return folder

    @functools.cache
    def made(name: str, dataset: str) -> tuple[pathlib.Path, pathlib.Path]:
        source, data_dir = fabricated(FORMATS[name][0]), tmp_path_factory.mktemp(name)
        assert (
            prepare.main([dataset, f"--source={source}", f"--data_dir={data_dir}"]) == 0
        )
        return source, data_dir

    return made


@pytest.fixture(scope="module")
def run(prepared, tmp_path_factory):
    """`format -> Run`: trained once."""

    @functools.cache
    def finished(name: str) -> Run:
        config = small(FORMATS[name][1]())
        source, data_dir = prepared(name, config.dataset.name)
        config.dataset.data_dir = str(data_dir)
        workdir = tmp_path_factory.mktemp("run")
        return Run(source, workdir, config, jaxpose.Run.create(config, workdir).train())

    return finished


def small(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The recipe with a small model and few updates."""
    model = config.model
    if model.name == "ampose":
        model.depth, model.joint_width, model.heads, model.graph_norm = (
            1,
            32,
            2,
            "layer",
        )
    else:
        model.channels = 16
    config.batch_size, config.eval_batch_size = 64, 512
    config.num_epochs, config.steps_per_epoch, config.steps_per_dispatch = 2, 12, 4
    config.evaluate_every = 1
    config.optimizer.learning_rate = 3e-3
    return config


def test_clips(config: ml_collections.ConfigDict):
    """The test clips of a config and their scored frames."""
    clips = select_subjects(load_clips_of(config.dataset), config.dataset.test_subjects)
    return clips, evaluate.scored_frames(clips)


test_clips.__test__ = False


def numbers(tree: object) -> list[float]:
    """All numbers in nested dicts and lists."""
    if isinstance(tree, dict):
        return [number for value in tree.values() for number in numbers(value)]
    if isinstance(tree, list | tuple):
        return [number for value in tree for number in numbers(value)]
    return (
        [tree] if isinstance(tree, int | float) and not isinstance(tree, bool) else []
    )


@pytest.mark.parametrize("name", FORMATS)
def test_trains_and_scores(run, name):
    done = run(name)
    results, config = done.results, done.config
    assert json.loads((done.workdir / "results.json").read_text()) == json.loads(
        json.dumps(results)
    )
    assert all(math.isfinite(number) for number in numbers(results))
    clips, frames = test_clips(config)
    assert (
        results["frames"]
        == len(frames)
        == sum(row["frames"] for row in results["per_action"].values())
    )
    assert 0 < results["p_mpjpe"] <= results["mpjpe"]
    assert 20 < results["mpjpe"] < 1500  # so little training; a wrong unit would show
    assert 20 < results["linear_mpjpe"] < results["mean_pose_mpjpe"] < 300
    losses = [
        row["loss"]
        for row in read_metrics(done.workdir / "metrics.jsonl")
        if "loss" in row
    ]
    assert losses[-1] < losses[0]
    protocol = results["protocol"]
    assert (
        protocol["dataset"]
        == protocol["trained_on"]
        == config.dataset.name
        == clips.dataset
    )
    assert protocol["joints"] == config.model.skeleton
    assert protocol["test_subjects"] == list(config.dataset.test_subjects)
    held_out = config.dataset.validation_subjects
    assert protocol["checkpoint"] == (
        f"best on held-out {', '.join(held_out)}" if held_out else "last"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("human36m_archives", "human36m"),
        ("humaneva", "humaneva_mat"),
        ("mpi_inf_3dhp", "mpi_inf_3dhp_p_stmo"),
    ],
)
def test_two_formats_of_the_same_motion_score_the_same(run, first, second):
    """A model trained on the one, scored on the other."""
    done, other = run(first), run(second)
    config = done.config.copy_and_resolve_references()
    config.dataset.data_dir = other.config.dataset.data_dir
    results = jaxpose.Run.open(done.workdir, config).evaluate()
    # MPJVE is None on MPI-INF-3DHP: no two neighbouring frames are valid.
    expected = {
        name: done.results[name]
        for name in evaluate.METRICS
        if done.results[name] is not None
    }
    assert {name: results[name] for name in expected} == pytest.approx(
        expected, rel=1e-4
    )
    assert results["per_action"].keys() == done.results["per_action"].keys()
    if "published" in results:
        expected = {
            k: v
            for k, v in done.results["published"].items()
            if k in results["published"]
        }
        found = {k: v for k, v in results["published"].items() if k in expected}
        assert numbers(found) == pytest.approx(numbers(expected), rel=1e-3)


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
    clips, _ = test_clips(done.config)
    assert (clips.skeleton, clips.keypoints_skeleton) == ("h36m_16", "h36m_19")
    assert done.results["protocol"]["joints"] == "h36m_16"
    same = run("human36m").config.copy_and_resolve_references()
    same.dataset.skeleton = "h36m_16"
    np.testing.assert_allclose(
        clips.positions_3d, test_clips(same)[0].positions_3d, atol=1e-6
    )


def test_the_pickle_is_scored_as_motionbert_does(run):
    done = run("human36m_motionbert")
    clips, frames = test_clips(done.config)
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


def test_humaneva_is_scored_by_action_and_subject(run):
    results = run("humaneva").results
    published = results["published"]
    actions = ("Walking", "Jog", "Box")
    assert set(results["per_action"]) == set(actions)
    cells = published["per_action_and_subject"]
    assert set(cells) == {
        f"{action} S{number}" for action in actions for number in (1, 2, 3)
    }
    for cell, row in cells.items():
        action, subject = cell.split()
        key = (f"Validate/{subject}", action)
        lost = sum(
            end - start for start, end in fabricate_humaneva.FAILURES.get(key, ())
        )
        assert row["frames"] == 3 * (fabricate_humaneva.facts.num_frames(*key) - lost)
    assert published["p_mpjpe"] == pytest.approx(
        np.mean([row["p_mpjpe"] for row in cells.values()])
    )
    assert published["frames"] == results["frames"]
    for action in actions:
        rows = [cells[f"{action} S{number}"] for number in (1, 2, 3)]
        pooled = np.average(
            [row["p_mpjpe"] for row in rows], weights=[row["frames"] for row in rows]
        )
        assert results["per_action"][action]["p_mpjpe"] == pytest.approx(
            pooled, rel=1e-5
        )


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
    clips, frames = test_clips(config)
    predicted = np.random.default_rng(0).normal(0, 0.3, (120, 17, 3)).astype(np.float32)
    native, native_frames = test_clips(other.config)
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
    with pytest.raises(JaxposeError, match=r"config\.dataset\.skeleton='h36m_17'"):
        jaxpose.Run.open(done.workdir, config).evaluate()
    config.dataset.skeleton = "h36m_19"
    with pytest.raises(
        JaxposeError, match=r"'mpi_inf_3dhp_17' to 'h36m_19'; known from .*: h36m_17"
    ):
        jaxpose.Run.open(done.workdir, config).evaluate()


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
    test, frames = test_clips(done.config)
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
