"""Checkpoints of a run: the last two and the best, each written whole or not at all.

orbax writes each to `<workdir>/checkpoints/<step>`. It carries the config, the data's
fingerprint, the score it was saved with, and digests (`jaxpose.training.records`): what
is restored is what was saved. The run mends and moves its checkpoints; who only reads
them changes nothing.
"""

import math
import os
import pathlib
import shutil
import tempfile
import time
from typing import Any, NamedTuple, Self

import jax
from absl import logging
from orbax.checkpoint import v1 as ocp

from jaxpose.errors import JaxposeError
from jaxpose.training import orphans, records, scores
from jaxpose.training.state import TrainState
from jaxpose.wording import one_line

# Times that a checkpoint is tried, and seconds between: files may be away for a moment.
_TRIES = 3
_PAUSE = 0.2


class Restored(NamedTuple):
    """A state that was read, and what was preferred to it.

    Attributes:
      state: the state.
      unreadable: steps of better checkpoints, which cannot be read.
    """

    state: TrainState
    unreadable: list[int]


class _VanishedError(Exception):
    """A checkpoint was deleted after it was listed."""


def read_best(workdir: pathlib.Path, like: TrainState) -> Restored | None:
    """Returns the best readable checkpoint of `workdir`, None where there is none.

    Writes nothing, so the run may be in progress: where it deletes a checkpoint that is
    being read, all are listed again.

    Args:
      workdir: directory of the run.
      like: shapes, types and shardings: a state, or that of `state_shapes`.

    Raises:
      JaxposeError: there are checkpoints and none can be read, or the system refuses to
        read one.
    """
    directory = workdir.absolute() / "checkpoints"
    shapes = _shapes(like)
    for _ in range(_TRIES):
        try:
            steps = _best_first(scores.read_scores(directory))
            return _first_readable(steps, shapes, directory)
        except _VanishedError:
            time.sleep(_PAUSE)
        except OSError as error:
            raise _refusal(directory, error) from error
    raise JaxposeError(
        f"the checkpoints in {directory} are deleted while they are read; try again"
    )


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
        """Opens the checkpoints of `workdir`; unfinished ones are removed.

        Raises:
          JaxposeError: the directory is no folder, or cannot be read.
        """
        self.workdir = workdir.absolute()
        self.directory = self.workdir / "checkpoints"
        self.description = description or {}
        self._open()

    def _open(self) -> None:
        """Opens orbax's checkpointer, which keeps the last two and the best."""
        if os.path.lexists(self.directory) and not self.directory.is_dir():
            raise JaxposeError(
                f"{self.directory} is no folder, so it cannot hold checkpoints; move "
                "it away, or use another workdir"
            )
        # orbax fails on damaged side files, and deletes what seems to be no longer the
        # best. All processes share the directory: the first one mends.
        if jax.process_index() == 0:
            try:
                scores.mend(self.directory)
            except OSError as error:
                raise _refusal(self.directory, error) from error
        policies = ocp.training.preservation_policies
        best = policies.BestN(
            get_metric_fn=lambda metrics: metrics[scores.NAME],
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
            context=_context(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self._checkpointer.close()
        except Exception as error:  # orbax repeats what its threads raised
            # The error that ends the run is the one to report.
            if exc[0] is None:
                raise self._unwritten(error) from error

    def _unwritten(self, error: Exception) -> JaxposeError:
        """Returns the error for a checkpoint that could not be written."""
        return JaxposeError(
            f"cannot write a checkpoint to {self.directory}: {one_line(error)}; the "
            "checkpoints before it are intact: start the same command again once there "
            "is room"
        )

    def save(self, state: TrainState, step: int, score: float | None) -> None:
        """Starts writing `state`; returns before it is on disk.

        The arrays are copied first, so the caller may donate them at once.

        Args:
          state: the state after `step` updates.
          step: number of the checkpoint.
          score: MPJPE in millimetres, which selects the best checkpoint; None where
            nothing was evaluated. One that is not finite counts as none.

        Raises:
          JaxposeError: the disk is full or not writable.
        """
        self.wait()
        # A run that stopped right after its last save has this checkpoint already.
        if step in self.steps:
            return
        if not scores.is_score(score):
            score = None
        record = records.make_record(self.description, state, score)
        try:
            self._checkpointer.save_checkpointables_async(
                step,
                {"state": state, records.ITEM: record},
                force=True,
                metrics=None if score is None else {scores.NAME: score},
                custom_metadata=record,
            )
        except Exception as error:  # orbax passes on whatever its storage raised
            raise self._unwritten(error) from error

    def wait(self) -> None:
        """Returns once everything is on disk.

        Raises:
          JaxposeError: the disk is full or not writable.
        """
        try:
            self._checkpointer.wait()
        except Exception as error:  # orbax passes on whatever its threads raised
            raise self._unwritten(error) from error

    @property
    def steps(self) -> list[int]:
        """Returns the steps of the complete checkpoints, oldest first."""
        return [checkpoint.step for checkpoint in self._checkpointer.checkpoints]

    def restore_latest(self, like: TrainState) -> Restored | None:
        """Returns the newest readable checkpoint, None where there is none.

        Tries the checkpoint before one that cannot be read. Once one is read, the
        unreadable ones are moved to `<workdir>/damaged_checkpoints`.

        Args:
          like: shapes, types and shardings: a state, or that of `state_shapes`.

        Raises:
          JaxposeError: there are checkpoints and none can be read, or the system
            refuses to read one; nothing is moved.
        """
        return self._restore(sorted(self.steps, reverse=True), like)

    def restore_best(self, like: TrainState) -> Restored | None:
        """Returns the best readable checkpoint; otherwise as `restore_latest`."""
        return self._restore(_best_first(scores.read_scores(self.directory)), like)

    def _restore(self, steps: list[int], like: TrainState) -> Restored | None:
        try:
            restored = _first_readable(steps, _shapes(like), self.directory)
        except _VanishedError as error:
            raise JaxposeError(f"{error}; another program deletes them") from error
        # orbax lists the checkpoints when it opens: it opens again after the move.
        if restored is not None and restored.unreadable:
            self._checkpointer.close()
            _set_aside(self.directory, restored.unreadable)
            self._open()
        return restored


def _context() -> ocp.Context:
    """Returns orbax's settings: the record of a checkpoint is written as JSON."""
    registry = ocp.handlers.local_registry()
    registry.add(ocp.handlers.JsonHandler, checkpointable_name=records.ITEM)
    context = ocp.Context()
    context.checkpointables.registry = registry
    return context


def _shapes(like: TrainState) -> TrainState:
    """Returns shapes, types and shardings of the arrays of `like`."""
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), like
    )


