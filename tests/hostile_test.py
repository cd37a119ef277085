"""Each hostile file is refused in seconds, and with little memory.

`python -m tests.hostile_test FOLDER` prints the time and peak memory of each.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests.hostile_files import MAKERS, READERS

ROOT = pathlib.Path(__file__).resolve().parents[1]
SECONDS, MEGABYTES = 5, 500

# Reads files, each in a process of its own that has the readers already,
# and prints a line of JSON for each.
PROGRAM = """
import json, os, pathlib, resource, signal, sys, time
from jaxpose.errors import JaxposeError
from tests.hostile_files import READERS
import jaxpose.recordings.files, jaxpose.torch_weights.checkpoint, h5py
import jaxpose.datasets.mpi_inf_3dhp.source_files, jaxpose.datasets.acclaim.archives
import jaxpose.datasets.human36m.metadata, jaxpose.datasets.human36m.cdf, cdflib

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

for path in map(pathlib.Path, sys.argv[1:]):
    if (child := os.fork()) == 0:
        signal.alarm(30)
        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
        start, before, found = time.monotonic(), peak(), "read"
        try:
            exec(READERS[path.suffix[1:]])
        except JaxposeError as error:
            found = f"refused: {error}"
        except BaseException as error:
            found = f"{type(error).__name__}: {error}"[:300]
        seconds = time.monotonic() - start
        line = (path.name, round(seconds, 2), peak() - before, found)
        print(json.dumps(line), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@dataclasses.dataclass(frozen=True)
class Outcome:
    seconds: float
    megabytes: int
    found: str


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory):
    pytest.importorskip("h5py", reason="the extra `mpi_inf_3dhp` is not installed")
    pytest.importorskip("cdflib", reason="the extra `human36m` is not installed")
    return measure(tmp_path_factory.mktemp("hostile"))


def measure(folder: pathlib.Path) -> dict[str, Outcome]:
    """Makes the hostile files in a folder, and reads each."""
    paths = []
    for name, make in MAKERS.items():
        make(folder / name)
        paths.append(str(folder / name))
    command = [sys.executable, "-c", PROGRAM, *paths]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    assert not run.stderr, run.stderr
    found = {}
    for line in run.stdout.splitlines():
        name, *outcome = json.loads(line)
        found[name] = Outcome(*outcome)
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the limits are those of POSIX")
@pytest.mark.xdist_group("hostile")
@pytest.mark.parametrize("name", MAKERS)
def test_a_hostile_file_is_refused_within_the_limits(outcomes, name):
    assert name in outcomes, "the reader hangs or ends the process"
    outcome = outcomes[name]
    assert outcome.found.startswith("refused: "), outcome
    assert name in outcome.found
    assert "\n" not in outcome.found
    assert len(outcome.found) < 1000
    assert outcome.seconds < SECONDS
    assert outcome.megabytes < MEGABYTES


def test_each_file_has_a_reader():
    assert {name.rpartition(".")[2] for name in MAKERS} <= set(READERS)


if __name__ == "__main__":
    for file, result in measure(pathlib.Path(sys.argv[1])).items():
        cost = f"{result.seconds:6.2f} s{result.megabytes:5} MB"
        print(f"{file:22}{cost}  {result.found}")
