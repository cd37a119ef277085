"""Runs that are killed at random moments end as a run that never was, bit for bit.

`KILLS=100 SEED=0 python -m pytest -m slow tests/kills_test.py`
"""

import os
import signal
import time

import numpy as np
import pytest

from tests.parallel.signals_test import catches_sigterm
from tests.small_run import train_small
from tests.training.resume_test import assert_same_run, start

KILLS, SEED = int(os.environ.get("KILLS", "100")), int(os.environ.get("SEED", "0"))
# Status of a process that a signal has ended.
STATUS = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}


def kill_at_random(workdir, seconds, rng):
    """Starts the run and sends it a signal; returns the signal, None where it ended."""
    process = start(workdir)
    while not catches_sigterm(process.pid) and process.poll() is None:
        time.sleep(0.001)
    time.sleep(rng.uniform(0, seconds))
    number = list(STATUS)[rng.integers(len(STATUS))]
    process.send_signal(number)
    output, _ = process.communicate(timeout=300)
    assert "Traceback" not in output, output
    # A signal that comes behind the last result changes nothing: Python itself, which
    # answers signals no more while it ends, may be what it stops.
    if process.returncode == 0 or process.returncode == -number != -signal.SIGKILL:
        assert (workdir / "results.json").exists(), output
        return None
    assert process.returncode == STATUS[number], output
    return number


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux's /proc")
def test_runs_that_are_killed_at_random_moments_end_bit_for_bit(tmp_path):
    whole = tmp_path / "whole"
    begun = time.perf_counter()
    process = start(whole)
    process.communicate(timeout=300)
    seconds = time.perf_counter() - begun
    assert process.returncode == 0
    rng = np.random.default_rng(SEED)
    kills, runs, in_run = dict.fromkeys(STATUS, 0), 1, 0
    workdir = tmp_path / "killed_1"
    while sum(kills.values()) < KILLS:
        # A run that gets to its end is compared, and another one begins.
        if (number := kill_at_random(workdir, seconds, rng)) is not None:
            kills[number] += 1
            in_run += 1
            # Every tenth run is let to its end, as no signal may come late by chance.
            if in_run % 10:
                continue
            train_small(str(workdir))
        assert_same_run(whole, workdir)
        runs, in_run = runs + 1, 0
        workdir = tmp_path / f"killed_{runs}"
    if in_run:
        train_small(str(workdir))
        assert_same_run(whole, workdir)
    counts = ", ".join(f"{count} {number.name}" for number, count in kills.items())
    print(f"{counts} in {runs} runs, over {seconds:.0f} s each")
