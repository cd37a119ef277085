"""Runs trainings and drawings in processes of their own.

Each process has the accelerator to itself and frees it when it ends.
"""

import pathlib
import pickle
import signal
import subprocess
import sys
from typing import IO, Any

from absl import logging

from jaxpose import compilation_cache

ROOT = pathlib.Path(__file__).resolve().parents[1]


def call(module: str, task: Any, output: IO[bytes] | None = None) -> int:
    """Runs `python -m module`, which reads `task` by `receive`.

    If a signal or an error stops this process, the other one gets SIGTERM, so that it
    saves a checkpoint.

    Args:
      module: name of the module.
      task: any object that can be pickled.
      output: file that takes the printed text; None: the terminal.

    Returns:
      The exit status.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
    )
    # BaseException: Ctrl-C and SystemExit must not leave the other process behind.
    try:
        process.communicate(pickle.dumps(task))
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return process.returncode


def receive() -> Any:
    """Sets up this process and returns the task that `call` sent to it."""
    # The terminal sends Ctrl-C to both processes; the caller answers it with SIGTERM.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task = pickle.loads(sys.stdin.buffer.read())
    logging.set_verbosity(logging.WARNING)
    logging.get_absl_handler().addFilter(lambda record: "orbax" not in record.pathname)
    # Rows of a table compile many equal programs.
    compilation_cache.use()
    return task
