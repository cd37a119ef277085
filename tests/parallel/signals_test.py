"""No signal is lost, wherever it arrives; each program here is a process of its own."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# A call of C that lasts minutes and does not come back to the interpreter before.
ONE_CALL = "hashlib.pbkdf2_hmac('sha1', b'', b'', 10**9)"

# What is said on Ctrl-C where nothing is saved.
INTERRUPTED = "\ninterrupted\n"

PROGRAM = """
from jaxpose.parallel import signals

signals.install()
import hashlib, os, signal, sys, time

def say(line):
    print(line, flush=True)

def interrupt():
    signal.raise_signal(signal.SIGINT)

"""


def start(program):
    """Starts the program; what it says and its errors come together."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    output, _ = process.communicate(timeout=60)
    assert "Traceback" not in output, output
    return process.returncode, output


@pytest.mark.parametrize(
    ("number", "status", "line"),
    [(signal.SIGINT, 130, INTERRUPTED), (signal.SIGTERM, 143, "")],
)
def test_a_signal_ends_the_program_at_once_where_nothing_is_saved(number, status, line):
    program = f"signal.raise_signal({int(number)}); time.sleep(1); say('went on')"
    assert finish(start(program)) == (status, line)


def test_a_held_signal_is_noted_where_python_swallows_what_handlers_raise():
    program = """
class Object:
    def __del__(self):
        interrupt()

with signals.held():
    Object()
    say("saved")
say("went on too far")
"""
    status, output = finish(start(program))
    assert status == 130
    assert output == "\nstopping; Ctrl-C again stops at once\nsaved\n"


def test_the_first_signal_decides_the_status():
    program = """
with signals.held():
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    say(signals.requested())
"""
    assert finish(start(program)) == (143, "True\n")


def test_a_second_interrupt_ends_the_program():
    program = """
with signals.held():
    interrupt()
    interrupt()
    time.sleep(1)
    say("went on too far")
"""
    status, output = finish(start(program))
    assert status == 130
    expected = "\nstopping; Ctrl-C again stops at once\n\nstopped at once\n"
    assert output == expected


def test_one_interrupt_is_enough_inside_a_long_call_that_saves_nothing():
    process = start(f"say('calling'); {ONE_CALL}")
    assert process.stdout.readline() == "calling\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, INTERRUPTED)


def test_the_second_interrupt_is_enough_inside_any_long_call():
    program = f"""
with signals.held():
    interrupt()
    say("calling")
    {ONE_CALL}
"""
    process = start(program)
    while process.stdout.readline() != "calling\n":
        pass
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, "\nstopped at once\n")


def test_an_error_while_signals_are_held_is_not_hidden_by_one():
    program = """
try:
    with signals.held():
        interrupt()
        raise ValueError("a full disk")
except ValueError as error:
    say(error)
"""
    assert finish(start(program))[1].endswith("a full disk\n")


def test_a_signal_that_the_parent_ignored_stays_ignored():
    program = "interrupt(); say(signals.requested())"
    ignoring = f"import signal; signal.signal(2, signal.SIG_IGN)\n{PROGRAM}{program}"
    finished = subprocess.run(
        [sys.executable, "-c", ignoring], cwd=ROOT, capture_output=True, text=True
    )
    assert (finished.returncode, finished.stdout) == (0, "False\n"), finished.stderr


def test_interrupts_are_relayed_to_the_other_processes():
    program = """
signals.relay_interrupts(signal.SIGUSR1)
signal.signal(signal.SIGUSR1, lambda *_: say("relayed"))
with signals.held():
    interrupt()
"""
    status, output = finish(start(program))
    assert status == 130
    assert output.endswith("relayed\n")


def catches_sigterm(pid):
    """Whether process `pid` has a handler of SIGTERM, as Linux tells."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(line.split()[1] for line in lines if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux's /proc")
@pytest.mark.parametrize("module", ["jaxpose.main", "jaxpose.prepare"])
def test_programs_catch_signals_before_their_slow_imports(module):
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while not catches_sigterm(process.pid):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    assert finish(process) == (130, INTERRUPTED)


# Sends itself Ctrl-C when a program of jaxpose begins to import a module.
AT_AN_IMPORT = """
import builtins, runpy, signal, sys

program, wanted = sys.argv[1:]
sys.argv = ["-m"]  # as Python names a program while it looks for its module
before = builtins.__import__

def interrupted(name, *rest, **named):
    if name == wanted:
        signal.raise_signal(signal.SIGINT)
    return before(name, *rest, **named)

builtins.__import__ = interrupted
runpy.run_module(program, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("program", ["jaxpose.main", "jaxpose.lift", "jaxpose.read"])
@pytest.mark.parametrize("module", ["pathlib", "socket", "json", "jaxpose.errors"])
def test_an_interrupt_of_any_import_ends_the_program_in_one_line(program, module):
    finished = subprocess.run(
        [sys.executable, "-c", AT_AN_IMPORT, program, module],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = finished.returncode, finished.stdout + finished.stderr
    assert found == (130, INTERRUPTED)


def test_nothing_slow_is_imported_before_signals_are_caught():
    program = """
import jaxpose
slow = {"jax", "flax", "numpy", "tensorflow_datasets", "absl"} & set(sys.modules)
say(sorted(slow))
"""
    assert finish(start(program)) == (0, "[]\n")
