"""Metrics of a run: JSON lines for programs, TensorBoard event files for people."""

import json
import os
import pathlib
from typing import Any

from tensorboardX import SummaryWriter

from jaxpose.whole_files import replacing


def read_metrics(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the rows of a file of JSON lines, without damaged ones.

    A kill cuts off the last row; a row is damaged that is no object with a `step`.
    """
    rows = []
    if path.exists():
        # By bytes: one that is not UTF-8 spoils its own line alone.
        for line in path.read_bytes().split(b"\n"):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict) and type(row.get("step")) is int:
                rows.append(row)
    return rows


class MetricWriter:
    """Appends rows to `<workdir>/metrics.jsonl` and scalars to `<workdir>/tensorboard`.

    A resumed run first drops the rows after the step that it resumes from: the file
    reads as if the run had never stopped.
    """

    def __init__(self, workdir: pathlib.Path, resume_step: int):
        """Opens the files of `workdir`, keeping rows up to `resume_step`."""
        path = workdir / "metrics.jsonl"
        # Written under another name first: a kill here loses no row.
        with replacing(path) as partial, partial.open("w") as file:
            for row in read_metrics(path):
                if row["step"] <= resume_step:
                    file.write(json.dumps(row) + "\n")
        # Line by line, so that a row is visible as soon as it is written.
        self._file = path.open("a", buffering=1)
        self._events = SummaryWriter(
            str(workdir / "tensorboard"), purge_step=resume_step + 1
        )

    def write(self, step: int, **values: float | int) -> None:
        """Writes one row; `values` are scalars."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        for name, value in values.items():
            self._events.add_scalar(name, value, step)

    def flush(self) -> None:
        """Puts the rows on disk; comes before the checkpoint of the same step."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._events.flush()

    def close(self) -> None:
        """Flushes and closes the files."""
        self.flush()
        self._file.close()
        self._events.close()
