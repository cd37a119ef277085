"""A longer `num_epochs` extends a run, as if it had been as long from the start."""

import json
import shutil

import jax
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.run import Run
from jaxpose.training import optimizers, workdirs
from jaxpose.training.comparison import is_extension
from jaxpose.whole_files import write_json
from tests.small_run import small_config, train_small

pytestmark = pytest.mark.xdist_group("train")

TWO = {"num_epochs": 2, "steps_per_epoch": 4, "optimizer.schedule": "exponential"}
COSINE = TWO | {"optimizer.schedule": "cosine"}


def length(num_epochs, *restarts):
    return {"num_epochs": num_epochs, "optimizer.restart_epochs": restarts}


def weights(workdir):
    return Run.open(workdir).variables


@pytest.mark.slow
def test_an_extended_run_is_the_one_that_was_as_long_from_the_start(tmp_path, caplog):
    train_small(str(tmp_path / "run"), TWO)
    results = train_small(str(tmp_path / "run"), TWO | length(3))
    assert results["step"] <= 12
    assert Run.open(tmp_path / "run").trained.num_epochs == 3
    train_small(str(tmp_path / "whole"), TWO | length(3))
    jax.tree.map(
        np.testing.assert_array_equal,
        weights(tmp_path / "run"),
        weights(tmp_path / "whole"),
    )
    with pytest.raises(JaxposeError, match=r"config\.num_epochs: 3 there, 2 now"):
        train_small(str(tmp_path / "run"), TWO)
    assert not caplog.records


def test_a_schedule_of_the_length_is_refused_or_begins_anew(tmp_path):
    train_small(str(tmp_path / "run"), COSINE)
    with pytest.raises(
        JaxposeError,
        match=r"has 2 epochs, on which its learning rates .* depend .*begin them anew: "
        r'--config\.optimizer\.restart_epochs="\(2,\)"',
    ):
        train_small(str(tmp_path / "run"), COSINE | length(4))
    train_small(str(tmp_path / "run"), COSINE | length(4, 2))
    rates = []
    for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines():
        if "learning_rate" in (row := json.loads(line)):
            rates.append(row["learning_rate"])
    # The same two epochs twice.
    assert rates[: len(rates) // 2] == pytest.approx(rates[len(rates) // 2 :])
    train_small(str(tmp_path / "whole"), COSINE | length(4, 2))
    jax.tree.map(
        np.testing.assert_array_equal,
        weights(tmp_path / "run"),
        weights(tmp_path / "whole"),
    )
    # Again, from its new end.
    assert Run.create(config_of(COSINE | length(5, 2, 4)), tmp_path / "run")
    with pytest.raises(JaxposeError, match=r'restart_epochs="\(2, 4\)"'):
        Run.create(config_of(COSINE | length(5, 2)), tmp_path / "run")


def config_of(fields):
    config = small_config()
    config.update_from_flattened_dict(fields)
    return config


@pytest.mark.parametrize(
    ("before", "after", "extends"),
    [
        (TWO, TWO | length(3), True),
        (TWO, TWO | length(3, 2), True),
        (TWO, TWO | length(3, 1), False),
        (TWO, TWO | length(2), False),
        (TWO, TWO | length(1), False),
        (TWO, TWO | length(3) | {"seed": 1}, False),
        (COSINE, COSINE | length(3), False),
        (COSINE, COSINE | length(3, 2), True),
        (
            TWO | {"batch_norm_decay": True},
            TWO | {"batch_norm_decay": True} | length(3),
            False,
        ),
        (COSINE | length(4, 2), COSINE | length(5, 2), False),
        (COSINE | length(4, 2), COSINE | length(5, 2, 4), True),
    ],
)
def test_which_changes_extend_a_run(before, after, extends):
    plain = [workdirs.plain(config_of(fields)) for fields in (before, after)]
    assert is_extension(*plain) == extends


def test_a_run_that_was_extended_a_moment_ago_has_no_checkpoint_of_it(
    finished_run, tmp_path, caplog
):
    shutil.copytree(finished_run[0], tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    config["num_epochs"] += 1
    config["optimizer"]["restart_epochs"] = [config["num_epochs"] - 1]
    write_json(path, config)
    trained = Run.open(tmp_path / "run").trained
    assert trained.num_epochs == config["num_epochs"]
    assert not caplog.records
    # Anything else is not believed without a digest.
    write_json(path, config | {"seed": 7})
    trained = Run.open(tmp_path / "run").trained
    assert (trained.num_epochs, trained.seed) == (config["num_epochs"] - 1, 0)
    assert "differs from its checkpoints" in caplog.text


def test_schedules_begin_anew_at_each_restart():
    config = config_of(
        {
            "num_epochs": 9,
            "optimizer.schedule": "cosine",
            "optimizer.restart_epochs": (2, 6),
            "optimizer.learning_rate": 1.0,
            "optimizer.final_learning_rate": 0.0,
        }
    ).optimizer
    schedule = optimizers.make_schedule(config, num_epochs=9, steps_per_epoch=5)
    found = [float(schedule(5 * epoch)) for epoch in range(9)]
    # (1 + cos(pi k / n)) / 2 of parts of 2, 4 and 3 epochs.
    middle = np.sqrt(0.5) / 2
    expected = [1, 0.5, 1, 0.5 + middle, 0.5, 0.5 - middle, 1, 0.75, 0.25]
    assert found == pytest.approx(expected, abs=1e-6)
    momentum = []
    for epoch in range(9):
        decayed = optimizers.batch_norm_momentum(np.int32(epoch), 9, (2, 6))
        momentum.append(float(decayed))
    # A hundredth is a factor of 10 after half of a part.
    assert momentum[:5] == pytest.approx([0.1, 0.01, 0.1, 0.1 / 10**0.5, 0.01])
    assert momentum[6] == pytest.approx(0.1)


@pytest.mark.parametrize("epochs", [(0,), (2, 2), (3, 1), ("1",), (1.5,)])
def test_restarts_are_ascending_epochs(epochs, tmp_path):
    config = config_of({"num_epochs": 9, "optimizer.restart_epochs": epochs})
    with pytest.raises(JaxposeError, match=r"restart_epochs=.* in ascending order"):
        Run.create(config, tmp_path)


def test_restarts_come_before_the_end(tmp_path):
    config = config_of({"num_epochs": 3, "optimizer.restart_epochs": (3,)})
    with pytest.raises(JaxposeError, match=r"before the end, config\.num_epochs=3"):
        Run.create(config, tmp_path)
