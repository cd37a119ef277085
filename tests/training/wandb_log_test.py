"""Weights & Biases gets the values of TensorBoard; here a module in its place."""

import os
import shutil
import sys
import types

import pytest

from jaxpose.errors import JaxposeError
from jaxpose.training.metric_writer import MetricWriter, read_metrics
from jaxpose.training.wandb_log import WandbLog
from tests.small_run import train_small

pytestmark = pytest.mark.xdist_group("train")

SHORT = {"num_epochs": 2, "steps_per_epoch": 4, "wandb": "lifting"}


class Service:
    """Stands for the module wandb, and keeps what it gets."""

    def __init__(self, failing=""):
        self.failing = failing  # the call that raises
        self.begun, self.rows, self.axes, self.ended = [], [], {}, 0

    def answer(self, call):
        if call == self.failing:
            raise RuntimeError(f"{call}: no network\nat all")

    def init(self, **arguments):
        self.answer("init")
        self.begun.append(arguments)
        return types.SimpleNamespace(
            id=arguments["id"] or "run-1",
            define_metric=self.define_metric,
            log=self.log,
            finish=self.finish,
        )

    def define_metric(self, name, step_metric):
        self.axes[name] = step_metric

    def log(self, values):
        self.answer("log")
        self.rows.append(values)

    def finish(self):
        self.answer("finish")
        self.ended += 1


@pytest.fixture
def service(monkeypatch):
    service = Service()
    monkeypatch.setitem(sys.modules, "wandb", service)
    return service


def test_a_resumed_training_goes_on_in_the_same_run_of_wandb(
    service, tmp_path, monkeypatch
):
    write = MetricWriter.write

    def stop_in_the_second_epoch(self, step, **values):
        if step > 4:
            raise KeyboardInterrupt
        write(self, step, **values)

    with monkeypatch.context() as patch:
        patch.setattr(MetricWriter, "write", stop_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            train_small(str(tmp_path / "night"), SHORT)
    results = train_small(str(tmp_path / "night"), SHORT)

    first, second = service.begun
    assert (first["id"], second["id"]) == (None, "run-1")
    for begun in service.begun:
        assert begun["project"] == "lifting"
        assert begun["name"] == "night"
        assert begun["resume"] == "allow"
        # The hyper-parameters of TensorBoard, by their dotted names.
        assert begun["config"]["optimizer.learning_rate"] == 2e-3
        assert begun["config"]["model.depth"] == 1
    assert service.ended == 1  # W&B itself reports what stopped the first
    assert service.axes == {"*": "step"}

    found = {}
    for row in service.rows:
        for name, value in row.items():
            found.setdefault(name, {})[row["step"]] = value
    assert found["test/mpjpe"] == {results["step"]: results["mpjpe"]}
    losses, errors = {}, {}
    for row in read_metrics(tmp_path / "night" / "metrics.jsonl"):
        if "loss" in row:
            losses[row["step"]] = row["loss"]
        else:
            errors[row["step"]] = row["selection_mpjpe"]
    assert found["train/loss"] == losses
    assert found["validation/mpjpe"] == errors
    assert list(losses) == list(errors) == [4, 8]
    assert "train/learning_rate" in found


@pytest.mark.parametrize("call", ["init", "log", "finish"])
def test_a_failure_of_wandb_stops_no_training(service, tmp_path, caplog, call):
    service.failing = call
    log = WandbLog("lifting")
    log.begin(tmp_path, {"batch_size": 16})
    log.write(4, {"train/loss": 1.0})
    log.write(8, {"train/loss": 0.5})
    log.finish()
    (record,) = caplog.records
    message = f"gets no more values: RuntimeError: {call}: no network at all"
    assert message in record.getMessage()
    assert len(service.rows) == (2 if call == "finish" else 0)


@pytest.mark.parametrize("damage", ["pipe", "folder", "bytes"])
def test_a_damaged_id_ends_the_log_and_not_the_training(
    service, tmp_path, caplog, damage
):
    id_file = tmp_path / "wandb_run_id"
    make = {
        "pipe": lambda: os.mkfifo(id_file),
        "folder": id_file.mkdir,
        "bytes": lambda: id_file.write_bytes(b"\xff"),
    }
    make[damage]()
    log = WandbLog("lifting")
    log.begin(tmp_path, {})
    log.write(4, {"train/loss": 1.0})
    (record,) = caplog.records
    assert "gets no more values" in record.getMessage()
    assert service.begun == service.rows == []


def test_an_id_that_was_not_written_to_its_end_begins_a_new_run(service, tmp_path):
    (tmp_path / "wandb_run_id").write_text("")
    WandbLog("lifting").begin(tmp_path, {})
    assert service.begun[0]["id"] is None
    assert (tmp_path / "wandb_run_id").read_text() == "run-1"


def test_without_the_package_nothing_begins(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not installed
    with pytest.raises(JaxposeError, match=r"lifting needs .*'jaxpose\[wandb\]'"):
        train_small(str(tmp_path / "night"), SHORT)
    assert not (tmp_path / "night").exists()


def test_a_run_may_begin_to_log_later(service, finished_run, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(finished_run[0], directory)
    results = train_small(str(directory), {"wandb": "later"})
    assert service.rows[-1]["test/mpjpe"] == results["mpjpe"]
