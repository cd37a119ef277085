"""A file that cannot be written to its end is named, and nothing half done stays."""

import contextlib

import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.errors import JaxposeError, explain
from jaxpose.pose.files import write_whole
from jaxpose.run import Run
from jaxpose.scoring import pictures
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.events import Events
from jaxpose.training.metric_writer import MetricWriter
from jaxpose.weights import save_weights
from jaxpose.whole_files import write_json

resource = pytest.importorskip("resource", reason="limits of POSIX")
pytestmark = pytest.mark.xdist_group("train")


@contextlib.contextmanager
def no_file_above(size):
    """Lets the system refuse to write files of more bytes, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_curves(path):
    rows = [{"step": n, "loss": 1 / n} for n in (1, 2)]
    pictures.draw_learning_curves(rows, path, None)


WRITERS = {
    "results.json": lambda path: write_json(path, list(range(5000))),
    "learning_curves.png": write_curves,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_does_not_fit_is_named_and_the_one_before_stays(tmp_path, name):
    (tmp_path / name).write_text("before")
    with pytest.raises(OSError, match="File too large") as raised, no_file_above(2000):
        WRITERS[name](tmp_path / name)
    assert explain(raised.value) == f"{tmp_path / name}: File too large"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "before"


def test_poses_that_do_not_fit_are_named(tmp_path):
    file = tmp_path / "poses.npz"
    with pytest.raises(JaxposeError) as raised, no_file_above(2000):
        write_whole(file, b"0" * 5000, overwrite=False)
    assert str(raised.value) == f"{file} cannot be written: File too large"
    assert list(tmp_path.iterdir()) == []


def test_weights_that_do_not_fit_are_named(finished_run, tmp_path):
    weights = Run.open(finished_run[0]).weights
    file = tmp_path / "weights.safetensors"
    with pytest.raises(JaxposeError) as raised, no_file_above(2000):
        save_weights(file, weights, "float32")
    assert str(raised.value) == f"{file} cannot be written: File too large"
    assert list(tmp_path.iterdir()) == []


def write_many(write):
    for step in range(1000):
        write(step)


def test_metrics_that_do_not_fit_are_named(tmp_path):
    writer = MetricWriter(tmp_path, resume_step=0)
    with no_file_above(300), pytest.raises(OSError, match="File too l") as raised:
        write_many(lambda step: writer.write(step, loss=1.0))
    assert explain(raised.value) == f"{tmp_path / 'metrics.jsonl'}: File too large"
    writer.close()


def test_events_that_do_not_fit_are_named_and_nothing_waits_for_them(tmp_path):
    events = Events(tmp_path / "tensorboard")
    with no_file_above(300), pytest.raises(OSError, match="File too l") as raised:
        write_many(lambda step: events.add_scalar("loss", 1.0, step))
    assert explain(raised.value) == f"{tmp_path / 'tensorboard'}: File too large"
    events.close()


def save_too_much(workdir):
    """Saves a checkpoint, and one that does not fit."""
    numbers = np.random.default_rng(0).normal(size=200_000)
    with Checkpoints(workdir) as opened:
        opened.save({"weights": jnp.asarray(numbers + 1)}, 1, 80.0)
        opened.wait()
        with no_file_above(10_000):
            opened.save({"weights": jnp.asarray(numbers)}, 2, 70.0)
            opened.wait()


def test_a_checkpoint_that_does_not_fit_is_named_in_one_line(tmp_path):
    with pytest.raises(JaxposeError) as raised:
        save_too_much(tmp_path)
    message = str(raised.value)
    assert str(tmp_path / "checkpoints/2") in message
    assert "File too large" in message
    assert "\n" not in message
    with Checkpoints(tmp_path) as opened:
        assert opened.steps == [1]


def test_a_full_disk_is_answered_with_what_to_do():
    error = OSError(28, "No space left on device", "runs/a/results.json")
    assert explain(error) == (
        "runs/a/results.json: No space left on device; make room on the disk and start "
        "the same command again"
    )
    assert explain(ValueError("a defect")) is None
    assert explain(MemoryError("Unable to allocate 9 TiB")).startswith(
        "out of memory ("
    )
