"""Programs that prepare the same data at the same time, as processes of their own."""

import pathlib
import socket
import subprocess
import sys
import time

import pytest

from jaxpose.datasets.prepared import load_clips
from jaxpose.locks import locked

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIMIT = 60  # seconds until a test gives up


def start(data_dir, signs):
    signs.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.held_prepare", str(data_dir), str(signs)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )


def wait_for(path):
    until = time.monotonic() + LIMIT
    while not path.exists():
        assert time.monotonic() < until, f"{path} did not appear"
        time.sleep(0.02)


@pytest.fixture
def first(tmp_path):
    """The first program, half-way through its preparation."""
    process = start(tmp_path / "data", tmp_path / "first")
    try:
        wait_for(tmp_path / "first" / "begun")
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_second_program_waits_for_the_first_and_both_go_on(first, tmp_path):
    data = tmp_path / "data"
    second = start(data, tmp_path / "second")
    holder = f"process {first.pid} on {socket.gethostname()} prepares synthetic"
    assert second.stderr.readline() == (
        f"waiting: {holder} in {data}; this program goes on when that ends\n"
    )
    (tmp_path / "first" / "go").touch()
    for process in (first, second):
        rest = process.communicate(timeout=LIMIT)[1]
        assert process.returncode == 0, rest
    # The second one found the data of the first.
    assert not (tmp_path / "second" / "begun").exists()
    assert not list(data.glob(".*"))  # no lock stays behind
    assert load_clips("synthetic", data).num_frames


def test_a_second_program_redoes_what_a_killed_one_left(first, tmp_path):
    data = tmp_path / "data"
    second = start(data, tmp_path / "second")
    assert second.stderr.readline().startswith("waiting: ")
    assert list(data.glob("synthetic/gt/incomplete.*"))
    (tmp_path / "second" / "go").touch()
    first.kill()
    assert second.communicate(timeout=LIMIT)[1]
    assert second.returncode == 0
    assert (tmp_path / "second" / "begun").exists()
    assert not list(data.glob(".*"))  # no lock stays behind
    assert not list(data.glob("synthetic/gt/incomplete.*"))
    assert load_clips("synthetic", data).num_frames


def test_without_locks_nothing_unfinished_is_deleted(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("no locks here")

    monkeypatch.setattr("jaxpose.locks.fcntl.flock", refuse)
    with locked(tmp_path / "new" / "lock", "works") as is_alone:
        assert not is_alone
    assert not (tmp_path / "new").exists()
