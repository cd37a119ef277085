"""Files of poses that are whole or not there at all."""

import pathlib

from jaxpose.errors import JaxposeError
from jaxpose.whole_files import replacing
from jaxpose.wording import cut


def write_whole(path: pathlib.Path, content: bytes, overwrite: bool) -> None:
    """Writes a file; readers see either no file or the whole one.

    Args:
      path: the file.
      content: what it holds.
      overwrite: whether a file that exists is replaced.

    Raises:
      JaxposeError: the file exists or cannot be written.
    """
    refuse_existing(path, overwrite)
    try:
        with replacing(path) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise JaxposeError(f"{path} cannot be written: {error.strerror}") from None
    except ValueError as error:  # a name with a zero byte
        raise JaxposeError(f"{str(path)!r} cannot be written: {error}") from None


def refuse_existing(path: pathlib.Path, overwrite: bool) -> None:
    """Raises JaxposeError where the file exists and must not be replaced.

    It also raises one for a name that no file can have.
    """
    try:
        is_there = path.exists()
    except OSError as error:  # a name of 300 characters, say
        raise JaxposeError(f"{cut(str(path))}: {error.strerror}") from None
    if is_there and not overwrite:
        raise JaxposeError(f"{path} exists; state overwrite=True to replace it")
