"""Mends the rows of a table: rows below the frames, and separators of thousands."""

import re
import statistics
from collections.abc import Sequence

from jaxpose.recordings.formats.table_text import Row, is_number, number_in
from jaxpose.wording import cut, shown

# What spreadsheets and pandas call the rows that they add below the frames.
_SUMMARIES = {
    *("mean", "average", "avg", "std", "stddev", "stdev", "sd", "var", "variance"),
    *("median", "min", "max", "minimum", "maximum", "sum", "total", "count"),
    *("25%", "50%", "75%", "mittelwert", "mittel", "summe", "standardabweichung"),
}
_MAX_PIXEL = 10_000
_WHOLE = re.compile(r"-?\d{1,3}")
_SEPARATED = re.compile(r"-?[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*")


def without_summaries(rows: list[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Returns rows without those of means and the like at the end, and remarks.

    Such a row has the word in its first cell that is not empty.
    """
    end = len(rows)
    while end > 1 and _first_word(rows[end - 1]) in _SUMMARIES:
        end -= 1
    words = [_first_word(row) for row in rows[end:]]
    if not words:
        return rows, ()
    return rows[:end], (f"no frames: the last rows, {cut(', '.join(words[:10]))}",)


def _first_word(row: Row) -> str:
    """Returns the first cell of a row that is not empty, in lower case."""
    start = next(filter(None, row[1]), "")
    return re.sub("[^a-z0-9%]", "", start.lower())


def with_plain_thousands(rows: list[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Returns rows with 1844 where 1,844 or 1.844 has a separator; and remarks.

    A column has separated thousands where all numbers with a separator have three
    digits behind it, all others are whole numbers below 1000, and those are nearer to
    the numbers as thousands than as decimals. A column of separated numbers alone is
    one of thousands between 1,000 and 9,999, if the separator is nowhere another one:
    as decimals these were pixels from 1 to 10.
    """
    width = max((len(cells) for _, cells in rows), default=0)
    start = _start_of_numbers(rows)
    found: dict[int, str] = {}
    alone: dict[int, str] = {}
    constant: set[int] = set()
    decimal: set[str] = set()
    for column in range(width):
        cells = [cells[column] for _, cells in rows[start:] if column < len(cells)]
        separated, plain, marks = _split(cells)
        if not separated:
            decimal |= marks
        elif not plain and max(map(_whole, separated)) < _MAX_PIXEL:
            alone[column] = separated[0]
            constant |= {column} if len(set(separated)) == 1 else set()
        elif plain and _are_thousands(separated, plain) and _is_likely(cells):
            found[column] = separated[0]
        else:
            decimal |= marks
    if not found and set(alone) == constant:
        return rows, ()
    for column, cell in alone.items():
        # A column of nothing but 1.000 holds scores.
        is_score = column in constant and _whole(cell) == 1000
        if not decimal & set(cell) and not is_score:
            found[column] = cell
    if not found:
        return rows, ()
    mended = rows[:start]
    for line, cells in rows[start:]:
        own = list(cells)
        for column in found:
            if column < len(own) and _SEPARATED.fullmatch(own[column]):
                own[column] = re.sub("[.,]", "", own[column])
        mended.append((line, own))
    example = found[min(found)]
    return mended, (f"{shown(example)} is read as {_whole(example)}",)


def _start_of_numbers(rows: list[Row]) -> int:
    """Returns the first row in which most cells are numbers."""
    for place, (_, cells) in enumerate(rows):
        if 2 * sum(map(is_number, cells)) > len(cells):
            return place
    return len(rows)


def _split(cells: Sequence[str]) -> tuple[list[str], list[int], set[str]]:
    """Returns the separated numbers of a column, the whole ones, and the separators.

    The first list is empty where another cell or a second separator is among them. A 0
    may stand for a joint that was not seen, and is left out.
    """
    separated, plain = [], []
    marks: set[str] = set()
    for cell in cells:
        match = _SEPARATED.fullmatch(cell)
        if match:
            separated.append(cell)
            marks.add(match[1])
        elif _WHOLE.fullmatch(cell):
            plain.append(abs(int(cell)))
        elif not _is_empty(cell):
            is_decimal = is_number(cell)
            return [], [], {mark for mark in ".," if mark in cell and is_decimal}
    if len(marks) != 1:
        return [], [], marks
    return separated, [number for number in plain if number], marks


def _is_empty(cell: str) -> bool:
    """Returns whether a cell stands for no number."""
    try:
        return number_in(cell) != number_in(cell)
    except ValueError:
        return False


def _are_thousands(separated: Sequence[str], plain: Sequence[int]) -> bool:
    """Returns whether whole numbers are nearer to others as thousands.

    Nearer as a factor: 987 is 1.9 times below 1844, and 535 times above 1.844.
    """
    usual = statistics.median(map(_whole, separated))
    middle = statistics.median(plain)
    factors = []
    for other in (usual, usual / 1000):
        factors.append(max(other, middle) / min(other, middle))
    return factors[0] < factors[1]


def _is_likely(cells: Sequence[str]) -> bool:
    """Returns whether numbers are below 10,000, as pixels are, or count up."""
    numbers = [_whole(cell) for cell in cells if not _is_empty(cell)]
    return max(numbers) < _MAX_PIXEL or numbers == sorted(numbers)


def _whole(cell: str) -> int:
    """Returns the size of a number whose separators are those of thousands."""
    return abs(int(re.sub("[.,]", "", cell)))
