"""What a table of a paper is made of: rows that are trained here, rows that are quoted, and columns."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import ml_collections

from jaxpose.errors import JaxposeError

ACTIONS = {
    "Dir.": "Directions", "Disc.": "Discussion", "Eat": "Eating", "Greet": "Greeting", "Phone": "Phoning",
    "Photo": "Photo", "Pose": "Posing", "Purch.": "Purchases", "Sit": "Sitting", "SitD.": "SittingDown",
    "Smoke": "Smoking", "Wait": "Waiting", "WalkD.": "WalkDog", "Walk": "Walking", "WalkT.": "WalkTogether",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
      title: its heading.
      metric: name in a run's results; empty: the row's.
      cells: actions, or an action of a subject (`Walking S1`), or scenes, whose unweighted mean it
        shows; empty: the figure of the whole test set, by the benchmark's own protocol.
      scale: what the figure is multiplied with.
      digits: decimals of the figures measured here.
      quoted: the papers' figures only, nothing is measured for it.
    """

    title: str
    metric: str = ""
    cells: tuple[str, ...] = ()
    scale: float = 1.0
    digits: int = 1
    quoted: bool = False

    def value(self, results: Mapping[str, Any], metric: str) -> float | None:
        """The figure in the results of a run whose row is about `metric`; None where it has none."""
        name, published = self.metric or metric, results.get("published", {})
        if not self.cells:
            figures = [published.get(name, results.get(name))]
        else:
            groups = ("per_scene", "per_action_and_subject")
            by_cell = dict(results.get("per_action", {}))
            for group in groups:
                by_cell |= published.get(group, {})
            figures = [by_cell.get(cell, {}).get(name) for cell in self.cells]
        if any(figure is None for figure in figures):
            return None
        return self.scale * sum(figures) / len(figures)


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: a run and the paper's figures for it, or another method's figures alone.

    Attributes:
      label: the method, as the paper names it.
      published: the paper's figures by column title; what it does not print is left out.
      config: `configs/FILE.py:VARIANT`; None for a method that does not exist here.
      overrides: fields that differ from the variant's, by dotted name.
      name: what sets the run apart from the variant's own; rows that share config and name share
        the run.
      evaluation: fields that differ when the trained model is scored, by dotted name.
      lifting: config of the first stage, which is trained before where `config` is a second one.
      metric: what the columns without one show.
      section: heading of the group of rows that it stands in.
      note: a deviation or doubt, printed under the table.
    """

    label: str
    published: Mapping[str, float]
    config: str | None = None
    overrides: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    name: str = ""
    evaluation: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    lifting: str | None = None
    metric: str = "mpjpe"
    section: str = ""
    note: str = ""

    @property
    def run(self) -> str:
        """Name of the directory of its run."""
        return run_name(self.config, self.name)

    @property
    def result(self) -> str:
        """Name of the file of its results within the directory of a seed."""
        parts = [f"{field}={value}" for field, value in sorted(self.evaluation.items())]
        cleaned = [
            "".join(c if c.isalnum() or c in "=._" else "-" for c in part)[:60]
            for part in parts
        ]
        return ".".join(["row", *cleaned, "json"])

    def make_config(self) -> ml_collections.ConfigDict:
        """The config that it is trained with.

        Raises:
          JaxposeError: unknown variant, or an override of a field that the config does not have.
        """
        config = load_config(self.config)
        apply_overrides(config, self.overrides, f"row {self.label!r}")
        return config


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a paper.

    Attributes:
      title: what it shows and where it stands.
      note: data and protocol, and what differs from the paper.
      columns: the columns after the label.
      rows: the rows, in the paper's order.
      seeds: runs of each row unless the command says otherwise.
    """

    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    seeds: int = 1

    @property
    def trained(self) -> tuple[Row, ...]:
        """The rows that are trained here."""
        return tuple(row for row in self.rows if row.config)


def run_name(config: str, name: str = "") -> str:
    """Directory of a run: `ampose_cpn17`, `ampose_cpn17.two_residual`."""
    file, _, variant = config.partition(":")
    base = f"{file.rpartition('/')[2].removesuffix('.py')}_{variant}"
    return f"{base}.{name}" if name else base


def load_config(config: str) -> ml_collections.ConfigDict:
    """The config of `configs/FILE.py:VARIANT`.

    Raises:
      JaxposeError: unknown variant.
    """
    file, _, variant = config.partition(":")
    return importlib.import_module(
        file.removesuffix(".py").replace("/", ".")
    ).get_config(variant)


def apply_overrides(
    config: ml_collections.ConfigDict, overrides: Mapping[str, Any], whose: str
) -> None:
    """Sets fields by dotted name.

    Raises:
      JaxposeError: the config has no such field, or the field is of another type.
    """
    try:
        config.update_from_flattened_dict(dict(overrides))
    except (KeyError, TypeError) as error:
        raise JaxposeError(
            f"{whose}: cannot override {', '.join(overrides)}: {error}"
        ) from error


def figures(columns: tuple[Column, ...], text: str) -> dict[str, float]:
    """The paper's figures of a row as printed, one a column in order; `-` where it prints none."""
    return {
        column.title: float(word)
        for column, word in zip(columns, text.split(), strict=True)
        if word != "-"
    }


def action_columns(titles: tuple[str, ...] = tuple(ACTIONS)) -> tuple[Column, ...]:
    """Columns of the Human3.6M actions, in the order of `titles`, and their mean."""
    return (
        *(Column(title, cells=(ACTIONS[title],)) for title in titles),
        Column("Avg."),
    )


def humaneva_columns(actions: tuple[str, ...]) -> tuple[Column, ...]:
    """Columns of HumanEva-I, each action by subject, and the mean of them all."""
    cells = tuple(f"{action} S{subject}" for action in actions for subject in (1, 2, 3))
    return (
        *(Column(cell, cells=(cell,)) for cell in cells),
        Column("Avg.", cells=cells),
    )


# A model trained on MPI-INF-3DHP whose config file has no variant for it.
MPI_INF_3DHP = {
    "dataset.name": "mpi_inf_3dhp/univ_annot3",
    "dataset.train_subjects": tuple(f"S{i}" for i in range(1, 9)),
    "dataset.validation_subjects": ("S8",),
    "dataset.test_subjects": tuple(f"TS{i}" for i in range(1, 7)),
    "target_scale": 1000.0,
    "model.skeleton": "mpi_inf_3dhp_17",
}
MPI_INF_3DHP_COLUMNS = (
    Column("PCK", "pck"),
    Column("AUC", "auc"),
    Column("MPJPE", "mpjpe"),
)
PARAMETERS = Column("Parameters (M)", "parameters", scale=1e-6, digits=2)
