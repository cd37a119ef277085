"""Locks between programs that share a folder, perhaps on several machines."""

import contextlib
import os
import pathlib
import socket
import sys
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def locked(path: pathlib.Path, task: str) -> Iterator[bool]:
    """Holds the lock of a file; says on stderr whom it waits for.

    The file exists only while somebody holds the lock or was killed with it. The system
    frees the lock when its holder ends, however it ends. The lock works between
    machines where the file system passes `flock` on to its server, as Linux does for
    NFS. It works on no Windows machine.

    Args:
      path: the file; it and its folder are created.
      task: what the holder does, for others who wait: "prepares synthetic/gt".

    Yields:
      Whether there is a lock; False on a file system without locks.

    Raises:
      OSError: the file cannot be created.
    """
    made_folder = not path.parent.exists()
    handle = _acquire(path, task)
    try:
        yield handle is not None
    finally:
        # Others may wait for this very file. They notice that it is gone.
        with contextlib.suppress(OSError):
            path.unlink()
        if handle is not None:
            os.close(handle)
        if made_folder:
            with contextlib.suppress(OSError):  # it holds what was made meanwhile
                path.parent.rmdir()


def _acquire(path: pathlib.Path, task: str) -> int | None:
    """Returns the open file of `path` with its lock, None where there are no locks."""
    if fcntl is None:
        return None
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the holder before has just removed the folder
            continue
        try:
            _wait_for_lock(handle, path)
        except OSError:  # a file system without locks
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        # The holder before removed the file, if it was not killed.
        if _is_same_file(handle, path):
            holder = f"process {os.getpid()} on {socket.gethostname()} {task}"
            os.truncate(handle, 0)
            os.pwrite(handle, holder.encode(), 0)
            return handle
        os.close(handle)


def _wait_for_lock(handle: int, path: pathlib.Path) -> None:
    """Returns with the lock on an open file.

    Raises:
      OSError: the file system has no locks.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        # The holder writes its name after it has the lock.
        holder = os.pread(handle, 1000, 0).decode(errors="replace")
        holder = holder or "another program works"
        print(
            f"waiting: {holder} in {path.parent}; this program goes on when that ends",
            file=sys.stderr,
            flush=True,
        )
        fcntl.flock(handle, fcntl.LOCK_EX)


def _is_same_file(handle: int, path: pathlib.Path) -> bool:
    """Returns whether an open file is still the one at `path`."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False
