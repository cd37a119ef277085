"""Writes a table as Markdown: the paper's figures beside those measured here."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.table import Column, Row, Table
from jaxpose.fields import TRAINING_PROTOCOLS

# Fields of a run's protocol that are printed below its figures.
PROTOCOL = (
    "protocol",
    "dataset",
    "keypoints_source",
    "train_subjects",
    "test_subjects",
    "checkpoint",
    "flip_average",
    "average",
)
SMOKE = "**Smoke runs: toy models on synthetic motion. The figures here mean nothing.**"
LEGEND = (
    "`paper only`: a method that does not exist here, as the paper quotes it. "
    "`-`: no figure."
)


def to_markdown(
    table: Table,
    results: Mapping[int, Sequence[dict[str, Any]]],
    states: Mapping[int, str],
    smoke: bool,
    protocol: str = "paper",
) -> str:
    """Returns the table, its notes, and what is missing.

    Args:
      table: the table.
      results: by number of the row, the results of its finished runs, one per seed.
      states: by number of the row, why it has no figures, where it has none.
      smoke: whether the runs were toys.
      protocol: whom the rows are trained on, a key of `TRAINING_PROTOCOLS`.
    """
    titles = [column.title for column in table.columns]
    trained = f"Protocol `{protocol}`: {TRAINING_PROTOCOLS[protocol]}."
    lines = [f"# {table.title}", "", trained, "", table.note, ""]
    # Nobody shall take the figures of a toy for results.
    if smoke:
        lines += [SMOKE, ""]
    # The second column says whose figures they are; figures are aligned to the right.
    lines += [_line(["method", "", *titles]), "|---|---|" + "---:|" * len(titles)]
    section = ""
    for number, row in enumerate(table.rows):
        # The first row of a section has a heading above it.
        if row.section != section:
            section = row.section
            empty = [""] * len(titles)
            lines.append(_line([f"**{section}**", "", *empty]))
        lines += _row(table, row, results.get(number, ()), states.get(number, ""))
    lines += ["", *_footnotes(table, results, states)]
    return "\n".join(lines) + "\n"


def _row(
    table: Table, row: Row, results: Sequence[dict[str, Any]], state: str
) -> list[str]:
    """Returns the paper's figures, and a second line with ours for a trained row."""
    paper, ours = [], []
    for column in table.columns:
        paper.append(_number(column, row.published.get(column.title)))
        ours.append(_measured(table, column, row, results))
    if not row.config:
        return [_line([row.label, "paper only", *paper])]
    # A row without published figures has one line, which then bears the label.
    lines = []
    if row.published:
        lines.append(_line([row.label, "paper", *paper]))
    # The cell holds the first words of the state; the footnote has all of it.
    here = "here" if results else f"here: {state.partition(':')[0]}"
    label = "" if lines else row.label
    return [*lines, _line([label, here, *ours])]


def _measured(
    table: Table, column: Column, row: Row, results: Sequence[dict[str, Any]]
) -> str:
    """Returns the mean over the seeds, with their standard deviation if several."""
    if column.setting and row.config:
        return column.setting(row.make_config())
    if not is_measured(table, column, row):
        return ""
    values = []
    for result in results:
        value = column.value(result, row.metric)
        # A mean over some of the seeds would compare with nothing.
        if value is None:
            return "-"
        values.append(value)
    if not values:
        return "-"
    # One seed has no spread, and a count is the same for all seeds.
    mean = f"{statistics.fmean(values):.{column.digits}f}"
    if max(values) == min(values):
        return mean
    return f"{mean} ± {statistics.stdev(values):.{column.digits}f}"


def is_measured(table: Table, column: Column, row: Row) -> bool:
    """Returns whether our figure stands in the column.

    It does where the column says so, and where the paper has a figure for the row, or
    for no row of the table.
    """
    if column.quoted or column.setting:
        return False
    if column.everywhere or column.title in row.published:
        return True
    return not any(column.title in other.published for other in table.rows)


def _footnotes(
    table: Table,
    results: Mapping[int, Sequence[dict[str, Any]]],
    states: Mapping[int, str],
) -> list[str]:
    """Returns the notes of the rows, why rows are missing, and how runs were scored."""
    notes = [LEGEND]
    # Rows may share a note.
    for row in table.rows:
        if row.note and row.note not in notes:
            notes.append(row.note)
    # States such as "not run yet" say everything in their cell.
    for number, state in states.items():
        if ":" in state:
            notes.append(f"{table.rows[number].label}: {state}")
    notes += _run_notes(results)
    return [f"- {' '.join(note.split())}" for note in notes]


def _run_notes(results: Mapping[int, Sequence[dict[str, Any]]]) -> list[str]:
    """Returns seeds, devices and protocol of the finished runs; empty without any."""
    finished: list[dict[str, Any]] = []
    for runs in results.values():
        finished += runs
    if not finished:
        return []
    # Rows may differ in both: one may have stopped early, or run on another machine.
    counts = sorted({len(runs) for runs in results.values()})
    seeds = ", ".join(map(str, counts))
    devices = ", ".join(sorted({result["device"] for result in finished}))
    notes = [
        f"Runs per row: {seeds}; mean ± standard deviation where more than one.",
        f"Devices: {devices}.",
    ]
    # Figures of runs under different protocols do not compare: all values are named.
    for name in PROTOCOL:
        values = dict.fromkeys(_plain(result["protocol"][name]) for result in finished)
        notes.append(f"{name}: {'; '.join(values)}.")
    return notes


def _plain(value: Any) -> str:
    """Returns a value of the protocol as text."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _number(column: Column, value: float | None) -> str:
    """Returns a figure of the paper, with all of its decimals."""
    if value is None:
        return "-"
    text = f"{value:.{column.digits}f}"
    # Papers differ in decimals: rounding would make a figure that nobody printed.
    return text if float(text) == value else f"{value:g}"


def _line(cells: Sequence[str]) -> str:
    """Returns one line of the table."""
    return f"| {' | '.join(cells)} |"
