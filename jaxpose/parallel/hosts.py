"""Several processes as one run: joining, taking turns, agreeing, stopping together.

Every process runs the same program on the same data, and JAX divides each batch over
the devices of all. The working directory must be one that all of them see.
"""

import collections
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxpose.errors import JaxposeError
from jaxpose.parallel import clusters, links, signals

# Seconds without a heartbeat after which JAX aborts the processes. Where links watch
# them, these say so first.
_HEARTBEAT_SECONDS = 30
_HEARTBEAT_SECONDS_BEHIND_LINKS = 120
# Seconds in which this process may end in its own words when another one is lost.
_GRACE = 3.0
# Words of collective operations' errors that other libraries pass on as their own.
_COLLECTIVE = ("Gloo", "by peer", "oordination service")


class _State:
    """How this process hangs together with the others."""

    link: links.Link | None = None  # None where JAX alone connects the processes
    loss: str | None = None  # the message about another process that has ended
    lost = threading.Event()
    leaving = threading.Event()


_state = _State()
_last_words = threading.Lock()


def initialize(
    coordinator: str | None, num_processes: int | None, process_id: int | None
) -> None:
    """Joins the other processes.

    Args:
      coordinator: `host:port` of the first process; None, as for the other two, where
        the environment of a cluster tells it (`jaxpose.parallel.clusters`, TPU pods).
      num_processes: how many there are.
      process_id: which of them this is, from 0.

    Raises:
      JaxposeError: the environment names no cluster, the others cannot be reached, two
        processes have one id, or they have different numbers of devices.
    """
    bind_address, heartbeat = None, _HEARTBEAT_SECONDS
    given = clusters.Place(coordinator, num_processes, process_id)
    coordinator, num_processes, process_id = clusters.complete(given, os.environ)
    # JAX's own connections end in aborted processes; see `jaxpose.parallel.links`.
    if coordinator and num_processes is not None and process_id is not None:
        link = links.meet(coordinator, num_processes, process_id, _on_loss)
        coordinator, bind_address = link.address, link.bind_address
        heartbeat = _HEARTBEAT_SECONDS_BEHIND_LINKS
        _state.link = link
        # A proxy for the web cannot reach the relays of this machine.
        if any(name.lower().endswith("_proxy") for name in os.environ):
            os.environ.setdefault("no_grpc_proxy", "127.0.0.1")
    try:
        jax.distributed.initialize(
            coordinator,
            num_processes,
            process_id,
            heartbeat_timeout_seconds=heartbeat,
            coordinator_bind_address=bind_address,
        )
    except (ValueError, RuntimeError) as error:
        raise JaxposeError(
            f"cannot join the other processes: {error}. Give --coordinator=HOST:PORT, "
            "--num_processes=N and --process_id=I to each where the cluster's "
            "environment does not"
        ) from error
    # JAX tells the other processes of a SIGTERM, which Ctrl-C therefore becomes.
    signals.relay_interrupts(signal.SIGTERM)
    _check_devices()


def _check_devices() -> None:
    """Raises JaxposeError unless all processes have the same number of devices."""
    counts = collections.Counter(device.process_index for device in jax.devices())
    for process, count in sorted(counts.items()):
        if count != counts[0]:
            raise JaxposeError(
                f"process {process} has {count} devices and process 0 has {counts[0]}; "
                "give every process the same number of devices"
            )


def _on_loss(message: str) -> None:
    """Ends this process with a message about another one, which has ended."""
    _state.loss = _state.loss or message
    _state.lost.set()
    # The main thread may know better: a difference is found by all of them.
    if not _state.leaving.wait(_GRACE):
        _end(f"error: {_state.loss}")


def lost_another(reason: str) -> str:
    """Returns the message that another process has ended.

    Args:
      reason: the error of an operation that needs it; the links know more.
    """
    if _state.link is not None:
        _state.lost.wait(_GRACE)
    return _state.loss or links.loss(reason)


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
    if _state.link is None and jax.process_count() == 1:
        sys.exit(message)
    _tell_others(message)
    _end(message)


def leave_if_several(error: Exception) -> None:
    """Ends this process for a defect, with its traceback, where others wait for it."""
    if _state.link is None and jax.process_count() == 1:
        return
    _tell_others(f"{type(error).__name__}: {error}")
    _end("".join(traceback.format_exception(error)).rstrip())


def _tell_others(message: str) -> None:
    """Tells the other processes why this one ends."""
    _state.leaving.set()
    # The links tell of a lost process themselves.
    if _state.link is not None and _state.loss is None:
        first_line = message.removeprefix("error: ").partition("\n")[0]
        _state.link.leave(f"process {_state.link.process} stopped: {first_line}")


def _end(message: str) -> NoReturn:
    """Prints `message` and ends the process with status 1; only the first call does."""
    with _last_words:
        print(message, file=sys.stderr, flush=True)
        # The ordinary way waits for the others, who may be gone or wait for this one.
        os._exit(1)


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
