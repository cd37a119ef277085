"""Rows train and are drawn: one of each model, and all at toy size."""

import dataclasses
import shutil

import pytest

from experiments import report, row, run
from experiments.job import Job, make_jobs
from experiments.table import Row
from experiments.tables import TABLES
from jaxpose.errors import JaxposeError
from tests.small_run import in_memory, small_clips

DRAWN = [
    pytest.param(model, marks=pytest.mark.slow)
    for model in ("gast_net", "gla_gcn", "crossformer")
]


@pytest.mark.parametrize("model", ["ampose", *DRAWN])
def test_a_row_trains_and_is_drawn(tmp_path, monkeypatch, model):
    monkeypatch.setattr("experiments.smoke.FRAME_STRIDE", 2)
    job = Job(
        Row("a row", {}, f"configs/{model}.py:quickstart"), 0, tmp_path, smoke=True
    )
    lost = dataclasses.replace(job, row=dataclasses.replace(job.row, name="lost"))
    with in_memory(small_clips()):
        result = row.finish(job)
        shutil.copytree(
            job.directory, lost.directory, ignore=shutil.ignore_patterns("checkpoints")
        )
        with pytest.raises(JaxposeError, match=r"lost/seed_0.* no complete checkpoint"):
            report.draw([lost, job], tmp_path / "pictures")
    assert result == job.read_result()
    assert result["frames_per_second"] > 0
    assert result["parameters"] > 0
    drawn = {
        path.stem.rpartition("_")[2] for path in (tmp_path / "pictures").glob("*.png")
    }
    kinds = {"gast_net": {"graphs", "influence"}, "gla_gcn": {"similarity"}}
    assert drawn == {"curves", "actions", "cost", "poses"} | kinds.get(
        model, {"attention"}
    )


@pytest.fixture(scope="session")
def smoke_directory(tmp_path_factory):
    return tmp_path_factory.mktemp("smoke")


# The tables of a paper share runs.
BY_PAPER = [
    pytest.param(name, marks=pytest.mark.xdist_group(name.partition(".")[0]))
    for name in TABLES
]


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_PAPER)
def test_every_row_of_every_table_runs(name, smoke_directory):
    flags = [
        f"--workdir={smoke_directory}",
        f"--data_dir={smoke_directory / 'data'}",
        "--smoke",
        "--seeds=1",
    ]
    assert run.main([name, *flags]) == 0
    for jobs in make_jobs(TABLES[name], smoke_directory, 1, smoke=True).values():
        assert jobs[0].read_result()["mpjpe"] > 0
    assert (smoke_directory / name / "cost.png").exists()
