"""Sends the values of TensorBoard to Weights & Biases, by the same names."""

import importlib
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

from absl import logging

from jaxpose.errors import JaxposeError
from jaxpose.parallel import hosts
from jaxpose.regular_files import read_regular
from jaxpose.wording import cut

_MOST_BYTES = 1024  # of an id, which has eight letters


class WandbLog:
    """A run of W&B, which a training that resumes continues.

    Its id stands in `<workdir>/wandb_run_id`. A failure of W&B is a warning and ends
    the log, not the training. W&B itself reports errors that stop the training.
    """

    def __init__(self, project: str | None):
        """Imports wandb where a project is named; JaxposeError: it is not installed."""
        self._wandb: Any = None
        self._run: Any = None
        self._project = project
        try:
            if project is not None and hosts.is_writer():
                self._wandb = importlib.import_module("wandb")
        except ImportError as error:
            needs = f"config.wandb={project} needs wandb, which is not installed"
            raise JaxposeError(f"{needs}: pip install 'jaxpose[wandb]'") from error

    def begin(self, workdir: pathlib.Path, fields: Mapping[str, Any]) -> None:
        """Opens the run, which has the name of the workdir and these fields."""
        id_file = workdir / "wandb_run_id"
        known = self._try(lambda _: _known_id(id_file))
        resuming = {"id": known, "resume": "allow", "allow_val_change": True}
        place = {"project": self._project, "name": workdir.name, "dir": workdir}
        self._run = self._try(lambda w: w.init(**place, **resuming, config=fields))
        # Repeated steps of a resumed run are no error on an axis of its own.
        self._try(lambda _: self._run.define_metric("*", step_metric="step"))
        self._try(lambda _: id_file.write_text(self._run.id))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Sends values after `step` updates, such as `train/loss`."""
        self._try(lambda _: self._run.log({"step": step, **values}))

    def finish(self) -> None:
        """Ends the run, once all is sent."""
        self._try(lambda _: self._run.finish())

    def _try(self, call: Callable[[Any], Any]) -> Any:
        """Calls W&B unless it is off; a failure turns it off, with a warning."""
        try:
            return call(self._wandb) if self._wandb is not None else None
        except Exception as error:
            self._wandb, words = None, cut(f"{type(error).__name__}: {error}")
            logging.warning("Weights & Biases gets no more values: %s", words)


def _known_id(file: pathlib.Path) -> str | None:
    """Returns the id of the run that a file names, None without a file or an id."""
    if not file.exists():
        return None
    # A kill while the file was written leaves an empty one.
    return read_regular(file, _MOST_BYTES).decode().strip() or None
