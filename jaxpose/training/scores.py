"""Scores of checkpoints, and the side files of checkpoints that hold them.

The record of a checkpoint (`jaxpose.training.records`) has its score. A file beside it
says the same to orbax, which keeps the best checkpoint by it.
"""

import pathlib
import shutil
import sys
from typing import Any

from absl import logging

from jaxpose.training import records
from jaxpose.whole_files import write_json

NAME = "mpjpe"
_FILE = "metrics/metrics"


def is_score(value: Any) -> bool:
    """Returns whether a value, which may be anything, is a finite number."""
    # A whole number of JSON may be beyond every float.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def read_scores(directory: pathlib.Path) -> dict[int, float | None]:
    """Returns the score of every complete checkpoint, None where it has none.

    It is that of the record. Where there is no record, the file of scores says, and
    where that is lost the metrics of the run.

    Raises:
      OSError: the system refuses to read a file.
    """
    found: dict[int, float | None] = {}
    for step in records.complete_steps(directory):
        checkpoint = directory / str(step)
        record = records.read_record(checkpoint) or {}
        if "score" in record:
            score = record["score"]
        else:
            score = (records.read_object(checkpoint / _FILE) or {}).get(NAME)
            if not is_score(score):
                score = _logged_score(directory.parent, step)
        found[step] = score if is_score(score) else None
    return found


def mend(directory: pathlib.Path) -> None:
    """Writes the side files anew that differ from the records of their checkpoints.

    Raises:
      OSError: the system refuses to read or to write one.
    """
    for step, score in read_scores(directory).items():
        checkpoint = directory / str(step)
        record = records.read_record(checkpoint)
        written = []
        if record is not None and records.is_sealed(record):
            written = records.write_copies(checkpoint, record)
        if _mend_file(checkpoint, score):
            written.append(_FILE)
        if written:
            logging.warning(
                "%s: damaged files are written anew: %s", checkpoint, ", ".join(written)
            )


def _mend_file(checkpoint: pathlib.Path, score: float | None) -> bool:
    """Makes the file of scores say `score`; returns whether it said something else."""
    folder = (checkpoint / _FILE).parent
    if score is None:
        # Nobody can read a file that is there.
        was_there = folder.exists()
        shutil.rmtree(folder, ignore_errors=True)
        return was_there
    expected = {NAME: score}
    if records.read_object(checkpoint / _FILE) == expected:
        return False
    write_json(checkpoint / _FILE, expected)
    return True


def _logged_score(workdir: pathlib.Path, step: int) -> Any:
    """Returns the score that a run wrote to its metrics at a step, None without."""
    # Imported here: only checkpoints that lost their score need it.
    from jaxpose.training.metric_writer import read_metrics

    for row in read_metrics(workdir / "metrics.jsonl"):
        if row["step"] == step and f"selection_{NAME}" in row:
            return row[f"selection_{NAME}"]
    return None
