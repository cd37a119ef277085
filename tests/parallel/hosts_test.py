"""Several processes on this machine as one run."""

import errno
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys

import jax
import numpy as np
import pytest

from configs import ampose
from jaxpose.datasets.synthetic import synthetic_dataset_builder
from jaxpose.errors import JaxposeError
from jaxpose.parallel import hosts
from jaxpose.prepare import prepare
from jaxpose.run import Run
from jaxpose.training.metric_writer import read_metrics
from tests.small_run import without_pictures

pytestmark = pytest.mark.xdist_group("hosts")
ROOT = pathlib.Path(__file__).resolve().parents[2]
SMALL = {
    "model.depth": 1,
    "model.joint_width": 16,
    "batch_size": 32,
    "num_epochs": 2,
    "steps_per_epoch": 20,
    "steps_per_dispatch": 2,
    "checkpoint_seconds": 100_000,
    "dataset.test_subjects": ("test_0",),
    "dataset.frame_stride": 10,
    # Adam divides a gradient by its own size, so it makes whole steps of rounding: they
    # must be short.
    "optimizer.learning_rate": 1e-4,
}
# Processes add up a batch in another order. One step of Adam amplifies that least.
ROUNDING = 1e-5
LOST = (
    "error: another process of this run has ended (process {} is gone); start the same "
    "command again on every host, and it resumes from the last checkpoint"
)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data")
    prepare("synthetic/gt", data_dir=directory)
    return directory


def train(workdir, data_dir):
    """Trains, or goes on with a run, as the only process: this one."""
    config = ampose.get_config("quickstart")
    config.update_from_flattened_dict(SMALL | {"dataset.data_dir": str(data_dir)})
    with without_pictures():
        Run.create(config, workdir).train()


