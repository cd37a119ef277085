"""The error types for input that a user can correct, and their messages."""

import errno
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxpose.datasets.base import ClipBuilder


class JaxposeError(ValueError):
    """An error in the input: a file, a flag, a config field or the shape of an array.

    The message is one line. It names the file, key, shape or flag, what was expected,
    and the fix. Command-line programs print the message alone and exit with status 1.
    Any other exception is a defect of jaxpose and keeps its traceback.
    """


class NotPreparedError(JaxposeError):
    """A data set is not prepared; the only message of several lines.

    Attributes:
      command: the command that prepares it, which has a line of its own.
    """

    def __init__(self, builder: "ClipBuilder", found: str):
        source = " --source=PATH" if builder.NEEDS_SOURCE else ""
        self.command = (
            f"python -m jaxpose.prepare {builder.full_name}{source} "
            f"--data_dir={builder.data_dir_root}"
        )
        super().__init__(
            f"data set {builder.full_name} is not prepared: {builder.data_dir} {found}."
            f"\nPrepare it with: {self.command}\n{builder.HOW_TO_GET}\n"
            "To train without any download: python -m jaxpose.main "
            "--config=configs/ampose.py:quickstart --workdir=runs/quickstart"
        )


class DamagedDataError(JaxposeError):
    """A prepared data set cannot be read any more.

    Attributes:
      folder: folder of the prepared data set.
    """

    def __init__(self, builder: "ClipBuilder", file: str, reason: Exception):
        self.folder = pathlib.Path(builder.data_dir)
        # Some exceptions have no text; their type then says what happened.
        cause = str(reason) or type(reason).__name__
        super().__init__(
            f"{self.folder / file} is missing, damaged or of another version "
            f"({cause}); prepare {builder.full_name} again with --overwrite"
        )


def join_first(problems: Sequence[str], most: int = 6) -> str:
    """Joins the first of several problems to the end of a message of one line."""
    shown = "; ".join(problems[:most])
    rest = len(problems) - most
    return f"{shown}; and {rest} more" if rest > 0 else shown


def explain(error: BaseException) -> str | None:
    """Returns the message of an error that a user can mend, None for a defect."""
    if isinstance(error, JaxposeError):
        return str(error)
    if isinstance(error, MemoryError):
        reason = str(error).partition("\n")[0] or "no more of it can be had"
        return f"out of memory ({reason}); close other programs, or give less at a time"
    if not isinstance(error, OSError):
        return None
    if error.filename is None or error.strerror is None:
        return str(error)
    message = f"{error.filename}: {error.strerror}"
    # Nothing that was written before is lost.
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message += "; make room on the disk and start the same command again"
    return message
