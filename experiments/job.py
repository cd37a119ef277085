"""A row of a table with one seed: its config, directory and state."""

import dataclasses
import pathlib
from typing import Any

import ml_collections

from experiments.smoke import shrink
from experiments.table import Row, Table, apply_overrides
from jaxpose.datasets import get_builder
from jaxpose.datasets.prepared import require_prepared
from jaxpose.errors import JaxposeError, join_first
from jaxpose.training import workdirs


@dataclasses.dataclass(frozen=True)
class Job:
    """A run of a row.

    Attributes:
      row: the row, with a config.
      seed: its `config.seed`.
      workdir: directory of the table; the runs of all tables are in its folder `runs`.
      data_dir: where the data sets are prepared; None means TFDS's default.
      smoke: at toy size on the synthetic data.
      protocol: whom it is trained on, a key of `jaxpose.config.TRAINING_PROTOCOLS`.
    """

    row: Row
    seed: int
    workdir: pathlib.Path
    data_dir: str | None = None
    smoke: bool = False
    protocol: str = "paper"

    @property
    def directory(self) -> pathlib.Path:
        """Returns the workdir of its training."""
        return self.workdir / "runs" / self.row.run / f"seed_{self.seed}"

    @property
    def result(self) -> pathlib.Path:
        """Returns the file of its figures, which exists once it is finished."""
        return self.directory / self.row.result

    @property
    def log(self) -> pathlib.Path:
        """Returns the file of its output."""
        return self.directory / "log.txt"

    @property
    def first_stage(self) -> "Job | None":
        """Returns the run that it starts from, for a row of two stages."""
        if not self.row.lifting:
            return None
        lifting = Row(f"{self.row.label}, first stage", {}, self.row.lifting)
        return dataclasses.replace(self, row=lifting)

    def config(self) -> ml_collections.ConfigDict:
        """Returns the config to train with.

        Raises:
          JaxposeError: the row names a variant or field that does not exist.
        """
        config = self.row.make_config()
        # These belong to a run, not to the row.
        config.seed = self.seed
        config.protocol = self.protocol
        config.dataset.data_dir = self.data_dir
        if first := self.first_stage:
            config.lifting_workdir = str(first.directory)
        # At the end, so that the row's own sizes shrink, too.
        if self.smoke:
            shrink(config)
        return config

    def evaluation_config(self) -> ml_collections.ConfigDict:
        """Returns the config to score the trained model with.

        A smoke run is scored on the synthetic data that it was trained on.
        """
        config, fields = self.config(), {}
        for field, value in self.row.evaluation.items():
            # The other data set of a cross-data row is not there in a smoke run.
            if not (self.smoke and field.startswith("dataset.")):
                fields[field] = value
        apply_overrides(config, fields, f"evaluation of row {self.row.label!r}")
        return config

    def read_result(self) -> dict[str, Any] | None:
        """Returns the figures of a finished run, None before.

        Raises:
          JaxposeError: the file is damaged.
        """
        return workdirs.read_json(self.result) if self.result.exists() else None

    def check_unchanged(self) -> None:
        """Checks that its directory holds no run of another config.

        Raises:
          JaxposeError: it does; the message lists the differing fields.
        """
        # Its figures would stand in a row that they do not belong to.
        if differing := workdirs.changes(self.config(), self.directory):
            raise JaxposeError(
                f"{self.directory} holds a run with another config "
                f"({join_first(differing)}); undo the change, remove the directory or "
                "use a new --workdir"
            )

    def check_prepared(self) -> None:
        """Checks that its data is here.

        Raises:
          NotPreparedError: it is not; the error holds the command that prepares it.
        """
        # A row may be scored on another data set than it is trained on.
        for config in (self.config(), self.evaluation_config()):
            builder = get_builder(config.dataset.name, data_dir=self.data_dir)
            # Synthetic motion is made on first use.
            if builder.NEEDS_SOURCE:
                require_prepared(builder)


def make_jobs(
    table: Table,
    workdir: pathlib.Path,
    seeds: int | None = None,
    data_dir: str | None = None,
    smoke: bool = False,
    protocol: str = "paper",
) -> dict[int, list[Job]]:
    """Returns the jobs of each trained row, one per seed, by the number of the row.

    Args:
      table: the table.
      workdir: as of `Job`.
      seeds: runs per row; None means the table's own number.
      data_dir: as of `Job`.
      smoke: as of `Job`.
      protocol: as of `Job`.
    """
    count = table.seeds if seeds is None else seeds
    jobs = {}
    for number, row in enumerate(table.rows):
        # Quoted rows keep their number, so that rows and jobs can be matched.
        if row.config:
            jobs[number] = [
                Job(row, seed, workdir, data_dir, smoke, protocol)
                for seed in range(count)
            ]
    return jobs
