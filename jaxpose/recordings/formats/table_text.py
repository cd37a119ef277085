"""Takes a text with columns apart: rows, cells and the numbers in them."""

import csv
import io
import math
from collections.abc import Iterable

from jaxpose.errors import JaxposeError
from jaxpose.recordings.content import Content
from jaxpose.wording import cut, shown

Row = tuple[int, list[str]]

_COMMENTS = ("#", "%", "//")
_SEPARATORS = "\t;,|"
_EMPTY = {
    *("", "none", "null", "nil", "na", "n/a", "#n/a", "nan", "-nan", "#nan"),
    *("-", "--", "?"),
}


def rows_of(content: Content, limit: int | None = None) -> list[Row]:
    """Returns (line, cells) of the rows that are not empty, the first `limit` ones.

    Lines of a comment are left out. A comment that has as many columns as the rows
    behind it is their head, as `numpy.savetxt` writes it.

    Raises:
      JaxposeError: quotes in a row have no end.
    """
    text = content.value
    lines = text.split("\n", _MAX_LEAD)[:_MAX_LEAD]
    sample = next((line for line in lines if _is_data(line)), "")
    separator = _separator_of(sample)
    rows: list[Row] = []
    comment: Row | None = None
    reader = csv.reader(
        io.StringIO(text, newline=None),
        delimiter=separator,
        skipinitialspace=True,
    )
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if len(stripped) > 1 and separator == "|":
                stripped = _without_frame(stripped)
            if not any(stripped) or _is_rule(stripped):
                continue
            if not rows and stripped[0].lower() == "sep=":
                continue  # tells Excel the separator
            if stripped[0].startswith(_COMMENTS) and not rows:
                head = stripped[0].lstrip("#%/ ")
                comment = (reader.line_num, [head or stripped[0], *stripped[1:]])
                if len(stripped) > 1 and not head:
                    # A column may be called "#".
                    rows.append(comment)
                    comment = None
                continue
            if stripped[0].startswith(_COMMENTS):
                continue
            if comment is not None and len(comment[1]) == len(stripped) > 1:
                rows.append(comment)
            comment = None
            rows.append((reader.line_num, stripped))
            if limit is not None and len(rows) >= limit:
                break
    except csv.Error as error:
        raise JaxposeError(
            f"{content.where}: line {reader.line_num}: {cut(str(error))}"
        ) from None
    return rows


_MAX_LEAD = 100  # lines before the head of a table


def _is_data(line: str) -> bool:
    """Returns whether a line is neither empty nor a comment."""
    return bool(line.strip()) and not line.lstrip().startswith(_COMMENTS)


def _separator_of(sample: str) -> str:
    """Returns what stands between the columns of a line.

    The separator that occurs most; numbers with a decimal comma need another one.
    """
    separator = max(_SEPARATORS, key=sample.count)
    if ";" in sample and sample.count(";") >= sample.count(",") / 2:
        separator = ";"
    return separator if separator in sample else " "


def _without_frame(cells: list[str]) -> list[str]:
    """Returns the cells between the lines at both sides of a table with `|`."""
    start = 1 if not cells[0] else 0
    end = len(cells) - 1 if not cells[-1] else len(cells)
    return cells[start:end] if start and end < len(cells) else cells


def _is_rule(cells: list[str]) -> bool:
    """Returns whether cells are the line below the head of a table of Markdown."""
    return len(cells) > 1 and all(set(cell) <= set("-:") and cell for cell in cells)


def number_in(cell: str) -> float:
    """Returns the number in a cell, NaN for an empty one; raises ValueError."""
    if cell.lower() in _EMPTY:
        return math.nan
    return float(cell.replace(",", ".") if "," in cell else cell)


def is_number(cell: str) -> bool:
    """Returns whether a cell holds a number."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def numbers_in(row: Row, columns: Iterable[int], where: str) -> list[float]:
    """Returns the numbers in some columns of a row.

    Raises:
      JaxposeError: a cell is no number; the message names the line.
    """
    line, cells = row
    numbers = []
    for column in columns:
        cell = cells[column] if column < len(cells) else ""
        try:
            numbers.append(number_in(cell))
        except ValueError:
            raise JaxposeError(
                f"{where}: line {line}, column {column + 1}: expected a number, found "
                f"{shown(cell)}"
            ) from None
    return numbers


def without_counts(rows: list[Row]) -> tuple[list[Row], list[str]]:
    """Returns rows of numbers without the counts around them, and each row's index.

    pandas writes 0, 1, 2 above the columns of an array. An index in front of each row
    has an empty cell above it. Without one, the second list is empty.
    """
    head = rows[0][1]
    start = 0 if head[0] else 1
    if head[start:] != list(map(str, range(len(head) - start))):
        return rows, []
    body = [(line, cells[start:]) for line, cells in rows[1:]]
    return body, [cells[0] for _, cells in rows[1:]] if start else []
