"""Killed, stopped and damaged runs; each run is a process of its own."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from jaxpose.models import build_model
from jaxpose.parallel import sharding
from jaxpose.training import optimizers
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.metric_writer import WALL_CLOCK, read_metrics
from jaxpose.training.step import create_state
from tests.small_run import small_config

ROOT = pathlib.Path(__file__).resolve().parents[2]


def start(workdir, *, devices=1, overrides=None, stage=None, number=signal.SIGINT):
    """Starts the small run, which sends itself signal `number` at `stage` if given."""
    environment = os.environ | {
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "JAX_PLATFORMS": "cpu",
    }
    command = [
        sys.executable,
        "-m",
        "tests.small_run",
        str(workdir),
        json.dumps(overrides or {}),
    ]
    if stage:
        command += [stage, str(int(number))]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(workdir, **options):
    process = start(workdir, **options)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


def wait_for_rows(process, workdir, rows):
    deadline = time.monotonic() + 240
    while len(read_metrics(workdir / "metrics.jsonl")) < rows:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.002)


def arrays(workdir, step):
    config = small_config()
    model = build_model(config)
    optimizer = optimizers.make_optimizer(config.optimizer, lambda count: 0.0)
    like = create_state(model, optimizer, 0, sharding.make_mesh())
    with Checkpoints(workdir) as checkpoints:
        assert max(checkpoints.steps) == step
        state = checkpoints.restore_latest(like)
    return {
        jax.tree_util.keystr(path): np.asarray(leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(state)
    }


def timeless(workdir):
    return [
        {k: v for k, v in row.items() if k not in WALL_CLOCK}
        for row in read_metrics(workdir / "metrics.jsonl")
    ]


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
    run(workdir)
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
    for rows in (5, 11, 17):  # before, between and right after checkpoints
        process = start(workdir)
        wait_for_rows(process, workdir, rows)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run(workdir)
    assert_same_run(whole, workdir)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)]
)
def test_a_signal_saves_and_leaves(whole, tmp_path, number, status):
    workdir = tmp_path / "terminated"
    process = start(workdir, stage="update", number=number)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == status, output
    assert "Traceback" not in output
    assert "saved step 8 of 72" in output
    assert [path.name for path in (workdir / "checkpoints").glob("[0-9]*")] == ["8"]
    assert [row["step"] for row in timeless(workdir)] == [4, 8]
    run(workdir)
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
    process = start(workdir, stage=stage, number=signal.SIGINT)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 130, output
    assert "Traceback" not in output


def test_damaged_checkpoint_falls_back_to_the_one_before(whole, tmp_path):
    workdir = tmp_path / "damaged"
    shutil.copytree(whole, workdir)
    for path in (workdir / "checkpoints" / "72" / "state").rglob("*"):
        if path.is_file() and path.stat().st_size > 1000:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    output = run(workdir)
    assert "cannot be read" in output
    assert (workdir / "damaged_checkpoints" / "72").is_dir()
    assert_same_run(whole, workdir)


def test_eight_devices_have_the_loss_of_one_and_checkpoints_move_between_them(
    whole, tmp_path
):
    eight = tmp_path / "eight"
    run(eight, devices=8)
    on_one, on_eight = timeless(whole), timeless(eight)
    assert [row.keys() for row in on_one] == [row.keys() for row in on_eight]
    for a, b in zip(on_one, on_eight, strict=True):
        assert a["step"] == b["step"]
        if "loss" in a:
            np.testing.assert_allclose(
                a["loss"], b["loss"], rtol=1e-5, err_msg=f"step {a['step']}"
            )
    # The last scores agree although batch norm's running mean lags behind (see the next test); its running
    # variance does not depend on what lags.
    for key in (
        "selection_mpjpe",
        "selection_p_mpjpe",
        "selection_n_mpjpe",
        "selection_mpjve",
    ):
        np.testing.assert_allclose(
            on_one[-1][key], on_eight[-1][key], rtol=2e-3, err_msg=key
        )
    states = arrays(whole, 72), arrays(eight, 72)
    variances = [name for name in states[0] if "batch_stats" in name and "var" in name]
    assert len(variances) == 4
    for name in variances:
        np.testing.assert_allclose(
            states[0][name], states[1][name], rtol=1e-4, err_msg=name
        )
    newest = max(
        int(path.name)
        for path in (eight / "checkpoints").iterdir()
        if path.name.isdigit()
    )
    shutil.rmtree(eight / "checkpoints" / str(newest))
    (eight / "results.json").unlink()
    run(eight, devices=1)  # goes on from the checkpoint that eight devices wrote
    assert (eight / "checkpoints" / str(newest)).is_dir()
    assert timeless(eight)[-1]["step"] == 72
    before = json.loads((whole / "results.json").read_text())
    after = json.loads((eight / "results.json").read_text())
    assert after["mpjpe"] == pytest.approx(before["mpjpe"], rel=5e-3)
    one = tmp_path / "one"
    shutil.copytree(whole, one)
    shutil.rmtree(one / "checkpoints" / "72")
    run(one, devices=8)  # and the other way round
    assert timeless(one)[-1]["step"] == 72


def test_eight_devices_have_the_scores_of_one(tmp_path):
    # With batch norm only losses agree so well: the gradient of a bias before it is rounding alone, which
    # Adam makes whole steps of. In training the batch's mean removes them, the running mean lags behind.
    without_batch_norm = {"model.graph_norm": "layer"}
    run(tmp_path / "one", overrides=without_batch_norm)
    run(tmp_path / "eight", overrides=without_batch_norm, devices=8)
    on_one, on_eight = timeless(tmp_path / "one"), timeless(tmp_path / "eight")
    assert sum("selection_mpjpe" in row for row in on_one) == 6
    for a, b in zip(on_one, on_eight, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_allclose(
                a[key], b[key], rtol=1e-5, err_msg=f"{key} at step {a['step']}"
            )


def test_partial_checkpoints(whole, tmp_path):
    workdir = tmp_path / "partial"
    shutil.copytree(whole, workdir)
    (workdir / "checkpoints" / "72" / "metrics" / "metrics").write_text("{")
    assert "cannot be read" in run(workdir)
    assert_same_run(whole, workdir)
    for path in (workdir / "checkpoints").rglob("manifest.ocdbt"):
        path.unlink()
    process = start(workdir)
    output, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "no checkpoint in" in output
    assert not (workdir / "damaged_checkpoints" / "60").exists()  # nothing was moved
