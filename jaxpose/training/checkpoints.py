"""Checkpoints of a run: the last two and the best, each written whole or not at all.

orbax writes each to `<workdir>/checkpoints/<step>`. It carries the config, the data's
fingerprint and the score it was saved with, so that it can be evaluated without the
command that made it.
"""

import json
import math
import pathlib
import shutil
from collections.abc import Callable
from typing import Any, Self

import jax
from absl import logging
from orbax.checkpoint import v1 as ocp

from jaxpose.errors import JaxposeError
from jaxpose.training.state import TrainState

_SCORE = "mpjpe"


def read_best(workdir: pathlib.Path, like: TrainState) -> TrainState | None:
    """Returns the best readable checkpoint of `workdir`, None where there is none.

    Writes nothing, so the run may be in progress.

    Args:
      workdir: directory of the run.
      like: shapes, types and shardings: a state, or that of `state_shapes`.

    Raises:
      JaxposeError: there are checkpoints and none can be read.
    """
    directory = workdir.absolute() / "checkpoints"
    # A name that is no number is a checkpoint that is being written.
    scores: dict[int, float | None] = {}
    for path in directory.glob("*"):
        if path.name.isdigit():
            scores[int(path.name)] = _read_score(path)
    shapes = _shapes(like)

    def load(step: int) -> TrainState:
        return ocp.load(directory / str(step), shapes, checkpointable_name="state")

    state, _ = _first_readable(_best_first(scores), load, directory)
    return state


class Checkpoints:
    """Saves and restores the checkpoints of one run.

    A context manager: leaving it waits for the last write.

    Attributes:
      workdir: the run's directory.
      directory: `workdir/checkpoints`, which is created.
      description: JSON data that is saved with every checkpoint.
    """

    def __init__(
        self, workdir: pathlib.Path, description: dict[str, Any] | None = None
    ):
        """Opens the checkpoints of `workdir`; unfinished ones are removed."""
        self.workdir = workdir.absolute()
        self.directory = self.workdir / "checkpoints"
        self.description = description or {}
        self._open()

    def _open(self) -> None:
        """Opens orbax's checkpointer, which keeps the last two and the best."""
        # orbax fails on a damaged file of scores, so such checkpoints go first.
        if damaged := _without_readable_scores(self.directory):
            logging.warning(
                "checkpoints %s of %s cannot be read (scores)", damaged, self.directory
            )
            _set_aside(self.directory, damaged)
        policies = ocp.training.preservation_policies
        best = policies.BestN(
            get_metric_fn=lambda metrics: metrics[_SCORE],
            reverse=True,  # the smallest error is the best
            n=1,
            keep_checkpoints_without_metrics=False,
        )
        self._checkpointer = ocp.training.Checkpointer(
            self.directory,
            preservation_policy=policies.AnyPreservationPolicy(
                [policies.LatestN(2), best]
            ),
            cleanup_tmp_directories=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._checkpointer.close()

    def save(self, state: TrainState, step: int, score: float | None) -> None:
        """Starts writing `state`; returns before it is on disk.

        The arrays are copied first, so the caller may donate them at once.

        Args:
          state: the state after `step` updates.
          step: number of the checkpoint.
          score: MPJPE in millimetres, which selects the best checkpoint; None where
            nothing was evaluated.

        Raises:
          JaxposeError: the disk is full or not writable.
        """
        self.wait()
        # A run that stopped right after its last save has this checkpoint already.
        if step in self.steps:
            return
        try:
            self._checkpointer.save_async(
                step,
                state,
                force=True,
                metrics=None if score is None else {_SCORE: score},
                custom_metadata=self.description or None,
            )
        except Exception as error:  # orbax passes on whatever its storage raised
            raise JaxposeError(
                f"cannot write a checkpoint to {self.directory}: {error}"
            ) from error

    def wait(self) -> None:
        """Returns once everything is on disk.

        Raises:
          JaxposeError: the disk is full or not writable.
        """
        try:
            self._checkpointer.wait()
        except Exception as error:  # orbax passes on whatever its threads raised
            raise JaxposeError(
                f"could not write a checkpoint to {self.directory}: {error}"
            ) from error

    @property
    def steps(self) -> list[int]:
        """Returns the steps of the complete checkpoints, oldest first."""
        return [checkpoint.step for checkpoint in self._checkpointer.checkpoints]

    def restore_latest(self, like: TrainState) -> TrainState | None:
        """Returns the newest readable checkpoint, None where there is none.

        Tries the checkpoint before one that cannot be read. Once one is read, the
        unreadable ones are moved to `<workdir>/damaged_checkpoints`.

        Args:
          like: shapes, types and shardings: a state, or that of `state_shapes`.

        Raises:
          JaxposeError: there are checkpoints and none can be read; nothing is moved.
        """
        return self._restore(sorted(self.steps, reverse=True), like)

    def restore_best(self, like: TrainState) -> TrainState | None:
        """Returns the best readable checkpoint; otherwise as `restore_latest`."""
        scores = {}
        for checkpoint in self._checkpointer.checkpoints:
            metrics = checkpoint.metrics
            scores[checkpoint.step] = metrics[_SCORE] if metrics else None
        return self._restore(_best_first(scores), like)

    def _restore(self, steps: list[int], like: TrainState) -> TrainState | None:
        shapes = _shapes(like)
        state, unreadable = _first_readable(
            steps, lambda step: self._checkpointer.load(step, shapes), self.directory
        )
        # orbax lists the checkpoints when it opens: it opens again after the move.
        if unreadable:
            self._checkpointer.close()
            _set_aside(self.directory, unreadable)
            self._open()
        return state


def _shapes(like: TrainState) -> TrainState:
    """Returns shapes, types and shardings of the arrays of `like`."""
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
    )


