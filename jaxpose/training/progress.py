"""Reports the progress of a training: metrics, a line per epoch, a bar, bad losses."""

import datetime
import sys
import time
import warnings
from typing import Self

import jax
import numpy as np
from tqdm import TqdmWarning

from jaxpose.errors import JaxposeError
from jaxpose.parallel import hosts
from jaxpose.scoring.evaluate import METRICS
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.losses import loss_in_millimetres
from jaxpose.training.metric_writer import Log, MetricWriter
from jaxpose.training.setup import Training
from jaxpose.training.state import TrainState

with warnings.catch_warnings():
    # A notebook without ipywidgets gets the bar of a terminal.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

# Seconds after which a line is printed inside of an epoch, too.
_LONGEST_SILENCE = 120.0


def describe(training: Training, shapes: TrainState, step: int) -> str:
    """Returns what begins, in one line.

    Args:
      training: what is trained.
      shapes: of its state.
      step: updates that are made already.
    """
    schedule, config = training.schedule, training.config
    parameters = sum(shape.size for shape in jax.tree.leaves(shapes.params))
    devices = training.mesh.devices
    made = f", {step:,} are made" if step else ""
    return (
        f"{config.model.name}, {parameters:,} parameters, on {devices.size} x "
        f"{devices.flat[0].device_kind}: {len(training.data.samples):,} frames, "
        f"{schedule.num_steps:,} updates of {config.batch_size} in "
        f"{schedule.num_epochs} epochs{made}; compiling ..."
    )


class Progress:
    """Writes the losses of each dispatch while the device works on the next one.

    A context manager: leaving it closes the files.
    """

    def __init__(
        self,
        training: Training,
        checkpoints: Checkpoints,
        step: int,
        log: Log | None = None,
    ):
        """Opens the files of the run, which goes on after `step` updates.

        `log` gets all values, too.
        """
        self._training = training
        self._checkpoints = checkpoints
        # First step and losses of the dispatch that the device works on.
        self._pending: tuple[int, jax.Array] | None = None
        self._unit = loss_in_millimetres(
            training.config.loss, training.config.target_scale
        )
        # Losses since the last line, and seconds of training.
        self._losses: list[np.ndarray] = []
        self._seconds = 0.0
        self._score: float | None = None
        # Only one process writes files and shows the bar.
        self._writer: MetricWriter | None = None
        if hosts.is_writer():
            self._writer = MetricWriter(checkpoints.workdir, step, log)
        # The bar is for terminals and notebooks; None finds out.
        self._bar = tqdm(
            total=training.schedule.num_steps,
            initial=step,
            unit="step",
            desc="train",
            disable=None if hosts.is_writer() else True,
            mininterval=1.0,
            dynamic_ncols=True,
        )
        self.restart_clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close_bar()
        if self._writer:
            self._writer.close()

    def close_bar(self) -> None:
        """Ends the bar, so that what is printed next stands on a line of its own."""
        self._bar.close()

    def restart_clock(self) -> None:
        """Leaves the time until now out of the speed that is reported next."""
        self._clock = time.perf_counter()

    def add(self, first_step: int, losses: jax.Array) -> None:
        """Takes the losses of a dispatch, and writes those of the dispatch before.

        Args:
          first_step: updates before the dispatch.
          losses: `[S]`, the loss of each of its updates; may still be computed.
        """
        self.settle()
        self._pending = first_step, losses

    def settle(self) -> None:
        """Writes the losses that were added last, waiting for them.

        Raises:
          JaxposeError: a loss is not finite.
        """
        if self._pending is None:
            return
        first_step, losses = self._pending[0], np.asarray(self._pending[1])
        self._pending = None
        self._check(first_step, losses)

        # Measures the wall time between two settled dispatches, as a user sees it.
        now = time.perf_counter()
        seconds = now - self._clock
        self._clock = now
        last_step = first_step + len(losses)
        rate = len(losses) * self._training.config.batch_size / seconds
        self._bar.update(len(losses))
        self._bar.set_postfix(
            loss=self._shown(losses.mean()), poses_per_s=f"{rate:.0f}", refresh=False
        )
        # The row has the step and the learning rate of the last update.
        if self._writer:
            self._losses.append(losses)
            self._seconds += seconds
            if self._seconds > _LONGEST_SILENCE and self._bar.disable:
                self.say(last_step)
            self._writer.write(
                last_step,
                epoch=last_step / self._training.schedule.steps_per_epoch,
                loss=float(losses.mean(dtype=np.float64)),
                learning_rate=self._learning_rate(last_step - 1),
                seconds=seconds,
                poses_per_second=rate,
            )

    def write_scores(self, step: int, scores: dict[str, float | None]) -> None:
        """Writes the scores on the clips that select the best checkpoint."""
        # Leaves out metrics that no frame counts towards, and what is no result.
        values = {}
        for name in METRICS:
            if (score := scores[name]) is not None and np.isfinite(score):
                values[f"selection_{name}"] = score
        self._score = values.get("selection_mpjpe")
        if self._writer:
            self._writer.write(step, **values)

    def say(self, step: int) -> None:
        """Prints a line about the updates since the last one, up to `step`.

        It has the mean loss, the error on the clips that select the checkpoint, the
        speed and the time left. `<workdir>/train.log` gets it with the date.
        """
        self.settle()
        count = sum(len(losses) for losses in self._losses)
        if not count or self._writer is None:
            return
        schedule, batch = self._training.schedule, self._training.config.batch_size
        loss = float(np.concatenate(self._losses).mean(dtype=np.float64))
        words = [
            f"epoch {step / schedule.steps_per_epoch:g}/{schedule.num_epochs}",
            f"loss {self._shown(loss)}",
        ]
        if self._score is not None:
            words.append(f"validation MPJPE {self._score:.1f} mm")
        words.append(f"{count * batch / self._seconds:,.0f} poses/s")
        left = (schedule.num_steps - step) * self._seconds / count
        words.append(f"{datetime.timedelta(seconds=round(left))} left")
        line = "  ".join(words)
        tqdm.write(line, file=sys.stderr)
        self._writer.write_line(line)
        self._losses, self._seconds, self._score = [], 0.0, None

    def _shown(self, loss: float) -> str:
        """Returns a loss with its unit."""
        if self._unit is None:
            return f"{loss:.5g}"
        return f"{self._unit * loss:.1f} mm"

    def flush(self) -> None:
        """Puts everything on disk, before a checkpoint of the same step is written."""
        if self._writer:
            self._writer.flush()

    def _learning_rate(self, step: int) -> float:
        """Returns the learning rate of the update after `step` updates."""
        # Computed on the CPU, because the accelerator is busy with the next dispatch.
        with jax.default_device(jax.local_devices(backend="cpu")[0]):
            return float(self._training.learning_rate(step))

    def _check(self, first_step: int, losses: np.ndarray) -> None:
        """Raises JaxposeError unless all losses of a dispatch are finite."""
        finite = np.isfinite(losses)
        if finite.all():
            return
        # Names the first bad update, and the checkpoint to go back to.
        bad = first_step + int(np.argmin(finite)) + 1
        steps = self._checkpoints.steps
        kept = "no checkpoint was written yet"
        if steps:
            kept = f"the checkpoint of step {steps[-1]} is intact"
        raise JaxposeError(
            f"the loss is not finite at step {bad}; {kept} in "
            f"{self._checkpoints.workdir}. Train with a lower "
            "config.optimizer.learning_rate in a new workdir, or look for broken "
            "frames in the data."
        )
