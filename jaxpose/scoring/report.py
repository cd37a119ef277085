"""Prints the scores of a run as tables, and the protocol that they hold for."""

from collections.abc import Sequence
from typing import Any

import ml_collections
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxpose.config import held_out_subjects
from jaxpose.data.clips import Clips
from jaxpose.datasets import protocol_of
from jaxpose.models.base import LiftingModel
from jaxpose.scoring.evaluate import METRICS
from jaxpose.training.origins import origin_of
from jaxpose.wording import printable

# What the training decides.
_OF_TRAINING = (
    "protocol",
    "trained_on",
    "train_subjects",
    "augment_flip",
    "checkpoint",
)


def protocol_fields(
    config: ml_collections.ConfigDict,
    trained: ml_collections.ConfigDict,
    model: LiftingModel,
    train: Clips | None,
    test: Clips,
    environment: dict[str, Any],
) -> dict[str, Any]:
    """Returns the conditions of the scores: only scores under equal ones compare.

    Nothing is known of the training of converted weights, whatever config they have.

    Args:
      config: the config of the evaluation.
      trained: the config that the run was trained with.
      model: the model.
      train: the training data, None where it is not at hand.
      test: the data that was scored.
      environment: what `environment.json` says of the run.
    """
    # Without held-out clips there is no score to select the checkpoint by.
    held_out = held_out_subjects(trained)
    selected = "last"
    if trained.select_on_test:
        selected = "best on the test subjects"
    elif held_out:
        selected = f"best on held-out {', '.join(held_out)}"
    # The subjects of the clips, where they are at hand; held-out ones are not among
    # them. Clips name their data set in full.
    subjects = [s for s in trained.dataset.train_subjects if s not in held_out]
    trained_on = environment.get("data", {}).get("dataset", trained.dataset.name)
    if train is not None:
        subjects, trained_on = list(train.subjects), train.dataset
    refinement = "none"
    if config.refinement:
        refinement = "with the true root depth"
    fields = {
        "protocol": trained.protocol,
        "dataset": test.dataset,
        "keypoints_source": test.keypoints_source,
        "joints": test.skeleton,
        "trained_on": trained_on,
        "train_subjects": subjects,
        "test_subjects": list(test.subjects),
        "test_frames": "all frames" if test.valid.all() else "valid frames",
        "receptive_field": model.receptive_field,
        "frame_stride": config.dataset.frame_stride,
        "flip_average": config.flip_average,
        "augment_flip": trained.augment_flip,
        "refinement": refinement,
        "checkpoint": selected,
        "average": "unweighted over actions of frame-weighted means",
        "alignment": "root",
        "precision": config.precision,
        **protocol_of(test.dataset).describe_scores(test),
    }
    if "converted_from" in environment:
        fields |= dict.fromkeys(_OF_TRAINING, "unknown")
    if origin := origin_of(environment):
        fields["weights"] = origin
    return fields


def print_results(results: dict[str, Any], title: str) -> None:
    """Prints the scores, the benchmark's own table if any, and the protocol."""
    console = Console()
    console.print(_scores_table(results, title))
    if "published" in results:
        plain = results.get("without_flip_average", {}).get("published")
        console.print(_published_table(results["published"], plain, title))
    fields = []
    for name, value in results["protocol"].items():
        fields.append(f"{name}: {_plain(value)}")
    console.print(_name("; ".join(fields)))


def _scores_table(results: dict[str, Any], title: str) -> Table:
    """Returns the table of scores: one row per action, averages, baselines."""
    columns = ["action", *METRICS, "frames"]
    table = _table(columns, title, "millimetres; mpjve per frame interval")

    def add(
        label: str,
        values: dict[str, Any],
        frames: int,
        prefix: str = "",
        style: str = "",
    ) -> None:
        cells = []
        for name in METRICS:
            number = values.get(prefix + name)
            cells.append("-" if number is None else f"{number:.1f}")
        table.add_row(_name(label), *cells, str(frames), style=style)

    for action, values in results["per_action"].items():
        add(action, values, values["frames"])
    # Both averages are over all frames.
    table.add_section()
    add("mean over actions", results, results["frames"], style="bold")
    add("mean over frames", results, results["frames"], prefix="frame_")
    if plain := results.get("without_flip_average"):
        add("mean, no flip averaging", plain, plain["frames"])
    # The baselines have one error each, in the first column of numbers.
    baselines = {
        "mean training pose": results["mean_pose_mpjpe"],
        "ridge regression": results["linear_mpjpe"],
    }
    for label, error in baselines.items():
        if error is not None:
            table.add_row(label, f"{error:.1f}")
    return table


def _published_table(
    published: dict[str, Any], plain: dict[str, Any] | None, title: str
) -> Table:
    """Returns the benchmark's own numbers: one section per grouping, totals last.

    `plain` are the numbers without flip averaging, None where there are no others.
    """
    # Numbers are totals; a dictionary holds the same numbers for each of its groups.
    columns = []
    groupings = []
    for name, value in published.items():
        if isinstance(value, dict):
            groupings.append(value)
        else:
            columns.append(name)
    table = _table(
        ["group", *columns],
        f"{title}, published protocol",
        "millimetres and per cent",
    )

    def add(name: str, row: dict[str, Any], style: str = "") -> None:
        cells = []
        for column in columns:
            digits = 0 if column == "frames" else 1
            cells.append(f"{row[column]:.{digits}f}")
        table.add_row(_name(name), *cells, style=style)

    for groups in groupings:
        for name, row in groups.items():
            add(name, row)
        table.add_section()
    add("total", published, "bold")
    if plain:
        add("total, no flip averaging", plain)
    return table


def _table(columns: list[str], title: str, caption: str) -> Table:
    """Returns an empty table: labels in its first column, then numbers."""
    table = Table(*columns, title=_name(title), caption=caption)
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _name(text: str) -> Text:
    """Returns a text that holds names of files or data, without any markup."""
    return Text(printable(text))


def _plain(value: Any) -> str:
    """Returns a value as text; the elements of a list are joined by commas."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