def _best_first(scores: dict[int, float | None]) -> list[int]:
    """Orders steps by preference: the smallest score, then the latest.

    `scores` holds the score of each step, None where nothing was evaluated.
    """
    # Among equal scores the latest wins, because it comes first.
    latest_first = sorted(scores, reverse=True)
    best, least = None, math.inf
    for step in latest_first:
        score = scores[step]
        if score is not None and score < least:
            best, least = step, score
    if best is None:
        return latest_first
    return [best, *(step for step in latest_first if step != best)]


def _first_readable(
    steps: list[int], load: Callable[[int], TrainState], directory: pathlib.Path
) -> tuple[TrainState | None, list[int]]:
    """Loads the first of `steps` that can be read.

    Returns:
      The state, None without steps; and the steps before it that cannot be read.

    Raises:
      JaxposeError: none can be read.
    """
    reasons: dict[int, str] = {}
    for step in steps:
        try:
            state = load(step)
        except Exception as error:  # tensorstore, orbax and json raise their own kinds
            lines = str(error).strip().splitlines() or [type(error).__name__]
            reasons[step] = lines[0][:300]
            continue
        # One checkpoint was read, so those that failed before it are damaged.
        for bad, reason in reasons.items():
            path = directory / str(bad)
            logging.warning("checkpoint %s cannot be read (%s)", path, reason)
        return state, list(reasons)
    if steps:
        raise JaxposeError(
            f"no checkpoint in {directory} can be read ({reasons[steps[0]]}). If they "
            "are damaged, start again in a new workdir."
        )
    return None, []


def _read_score(checkpoint: pathlib.Path) -> float | None:
    """Returns the score a checkpoint was saved with, None where it has none."""
    try:
        return json.loads((checkpoint / "metrics" / "metrics").read_text())[_SCORE]
    except (OSError, ValueError, KeyError):  # saved without one, or damaged
        return None


def _set_aside(directory: pathlib.Path, steps: list[int]) -> None:
    """Moves the checkpoints of `steps` to `damaged_checkpoints`, away from orbax."""
    # All processes share the directory: the first one moves.
    if jax.process_index() != 0:
        return
    aside = directory.parent / "damaged_checkpoints"
    aside.mkdir(exist_ok=True)
    for step in steps:
        shutil.rmtree(aside / str(step), ignore_errors=True)
        (directory / str(step)).rename(aside / str(step))


def _without_readable_scores(directory: pathlib.Path) -> list[int]:
    """Returns the steps whose file of scores is damaged, which orbax cannot open."""
    damaged = []
    for scores in directory.glob("*/metrics/metrics"):
        try:
            json.loads(scores.read_text())
        except (ValueError, OSError):
            # A name that is no number is a checkpoint that was not finished.
            step = scores.parts[-3]
            if step.isdigit():
                damaged.append(int(step))
    return damaged
