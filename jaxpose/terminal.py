"""Standard output and error streams of a program, which a terminal cannot break.

Characters that a terminal cannot show appear as escape sequences. Where the reader of a
pipe ends, as in `jaxpose train | head`, the program goes on in silence: its files and
its exit status are those of a program whose output was read.

Only the standard library is imported, so that `protect` can come first.
"""

import atexit
import errno
import io
import os
import sys
from typing import TextIO

# What Windows says of a pipe without a reader is the second.
_UNREAD = (errno.EPIPE, errno.EINVAL)


def protect() -> None:
    """Protects both streams; call it in a program, never in a library."""
    if isinstance(getattr(sys.stdout, "buffer", None), _Buffer):
        return
    _open_closed()
    output = _Stream(1, "standard output")
    sys.stdout = _text(output, sys.stdout, is_line_wise=os.isatty(1))
    sys.stderr = _text(_Stream(2, "standard error"), sys.stderr, is_line_wise=True)
    # Registered first, so it runs after whatever else still prints.
    atexit.register(_finish, output)


def _open_closed() -> None:
    """Opens the null device in place of streams that the parent has closed.

    Otherwise the next file that is opened would get the number of a stream, and what
    libraries print would go into that file.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _text(stream: "_Stream", before: TextIO | None, is_line_wise: bool) -> TextIO:
    """Returns the stream of text in place of `before`, in its encoding."""
    if before is not None:
        before.flush()
    return io.TextIOWrapper(
        _Buffer(stream),
        encoding=getattr(before, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=is_line_wise,
    )


class _Buffer(io.BufferedWriter):
    """The buffer of a protected stream."""


class _Stream(io.RawIOBase):
    """Bytes to a descriptor; what nobody can read is dropped.

    Attributes:
      name: for messages.
      has_failed: whether something was lost that somebody wanted to read.
    """

    def __init__(self, descriptor: int, name: str):
        """Takes an open descriptor, which stays open."""
        super().__init__()
        self.name = name
        self.has_failed = False
        self._descriptor = descriptor

    def writable(self) -> bool:
        """Returns True."""
        return True

    def fileno(self) -> int:
        """Returns the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Returns whether a person reads it."""
        return os.isatty(self._descriptor)

    def write(self, data) -> int:  # type: ignore[no-untyped-def]
        """Writes bytes; returns how many were written or dropped."""
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            self._give_up(error)
            return len(data)

    def _give_up(self, error: OSError) -> None:
        """Sends everything from now on to the null device."""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self._descriptor)
        os.close(null)
        if error.errno in _UNREAD:
            return
        self.has_failed = True
        if self._descriptor != 2:
            message = f"error: {self.name} cannot be written: {error.strerror}\n"
            sys.stderr.write(message)


def _finish(output: _Stream) -> None:
    """Writes what is left, and ends with status 1 where output was lost."""
    sys.stdout.flush()
    if output.has_failed:
        sys.stderr.flush()
        os._exit(1)
