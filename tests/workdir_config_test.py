"""A workdir knows its config: programs and Python name only what differs."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from jaxpose import command_line
from jaxpose.config import follow_dataset
from jaxpose.errors import JaxposeError
from jaxpose.run import Run
from jaxpose.training.workdirs import plain
from tests.small_run import in_memory, small_config, without_pictures

ROOT = pathlib.Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.xdist_group("train")


def test_changes_are_made_to_the_config_of_the_run(finished_run):
    run = Run.open(finished_run[0], changes={"flip_average": False})
    assert not run.config.flip_average
    assert run.trained.flip_average
    assert plain(run.config) == plain(run.trained) | {"flip_average": False}
    with pytest.raises(JaxposeError, match=r"no field 'flip_averag'.*mean 'flip_a"):
        Run.open(finished_run[0], changes={"flip_averag": False})
    with pytest.raises(JaxposeError, match=r"trained with other fields.*model\.depth"):
        Run.open(finished_run[0], changes={"model.depth": 4})


def test_a_config_of_a_workdir_can_be_trained_elsewhere(finished_run, tmp_path):
    config = Run.open(finished_run[0]).config
    config.num_epochs, config.steps_per_epoch = 1, 4
    with in_memory(), without_pictures():
        assert Run.create(config, tmp_path).train()["step"] == 4


def test_another_data_set_has_its_own_people():
    trained = small_config()
    for changes, expected in (
        ({}, ("test_0", "test_1")),
        ({"dataset.name": "synthetic/other"}, ("test_0", "test_1")),
        ({"dataset.name": "human36m/gt_17"}, ("S9", "S11")),
        ({"dataset.name": "custom/h36m_17"}, ()),
        (
            {"dataset.name": "human36m/gt_17", "dataset.test_subjects": ("S9",)},
            ("S9",),
        ),
        ({"dataset.name": "of_ones_own"}, ("test_0", "test_1")),
    ):
        config = small_config()
        config.update_from_flattened_dict(changes)
        follow_dataset(config, trained)
        assert config.dataset.test_subjects == expected, changes


@pytest.fixture(scope="module")
def outputs(finished_run, tmp_path_factory):
    """Status and output of each call, by its name."""
    run, empty = str(finished_run[0]), str(tmp_path_factory.mktemp("empty"))
    calls = {
        "fields": ["--config.eval_batch_size=7", "--workdir", run, "--mode=fields"],
        "other": ["--config", run, "--mode=fields", "--config.num_epochs", "9"],
        "describe": [f"--workdir={run}", "--mode=describe"],
        "no run": [f"--workdir={empty}", "--mode=evaluate"],
        "no config": [f"--config={empty}", "--mode=fields"],
    }
    folder = tmp_path_factory.mktemp("calls")
    (folder / "calls.json").write_text(json.dumps(list(calls.values())))
    command = [sys.executable, "-m", "tests.calls_of_main", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300)
    statuses = json.loads((folder / "statuses.json").read_text())
    found = {}
    for number, name in enumerate(calls):
        found[name] = statuses[number], (folder / f"{number}.txt").read_text()
    return found


def test_programs_read_the_config_in_the_workdir(outputs):
    status, text = outputs["fields"]
    assert status == 0, text
    assert "--config.eval_batch_size=7\n" in text
    assert "--config.num_epochs=6\n" in text
    assert json.loads(outputs["describe"][1])["receptive_field"] == 1
    # The config of one run, for a new workdir.
    assert "--config.num_epochs=9\n" in outputs["other"][1], outputs["other"]
    assert "--config.batch_size=16\n" in outputs["other"][1]


def test_a_workdir_without_a_run_has_no_config(outputs):
    status, text = outputs["no run"]
    assert status == 1
    assert re.fullmatch(
        r"error: --config=\.\.\. is required, as /.*/empty\d+ holds no run\n", text
    )
    assert " holds no run (no config.json)" in outputs["no config"][1]


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (["--workdir=a"], "a"),
        (["-workdir", "a"], "a"),
        (["--workdirs=a", "x"], None),
        (["--workdir"], ""),
        (["--other", "--workdir=a=b"], "a=b"),
    ],
)
def test_values_of_flags_are_found_as_absl_finds_them(arguments, value):
    assert command_line.value_of("workdir", arguments) == value
