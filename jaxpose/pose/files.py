"""Files of poses that are whole or not there at all."""

import pathlib

from jaxpose.errors import JaxposeError


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
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise JaxposeError(f"{path} cannot be written: {error.strerror}") from None


def refuse_existing(path: pathlib.Path, overwrite: bool) -> None:
    """Raises JaxposeError where the file exists and must not be replaced."""
    if path.exists() and not overwrite:
        raise JaxposeError(f"{path} exists; state overwrite=True to replace it")
