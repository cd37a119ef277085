"""Keeps the errors of abandoned tasks of orbax from the terminal.

orbax reads and writes arrays in tasks. Where one fails its error is raised, and the
others are abandoned. asyncio, tensorstore's threads and Python itself then print a
traceback for each of these: pages, beside the one line that a user needs.
"""

import functools
import logging
import re
import sys
import types

_OURS = re.compile(r"[/\\]orbax[/\\]checkpoint|tensorstore|zarr|OCDBT", re.IGNORECASE)


@functools.cache
def silence() -> None:
    """Drops such messages from now on; all others are printed as before."""
    logging.getLogger("asyncio").addFilter(_is_of_others)
    before = sys.unraisablehook

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        if not _is_abandoned(unraisable):
            before(unraisable)

    sys.unraisablehook = hook


def _is_of_others(record: logging.LogRecord) -> bool:
    """Returns whether asyncio tells of another task than one of orbax or tensorstore.

    Tasks show their code, and futures the error of the file format that they read.
    """
    return _OURS.search(record.getMessage()) is None


def _is_abandoned(unraisable: "sys.UnraisableHookArgs") -> bool:
    """Returns whether an error is that of a task of orbax that nobody waits for."""
    # A thread of tensorstore has read for a loop that is gone.
    if unraisable.exc_type is RuntimeError:
        return str(unraisable.exc_value) == "Event loop is closed"
    # Python ends a coroutine that was never finished.
    coroutine = unraisable.object
    if not isinstance(coroutine, types.CoroutineType):
        return False
    return "orbax" in coroutine.cr_code.co_filename
