"""Opens files that others have written: regular files only, up to a size."""

import os
import pathlib
import stat
from typing import BinaryIO

from jaxpose.errors import JaxposeError

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


def open_at_once(path: pathlib.Path, flags: int) -> int:
    """Opens a file as `os.open` does, but waits for nobody.

    Opening a named pipe waits for its other end otherwise.

    Raises:
      OSError: it cannot be opened, or is a named pipe that nobody reads.
    """
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def open_regular(path: pathlib.Path) -> BinaryIO:
    """Opens a file for reading; a pipe or a device would never end.

    Raises:
      JaxposeError: it is no regular file.
      OSError: it cannot be opened.
    """
    binary = getattr(os, "O_BINARY", 0)  # of Windows
    if path.is_dir():  # which Windows does not open
        raise JaxposeError(f"{path} is a folder, not a file")
    descriptor = open_at_once(path, os.O_RDONLY | binary)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise JaxposeError(f"{path} is {kind}, not a file")
    return os.fdopen(descriptor, "rb")


def read_regular(path: pathlib.Path, most: int) -> bytes:
    """Returns the bytes of a regular file.

    Args:
      path: the file.
      most: bytes that a file of this kind may have.

    Raises:
      JaxposeError: it is no regular file, or larger.
      OSError: it cannot be read.
    """
    with open_regular(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > most:
            raise JaxposeError(
                f"{path}: it has {size:,} bytes; expected at most {most:,}"
            )
        # No more than that: Python makes room for all that is asked for.
        return stream.read(size)
