"""Writes the rows of `experiments.compile_for` as tables."""

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]


def to_markdown(rows: list[Row]) -> str:
    """Returns the rows as a table, and those over several chips as one of their own."""
    alone = [row for row in rows if row.get("chips", 1) == 1]
    over_chips = [row for row in rows if row.get("chips", 1) > 1]
    tables = [_table(part) for part in (alone, over_chips) if part]
    return "\n".join(tables)


def _table(rows: list[Row]) -> str:
    """Returns one table, of rows that have the same columns."""
    table = [list(_cells(row)) for row in rows]
    header = [title for title, _ in table[0]]
    left = sum(isinstance(cell, str) for _, cell in table[0])
    lines = ["| " + " | ".join(header) + " |"]
    lines.append("|" + "---|" * left + "---:|" * (len(header) - left))
    for row in table:
        lines.append("| " + " | ".join(_printed(cell) for _, cell in row) + " |")
    return "\n".join(lines) + "\n"


def _printed(cell: str | int | float) -> str:
    """Returns the text of a cell; a whole number is a count."""
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)


def _cells(row: Row) -> Iterator[tuple[str, str | int | float]]:
    """Yields the titles and the contents of a row."""
    kinds, is_over_chips = row["kinds"], row.get("chips", 1) > 1
    yield from ((name, row[name]) for name in ("model", "mode", "target"))
    yield "batch", row["batch_size"]
    yield "kernels", round(row["kernels"])
    yield "products", round(kinds.get("product", 0) + kinds.get("convolution", 0))
    yield "reductions", round(kinds.get("reduction", 0))
    yield "elementwise", round(kinds.get("elementwise", 0))
    yield "copies", round(row["copies"])
    if is_over_chips:
        yield "transfers", round(kinds.get("transfer", 0))
        yield "collectives", round(row["collectives"])
        # Read and written: the array itself is half of it.
        yield "MB summed", 500 * row["collective_gigabytes"]
    yield "GB", row["gigabytes"]
    yield "temporaries, GiB", row["temporary_gib"]
    yield "ms: products", row["ms_of_products"]
    yield "bytes", row["ms_of_bytes"]
    if is_over_chips:
        yield "links", row["ms_of_links"]
    else:
        yield "launches", row["ms_of_launches"]
    yield "compiled in, s", round(row["compile_seconds"])
