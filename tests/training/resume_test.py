"""Killed, stopped and damaged runs; one with a signal is its own process."""

import json
import logging
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxpose.models import build_model
from jaxpose.parallel import sharding
from jaxpose.training import optimizers
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.metric_writer import read_metrics
from jaxpose.training.state import create_state
from tests.small_run import small_config, train_small

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Fields of the metrics that differ between equal runs.
WALL_CLOCK = ("seconds", "poses_per_second")


def start(workdir, *, devices=1, stage=None, number=signal.SIGINT, call=1):
    """Starts the small run.

    If `stage` is given, it sends itself signal `number` there, the `call`-th time.
    """
    environment = os.environ | {
        "XLA_FLAGS": os.environ["XLA_FLAGS"]
        + f" --xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
    }
    command = [
        sys.executable,
        "-m",
        "tests.small_run",
        str(workdir),
        "{}",
    ]
    if stage:
        command += [stage, str(int(number)), str(call)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def interrupt(workdir, **options):
    """Runs until the signal that it sends itself; returns its status and output."""
    process = start(workdir, **options)
    output, _ = process.communicate(timeout=300)
    return process.returncode, output


def arrays(workdir, step):
    config = small_config()
    model = build_model(config)
    optimizer = optimizers.make_optimizer(config.optimizer, lambda count: 0.0)
    like = create_state(model, optimizer, 0, sharding.make_mesh())
    with Checkpoints(workdir) as checkpoints:
        assert max(checkpoints.steps) == step
        restored = checkpoints.restore_latest(like)
    return {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(restored.state)
    }


def timeless(workdir):
    return [
        {k: v for k, v in row.items() if k not in WALL_CLOCK}
        for row in read_metrics(workdir / "metrics.jsonl")
    ]


def losses(workdir):
    return {row["step"]: row["loss"] for row in timeless(workdir) if "loss" in row}


def assert_same_run(a, b):
    left, right = arrays(a, 72), arrays(b, 72)
    assert len(left) > 50
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
    assert timeless(a) == timeless(b)
    assert json.loads((a / "results.json").read_text()) == json.loads(
        (b / "results.json").read_text()
    )


pytestmark = pytest.mark.xdist_group("resume")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never stopped."""
    workdir = tmp_path_factory.mktemp("whole")
    train_small(str(workdir))
    return workdir


def test_whole_run_keeps_the_last_two_and_the_best(whole):
    steps = sorted(
        int(path.name)
        for path in (whole / "checkpoints").iterdir()
        if path.name.isdigit()
    )
    scores = {
        row["step"]: row["selection_mpjpe"]
        for row in read_metrics(whole / "metrics.jsonl")
        if "selection_mpjpe" in row
    }
    assert sorted(scores) == [12, 24, 36, 48, 60, 72]
    assert set(steps) == {60, 72, min(scores, key=scores.get)}


def test_killed_and_resumed_run_is_bit_identical(whole, tmp_path):
    workdir = tmp_path / "killed"
    # In place of the first row of the metrics, behind the first checkpoint while it is
    # being written, and between two checkpoints.
    for row in (1, 5, 7):
        status, output = interrupt(
            workdir, stage="update", number=signal.SIGKILL, call=row
        )
        assert status == -signal.SIGKILL, output
    train_small(str(workdir))
    assert_same_run(whole, workdir)


def test_a_signal_saves_and_leaves(whole, tmp_path):
    """One signal after the other: the run goes on from where each has stopped it."""
    workdir = tmp_path / "terminated"
    for number, expected, step in ((signal.SIGTERM, 143, 8), (signal.SIGINT, 130, 16)):
        status, output = interrupt(workdir, stage="update", number=number)
        assert status == expected, output
        assert "Traceback" not in output
        assert f"saved step {step} of 72" in output
        steps = [int(path.name) for path in (workdir / "checkpoints").glob("[0-9]*")]
        assert max(steps) == step
        assert losses(workdir).keys() == set(range(4, step + 1, 4))
    train_small(str(workdir))
    assert_same_run(whole, workdir)


def test_a_signal_ends_the_run_before_and_after_the_updates_too(whole, tmp_path):
    workdir = tmp_path / "interrupted"
    for stage in ("data", "compile"):
        assert_interrupted(workdir, stage)
        assert not (workdir / "metrics.jsonl").exists()
    shutil.copytree(whole, workdir, dirs_exist_ok=True)
    (workdir / "results.json").unlink()
    assert_interrupted(workdir, "score")
    assert not (workdir / "results.json").exists()
    assert_interrupted(workdir, "draw")
    assert_same_run(whole, workdir)


def assert_interrupted(workdir, stage):
    """Ctrl-C in this stage ends the program there, without a traceback."""
    status, output = interrupt(workdir, stage=stage)
    assert status == 130, output
    assert "Traceback" not in output


def test_damaged_checkpoint_falls_back_to_the_one_before(whole, tmp_path, caplog):
    workdir = tmp_path / "damaged"
    shutil.copytree(whole, workdir)
    for path in (workdir / "checkpoints" / "72" / "state").rglob("*"):
        if path.is_file() and path.stat().st_size > 1000:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    caplog.set_level(logging.WARNING, logger="absl")
    train_small(str(workdir))
    assert "cannot be read" in caplog.text
    assert (workdir / "damaged_checkpoints" / "72").is_dir()
    assert_same_run(whole, workdir)


def test_checkpoints_move_between_one_device_and_eight(whole, tmp_path):
    workdir = tmp_path / "moved"
    shutil.copytree(whole, workdir)
    shutil.rmtree(workdir / "checkpoints" / "72")
    (workdir / "results.json").unlink()
    status, output = interrupt(workdir, devices=8, stage="update")
    assert status == 130, output
    assert "saved step 68 of 72" in output  # resumed at 60, two dispatches
    train_small(str(workdir))
    before, after = losses(whole), losses(workdir)
    assert before.keys() == after.keys()
    # tests/parallel/devices_test.py compares the numbers; a state that was not restored
    # would be off by far more than this.
    np.testing.assert_allclose(list(after.values()), list(before.values()), rtol=1e-2)
    assert min(before.values()) < 0.6 * max(before.values())


def test_partial_checkpoints(whole, tmp_path, caplog):
    workdir = tmp_path / "partial"
    shutil.copytree(whole, workdir)
    (workdir / "checkpoints" / "72" / "metrics" / "metrics").write_text("{")
    caplog.set_level(logging.WARNING, logger="absl")
    train_small(str(workdir))
    assert "damaged files are written anew: metrics/metrics" in caplog.text
    assert_same_run(whole, workdir)
    for path in (workdir / "checkpoints").rglob("manifest.ocdbt"):
        path.unlink()
    status, output = interrupt(workdir)
    assert status != 0
    assert "no checkpoint in" in output
    assert not (workdir / "damaged_checkpoints" / "60").exists()  # nothing was moved
