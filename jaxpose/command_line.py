"""Reads a program's flags and runs it; a mistake in them is answered in one line."""

import os
import sys
from collections.abc import Callable

from absl import app, flags


def run(main: Callable[[list[str]], None]) -> None:
    """Runs `main` with the arguments that are not flags."""
    app.run(main, flags_parser=_parse)


def _parse(argv: list[str]) -> list[str]:
    for argument in argv[1:]:
        name, _, value = argument.partition("=")
        if name.lstrip("-") == "config" and not os.path.isfile(
            file := value.partition(":")[0]
        ):
            sys.exit(
                f"error: --config={value}: there is no file {file!r}; the configs are in configs/"
            )
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        sys.exit(
            f"error: {_lines(error)[-1].removeprefix('jaxpose.errors.JaxposeError: ')}"
        )
    except (
        AttributeError,
        KeyError,
    ) as error:  # how ml_collections answers an unknown field
        found = (
            " ".join(_lines(error)).replace("\\n", " ").replace("\\'", "'").strip('"')
        )
        sys.exit(f"error: --config.FIELD: no such field: {found}")
    except Exception as error:  # a config file is a program: it may raise anything
        sys.exit(f"error: --config: {_lines(error)[-1]}")


def _lines(error: Exception) -> list[str]:
    text = (
        error.args[0] if error.args and isinstance(error.args[0], str) else str(error)
    )  # a KeyError quotes
    return text.strip().splitlines() or [type(error).__name__]
