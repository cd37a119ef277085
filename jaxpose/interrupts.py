"""Ctrl-C while the first modules of a program are imported.

From `jaxpose.parallel.signals.install` on, that module answers signals.
"""

import os
import signal
import sys
from types import FrameType


def is_program() -> bool:
    """Returns whether this process has been started as a program of jaxpose."""
    # Python names a program so while it looks for its module: `python -m jaxpose.lift`.
    # The other names are those of the command `jaxpose`.
    program = sys.argv[0] if getattr(sys, "argv", None) else ""
    return program == "-m" or program.endswith(
        ("/jaxpose", "\\jaxpose", "\\jaxpose.exe")
    )


def answer() -> None:
    """Ends the process in one line on Ctrl-C; what the parent ignores stays ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    """Ends the process with the status that a shell expects."""
    del frame
    # Not print, which may be what the signal interrupts.
    try:
        os.write(2, b"\ninterrupted\n")
    finally:
        os._exit(128 + number)
