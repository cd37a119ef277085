"""The runner as a queue: paused, stopped and started again, it gives equal figures."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from experiments import run
from experiments.table import Column, Row, Table
from experiments.tables import TABLES
from jaxpose.prepare import prepare
from jaxpose.training.metric_writer import read_metrics
from tests.datasets.small_cmu import write_archive

ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = {
    "dataset.train_subjects": ("01",),
    "dataset.test_subjects": ("88",),
    "model.depth": 2,
    "model.joint_width": 16,
    "batch_size": 8,
    "num_epochs": 5,
    "steps_per_epoch": 200,
    "steps_per_dispatch": 10,
}
TABLE = Table(
    "Two rows",
    "",
    (Column("MPJPE"),),
    (
        Row("First", {}, "configs/ampose.py:cmu", SMALL, "first"),
        Row("Second", {}, "configs/ampose.py:cmu", SMALL | {"seed": 1}, "second"),
    ),
)
# Fields that differ between equal runs.
WALL_CLOCK = ("seconds", "poses_per_second", "frames_per_second")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    archive = write_archive(folder / "a.zip", {"01": (1, 2), "88": (1,)})
    prepare("cmu_mocap", source=archive, data_dir=folder)
    return folder


def _start(workdir: pathlib.Path, data_dir: pathlib.Path) -> subprocess.Popen:
    """Starts the queue in a process group of its own, as `setsid` does."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.experiments.queue_test", workdir, data_dir],
        cwd=ROOT,
        start_new_session=True,
    )


def _rows(workdir: pathlib.Path, row: str) -> list[dict]:
    folder = workdir / "runs" / f"ampose_cmu.{row}" / "seed_0"
    return [
        {key: value for key, value in line.items() if key not in WALL_CLOCK}
        for line in read_metrics(folder / "metrics.jsonl")
    ]


def _wait_for(process: subprocess.Popen, workdir: pathlib.Path, row: str) -> None:
    """Waits until a row has been trained for a while."""
    deadline = time.monotonic() + 120
    while len(_rows(workdir, row)) < 30:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _figures(workdir: pathlib.Path, row: str) -> dict:
    folder = workdir / "runs" / f"ampose_cmu.{row}" / "seed_0"
    figures = json.loads((folder / "row.json").read_text())
    return {key: value for key, value in figures.items() if key not in WALL_CLOCK}


@pytest.mark.slow
def test_a_queue_that_is_paused_and_stopped_gives_the_same_figures(tmp_path, data_dir):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert _start(whole, data_dir).wait(timeout=240) == 0

    # Paused, no process of the group goes on.
    process = _start(stopped, data_dir)
    _wait_for(process, stopped, "first")
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(0.2)
    paused = len(_rows(stopped, "first"))
    time.sleep(1.0)
    assert len(_rows(stopped, "first")) == paused
    os.killpg(process.pid, signal.SIGCONT)

    # Stopped in its second row, the training saves, and what is finished stays.
    _wait_for(process, stopped, "second")
    process.terminate()
    assert process.wait(timeout=60) == 143
    assert _figures(stopped, "first") == _figures(whole, "first")
    assert len(_rows(stopped, "second")) < len(_rows(whole, "second"))
    assert _start(stopped, data_dir).wait(timeout=240) == 0
    for row in ("first", "second"):
        assert _rows(stopped, row) == _rows(whole, row)
        assert _figures(stopped, row) == _figures(whole, row)
    table = (stopped / "queue.md").read_text()
    assert table == (whole / "queue.md").read_text()


if __name__ == "__main__":
    TABLES["queue"] = TABLE
    sys.exit(
        run.main(["queue", f"--workdir={sys.argv[1]}", f"--data_dir={sys.argv[2]}"])
    )
