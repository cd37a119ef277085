"""Files that readers see whole or not at all, whenever the program is killed."""

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path to write to; what is written there then takes the place of `path`.

    It has the ending of `path`, by which libraries choose the format. Nothing stays
    there where writing fails.

    Raises:
      OSError: writing fails; the error names `path`.
    """
    partial = path.with_stem(path.stem + ".partial")
    try:
        with naming(path):
            yield partial
            partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def naming(path: pathlib.Path) -> Iterator[None]:
    """Gives errors of the system the name of the file that is written.

    The system names a file that it cannot open, and none that it cannot write.

    Raises:
      OSError: the block raises one.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise OSError(error.errno, reason, str(path)) from error


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes JSON in place of what `path` held."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(value, indent=2) + "\n")
