"""Several processes as one run: joining, taking turns, stopping together.

Every process runs the same program on the same data, and JAX divides each batch over the devices
of all. The working directory must be one that all of them see.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import jax
from jax.experimental import multihost_utils

from jaxpose.errors import JaxposeError

# A dead process is noticed by the next collective operation, or else after this many seconds.
_HEARTBEAT_SECONDS = 30
# What errors of collective operations say where they are not JAX's own any more.
_COLLECTIVE = ("Gloo", "by peer", "oordination service")


def initialize(
    coordinator: str | None, num_processes: int | None, process_id: int | None
) -> None:
    """Joins the other processes.

    Args:
      coordinator: `host:port` of the first process; None where the cluster's environment names it
        and the rest (SLURM, TPU pods, Open MPI).
      num_processes: how many there are.
      process_id: which of them this is, from 0.

    Raises:
      JaxposeError: the environment names no cluster, or the others cannot be reached.
    """
    try:
        jax.distributed.initialize(
            coordinator,
            num_processes,
            process_id,
            heartbeat_timeout_seconds=_HEARTBEAT_SECONDS,
        )
    except (ValueError, RuntimeError) as error:
        raise JaxposeError(
            f"cannot join the other processes: {error}. Give --coordinator=HOST:PORT, --num_processes=N and "
            "--process_id=I to each where the cluster's environment does not"
        ) from error


def is_writer() -> bool:
    """Whether this process writes logs and reports: the first one."""
    return jax.process_index() == 0


def in_turn(name: str, action: Callable[[], None]) -> None:
    """Calls `action` in one process after the other; `name` must be the same in all of them."""
    for process in range(jax.process_count()):
        if process == jax.process_index():
            action()
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"{name} {process}")


def has_lost_another(error: BaseException | None) -> bool:
    """Whether `error` comes of another process that has ended: a collective operation that failed.

    JAX and orbax raise it as errors of many kinds, from each other and in threads.
    """
    if jax.process_count() == 1:
        return False
    while error is not None:
        if isinstance(error, jax.errors.JaxRuntimeError) or any(
            word in str(error) for word in _COLLECTIVE
        ):
            return True
        error = error.__cause__ or error.__context__
    return False


def leave(message: str) -> NoReturn:
    """Prints `message` and ends this process with status 1, and with it the others."""
    if jax.process_count() > 1:
        print(message, file=sys.stderr, flush=True)
        os._exit(
            1
        )  # the ordinary way waits for the others, who may be gone or wait for this one
    sys.exit(message)


class StopSignal:
    """Turns SIGTERM and Ctrl-C into an answer that the loop reads between dispatches.

    The same on every host; with several, SIGTERM alone. A second Ctrl-C ends the program at once.
    """

    def __init__(self) -> None:
        """Installs the handler; with several processes JAX has its own, which tells the others."""
        self.status = 128 + signal.SIGTERM  # to exit with
        self._received = False
        self._asked = 0
        self._several = jax.process_count() > 1
        self._previous = {}
        if not self._several:
            for number in (signal.SIGTERM, signal.SIGINT):
                if (
                    signal.getsignal(number) != signal.SIG_IGN
                ):  # as experiments.child has it
                    self._previous[number] = signal.signal(number, self._receive)

    def _receive(self, signum: int, frame: Any) -> None:
        del frame
        if signum == signal.SIGINT and self._received:
            raise KeyboardInterrupt
        self._received, self.status = True, 128 + signum

    def requested(self) -> bool:
        """Whether to save and leave now; every process asks once a dispatch."""
        if not self._several:
            return self._received
        self._asked += 1  # JAX agrees on one of these numbers, so none may be left out
        return multihost_utils.reached_preemption_sync_point(self._asked)

    def restore(self) -> None:
        """Puts the previous handler back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
