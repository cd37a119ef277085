"""Words of messages: counts, ordinals, and text that comes from files."""

import contextlib
import re
import reprlib
from collections.abc import Iterator, Sequence
from typing import Any

from jaxpose.errors import JaxposeError

# Flags of the command line that are arguments in Python, too.
_FLAG = re.compile(
    r"--(layout|image_size|fps|min_confidence|person|estimate_missing|force)\b"
    r"(?:=(\w+(?:[.,]\w+)*))?"
)
_SWITCHES = ("estimate_missing", "force")

MAX_SHOWN = 200  # characters of a value, key or line of a file in a message


def printable(text: str) -> str:
    """Returns the text with every control character as its escape sequence."""
    shown = []
    for character in text:
        if character.isprintable():
            shown.append(character)
        else:
            shown.append(character.encode("unicode_escape").decode("ascii"))
    return "".join(shown)


def shown(value: Any) -> str:
    """Returns a value for a message, at most 200 characters long."""
    short = reprlib.Repr()
    short.maxlist = short.maxtuple = short.maxdict = 4
    short.maxstring = short.maxother = 80
    return cut(short.repr(value))


def cut(text: str, length: int = MAX_SHOWN) -> str:
    """Returns at most the first `length` characters of a text, as one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 3] + "..."


def one_line(error: Exception) -> str:
    """Returns the message of an error as one line."""
    return " ".join(str(error).split())


def count_of(number: int, one: str, many: str) -> str:
    """Returns a number with its noun."""
    return f"1 {one}" if number == 1 else f"{number:,} {many}"


def ordinal(number: int) -> str:
    """Returns 1st, 2nd, 3rd, 4th, ..."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    is_teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if is_teen else endings.get(number % 10, 'th')}"


def in_python(message: str) -> str:
    """Returns a message about recordings with arguments in place of flags.

    `--layout=coco_17` becomes `layout="coco_17"`, and `--force` becomes `force=True`.
    """
    return _FLAG.sub(_argument, message)


@contextlib.contextmanager
def naming_arguments() -> Iterator[None]:
    """Makes errors name arguments in Python instead of flags of the command line."""
    try:
        yield
    except JaxposeError as error:
        raise JaxposeError(in_python(str(error))) from error.__cause__


def _argument(flag: re.Match[str]) -> str:
    """Returns the argument that a flag is in Python."""
    name, value = flag.groups()
    if name in _SWITCHES:
        return f"{name}=True"
    if value is None:
        return name
    if name == "layout":
        return f'{name}="{value}"'
    if name == "image_size":
        return f"{name}=({value.replace(',', ', ')})"
    return f"{name}={value}"


def listed(names: Sequence[str]) -> str:
    """Returns names as a sentence has them: `a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
