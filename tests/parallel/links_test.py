"""Processes that join at an address, and what the others hear when one ends."""

import contextlib
import pathlib
import signal
import socket
import subprocess
import sys
import threading

import pytest

from jaxpose.errors import JaxposeError
from jaxpose.parallel import links

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIMIT = 20  # seconds


@pytest.fixture
def port():
    with socket.create_server(("localhost", 0)) as probe:
        return probe.getsockname()[1]


def hang_up(server):
    """Another program, which knows nothing of runs."""
    with contextlib.suppress(OSError):
        while True:
            server.accept()[0].close()


@contextlib.contextmanager
def meeting(port, *numbers, seconds=100):
    """Starts a process for each pair of a number of processes and an id.

    One that meets the others ends after `seconds`.
    """
    processes = []
    for count, process in numbers:
        arguments = map(str, (port, count, process, seconds))
        started = subprocess.Popen(
            [sys.executable, "-m", "tests.parallel.meets", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(started)
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def errors_of(processes):
    """The lines on stderr of processes that all end with status 1."""
    lines = []
    for process in processes:
        lines.append(process.communicate(timeout=LIMIT)[1])
        assert process.returncode == 1, lines[-1]
    return lines


def test_processes_that_meet_end_without_a_word(port):
    with meeting(port, (3, 2), (3, 0), (3, 1), seconds=0) as processes:
        for process in processes:
            assert process.communicate(timeout=LIMIT) == ("met\n", "")
            assert process.returncode == 0


def test_a_port_in_use_is_told_to_all(port):
    with socket.create_server(("localhost", port)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        with meeting(port, (2, 0), (2, 1)) as processes:
            first, other = errors_of(processes)
    assert first.startswith(
        f"error: port {port} of --coordinator is in use by another program"
    )
    assert other.startswith(f"error: another program answers at localhost:{port}")


def test_an_id_that_is_used_twice_is_told_to_all(port):
    with meeting(port, (3, 0), (3, 1), (3, 1)) as processes:
        for line in errors_of(processes):
            assert line == (
                "error: the processes do not come together: two of them have "
                "--process_id=1\n"
            )


def test_two_first_processes_are_told_both(port):
    with meeting(port, (2, 0), (2, 0)) as processes:
        waiting, late = sorted(errors_of(processes), reverse=True)
    assert "two of them have --process_id=0" in waiting
    assert f"port {port} of --coordinator is in use by another process 0" in late


def test_different_numbers_of_processes_are_told_to_all(port):
    with meeting(port, (3, 0), (2, 1)) as processes:
        for line in errors_of(processes):
            assert "process 1 was started with --num_processes=2, process 0 with 3" in (
                line
            )


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_is_noticed_at_once(port, victim):
    with meeting(port, (3, 0), (3, 1), (3, 2)) as processes:
        for process in processes:
            assert process.stdout.readline() == "met\n"
        processes[victim].send_signal(signal.SIGKILL)
        rest = [process for k, process in enumerate(processes) if k != victim]
        for line in errors_of(rest):
            assert line == (
                f"error: another process of this run has ended (process {victim} is "
                "gone); start the same command again on every host, and it resumes "
                "from the last checkpoint\n"
            )


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_frozen_process_is_noticed(port, victim):
    with meeting(port, (2, 0), (2, 1)) as processes:
        for process in processes:
            assert process.stdout.readline() == "met\n"
        processes[victim].send_signal(signal.SIGSTOP)
        other = processes[1 - victim]
        line = other.communicate(timeout=links.SILENCE + LIMIT)[1]
        assert other.returncode == 1
        assert f"process {victim} has not answered for 30 s" in line


@pytest.mark.parametrize(
    ("coordinator", "processes", "process", "message"),
    [
        ("localhost", 2, 0, "--coordinator=localhost must be HOST:PORT"),
        ("localhost:99999", 2, 0, "a port up to 65535"),
        ("localhost:9999", 2, 2, "--process_id=2 must be from 0 to"),
    ],
)
def test_numbers_that_cannot_be(coordinator, processes, process, message):
    with pytest.raises(JaxposeError, match=message):
        links.meet(coordinator, processes, process, print)
