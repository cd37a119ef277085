"""What the tables hold, whether their data is here, and what a row costs."""

import pathlib
from collections.abc import Iterable

import ml_collections

from experiments.job import Job, make_jobs, prepare_command
from experiments.tables import TABLES
from jaxpose.datasets import protocol_of
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.models.cost import describe

FLOPS_PER_MAC = (
    6  # forward, and twice that backward; a multiply-accumulate is two operations
)
RATES = {
    "a GPU at 5 TFLOP/s": 5e12,
    "two CPU cores at 30 GFLOP/s": 3e10,
}  # assumed, not measured


def print_tables(names: Iterable[str], data_dir: str) -> None:
    """Prints each table: its rows, their configs and data, and an estimate of the training cost."""
    print(
        f"Cost: {FLOPS_PER_MAC} x multiply-accumulates x training poses; time on {' | '.join(RATES)}."
    )
    costs: dict[pathlib.Path, float] = {}
    for name in names:
        table = TABLES[name]
        print(f"\n{name}: {table.title}")
        jobs = make_jobs(table, pathlib.Path(), data_dir=data_dir)
        for number, row in enumerate(table.rows):
            label = f"{row.section}: {row.label}" if row.section else row.label
            if not row.config:
                print(f"  {label}: the paper's figure only")
                continue
            print(f"  {label}: {_describe(jobs[number], costs)}")


def _describe(jobs: list[Job], costs: dict[pathlib.Path, float]) -> str:
    job = jobs[0]
    try:
        config = job.config()
        if job.directory not in costs:
            costs[job.directory] = training_flops(config)
        cost = costs[job.directory]
    except JaxposeError as error:
        return f"error: {error}"
    seeds = f"{len(jobs)} seeds x " if len(jobs) > 1 else ""
    overrides = [
        f"{field}={value}"
        for field, value in {**job.row.overrides, **job.row.evaluation}.items()
    ]
    parts = [" ".join([job.row.config, *overrides]), _data(job, config.dataset.name)]
    times = " | ".join(_time(cost / rate) for rate in RATES.values())
    return "; ".join([*parts, f"{seeds}{cost / 1e12:,.0f} TFLOP, {times}"])


def _time(seconds: float) -> str:
    if seconds < 3600:
        return f"{max(seconds / 60, 1):.0f} min"
    return (
        f"{seconds / 3600:.0f} h"
        if seconds < 48 * 3600
        else f"{seconds / 86400:,.0f} days"
    )


def _data(job: Job, dataset: str) -> str:
    try:
        job.check_prepared()
    except JaxposeError as error:
        return f"{dataset} (not prepared: {prepare_command(error)})"
    return f"{dataset} (here)"


def training_flops(config: ml_collections.ConfigDict) -> float:
    """Operations of the whole training: an estimate by the matrix products alone.

    Raises:
      JaxposeError: the model's fields do not fit each other.
    """
    return (
        FLOPS_PER_MAC * describe(build_model(config))["macs"] * training_poses(config)
    )


def training_poses(config: ml_collections.ConfigDict) -> int:
    """Poses that the training sees, every epoch counted; whole passes by the published frame counts."""
    if config.steps_per_epoch:
        return config.steps_per_epoch * config.batch_size * config.num_epochs
    subjects = set(config.dataset.train_subjects) - set(
        config.dataset.validation_subjects
    )
    protocol = protocol_of(config.dataset.name)
    frames = protocol.count_frames(subjects, config.dataset.actions or None)
    return (
        frames
        // config.dataset.frame_stride
        * (2 if config.augment_flip else 1)
        * config.num_epochs
    )
