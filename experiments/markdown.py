"""The Markdown of a table: the paper's figures beside those measured here."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.table import Column, Row, Table

# Of a run's protocol, what says under which conditions the figures were measured.
PROTOCOL = (
    "dataset",
    "keypoints_source",
    "train_subjects",
    "test_subjects",
    "checkpoint",
    "flip_average",
    "average",
)


def to_markdown(
    table: Table,
    results: Mapping[int, Sequence[dict[str, Any]]],
    states: Mapping[int, str],
    smoke: bool,
) -> str:
    """The table, its notes, and what is missing.

    Args:
      table: the table.
      results: by number of the row, the results of its finished runs, one a seed.
      states: by number of the row, why it has no figures, where it has none.
      smoke: whether the runs were toys.
    """
    lines = [f"# {table.title}", "", table.note, ""]
    if smoke:
        lines += [
            "**Smoke runs: toy models on synthetic motion. The figures here mean nothing.**",
            "",
        ]
    lines += [_line(["method", "", *(column.title for column in table.columns)])]
    lines += ["|---|---|" + "---:|" * len(table.columns)]
    section = ""
    for number, row in enumerate(table.rows):
        if row.section != section:
            section = row.section
            lines.append(_line([f"**{section}**", "", *[""] * len(table.columns)]))
        lines += _row(table, row, results.get(number, ()), states.get(number, ""))
    lines += ["", *_footnotes(table, results, states)]
    return "\n".join(lines) + "\n"


def _row(
    table: Table, row: Row, results: Sequence[dict[str, Any]], state: str
) -> list[str]:
    """The paper's figures, and a second line with ours for a row that is trained here."""
    paper = [
        _number(column, row.published.get(column.title)) for column in table.columns
    ]
    if not row.config:
        return [_line([row.label, "paper only", *paper])]
    ours = [_measured(table, column, row, results) for column in table.columns]
    lines = [_line([row.label, "paper", *paper])] if row.published else []
    here = (
        "here" if results else f"here: {state.partition(':')[0]}"
    )  # the footnote has all of it
    return [*lines, _line([row.label if not lines else "", here, *ours])]


def _measured(
    table: Table, column: Column, row: Row, results: Sequence[dict[str, Any]]
) -> str:
    """Mean over the seeds, with their standard deviation where there are several."""
    if not is_measured(table, column, row):
        return ""
    values = [column.value(result, row.metric) for result in results]
    if not values or any(value is None for value in values):
        return "-"
    mean = f"{statistics.fmean(values):.{column.digits}f}"
    if len(values) == 1 or max(values) == min(values):
        return mean
    return f"{mean} ± {statistics.stdev(values):.{column.digits}f}"


def is_measured(table: Table, column: Column, row: Row) -> bool:
    """Whether our figure stands in the column: where the paper has one, or nobody of the table has."""
    return not column.quoted and (
        column.title in row.published
        or not any(column.title in other.published for other in table.rows)
    )


def _footnotes(
    table: Table,
    results: Mapping[int, Sequence[dict[str, Any]]],
    states: Mapping[int, str],
) -> list[str]:
    notes = [
        "`paper only`: a method that does not exist here, as the paper quotes it. `-`: no figure."
    ]
    notes += dict.fromkeys(row.note for row in table.rows if row.note)
    notes += [
        f"{table.rows[number].label}: {state}"
        for number, state in states.items()
        if ":" in state
    ]
    finished = [result for runs in results.values() for result in runs]
    if finished:
        seeds = sorted({len(runs) for runs in results.values()})
        notes.append(
            f"Runs a row: {', '.join(map(str, seeds))}; mean ± standard deviation where more than one."
        )
        notes.append(
            f"Devices: {', '.join(sorted({result['device'] for result in finished}))}."
        )
        for name in PROTOCOL:
            values = dict.fromkeys(
                _plain(result["protocol"][name]) for result in finished
            )
            notes.append(f"{name}: {'; '.join(values)}.")
    return [f"- {' '.join(note.split())}" for note in notes]


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _number(column: Column, value: float | None) -> str:
    """A figure of the paper, with all of its decimals."""
    if value is None:
        return "-"
    text = f"{value:.{column.digits}f}"
    return text if float(text) == value else f"{value:g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
