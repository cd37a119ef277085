"""Joins the other processes of a run, without JAX.

`python -m tests.parallel.meets PORT PROCESSES PROCESS SECONDS` prints "met" once all
are there, and ends SECONDS later; an error is one line and status 1.
"""

import os
import sys
import time

from jaxpose.errors import JaxposeError
from jaxpose.parallel import links


def end(message: str) -> None:
    print(f"error: {message}", file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    port, processes, process, seconds = map(int, sys.argv[1:])
    try:
        links.meet(f"localhost:{port}", processes, process, end)
    except JaxposeError as error:
        sys.exit(f"error: {error}")
    print("met", flush=True)
    time.sleep(seconds)
