"""Compares runs: scores side by side, the fields that differ, curves in one picture.

    python -m experiments.compare runs/a runs/b runs/c
    python -m experiments.compare runs/sweep/* --out=sweep.pdf

Runs that differ by their seed alone are one line: the mean and the standard deviation
of their scores. Runs that were scored on different test data are marked, as their
scores do not compare.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from flax.traverse_util import flatten_dict
from rich.console import Console
from rich.table import Table

from experiments import charts
from jaxpose.errors import JaxposeError
from jaxpose.training import workdirs
from jaxpose.training.losses import loss_in_millimetres
from jaxpose.training.metric_writer import read_metrics

SCORES = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")
# Fields that say where and how often, not what is trained.
PLACES = ("seed", "dataset.data_dir", "checkpoint_seconds", "wandb")
# Parts of the protocol without which two scores do not compare.
COMPARED = ("dataset", "keypoints_source", "joints", "test_subjects", "frame_stride")


@dataclasses.dataclass(frozen=True)
class Trained:
    """A finished run.

    Attributes:
      workdir: its directory.
      fields: its config by dotted names, without `PLACES`.
      results: what the evaluation wrote.
      rows: of `metrics.jsonl`.
    """

    workdir: pathlib.Path
    fields: dict[str, Any]
    results: dict[str, Any]
    rows: list[dict[str, Any]]


def read_run(workdir: pathlib.Path) -> Trained:
    """Reads a finished run.

    Raises:
      JaxposeError: there is no run, or it has no results yet.
    """
    config = workdirs.plain(workdirs.load_config(workdir))
    path = workdir / "results.json"
    if not path.exists():
        raise JaxposeError(
            f"{workdir} has no results.json yet; finish it with `python -m "
            f"jaxpose.main --workdir={workdir}`, or score it with --mode=evaluate"
        )
    results = workdirs.read_json(path)
    fields = flatten_dict(config, sep=".")
    for name in PLACES:
        fields.pop(name, None)
    return Trained(workdir, fields, results, read_metrics(workdir / "metrics.jsonl"))


def group_by_fields(runs: Sequence[Trained]) -> list[list[Trained]]:
    """Returns the runs of equal fields and test data together, in their order."""
    groups: dict[str, list[Trained]] = {}
    for run in runs:
        key = json.dumps([run.fields, tested(run)], sort_keys=True)
        groups.setdefault(key, []).append(run)
    return list(groups.values())


def tested(run: Trained) -> dict[str, Any]:
    """Returns the parts of the protocol without which scores do not compare."""
    protocol = run.results.get("protocol", {})
    return {name: protocol.get(name) for name in COMPARED}


def differing_fields(groups: Sequence[Sequence[Trained]]) -> list[str]:
    """Returns the names of the fields that are not the same in all groups."""
    names = sorted({name for group in groups for name in group[0].fields})
    differing = []
    for name in names:
        values = {json.dumps(group[0].fields.get(name)) for group in groups}
        if len(values) > 1:
            differing.append(name)
    return differing


def label_of(group: Sequence[Trained]) -> str:
    """Returns a short name for a group: that of its first run, and how many more."""
    name = group[0].workdir.name
    return name if len(group) == 1 else f"{name} and {len(group) - 1} more"


def to_table(groups: Sequence[Sequence[Trained]]) -> Table:
    """Returns the table of the groups: their differing fields, then their scores."""
    differing = differing_fields(groups)
    table = Table("name", "runs", *differing, *SCORES, "step")
    first = tested(groups[0][0])
    for group in groups:
        mark = "" if tested(group[0]) == first else " *"
        cells = [label_of(group) + mark, str(len(group))]
        for name in differing:
            cells.append(str(group[0].fields.get(name, "-")))
        for name in SCORES:
            cells.append(mean_and_spread([run.results.get(name) for run in group]))
        steps = sorted({str(run.results.get("step", "-")) for run in group})
        table.add_row(*cells, ", ".join(steps))
    return table


def mean_and_spread(values: Sequence[float | None]) -> str:
    """Returns the mean of values and their standard deviation, as text."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    text = f"{np.mean(known):.1f}"
    if len(known) > 1:
        text += f" ± {np.std(known, ddof=1):.1f}"
    return text


def draw_curves(groups: Sequence[Sequence[Trained]], path: pathlib.Path) -> None:
    """Draws the losses and the validation errors of each group's first run."""
    losses, errors, factors = {}, {}, {}
    for group in groups:
        label = label_of(group)
        # Two directories may have one name.
        if label in losses:
            label = str(group[0].workdir)
        losses[label] = _curve(group[0].rows, "loss")
        errors[label] = _curve(group[0].rows, "selection_mpjpe")
        fields = group[0].fields
        factors[label] = loss_in_millimetres(fields["loss"], fields["target_scale"])
    charts.draw_curves(losses, errors, factors, path)


def _curve(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """Returns steps and values of the rows that have a field, `[N, 2]`."""
    points = [(row["step"], row[name]) for row in rows if name in row]
    return np.array(points, float).reshape(-1, 2)


def main(argv: list[str] | None = None) -> int:
    """Prints the table, draws the curves, and returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m experiments.compare", None, "Compares finished runs."
    )
    parser.add_argument("workdirs", nargs="+", metavar="WORKDIR")
    parser.add_argument("--out", metavar="FILE", help="curves: .png, .pdf or .svg")
    given = parser.parse_args(argv)
    console = Console()
    try:
        out = pathlib.Path(given.out).expanduser() if given.out else None
        if out and (out.suffix not in charts.FORMATS or not out.parent.is_dir()):
            raise JaxposeError(
                f"--out={out}: the folder must exist and the ending be "
                f"{', '.join(charts.FORMATS)}"
            )
        runs = [read_run(pathlib.Path(path).expanduser()) for path in given.workdirs]
        groups = group_by_fields(runs)
        console.print(to_table(groups))
        console.print("millimetres; mpjve per frame interval; ± over runs")
        if any(tested(run) != tested(runs[0]) for run in runs):
            console.print("* scored on other test data than the first: do not compare")
        if out:
            draw_curves(groups, out)
            console.print(f"curves are in {out}", soft_wrap=True)
    except (JaxposeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
