"""The program of training without pictures, which may send itself a signal.

`python -m tests.parallel.signalled DISPATCH SIGNAL FLAG...` is `python -m jaxpose.main
FLAG...` and sends itself the signal when it has begun that many dispatches. With signal
0 it sends none.
"""

import itertools
import os
import runpy
import sys
import time

import jax

from jaxpose.training.progress import Progress
from tests.small_run import without_pictures

# JAX looks for signals once per second: the run must not have ended by then.
SECONDS_PER_DISPATCH = 0.2


def signal_at(dispatch: int, number: int) -> None:
    """Sends itself signal `number` at a dispatch, and slows those that follow."""
    add = Progress.add
    begun = itertools.count(1)

    def signalled(progress: Progress, first_step: int, losses: jax.Array) -> None:
        count = next(begun)
        if count == dispatch:
            os.kill(os.getpid(), number)
        if count >= dispatch:
            time.sleep(SECONDS_PER_DISPATCH)
        add(progress, first_step, losses)

    Progress.add = signalled  # type: ignore[method-assign]


if __name__ == "__main__":
    dispatch, number = int(sys.argv[1]), int(sys.argv[2])
    if number:
        signal_at(dispatch, number)
    sys.argv[1:] = sys.argv[3:]
    with without_pictures():
        runpy.run_module("jaxpose.main", run_name="__main__", alter_sys=True)
