"""Scores each subject by a model that is trained on all other subjects.

    python -m experiments.leave_one_out --config=configs/ampose.py:cmu \\
        --workdir=runs/leave_one_out

The subjects are the config's train and test subjects together. Every run has its own
directory, `<workdir>/<subject>`: a finished run is only scored again, a stopped run
resumes. The table is printed, and written to `<workdir>/leave_one_out.md` after each
subject.
"""

import pathlib
import statistics
import sys
from collections.abc import Iterable
from typing import Any

import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from jaxpose import command_line
from jaxpose.errors import JaxposeError
from jaxpose.fields import TRAINING_PROTOCOLS
from jaxpose.parallel import memory, signals
from jaxpose.run import Run

# Columns of the table, by their names in the results of a run.
COLUMNS = ("mpjpe", "p_mpjpe", "linear_mpjpe", "mean_pose_mpjpe")
HEADING = """\
| subject left out | MPJPE | P-MPJPE | ridge | mean pose | MPJPE / ridge |
|---|---|---|---|---|---|
"""


def table(results: dict[str, dict[str, Any]], protocol: str) -> str:
    """Returns Markdown, millimetres: one row per subject, then their mean.

    Args:
      results: of each run, by subject.
      protocol: `config.protocol` of the runs.
    """
    rows = {}
    for subject, result in results.items():
        rows[subject] = [result[column] for column in COLUMNS]
    # The last row; its ratio is that of the means.
    columns = zip(*rows.values(), strict=True)
    rows["mean"] = [statistics.fmean(column) for column in columns]
    text = f"Protocol `{protocol}`: {TRAINING_PROTOCOLS[protocol]}.\n\n{HEADING}"
    for subject, values in rows.items():
        numbers = " | ".join(f"{value:.1f}" for value in values)
        text += f"| {subject} | {numbers} | {values[0] / values[2]:.2f} |\n"
    return text


def run(
    config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, dict[str, Any]]:
    """Trains and scores one model per subject; returns the results by subject.

    Raises:
      JaxposeError: a data set whose subjects are not persons, or as `Run.train`.
    """
    subjects = sorted({*config.dataset.train_subjects, *config.dataset.test_subjects})
    for subject in subjects:
        # `Train/S1` and `Validate/S1` of HumanEva-I are one person.
        if "/" in subject:
            raise JaxposeError(
                f"config.dataset: {subject!r} is one split of a person, who would be "
                "in the training data, too; leave one out of data whose subjects are "
                "persons"
            )
    results = {}
    for subject in subjects:
        # Finished subjects are read again, so that the table is always complete.
        fold = _fold(config, subjects, subject)
        results[subject] = Run.create(fold, workdir / subject).train()
        text = table(results, config.protocol)
        (workdir / "leave_one_out.md").write_text(text)
    return results


def _fold(
    config: ml_collections.ConfigDict, subjects: list[str], left_out: str
) -> ml_collections.ConfigDict:
    """Returns the config that trains on all subjects but one and tests on that one."""
    fold = config.copy_and_resolve_references()
    dataset = fold.dataset
    # Nobody who is scored may select the checkpoint either.
    dataset.train_subjects = _without(subjects, left_out)
    dataset.validation_subjects = _without(dataset.validation_subjects, left_out)
    dataset.test_subjects = (left_out,)
    return fold


def _without(subjects: Iterable[str], left_out: str) -> tuple[str, ...]:
    """Returns the other subjects, in order."""
    return tuple(subject for subject in subjects if subject != left_out)


def main(argv: list[str]) -> None:
    """Reads the flags and runs."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    logging.set_verbosity(logging.WARNING)
    try:
        workdir = pathlib.Path(flags.FLAGS.workdir).expanduser()
        config = flags.FLAGS.config
        print(table(run(config, workdir), config.protocol))
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    config_flags.DEFINE_config_file("config", None, "Config file and variant.")
    flags.DEFINE_string("workdir", None, "Directory of the runs.")
    flags.mark_flags_as_required(["config", "workdir"])
    signals.install()
    memory.keep_freed_memory()
    command_line.run(main)
