"""Leave-one-subject-out: each subject scored by a model trained on all others.

    python -m experiments.leave_one_out --config=configs/ampose.py:cmu --workdir=runs/leave_one_out

The subjects are the config's train and test subjects together. Every run has its own directory,
`<workdir>/<subject>`; a finished one is only scored again, a stopped one resumes. The table is
printed and written to `<workdir>/leave_one_out.md` after each subject.
"""

import pathlib
import sys
from typing import Any

import ml_collections
from absl import app, flags, logging
from ml_collections import config_flags

from jaxpose import train
from jaxpose.errors import JaxposeError

COLUMNS = ("mpjpe", "p_mpjpe", "linear_mpjpe", "mean_pose_mpjpe")


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown, millimetres: a row a subject, then the plain mean over subjects."""
    rows = {subject: [result[column] for column in COLUMNS] for subject, result in results.items()}
    rows["mean"] = [sum(values) / len(rows) for values in zip(*rows.values(), strict=True)]
    lines = [
        "| subject left out | MPJPE | P-MPJPE | ridge | mean pose | MPJPE / ridge |",
        "|---|---|---|---|---|---|",
    ]
    for subject, values in rows.items():
        numbers = " | ".join(f"{value:.1f}" for value in values)
        lines.append(f"| {subject} | {numbers} | {values[0] / values[2]:.2f} |")
    return "\n".join(lines) + "\n"


def run(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> dict[str, dict[str, Any]]:
    """Trains and scores once a subject; returns the results by subject."""
    subjects = sorted({*config.dataset.train_subjects, *config.dataset.test_subjects})
    results = {}
    for subject in subjects:
        fold = config.copy_and_resolve_references()
        fold.dataset.train_subjects = tuple(other for other in subjects if other != subject)
        fold.dataset.test_subjects = (subject,)
        results[subject] = train.train_and_evaluate(fold, str(workdir / subject))
        (workdir / "leave_one_out.md").write_text(table(results))
    return results


def main(argv: list[str]) -> None:
    """Reads the flags and runs."""
    del argv
    logging.set_verbosity(logging.WARNING)
    try:
        print(table(run(_CONFIG.value, pathlib.Path(_WORKDIR.value))))
    except JaxposeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    _CONFIG = config_flags.DEFINE_config_file("config", None, "Config file and variant.")
    _WORKDIR = flags.DEFINE_string("workdir", None, "Directory of the runs.")
    flags.mark_flags_as_required(["config", "workdir"])
    app.run(main)
