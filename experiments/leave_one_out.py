"""Leave-one-subject-out: each subject scored by a model trained on all others.

    python -m experiments.leave_one_out --config=configs/ampose.py:cmu \\
        --workdir=runs/leave_one_out

The subjects are the config's train and test subjects together. Every run has its own
directory, `<workdir>/<subject>`: a finished run is only scored again, a stopped one
resumes. After each subject the table is printed and written to
`<workdir>/leave_one_out.md`.
"""

import pathlib
import sys
from typing import Any

import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from jaxpose import command_line
from jaxpose.errors import JaxposeError
from jaxpose.parallel import signals
from jaxpose.run import Run

COLUMNS = ("mpjpe", "p_mpjpe", "linear_mpjpe", "mean_pose_mpjpe")


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown, millimetres: a row a subject, then the plain mean over subjects."""
    rows = {
        subject: [result[column] for column in COLUMNS]
        for subject, result in results.items()
    }
    rows["mean"] = [
        sum(values) / len(rows) for values in zip(*rows.values(), strict=True)
    ]
    lines = [
        "| subject left out | MPJPE | P-MPJPE | ridge | mean pose | MPJPE / ridge |",
        "|---|---|---|---|---|---|",
    ]
    for subject, values in rows.items():
        numbers = " | ".join(f"{value:.1f}" for value in values)
        lines.append(f"| {subject} | {numbers} | {values[0] / values[2]:.2f} |")
    return "\n".join(lines) + "\n"


def run(
    config: ml_collections.ConfigDict, workdir: pathlib.Path
) -> dict[str, dict[str, Any]]:
    """Trains and scores once a subject; returns the results by subject.

    Raises:
      JaxposeError: a data set whose subjects are not persons, or as `Run.train`.
    """
    subjects = sorted({*config.dataset.train_subjects, *config.dataset.test_subjects})
    if split := next((subject for subject in subjects if "/" in subject), None):
        raise JaxposeError(
            f"config.dataset: {split!r} is one split of a person, who would be in the "
            "training data, too; leave one out of data whose subjects are persons"
        )
    results = {}
    for subject in subjects:
        fold = config.copy_and_resolve_references()
        fold.dataset.train_subjects = tuple(
            other for other in subjects if other != subject
        )
        fold.dataset.test_subjects = (subject,)
        held_out = config.dataset.validation_subjects
        fold.dataset.validation_subjects = tuple(
            other for other in held_out if other != subject
        )
        results[subject] = Run.create(fold, workdir / subject).train()
        (workdir / "leave_one_out.md").write_text(table(results))
    return results


def main(argv: list[str]) -> None:
    """Reads the flags and runs."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    logging.set_verbosity(logging.WARNING)
    try:
        print(table(run(_CONFIG.value, pathlib.Path(_WORKDIR.value).expanduser())))
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    _CONFIG = config_flags.DEFINE_config_file(
        "config", None, "Config file and variant."
    )
    _WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the runs.")
    flags.mark_flags_as_required(["config", "workdir"])
    signals.install()
    command_line.run(main)
