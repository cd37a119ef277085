"""Checkpoints of a workdir: the last two and the best, atomic, asynchronous, self-describing.

Layout: `<workdir>/checkpoints/<step>`, written by orbax. Each carries the config, the data's
fingerprint and the scores it was saved with, so that it can be evaluated without the command
that made it.
"""

import json
import pathlib
import shutil
from typing import Any

import jax
from absl import logging
from orbax.checkpoint import v1 as ocp

from jaxpose.errors import JaxposeError
from jaxpose.training.step import TrainState

_SCORE = "mpjpe"


class Checkpoints:
    """The checkpoints of one workdir. A context manager: leaving it waits for the last write."""

    def __init__(
        self,
        workdir: pathlib.Path,
        description: dict[str, Any] | None = None,
        *,
        read_only: bool = False,
    ):
        """Opens `workdir/checkpoints`, creating it.

        Args:
          workdir: the run's directory.
          description: JSON data saved with every checkpoint: config, versions, data fingerprint.
          read_only: leaves half-written checkpoints alone: they may be a running program's.
        """
        self.directory = workdir.absolute() / "checkpoints"
        self._description = description
        self._read_only = read_only
        self._open()

    def _open(self) -> None:
        if damaged := _without_readable_scores(self.directory):
            logging.warning(
                "checkpoints %s of %s cannot be read (scores)", damaged, self.directory
            )
            _set_aside(self.directory, damaged)
        policies = ocp.training.preservation_policies
        self._checkpointer = ocp.training.Checkpointer(
            self.directory,
            preservation_policy=policies.AnyPreservationPolicy(
                [
                    policies.LatestN(2),
                    policies.BestN(
                        get_metric_fn=lambda metrics: metrics[_SCORE],
                        reverse=True,  # the smallest error is the best
                        n=1,
                        keep_checkpoints_without_metrics=False,
                    ),
                ]
            ),
            cleanup_tmp_directories=not self._read_only,
        )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *exc: object) -> None:
        self._checkpointer.close()

    def save(self, state: TrainState, step: int, score: float | None) -> None:
        """Starts writing `state`; returns before it is on disk.

        The arrays are copied first, so the caller may donate them at once. `score` is what the
        best checkpoint is selected by (MPJPE, millimetres), None where nothing was evaluated.
        """
        self.wait()
        if any(
            checkpoint.step == step for checkpoint in self._checkpointer.checkpoints
        ):
            return  # a run that stopped right after its last save
        try:
            self._checkpointer.save_async(
                step,
                state,
                force=True,
                metrics=None if score is None else {_SCORE: score},
                custom_metadata=self._description,
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
        except Exception as error:  # orbax passes on whatever its writer threads raised
            raise JaxposeError(
                f"could not write a checkpoint to {self.directory}: {error}"
            ) from error

    @property
    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, oldest first."""
        return [checkpoint.step for checkpoint in self._checkpointer.checkpoints]

    @property
    def best_step(self) -> int | None:
        """The checkpoint with the smallest score, the latest where none has one, None if empty."""
        scored = [
            (c.metrics[_SCORE], -c.step)
            for c in self._checkpointer.checkpoints
            if c.metrics
        ]
        return -min(scored)[1] if scored else max(self.steps, default=None)

    def write_description(self) -> None:
        """Writes `config.json`, and `environment.json` as it was when the run began."""
        workdir, description = self.directory.parent, dict(self._description or {})
        write_json(workdir / "config.json", description.pop("config"))
        if not (workdir / "environment.json").exists():
            write_json(workdir / "environment.json", description)

    def restore_latest(self, like: TrainState) -> TrainState | None:
        """The newest readable checkpoint, or None where there is none.

        A checkpoint that cannot be read is reported and the one before it is tried; once one
        has been read, the others are moved to `<workdir>/damaged_checkpoints`. `like` gives
        shapes, types and shardings: a state or `train_state.state_shapes`.

        Raises:
          JaxposeError: there are checkpoints and none can be read; nothing is moved then.
        """
        return self._restore(sorted(self.steps, reverse=True), like)

    def restore_best(self, like: TrainState) -> TrainState | None:
        """The best readable checkpoint, else as `restore_latest`."""
        best = self.best_step
        others = sorted((step for step in self.steps if step != best), reverse=True)
        return self._restore(others if best is None else [best, *others], like)

    def _restore(self, steps: list[int], like: TrainState) -> TrainState | None:
        shapes = jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
        )
        unreadable: dict[int, str] = {}
        for step in steps:
            try:
                state = self._checkpointer.load(step, shapes)
            except (
                Exception
            ) as error:  # tensorstore, orbax and json each raise their own kinds
                unreadable[step] = (
                    str(error).strip().splitlines() or [type(error).__name__]
                )[0][:300]
                continue
            for bad, reason in unreadable.items():
                logging.warning(
                    "checkpoint %s cannot be read (%s)",
                    self.directory / str(bad),
                    reason,
                )
            if unreadable:
                self._checkpointer.close()
                _set_aside(self.directory, list(unreadable))
                self._open()
            return state
        if steps:
            raise JaxposeError(
                f"no checkpoint in {self.directory} can be read ({unreadable[steps[0]]}). "
                "If they are damaged, start again in a new --workdir."
            )
        return None


def _set_aside(directory: pathlib.Path, steps: list[int]) -> None:
    """Moves the checkpoints of `steps` where nothing looks for them."""
    if jax.process_index() != 0:
        return
    aside = directory.parent / "damaged_checkpoints"
    aside.mkdir(exist_ok=True)
    for step in steps:
        shutil.rmtree(aside / str(step), ignore_errors=True)
        (directory / str(step)).rename(aside / str(step))


def _without_readable_scores(directory: pathlib.Path) -> list[int]:
    """Steps whose file of scores is damaged: orbax would refuse to open the whole directory."""
    damaged = []
    for scores in directory.glob("*/metrics/metrics"):
        try:
            json.loads(scores.read_text())
        except (ValueError, OSError):
            if scores.parts[-3].isdigit():  # else one that was not finished
                damaged.append(int(scores.parts[-3]))
    return damaged


def write_json(path: pathlib.Path, value: Any) -> None:
    """Writes JSON so that the file is always either the old or the new one, never a part."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(value, indent=2) + "\n")
    partial.replace(path)
