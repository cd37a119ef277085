"""Ctrl-C and SIGTERM as a request to stop, which no part of a program can lose.

A handler that raises loses the signal where Python swallows exceptions: in a callback
of JAX, in a destructor, in an import. The handlers here never raise. They end the
process at once, or, where there is something to save, note the signal until the program
asks:

    signals.install()                     # before the slow imports
    with signals.held():
        while not signals.requested():
            update()
        save()

Only the standard library is imported, so that `install` can come first.
"""

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM)
# What is said where nothing is saved; whoever sends SIGTERM reads no terminal.
_LINES = {int(signal.SIGINT): b"\ninterrupted\n"}


class _State:
    """What has been received, and how to answer it."""

    received: int | None = None  # the first signal that asked this process to stop
    held = False  # something is being saved: signals wait
    relay: int | None = None  # signal that passes Ctrl-C on to the other processes
    wakeup: socket.socket | None = None  # kept open: Python writes to its number


_state = _State()
_leaving = threading.Lock()


def install() -> None:
    """Answers SIGINT and SIGTERM from now on; call it in a program, never in a library.

    A signal that the parent process ignores (`nohup`, a shell's background job) stays
    ignored.
    """
    numbers = [n for n in _NUMBERS if signal.getsignal(n) != signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, _on_signal)
    # Python calls handlers between two of its own instructions: not while XLA compiles.
    # Its C code writes the number of the signal into this socket at any time.
    reader, _state.wakeup = socket.socketpair()
    _state.wakeup.setblocking(False)
    signal.set_wakeup_fd(_state.wakeup.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, numbers), daemon=True).start()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Lets signals wait as long as this lasts; a second Ctrl-C ends the process.

    Raises:
      SystemExit: at the end, with `status()`, if a signal came meanwhile.
    """
    before, _state.held = _state.held, True
    try:
        yield
    finally:
        _state.held = before
    leave_if_requested()


def requested() -> bool:
    """Returns whether a signal has asked this process to stop."""
    return _state.received is not None


def status() -> int:
    """Returns the exit status of a stop: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (_state.received or signal.SIGTERM)


def leave_if_requested() -> None:
    """Raises SystemExit with `status()` if a signal has asked this process to stop."""
    if requested():
        sys.exit(status())


def relay_interrupts(number: int) -> None:
    """Turns Ctrl-C into signal `number`, which reaches the other processes of a run."""
    _state.relay = number


def _on_signal(number: int, frame: FrameType | None) -> None:
    """Notes the signal, or ends the process."""
    del frame
    if not _state.held:
        _leave(number, _LINES.get(number, b""))
    elif not requested():
        _state.received = number
        if number == signal.SIGINT:
            _say(b"\nstopping; Ctrl-C again stops at once\n")
            if _state.relay is not None:
                signal.raise_signal(_state.relay)
    elif number == signal.SIGINT:
        _leave(number, b"\nstopped at once\n")


def _watch(reader: socket.socket, numbers: list[signal.Signals]) -> None:
    """Ends the process on signals that the handler would see too late.

    One byte stands for one signal, while several that arrive inside one call of C++
    reach the handler as one.
    """
    seen = 0
    while message := reader.recv(1):
        number = message[0]
        if number not in numbers:
            continue
        seen += 1
        if not _state.held:
            _leave(number, _LINES.get(number, b""))
        elif seen > 1 and number == signal.SIGINT:
            _leave(number, b"\nstopped at once\n")


def _leave(number: int, message: bytes) -> None:
    """Ends the process at once; the handler and the thread may both ask for it."""
    if _leaving.acquire(blocking=False):
        _say(message)
        os._exit(128 + number)


def _say(message: bytes) -> None:
    """Writes to the terminal, if there still is one; the streams may be in use."""
    with contextlib.suppress(OSError):
        os.write(2, message)