def start(
    workdir,
    data_dir,
    processes,
    signalled=(0, 0),
    victim=-1,
    odd_one=(),
    devices=1,
    in_slurm=False,
):
    """Starts the program `processes` times; each has one CPU device.

    `signalled` is a dispatch and a signal: process `victim`, the last one by default,
    sends itself that signal at that dispatch, if it is not 0. The last process also
    gets the flags `odd_one` and has `devices` CPU devices. With `in_slurm` variables
    tell what flags tell otherwise, as `srun` sets them.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    fields = SMALL | {"dataset.data_dir": data_dir}
    flags = [
        "--config=configs/ampose.py:quickstart",
        *(f"--config.{name}={value}" for name, value in fields.items()),
        f"--workdir={workdir}",
    ]
    if in_slurm:
        flags.append("--distributed")
    else:
        flags += [f"--coordinator=localhost:{port}", f"--num_processes={processes}"]
    started = []
    for i in range(processes):
        dispatch, number = signalled if i == victim % processes else (0, 0)
        is_last = i == processes - 1
        own = odd_one if is_last else ()
        environment = {
            "JAX_PLATFORMS": "cpu",
            "JAX_NUM_CPU_DEVICES": str(devices if is_last else 1),
        }
        if in_slurm:
            environment |= slurm(i, processes, port)
        else:
            own = [f"--process_id={i}", *own]
        program = ["tests.parallel.signalled", str(dispatch), str(int(number))]
        process = subprocess.Popen(
            [sys.executable, "-m", *program, *flags, *own],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
    return started


def slurm(process, processes, port):
    """Variables that `srun` sets for a process; the port is that of this test."""
    return {
        "SLURM_JOB_ID": "1",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_NTASKS": str(processes),
        "SLURM_PROCID": str(process),
        "SLURM_LOCALID": str(process),
        "JAX_COORDINATOR_PORT": str(port),
    }


def finish(processes, status=0):
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [status] * len(processes), (
        "\n".join(outputs)
    )
    return outputs


def losses(workdir):
    rows = read_metrics(workdir / "metrics.jsonl")
    # Other rows hold the scores of the held-out body.
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


@pytest.fixture(scope="module")
def alone(data_dir, tmp_path_factory):
    """The finished run of one process."""
    workdir = tmp_path_factory.mktemp("alone")
    train(workdir, data_dir)
    return workdir


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_several_processes_have_the_losses_of_one(alone, data_dir, tmp_path, processes):
    finish(start(tmp_path, data_dir, processes))
    found, expected = losses(tmp_path), losses(alone)
    assert found.keys() == expected.keys() == set(range(2, 41, 2))
    np.testing.assert_allclose(
        list(found.values()), list(expected.values()), rtol=ROUNDING
    )
    score, expected_score = (
        json.loads((d / "results.json").read_text())["mpjpe"] for d in (tmp_path, alone)
    )
    assert score == pytest.approx(expected_score, rel=ROUNDING)


def test_processes_stop_together_and_resume_in_any_number(alone, data_dir, tmp_path):
    finish(start(tmp_path, data_dir, 2, signalled=(2, signal.SIGTERM)), status=143)
    assert max(losses(tmp_path)) < 40

    # JAX alone would abort the other one, from C++.
    killed = {"signalled": (2, signal.SIGKILL), "victim": 0}
    pair = start(tmp_path, data_dir, 2, **killed, in_slurm=True)
    assert error_of(pair[1]) == LOST.format(0)
    pair[0].communicate()

    train(tmp_path, data_dir)
    found, expected = losses(tmp_path), losses(alone)
    assert found.keys() == expected.keys()
    np.testing.assert_allclose(
        list(found.values()), list(expected.values()), rtol=ROUNDING
    )


def error_of(process):
    """The only error of a process that ends with status 1."""
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 1, output
    assert "Traceback" not in output
    (error,) = re.findall("error: .*", output)
    return error


@pytest.mark.slow
def test_a_lost_last_process_ends_the_others_with_one_line(data_dir, tmp_path):
    pair = start(tmp_path, data_dir, 2, signalled=(1, signal.SIGKILL), victim=1)
    assert error_of(pair[0]) == LOST.format(1)
    pair[1].communicate()


@pytest.mark.parametrize(
    ("flag", "there", "here"),
    [
        ("optimizer.learning_rate=0.001", "0.001", "0.0001"),
        pytest.param("seed=7", "7", "0", marks=pytest.mark.slow),
        pytest.param(  # a repeated flag adds to the subjects that `start` names
            'dataset.test_subjects=("test_1",)',
            '["test_0", "test_1"]',
            '["test_0"]',
            marks=pytest.mark.slow,
        ),
    ],
)
def test_processes_with_another_config_all_stop(data_dir, tmp_path, flag, there, here):
    name = flag.partition("=")[0]
    pair = start(tmp_path, data_dir, 2, odd_one=[f"--config.{flag}"])
    assert error_of(pair[0]) == (
        f"error: process 1 has another config: {name} {there} there, {here} here"
    )
    assert error_of(pair[1]) == (
        f"error: process 0 has another config: {name} {here} there, {there} here"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_processes_with_other_data_all_stop(data_dir, tmp_path, monkeypatch):
    other = tmp_path / "other"
    statures = synthetic_dataset_builder.STATURES
    swapped = statures | {"train": statures["train"][::-1]}
    monkeypatch.setattr(synthetic_dataset_builder, "STATURES", swapped)
    prepare("synthetic/gt", data_dir=other)
    pair = start(
        tmp_path / "run", data_dir, 2, odd_one=[f"--config.dataset.data_dir={other}"]
    )
    for process in pair:
        assert "has another data set: train.fingerprint" in error_of(process)


@pytest.mark.slow
def test_processes_with_other_numbers_of_devices_all_stop(data_dir, tmp_path):
    for process in start(tmp_path, data_dir, 2, devices=2):
        assert "process 1 has 2 devices and process 0 has 1" in error_of(process)


def test_errors_of_collective_operations_are_known_by_any_name(monkeypatch):
    def raised(error, cause):
        try:
            raise error from cause
        except JaxposeError as caught:
            return caught

    closed = ValueError(
        "UNKNOWN: Gloo AllGather failed: Connection closed by peer [127.0.0.1]:14541"
    )
    lost = [
        raised(JaxposeError("cannot write"), closed),
        jax.errors.JaxRuntimeError("UNAVAILABLE"),
        closed,
    ]
    full = raised(
        JaxposeError("cannot write"), OSError(errno.ENOSPC, "No space left on device")
    )
    assert not any(hosts.has_lost_another(error) for error in lost)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    assert all(hosts.has_lost_another(error) for error in lost)
    assert not hosts.has_lost_another(full)


def test_a_process_that_finds_no_others_says_so(tmp_path):
    command = [
        *(
            sys.executable,
            "-m",
            "jaxpose.main",
            "--config=configs/ampose.py:quickstart",
        ),
        *(f"--workdir={tmp_path}", "--distributed"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot join the other processes")
    assert "--coordinator=HOST:PORT" in done.stderr
