"""The parts of a paper's table: columns, and rows that are trained here or quoted."""

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import ml_collections

from jaxpose.config import data_fields
from jaxpose.errors import JaxposeError

# The actions of Human3.6M by the papers' headings, in their order.
ACTIONS = {
    "Dir.": "Directions",
    "Disc.": "Discussion",
    "Eat": "Eating",
    "Greet": "Greeting",
    "Phone": "Phoning",
    "Photo": "Photo",
    "Pose": "Posing",
    "Purch.": "Purchases",
    "Sit": "Sitting",
    "SitD.": "SittingDown",
    "Smoke": "Smoking",
    "Wait": "Waiting",
    "WalkD.": "WalkDog",
    "Walk": "Walking",
    "WalkT.": "WalkTogether",
}


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
      title: its heading.
      metric: name of the score in a run's results; empty means the row's own.
      cells: actions, actions of a subject (`Walking S1`), or scenes, whose unweighted
        mean it shows; empty means the score of the whole test set by the benchmark's
        protocol.
      scale: factor from the score to the figure.
      digits: decimals of the figures measured here.
      quoted: only the papers' figures are shown, nothing is measured for it.
      everywhere: every trained row has a measured figure, also where the paper prints
        none for it.
      plain: the score without flip averaging, of runs that were scored with it.
      setting: returns what the row's config says, instead of a score.
    """

    title: str
    metric: str = ""
    cells: tuple[str, ...] = ()
    scale: float = 1.0
    digits: int = 1
    quoted: bool = False
    everywhere: bool = False
    plain: bool = False
    setting: Callable[[ml_collections.ConfigDict], str] | None = None

    def value(self, results: Mapping[str, Any], metric: str) -> float | None:
        """Returns the figure of a run.

        Args:
          results: the results of the run.
          metric: the metric of the row.

        Returns:
          The figure, or None where the results lack a score of it.
        """
        if self.plain:
            results = results.get("without_flip_average", {})
        name, published = self.metric or metric, results.get("published", {})
        # Names of actions, scenes and actions with subjects never coincide.
        if self.cells:
            by_cell = {
                **results.get("per_action", {}),
                **published.get("per_scene", {}),
                **published.get("per_action_and_subject", {}),
            }
            scores = [by_cell.get(cell, {}).get(name) for cell in self.cells]
        else:
            # A score by the benchmark's own protocol goes before the plain one.
            scores = [published.get(name, results.get(name))]
        # A mean over the remaining cells would be another quantity.
        if None in scores:
            return None
        return self.scale * sum(scores) / len(scores)


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table: a run and the paper's figures for it, or quoted figures alone.

    Attributes:
      label: the method, as the paper names it.
      published: the paper's figures by column title, as far as it prints them.
      config: `configs/FILE.py:VARIANT`; None for a method that does not exist here.
      overrides: fields that differ from the variant's, by dotted name.
      name: tells the run apart from the variant's own. Rows with the same config and
        name share a run.
      evaluation: fields that differ when the trained model is scored, by dotted name.
      lifting: config of the first stage, trained before, where `config` is a second
        stage.
      metric: score of the columns that name none.
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
        """Returns the name of its run's directory: `ampose_cpn17.two_residual`."""
        file, _, variant = self._config.partition(":")
        base = f"{file.rpartition('/')[2].removesuffix('.py')}_{variant}"
        return f"{base}.{self.name}" if self.name else base

    @property
    def result(self) -> str:
        """Returns the name of the file of its results, in the directory of a seed."""
        parts = ["row"]
        # Rows that score one run in two ways need two files.
        for field, value in sorted(self.evaluation.items()):
            text = f"{field}={value}"
            allowed = [c if c.isalnum() or c in "=._" else "-" for c in text]
            parts.append("".join(allowed)[:60])
        return ".".join([*parts, "json"])

    def make_config(self) -> ml_collections.ConfigDict:
        """Makes the config that it is trained with.

        Raises:
          JaxposeError: unknown variant, or an override of a field that does not exist.
        """
        config = load_config(self._config)
        apply_overrides(config, self.overrides, f"row {self.label!r}")
        return config

    @property
    def _config(self) -> str:
        if self.config is None:
            raise JaxposeError(f"row {self.label!r} is quoted, it has no config")
        return self.config


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a paper.

    Attributes:
      title: what it shows, and where it stands.
      note: data and protocol, and what differs from the paper.
      columns: the columns after the label.
      rows: the rows, in the paper's order.
      seeds: runs per row, unless the command says otherwise.
      over_frames: a picture shows its scores over the lengths of the windows, with one
        curve per label. Rows of one label then differ in length alone.
    """

    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    seeds: int = 1
    over_frames: bool = False

    @property
    def trained(self) -> tuple[Row, ...]:
        """Returns the rows that are trained here."""
        return tuple(row for row in self.rows if row.config)


def load_config(config: str) -> ml_collections.ConfigDict:
    """Returns the config of `configs/FILE.py:VARIANT`.

    Raises:
      JaxposeError: unknown variant.
    """
    # As on the command line of `jaxpose.main`.
    file, _, variant = config.partition(":")
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    return module.get_config(variant)


def apply_overrides(
    config: ml_collections.ConfigDict, overrides: Mapping[str, Any], whose: str
) -> None:
    """Sets fields of `config` by dotted name; `whose` names their owner in the error.

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
    """Reads the paper's figures of a row, one per column in order; `-` is none."""
    words = zip(columns, text.split(), strict=True)
    return {column.title: float(word) for column, word in words if word != "-"}


def printed_row(
    columns: tuple[Column, ...],
    label: str,
    text: str,
    config: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    name: str = "",
    **fields: Any,
) -> Row:
    """Returns the row of the paper's figures `text`; the rest is as of `Row`."""
    published = figures(columns, text)
    return Row(label, published, config, overrides or {}, name, **fields)


def action_columns(titles: Iterable[str] = ACTIONS) -> tuple[Column, ...]:
    """Returns the columns of Human3.6M's actions, as `titles`, and of their mean."""
    actions = [Column(title, cells=(ACTIONS[title],)) for title in titles]
    return (*actions, Column("Avg."))


def humaneva_columns(actions: Iterable[str]) -> tuple[Column, ...]:
    """Returns the columns of HumanEva-I, actions by subject, and of their mean."""
    # Papers group their columns by action.
    cells = [f"{action} S{subject}" for action in actions for subject in (1, 2, 3)]
    columns = [Column(cell, cells=(cell,)) for cell in cells]
    return (*columns, Column("Avg.", cells=tuple(cells)))


# The fields of MPI-INF-3DHP, for a model whose config file has no variant of it.
MPI_INF_3DHP = {
    name: value
    for name, value in data_fields("mpi_inf_3dhp/univ_annot3").items()
    if value is not None
}
# The three scores of its official protocol, in the papers' order.
MPI_INF_3DHP_COLUMNS = (
    Column("PCK", "pck"),
    Column("AUC", "auc"),
    Column("MPJPE", "mpjpe"),
)
PARAMETERS = Column("Parameters (M)", "parameters", scale=1e-6, digits=2)
