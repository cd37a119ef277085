"""The error types for input that a user can correct."""

import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jaxpose.datasets.base import ClipBuilder


class JaxposeError(ValueError):
    """An error in the input: a file, a flag, a config field or the shape of an array.

    The message is one line. It names the file, key, shape or flag, what was expected,
    and the fix. Command-line programs print the message alone and exit with status 1.
    Any other exception is a defect of jaxpose and keeps its traceback.
    """


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
