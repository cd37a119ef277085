"""Trains a run: checks what it needs, runs the loop, scores the best checkpoint."""

from typing import Any

from flax.traverse_util import flatten_dict

from jaxpose.beginning import beginning_of
from jaxpose.data import requirements, simulation, splits, virtual_views
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.evaluate import report
from jaxpose.parallel import hosts, sharding
from jaxpose.precision import matmul_precision
from jaxpose.run import Run
from jaxpose.scoring.evaluate import Evaluator, scored_frames
from jaxpose.training import loop, setup, workdirs
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.metric_writer import write_test_results
from jaxpose.training.wandb_log import WandbLog


def train(run: Run) -> dict[str, Any]:
    """Trains a run to its end; see `Run.train`.

    Returns:
      What it writes to `<workdir>/results.json`.

    Raises:
      JaxposeError: bad data, a directory in use, or a loss that is not finite.
    """
    # Everything that can be wrong is found before the directory is claimed.
    config = run.config
    _check_batches(run)
    data = splits.load_splits(config)
    splits.require_same(train=data.train, validation=data.validation, test=data.test)
    _check_data(run, data.train, data.test)
    begins = beginning_of(run)
    wandb_log = WandbLog(config.wandb)
    description = workdirs.describe_run(config, data.train, **begins.description)
    workdirs.open_workdir(run.workdir)
    workdirs.check_data(description, run.workdir)

    # The best checkpoint is the one with the smallest error on these clips.
    selection = data.test if config.select_on_test else data.validation
    evaluator = None
    if selection.num_frames:
        evaluator = Evaluator(selection, run.predictor(selection))
    training = setup.set_up(config, run.model, data.train, run.mesh)
    fields = flatten_dict(config.to_dict(), sep=".")
    with workdirs.sole_use(run.workdir):
        wandb_log.begin(run.workdir, fields)
        with (
            matmul_precision(config.precision),
            Checkpoints(run.workdir, description) as checkpoints,
        ):
            last = loop.train(
                training, evaluator, checkpoints, begins.change, wandb_log.write
            )
            # In place of the cached property, which would read the checkpoint again.
            if (best := checkpoints.restore_best(last)) is not None:
                run.restored = best
        results = report(run, data.train, data.test)
        if hosts.is_writer():
            write_test_results(run.workdir, run.step, results, fields, wandb_log.write)
            wandb_log.finish()
            print(f"curves: tensorboard --logdir {run.workdir / 'tensorboard'}")
    return results


def _check_batches(run: Run) -> None:
    """Raises JaxposeError unless batches split over the devices."""
    batch_size, parts = run.config.batch_size, run.config.accumulation_steps
    if batch_size % parts:
        raise JaxposeError(
            f"config.batch_size={batch_size} does not split evenly into "
            f"config.accumulation_steps={parts} parts"
        )
    # Each part of a batch is divided over the devices for itself.
    name = "config.batch_size / accumulation_steps"
    sharding.check_batch_size(name, batch_size // parts, run.mesh)
    name = "config.eval_batch_size"
    sharding.check_batch_size(name, run.config.eval_batch_size, run.mesh)


def _check_data(run: Run, train: Clips, test: Clips) -> None:
    """Raises JaxposeError for data that cannot be used; nothing is written yet."""
    for clips in (train, test):
        requirements.require_readable(run.model, clips)
        scored_frames(clips)
    if run.config.simulated_detector:
        simulation.check_simulation(train)
        return
    # Virtual views project the poses again: they need a camera and a vertical.
    if run.config.augment_rotation or run.config.augment_bones:
        virtual_views.check_views(train)
