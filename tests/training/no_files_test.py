"""A pipe, a folder or a link in place of a file of a run never makes the run wait."""

import errno
import os
import shutil

import pytest

from jaxpose.errors import JaxposeError
from jaxpose.run import Run
from jaxpose.training import records, workdirs
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.metric_writer import MetricWriter, read_metrics
from tests.small_run import small_config

pytestmark = [
    pytest.mark.xdist_group("train"),
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes"),
]
SIDE_FILES = ("record/data.json", "_CHECKPOINT_METADATA", "metrics/metrics")
KINDS = {
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "circle": lambda path: path.symlink_to(path),
    "device": lambda path: path.symlink_to("/dev/zero"),
    "dangling": lambda path: path.symlink_to(path.parent / "nothing"),
}


@pytest.fixture
def workdir(finished_run, tmp_path):
    """A copy of the finished run."""
    shutil.copytree(finished_run[0], tmp_path / "run")
    return tmp_path / "run"


def put(kind, path):
    path.unlink()
    KINDS[kind](path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_config_of_a_run_is_read_from_its_checkpoints(workdir, kind):
    for name in ("config.json", "environment.json"):
        put(kind, workdir / name)
    found = workdirs.plain(Run.open(workdir).trained)
    assert found == workdirs.plain(small_config())


@pytest.mark.parametrize("kind", ["pipe", "circle", "device", "dangling"])
@pytest.mark.parametrize("name", SIDE_FILES)
def test_side_files_of_checkpoints_are_rebuilt(workdir, kind, name):
    path = workdir / "checkpoints" / "72" / name
    before = records.read_object(path)
    put(kind, path)
    with Checkpoints(workdir):
        pass
    assert not path.is_symlink()
    if name != "_CHECKPOINT_METADATA":  # orbax writes more there than is read
        assert records.read_object(path) == before
    assert records.read_record(workdir / "checkpoints" / "72")


@pytest.mark.parametrize("kind", ["pipe", "circle", "device", "dangling"])
def test_checkpoints_that_are_no_folder_are_none(tmp_path, kind):
    directory = tmp_path / "checkpoints"
    KINDS[kind](directory)
    assert records.complete_steps(directory) == []
    with pytest.raises(JaxposeError, match=r"checkpoints is no folder.*; move it"):
        Checkpoints(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_that_are_no_file_have_no_rows(tmp_path, kind):
    KINDS[kind](tmp_path / "metrics.jsonl")
    assert read_metrics(tmp_path / "metrics.jsonl") == []


def test_a_log_that_is_a_pipe_is_an_error_that_names_it(tmp_path):
    os.mkfifo(tmp_path / "train.log")
    with pytest.raises(OSError, match=r"train\.log") as caught:
        MetricWriter(tmp_path, resume_step=0)
    assert caught.value.errno == errno.ENXIO
