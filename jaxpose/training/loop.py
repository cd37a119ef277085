"""The training loop: dispatch updates, report the dispatch before, evaluate, save."""

import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import logging

from jaxpose.errors import JaxposeError
from jaxpose.parallel import agreement, hosts, signals
from jaxpose.scoring.evaluate import Evaluator
from jaxpose.training import records, workdirs
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.metric_writer import Log
from jaxpose.training.progress import Progress, describe
from jaxpose.training.setup import Training
from jaxpose.training.state import TrainState
from jaxpose.training.step import Schedule


def train(
    training: Training,
    evaluator: Evaluator | None,
    checkpoints: Checkpoints,
    begin: Callable[[TrainState], TrainState] | None = None,
    log: Log | None = None,
) -> TrainState:
    """Trains to the last update, from the newest checkpoint where there is one.

    A signal saves a checkpoint and leaves the program. The same call goes on from
    there; the weights become those of a run that never stopped, bit by bit.

    Args:
      training: what is trained, on which data, how long.
      evaluator: scores the clips that select the best checkpoint; None without any.
      checkpoints: the checkpoints of the run.
      begin: changes a fresh state before the first update.
      log: gets losses and scores, beside the files of the run.

    Returns:
      The state after the last update.

    Raises:
      JaxposeError: losses or parameters are not finite, or the disk is full.
    """
    # Said before anything is compiled, which takes longest.
    shapes = training.state_shapes()
    newest = checkpoints.steps[-1] if checkpoints.steps else 0
    if hosts.is_writer() and newest < training.schedule.num_steps:
        print(describe(training, shapes, newest), file=sys.stderr, flush=True)
    # Resume, or begin anew.
    restored = checkpoints.restore_latest(shapes)
    if restored is not None:
        state = restored.state
        _write_description(checkpoints)
    else:
        state = training.fresh_state()
        if begin is not None:
            state = begin(state)
    step, schedule = int(state.step), training.schedule
    if step >= schedule.num_steps:
        return state
    # Folders that seem to be shared may hold other checkpoints.
    if jax.process_count() > 1:
        agreement.require_same(state={"step": step, **records.array_digests(state)})
    update = training.compile(state)
    # Only now every field is known to be usable: a run with a mistyped one must not
    # claim the directory.
    _write_description(checkpoints)

    order = training.order_of_epoch(step // schedule.steps_per_epoch)
    saving = SavingPolicy(training.config, schedule)
    stop = hosts.StopRequest()
    with signals.held(), Progress(training, checkpoints, step, log) as progress:
        while step < schedule.num_steps:
            # The device computes this dispatch while the losses of the one before it
            # are written: `update` returns at once.
            position = step % schedule.steps_per_epoch
            if position == 0:
                order = training.order_of_epoch(step // schedule.steps_per_epoch)
            state, losses = update(state, training.data, order, np.int32(position))
            progress.add(step, losses)
            step += schedule.steps_per_dispatch

            stopping = stop.agreed()
            ends_epoch = step % schedule.steps_per_epoch == 0
            if not (stopping or saving.is_due(step)):
                if ends_epoch:
                    progress.say(step)
                continue
            # What is saved must be reported first, and be finite.
            progress.settle()
            score = None
            if evaluator and saving.evaluates(step):
                scores = evaluator.score(state.variables)
                progress.write_scores(step, scores)
                score = scores["mpjpe"]
                if score is None or not np.isfinite(score):
                    logging.warning(
                        "step %d has no finite score and is not selected", step
                    )
            if ends_epoch:
                progress.say(step)
            progress.flush()
            check_finite(state, step, checkpoints)
            checkpoints.save(state, step, score)
            # Evaluating and saving count neither as speed nor as time since the save.
            progress.restart_clock()
            saving.restart_clock()
            if stopping:
                checkpoints.wait()
                progress.close_bar()
                logging.warning(
                    "stopped by a signal; saved step %d of %d", step, schedule.num_steps
                )
                sys.exit(signals.status())
        checkpoints.wait()
    return state


def _write_description(checkpoints: Checkpoints) -> None:
    """Writes the files that describe a run, in the first process."""
    if hosts.is_writer():
        workdirs.write_description(checkpoints.workdir, checkpoints.description)


class SavingPolicy:
    """Decides after which dispatches a run is evaluated and saved."""

    def __init__(self, config: ml_collections.ConfigDict, schedule: Schedule):
        """Starts the clock of `config.checkpoint_seconds`."""
        self._config = config
        self._schedule = schedule
        self.restart_clock()

    def restart_clock(self) -> None:
        """Counts `config.checkpoint_seconds` from now."""
        self._saved = time.perf_counter()

    def evaluates(self, step: int) -> bool:
        """Returns whether every `config.evaluate_every`-th epoch, or all, ends here."""
        epoch, position = divmod(step, self._schedule.steps_per_epoch)
        ends_epoch = position == 0 and epoch % self._config.evaluate_every == 0
        return ends_epoch or step == self._schedule.num_steps

    def is_due(self, step: int) -> bool:
        """Returns whether to save now: after an evaluation, and inside long epochs."""
        if self.evaluates(step):
            return True
        # Several processes would have to agree, and their clocks do not.
        if jax.process_count() > 1:
            return False
        return time.perf_counter() - self._saved > self._config.checkpoint_seconds


def check_finite(state: TrainState, step: int, checkpoints: Checkpoints) -> None:
    """Raises JaxposeError unless all numbers of a state are finite.

    The loss of an update is that of the parameters before it; these are those after.
    """
    if not bool(_all_finite(state)):
        raise JaxposeError(
            f"the parameters are not finite after step {step}; earlier checkpoints in "
            f"{checkpoints.workdir} are intact. Train with a lower "
            "config.optimizer.learning_rate in a new workdir."
        )


@jax.jit
def _all_finite(tree: Any) -> jax.Array:
    finite = []
    for leaf in jax.tree.leaves(tree):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            finite.append(jnp.isfinite(leaf).all())
    return jnp.stack(finite).all()
