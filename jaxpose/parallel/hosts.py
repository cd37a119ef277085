"""Several processes as one run: joining, taking turns, stopping together.

Every process runs the same program on the same data, and JAX divides each batch over
the devices of all. The working directory must be one that all of them see.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxpose.errors import JaxposeError
from jaxpose.parallel import signals

# The next collective operation notices a dead process, or else a heartbeat that is
# missing for this many seconds.
_HEARTBEAT_SECONDS = 30
# Words of collective operations' errors that other libraries pass on as their own.
_COLLECTIVE = ("Gloo", "by peer", "oordination service")


def initialize(
    coordinator: str | None, num_processes: int | None, process_id: int | None
) -> None:
    """Joins the other processes.

    Args:
      coordinator: `host:port` of the first process; None where the environment of a
        cluster names it and the rest (SLURM, TPU pods, Open MPI).
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
            f"cannot join the other processes: {error}. Give --coordinator=HOST:PORT, "
            "--num_processes=N and --process_id=I to each where the cluster's "
            "environment does not"
        ) from error
    # JAX tells the other processes of a SIGTERM, which Ctrl-C therefore becomes.
    signals.relay_interrupts(signal.SIGTERM)


def is_writer() -> bool:
    """Returns whether this process writes logs and reports: the first one does."""
    return jax.process_index() == 0


def in_turn(name: str, action: Callable[[], None]) -> None:
    """Calls `action` in one process after the other; all must give the same `name`."""
    for process in range(jax.process_count()):
        if process == jax.process_index():
            action()
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices(f"{name} {process}")


def of_first(array: np.ndarray) -> np.ndarray:
    """Returns the array of the first process; all must give one of the same shape."""
    if jax.process_count() == 1:
        return array
    return np.asarray(multihost_utils.broadcast_one_to_all(array))


def has_lost_another(error: BaseException | None) -> bool:
    """Returns whether `error` tells that another process of the run has ended.

    Then a collective operation fails. JAX and orbax report that by errors of many
    types, one from another and in threads.
    """
    if jax.process_count() == 1:
        return False
    while error is not None:
        if isinstance(error, jax.errors.JaxRuntimeError):
            return True
        if any(word in str(error) for word in _COLLECTIVE):
            return True
        error = error.__cause__ or error.__context__
    return False


def leave(message: str) -> NoReturn:
    """Prints `message` and ends this process with status 1, and with it the others."""
    if jax.process_count() > 1:
        print(message, file=sys.stderr, flush=True)
        # The ordinary way waits for the others, who may be gone or wait for this one.
        os._exit(1)
    sys.exit(message)


class StopRequest:
    """A signal that asks the run to save and leave, agreed on by all its processes."""

    def __init__(self) -> None:
        """Starts the count of questions."""
        self._asked = 0
        self._several = jax.process_count() > 1

    def agreed(self) -> bool:
        """Returns whether to save and leave now; every process asks per dispatch."""
        if not self._several:
            return signals.requested()
        # JAX makes the processes agree on one of these numbers: none may be left out.
        self._asked += 1
        return multihost_utils.reached_preemption_sync_point(self._asked)
