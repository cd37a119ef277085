"""Lists the tables: their rows, whether their data is here, and what a row costs."""

import pathlib
from collections.abc import Iterable

import ml_collections

from experiments.job import Job, make_jobs
from experiments.tables import TABLES
from jaxpose.config import held_out_subjects
from jaxpose.datasets import protocol_of
from jaxpose.errors import JaxposeError, NotPreparedError
from jaxpose.models import build_model
from jaxpose.models.cost import describe
from jaxpose.wording import count_of

# Operations per multiply-accumulate: two forward, and twice as many backward.
FLOPS_PER_MAC = 6
# Assumed, not measured.
RATES = {"a GPU at 5 TFLOP/s": 5e12, "two CPU cores at 30 GFLOP/s": 3e10}
HOUR, DAY = 3600.0, 86400.0


def print_index() -> None:
    """Prints a line per table: its name, its trained rows and its title."""
    width = max(map(len, TABLES))
    for name, table in TABLES.items():
        rows = sum(bool(row.config) for row in table.rows)
        print(f"{name:{width}}  {count_of(rows, 'run', 'runs'):>8}  {table.title}")
    print("\n`--list TABLE` shows the rows of a table, their data and cost.")


def print_tables(names: Iterable[str], data_dir: str | None, protocol: str) -> None:
    """Prints the rows of each table: configs, data, and estimated training costs."""
    print(
        f"Cost: {FLOPS_PER_MAC} x multiply-accumulates x training poses; "
        f"time on {' | '.join(RATES)}."
    )
    # Rows and tables share runs, and counting a model's operations traces it.
    costs: dict[pathlib.Path, float] = {}
    for name in names:
        table = TABLES[name]
        print(f"\n{name}: {table.title}")
        jobs = make_jobs(table, pathlib.Path(), data_dir=data_dir, protocol=protocol)
        for number, row in enumerate(table.rows):
            label = f"{row.section}: {row.label}" if row.section else row.label
            if row.config:
                print(f"  {label}: {_describe(jobs[number], costs)}")
            else:
                print(f"  {label}: the paper's figure only")


def _describe(jobs: list[Job], costs: dict[pathlib.Path, float]) -> str:
    """Returns config, data and cost of a row; `costs` holds the runs counted before."""
    job = jobs[0]
    try:
        config = job.config()
        if job.directory not in costs:
            costs[job.directory] = training_flops(config)
    except JaxposeError as error:
        return f"error: {error}"
    # All that distinguishes the row from its config's variant.
    changes = {**job.row.overrides, **job.row.evaluation}
    fields = [f"{field}={value}" for field, value in changes.items()]
    seeds = f"{len(jobs)} seeds x " if len(jobs) > 1 else ""
    cost = costs[job.directory]
    times = " | ".join(_time(cost / rate) for rate in RATES.values())
    parts = [
        " ".join([str(job.row.config), *fields]),
        _data(job, config.dataset.name),
        f"{seeds}{cost / 1e12:,.0f} TFLOP, {times}",
    ]
    return "; ".join(parts)


def _time(seconds: float) -> str:
    """Returns a time in the largest unit that it fills."""
    if seconds < HOUR:
        return f"{max(seconds / 60, 1):.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return f"{seconds / DAY:,.0f} days"


def _data(job: Job, dataset: str) -> str:
    """Returns whether the data of `job` is here, or the command that prepares it."""
    try:
        job.check_prepared()
    except NotPreparedError as error:
        return f"{dataset} (not prepared: {error.command})"
    except JaxposeError as error:
        return f"{dataset} (error: {error})"
    return f"{dataset} (here)"


def training_flops(config: ml_collections.ConfigDict) -> float:
    """Estimates the operations of the whole training by its matrix products alone.

    Raises:
      JaxposeError: the model's fields do not fit each other, or the number of training
        frames is not published.
    """
    # A training sample is one window and gives one pose.
    macs = describe(build_model(config))["macs"]
    return FLOPS_PER_MAC * macs * training_poses(config)


def training_poses(config: ml_collections.ConfigDict) -> int:
    """Counts the poses that the training sees, in all of its epochs.

    An epoch is `config.steps_per_epoch` updates, or one pass over the published frames.

    Raises:
      JaxposeError: the number of training frames is not published.
    """
    dataset = config.dataset
    if config.steps_per_epoch:
        return config.steps_per_epoch * config.batch_size * config.num_epochs
    # Published numbers of frames, so that data need not be here.
    subjects = set(dataset.train_subjects) - set(held_out_subjects(config))
    frames = protocol_of(dataset.name).count_frames(subjects, dataset.actions)
    # An epoch has every frame as it is and, with augmentation, mirrored.
    views = 2 if config.augment_flip else 1
    return frames // dataset.frame_stride * views * config.num_epochs
