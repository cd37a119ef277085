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
    """
    partial = path.with_stem(path.stem + ".partial")
    try:
        yield partial
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes JSON in place of what `path` held."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(value, indent=2) + "\n")
