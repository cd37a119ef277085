"""Every file format, from fabricated files through prepare, train and evaluate."""

import json
import math

import pytest

import jaxpose
from jaxpose.scoring import evaluate
from jaxpose.training.metric_writer import read_metrics
from tests.end_to_end.formats import FORMATS, clips_to_test, group, numbers


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=group(name)) for name in FORMATS]
)
def test_trains_and_scores(run, name):
    done = run(name)
    results, config = done.results, done.config
    assert json.loads((done.workdir / "results.json").read_text()) == json.loads(
        json.dumps(results)
    )
    assert all(math.isfinite(number) for number in numbers(results))
    clips, frames = clips_to_test(config)
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
        pytest.param(first, second, marks=group(first))
        for first, second in (
            ("human36m_archives", "human36m"),
            ("humaneva", "humaneva_mat"),
            ("mpi_inf_3dhp", "mpi_inf_3dhp_p_stmo"),
        )
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