def _best_first(score_of: dict[int, float | None]) -> list[int]:
    """Orders steps by preference: the smallest score, then the latest.

    `score_of` holds the score of each step, None where nothing was evaluated.
    """
    # Among equal score_of the latest wins, because it comes first.
    latest_first = sorted(score_of, reverse=True)
    best, least = None, math.inf
    for step in latest_first:
        score = score_of[step]
        if score is not None and score < least:  # never true of NaN
            best, least = step, score
    if best is None:
        return latest_first
    return [best, *(step for step in latest_first if step != best)]


def _first_readable(
    steps: list[int], shapes: TrainState, directory: pathlib.Path
) -> Restored | None:
    """Loads the first of `steps` that can be read and has the digests of its record.

    Returns:
      The state and the steps before it, which are damaged; None without steps.

    Raises:
      JaxposeError: none can be read, or the system refuses to read one, which may be
        intact.
      _VanishedError: one was deleted.
    """
    reasons: dict[int, str] = {}
    for step in steps:
        path = directory / str(step)
        try:
            state = _load(path, shapes)
        except (JaxposeError, _VanishedError):
            raise
        except Exception as error:  # tensorstore, orbax and json raise their own kinds
            lines = str(error).strip().splitlines() or [type(error).__name__]
            reasons[step] = lines[0][:200]
            continue
        # One checkpoint was read, so those that failed before it are damaged.
        unverified = ""
        if reasons and "digests" not in (records.read_record(path) or {}):
            unverified = ", of an earlier jaxpose, whose arrays have no digests"
        for bad, reason in reasons.items():
            logging.warning(
                "checkpoint %s cannot be read (%s); step %d is used%s",
                directory / str(bad),
                reason,
                step,
                unverified,
            )
        return Restored(state, list(reasons))
    if steps:
        raise JaxposeError(
            f"no checkpoint in {directory} can be read ({reasons[steps[0]]}). If they "
            "are damaged, start again in a new workdir."
        )
    return None


def _load(checkpoint: pathlib.Path, shapes: TrainState) -> TrainState:
    """Returns the state in a checkpoint, with the digests that its record states.

    Raises:
      Exception: it is damaged.
      JaxposeError: the system refuses to read a file.
      _VanishedError: it is not there any more.
    """
    # All processes of a run read together, so none of them may try alone.
    tries = _TRIES if jax.process_count() == 1 else 1
    for attempt in range(tries):
        try:
            if records.is_damaged(checkpoint):
                raise ValueError("both copies of its digests are damaged")
            state = _load_arrays(checkpoint, shapes)
            records.check_arrays(state, records.read_record(checkpoint) or {})
        except Exception as error:
            _check_files(checkpoint, error)
            if attempt + 1 == tries:
                raise
            time.sleep(_PAUSE)
        else:
            break
    return state


def _load_arrays(checkpoint: pathlib.Path, shapes: TrainState) -> TrainState:
    """Returns the state in a checkpoint, whatever orbax's metadata beside it says."""
    orphans.silence()
    try:
        return ocp.load(checkpoint, shapes, checkpointable_name="state")
    except Exception:
        if jax.process_count() > 1:
            raise
    # orbax looks at the folder above the arrays, so this one is empty.
    with tempfile.TemporaryDirectory() as folder:
        link = pathlib.Path(folder) / "state"
        link.symlink_to(checkpoint / "state")
        return ocp.load(link, shapes, checkpointable_name=None)


def _check_files(checkpoint: pathlib.Path, reason: Exception) -> None:
    """Tells damage from files that the system does not give out at the moment.

    Raises:
      JaxposeError: a file cannot be read, whatever it holds.
      _VanishedError: the checkpoint is not there any more.
    """

    def refuse(error: OSError) -> None:
        raise error

    try:
        for folder, _, names in os.walk(checkpoint, onerror=refuse):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    while file.read(1 << 20):
                        pass
    except FileNotFoundError:
        if not checkpoint.exists():
            raise _VanishedError(f"{checkpoint} was deleted") from reason
    except OSError as error:
        raise _refusal(checkpoint, error) from reason


def _refusal(path: pathlib.Path, error: OSError) -> JaxposeError:
    """Returns the error for files that the system does not give out."""
    file = error.filename or path
    return JaxposeError(
        f"{path} cannot be read: {file}: {error.strerror or error}. It may be intact, "
        "so no other checkpoint is used; try again when it can be read, or move it away"
    )


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
