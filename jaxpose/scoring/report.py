"""Prints the scores of a run as tables, and the protocol that they hold for."""

from collections.abc import Sequence
from typing import Any

import ml_collections
from rich.console import Console
from rich.table import Table

from jaxpose.data.clips import Clips
from jaxpose.datasets import protocol_of
from jaxpose.models.base import LiftingModel
from jaxpose.scoring.evaluate import METRICS


def protocol_fields(
    config: ml_collections.ConfigDict,
    trained: ml_collections.ConfigDict,
    model: LiftingModel,
    train: Clips | None,
    test: Clips,
) -> dict[str, Any]:
    """Returns what scores are measured under, without which they do not compare.

    Args:
      config: the config of the evaluation.
      trained: the config that the run was trained with.
      model: the model.
      train: the training data, None where it is not at hand.
      test: the data that was scored.
    """
    # Without held-out clips there is no score to select by.
    selected = "last"
    if trained.select_on_test:
        selected = "best on the test subjects"
    elif trained.dataset.validation_subjects:
        selected = f"best on held-out {', '.join(trained.dataset.validation_subjects)}"
    subjects = trained.dataset.train_subjects if train is None else train.subjects
    return {
        "dataset": test.dataset,
        "keypoints_source": test.keypoints_source,
        "joints": test.skeleton,
        "trained_on": trained.dataset.name,
        "train_subjects": list(subjects),
        "test_subjects": list(test.subjects),
        "test_frames": "all frames" if test.valid.all() else "valid frames",
        "receptive_field": model.receptive_field,
        "frame_stride": config.dataset.frame_stride,
        "flip_average": config.flip_average,
        "refinement": "with the true root depth" if config.refinement else "none",
        "checkpoint": selected,
        "average": "unweighted over actions of frame-weighted means",
        "alignment": "root",
        "precision": config.precision,
        **protocol_of(test.dataset).describe_scores(test),
    }


def print_results(results: dict[str, Any], title: str) -> None:
    """Prints scores: one row per action, the averages, and the protocol."""
    console = Console()
    console.print(_scores_table(results, title))
    if "published" in results:
        console.print(_published_table(results["published"], title))
    fields = []
    for name, value in results["protocol"].items():
        fields.append(f"{name}: {_plain(value)}")
    console.print("; ".join(fields))


def _scores_table(results: dict[str, Any], title: str) -> Table:
    caption = "millimetres; mpjve per frame interval"
    table = Table("action", *METRICS, "frames", title=title, caption=caption)
    for column in table.columns[1:]:
        column.justify = "right"

    def cells(values: dict[str, float | None], prefix: str = "") -> list[str]:
        numbers = [values.get(prefix + name) for name in METRICS]
        return ["-" if number is None else f"{number:.1f}" for number in numbers]

    for action, values in results["per_action"].items():
        table.add_row(action, *cells(values), str(values["frames"]))
    # Both averages, then the baselines for scale.
    table.add_section()
    frames = str(results["frames"])
    table.add_row("mean over actions", *cells(results), frames, style="bold")
    table.add_row("mean over frames", *cells(results, "frame_"), frames)
    baselines = {
        "mean training pose": results["mean_pose_mpjpe"],
        "ridge regression": results["linear_mpjpe"],
    }
    for label, error in baselines.items():
        if error is not None:
            table.add_row(label, f"{error:.1f}", *[""] * 4)
    return table


def _published_table(published: dict[str, Any], title: str) -> Table:
    """Returns the benchmark's own numbers: one section per grouping, totals last."""
    # Numbers are totals, dicts are groupings of the same numbers.
    columns = [name for name, value in published.items() if not isinstance(value, dict)]
    title = f"{title}, published protocol"
    table = Table("group", *columns, title=title, caption="millimetres and per cent")
    for column in table.columns[1:]:
        column.justify = "right"

    def add(name: str, row: dict[str, Any], style: str = "") -> None:
        cells = []
        for column in columns:
            number = row[column]
            cells.append(str(number) if column == "frames" else f"{number:.1f}")
        table.add_row(name, *cells, style=style)

    for groups in published.values():
        if isinstance(groups, dict):
            for name, row in groups.items():
                add(name, row)
            table.add_section()
    add("total", published, "bold")
    return table


def _plain(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value))
    return str(value)
