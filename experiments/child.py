"""Processes of their own for runs and pictures: each has the accelerator to itself, and gives it back."""

import os
import pathlib
import pickle
import signal
import subprocess
import sys
from typing import IO, Any

import jax
from absl import logging

ROOT = pathlib.Path(__file__).resolve().parents[1]


def call(module: str, task: Any, output: IO[bytes] | None = None) -> int:
    """Runs `python -m module`, which gets `task` from `receive`; returns its exit status.

    What stops this process stops the other one with SIGTERM, which lets it save a checkpoint.
    `output` takes what it prints; None: the terminal.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
    )
    try:
        process.communicate(pickle.dumps(task))
    except BaseException:
        process.terminate()
        process.wait()
        raise
    return process.returncode


def receive() -> Any:
    """The task that `call` sent to this process, which it also sets up."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C comes to both; the caller answers with SIGTERM
    task = pickle.loads(sys.stdin.buffer.read())
    logging.set_verbosity(logging.WARNING)
    logging.get_absl_handler().addFilter(lambda record: "orbax" not in record.pathname)
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update(
            "jax_compilation_cache_dir", os.path.expanduser("~/.cache/jaxpose/compiled")
        )
    return task
