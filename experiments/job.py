"""A row of a table with one seed: its config, its directory, and how far it has come."""

import dataclasses
import json
import pathlib
from typing import Any

import ml_collections

from experiments.smoke import shrink
from experiments.table import Row, Table, apply_overrides
from jaxpose.datasets import get_builder
from jaxpose.datasets.prepared import require_prepared
from jaxpose.errors import JaxposeError
from jaxpose.training import workdirs

# Where data and runs lie says nothing about what a run is.
_PLACES = (("dataset", "data_dir"), ("lifting_workdir",))


@dataclasses.dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
      row: the row, with a config.
      seed: its `config.seed`.
      workdir: directory of the table; runs of all tables lie in its `runs`.
      data_dir: where the data sets are prepared; empty: TFDS's default.
      smoke: at toy size on the synthetic data.
    """

    row: Row
    seed: int
    workdir: pathlib.Path
    data_dir: str = ""
    smoke: bool = False

    @property
    def directory(self) -> pathlib.Path:
        """The workdir of its training."""
        return self.workdir / "runs" / self.row.run / f"seed_{self.seed}"

    @property
    def result(self) -> pathlib.Path:
        """The file of its figures, there once it is finished."""
        return self.directory / self.row.result

    @property
    def log(self) -> pathlib.Path:
        """What it printed."""
        return self.directory / "log.txt"

    @property
    def first_stage(self) -> "Job | None":
        """The run that it starts from, for a row of two stages."""
        if not self.row.lifting:
            return None
        lifting = Row(f"{self.row.label}, first stage", {}, self.row.lifting)
        return dataclasses.replace(self, row=lifting)

    def config(self) -> ml_collections.ConfigDict:
        """The config to train with.

        Raises:
          JaxposeError: the row names a variant or field that does not exist.
        """
        config = self.row.make_config()
        config.seed = self.seed
        config.dataset.data_dir = self.data_dir
        if first := self.first_stage:
            config.lifting_workdir = str(first.directory)
        if self.smoke:
            shrink(config)
        return config

    def evaluation_config(self) -> ml_collections.ConfigDict:
        """The config to score the trained model with; the synthetic data stays in a smoke run."""
        config = self.config()
        fields = {
            field: value
            for field, value in self.row.evaluation.items()
            if not (self.smoke and field.startswith("dataset."))
        }
        apply_overrides(config, fields, f"evaluation of row {self.row.label!r}")
        return config

    def read_result(self) -> dict[str, Any] | None:
        """The figures of a finished run, None before.

        Raises:
          JaxposeError: the file is damaged.
        """
        return workdirs.read_json(self.result) if self.result.exists() else None

    def check_unchanged(self) -> None:
        """Raises JaxposeError, with the differing fields, if its directory holds another config's run."""
        path = self.directory / "config.json"
        if not path.exists():
            return
        before, now = workdirs.read_json(path), workdirs.plain(self.config())
        if differing := workdirs.differences(
            _without_places(before), _without_places(now)
        ):
            raise JaxposeError(
                f"{self.directory} holds a run with another config; undo the change, remove the directory or "
                f"use a new --workdir:\n{differing}"
            )

    def check_prepared(self) -> None:
        """Raises JaxposeError, with the command that prepares it, unless its data is there."""
        for config in (self.config(), self.evaluation_config()):
            builder = get_builder(config.dataset.name, data_dir=self.data_dir or None)
            if builder.NEEDS_SOURCE:
                require_prepared(builder)


def make_jobs(
    table: Table,
    workdir: pathlib.Path,
    seeds: int | None = None,
    data_dir: str = "",
    smoke: bool = False,
) -> dict[int, list[Job]]:
    """The jobs of each trained row, one a seed, by number of the row; `seeds` None: as the table says."""
    numbers = range(table.seeds if seeds is None else seeds)
    return {
        number: [Job(row, seed, workdir, data_dir, smoke) for seed in numbers]
        for number, row in enumerate(table.rows)
        if row.config
    }


def prepare_command(error: JaxposeError) -> str:
    """The command in the error of a data set that is not prepared, or else the error."""
    lines = [line.partition("Prepare it with: ")[2] for line in str(error).splitlines()]
    return next((line for line in lines if line), str(error))


def _without_places(config: dict[str, Any]) -> dict[str, Any]:
    config = json.loads(json.dumps(config))
    for *groups, field in _PLACES:
        holder = config
        for group in groups:
            holder = holder.get(group, {})
        holder.pop(field, None)
    return config
