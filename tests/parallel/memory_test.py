"""Freed memory stays in the process, so that its pages are not faulted in again."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Writes and frees 64 MB, 16,384 pages of 4 kB, ten times after a first time.
PROGRAM = """
import resource
import numpy as np

np.ones(2**26, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**26, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
KEEP = "from jaxpose.parallel import memory\nmemory.keep_freed_memory()\n"


def page_faults(program):
    """Returns what the program prints."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is Linux's")
def test_freed_blocks_are_used_again_without_page_faults():
    # Pages of 2 MB, where the system makes them of large blocks, are 32 per block.
    assert page_faults(PROGRAM) >= 320
    assert page_faults(KEEP + PROGRAM) < 32
