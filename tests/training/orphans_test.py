"""A damaged checkpoint is told in one line, whatever else orbax had begun to read."""

import gc
import logging
import pathlib
import shutil
import sys
import time

import pytest

from jaxpose.run import Run
from jaxpose.training import checkpoints, orphans, setup
from jaxpose.training.checkpoints import read_best
from tests.small_run import small_config

pytestmark = pytest.mark.xdist_group("train")


@pytest.fixture
def printed(monkeypatch):
    """The errors that Python would print, without those that are silenced."""
    errors = []
    monkeypatch.setattr(sys, "unraisablehook", errors.append)
    orphans.silence.cache_clear()
    yield errors
    orphans.silence.cache_clear()  # the next reader silences the hook of that time


@pytest.mark.parametrize("name", ["manifest.ocdbt", "d/*"])
def test_a_damaged_file_of_arrays_is_told_in_one_line(
    finished_run, tmp_path, caplog, monkeypatch, printed, name
):
    monkeypatch.setattr(checkpoints, "_PAUSE", 0)
    workdir = tmp_path / "run"
    shutil.copytree(finished_run[0], workdir)
    state = workdir / "checkpoints" / "72" / "state"
    path = max(state.glob(name), key=lambda path: path.stat().st_size)
    content = bytearray(path.read_bytes())
    content[40::97] = bytes(len(content[40::97]))
    path.write_bytes(content)
    run = Run.create(small_config(), pathlib.Path("nowhere"))
    like = setup.checkpoint_shapes(run.config, run.model, run.mesh)
    assert read_best(workdir, like).unreadable == [72]
    time.sleep(0.2)  # threads end a moment later
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []
    assert printed == []
    lines = [line for line in caplog.messages if "cannot be read" in line]
    assert len(lines) == 1


def test_errors_of_other_programs_are_printed(printed):
    orphans.silence()

    class Odd:
        def __del__(self):
            raise RuntimeError("of another program")

    Odd()
    gc.collect()
    assert [str(error.exc_value) for error in printed] == ["of another program"]
    asyncio = logging.getLogger("asyncio")
    record = asyncio.makeRecord("asyncio", logging.ERROR, "a.py", 1, "own", (), None)
    assert asyncio.filter(record)
