"""Metrics of a run: JSON lines for programs, TensorBoard event files for people."""

import datetime
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image
from tensorboardX.summary import hparams, image

from jaxpose.regular_files import open_at_once
from jaxpose.training.events import Events
from jaxpose.whole_files import naming, replacing

# Takes the updates made so far, and values by their names in TensorBoard.
Log = Callable[[int, Mapping[str, float]], None]

# Scores on the clips that select the best checkpoint have names that begin so.
_SELECTION = "selection_"


def read_metrics(path: pathlib.Path) -> list[dict[str, Any]]:
    """Returns the rows of a file of JSON lines, without damaged ones.

    A kill cuts off the last row; a row is damaged that is no object with a `step`.
    A pipe or a folder in place of the file has no rows.
    """
    rows: list[dict[str, Any]] = []
    if not path.is_file():
        return rows
    # By bytes: one that is not UTF-8 spoils its own line alone.
    for line in path.read_bytes().split(b"\n"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and type(row.get("step")) is int:
            rows.append(row)
    return rows


def event_name(name: str) -> str:
    """Returns the name of a value in TensorBoard, `train/loss`, `validation/mpjpe`."""
    if name.startswith(_SELECTION):
        return f"validation/{name.removeprefix(_SELECTION)}"
    return f"train/{name}"


class MetricWriter:
    """Appends rows to `<workdir>/metrics.jsonl` and scalars to `<workdir>/tensorboard`.

    Lines for people go to `<workdir>/train.log`.

    A resumed run first drops the rows after the step that it resumes from: the file
    reads as if the run had never stopped.
    """

    def __init__(self, workdir: pathlib.Path, resume_step: int, log: Log | None = None):
        """Opens the files of `workdir`, keeping rows up to `resume_step`.

        Args:
          workdir: directory of the run.
          resume_step: updates that are made already.
          log: gets the values as well.

        Raises:
          OSError: a file cannot be written; here and below, the error names it.
        """
        path = workdir / "metrics.jsonl"
        # Written under another name first: a kill here loses no row.
        with replacing(path) as partial, partial.open("w") as file:
            for row in read_metrics(path):
                if row["step"] <= resume_step:
                    file.write(json.dumps(row) + "\n")
        self._path, self._log_path = path, workdir / "train.log"
        append = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        descriptor = open_at_once(self._log_path, append)
        # Line by line, so that a row is visible as soon as it is written.
        self._log = os.fdopen(descriptor, "a", buffering=1, encoding="utf-8")
        self._file = path.open("a", buffering=1)
        self._events = Events(workdir / "tensorboard", purge_step=resume_step + 1)
        self._log_values = log

    def write(self, step: int, **values: float | int) -> None:
        """Writes one row; `values` are scalars."""
        with naming(self._path):
            self._file.write(json.dumps({"step": step, **values}) + "\n")
        named = {event_name(name): value for name, value in values.items()}
        for name, value in named.items():
            self._events.add_scalar(name, value, step)
        if self._log_values is not None:
            self._log_values(step, named)

    def write_line(self, line: str) -> None:
        """Writes a line for people, with the date."""
        now = datetime.datetime.now().isoformat(" ", "seconds")
        with naming(self._log_path):
            self._log.write(f"{now}  {line}\n")

    def flush(self) -> None:
        """Puts the rows on disk; comes before the checkpoint of the same step."""
        with naming(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())
        self._events.flush()

    def close(self) -> None:
        """Flushes and closes the files."""
        self.flush()
        self._file.close()
        self._log.close()
        self._events.close()


def write_test_results(
    workdir: pathlib.Path,
    step: int,
    results: dict[str, Any],
    hyperparameters: dict[str, Any],
    log: Log | None = None,
) -> None:
    """Adds the test scores, fields of the config and pictures of a run to TensorBoard.

    Args:
      workdir: directory of the run, which holds `learning_curves.png`.
      step: updates of the weights that were scored.
      results: of the evaluation.
      hyperparameters: fields of the config by their dotted names.
      log: gets the test scores as well.
    """
    scores = {}
    for name, value in results.items():
        if isinstance(value, float):
            scores[f"test/{name}"] = value
    if log is not None:
        log(step, scores)
    plain = {}
    for name, value in hyperparameters.items():
        plain[name] = value if isinstance(value, bool | int | float) else str(value)
    with Events(workdir / "tensorboard") as events:
        for name, value in scores.items():
            events.add_scalar(name, value, step)
        for summary in hparams(plain, scores):
            events.add(summary)
        curves = workdir / "learning_curves.png"
        if curves.exists():
            with Image.open(curves) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            events.add(image("learning_curves", pixels, dataformats="HWC"), step)
