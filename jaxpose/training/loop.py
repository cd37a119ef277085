"""The training loop and its ends: data to device, resume, evaluate, report."""

import pathlib
import sys
import time
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from absl import logging
from jax.sharding import Mesh
from tqdm import tqdm

from jaxpose.data import virtual_views, windows
from jaxpose.data.clips import Clips, select_subjects
from jaxpose.data.splits import check_skeletons, check_units, load_clips_of, load_splits
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.parallel import hosts, sharding, signals
from jaxpose.scoring import evaluate, pictures
from jaxpose.training import optimizers, runs, workdirs
from jaxpose.training.checkpoints import Checkpoints, write_json
from jaxpose.training.losses import LOSSES
from jaxpose.training.metric_writer import MetricWriter, read_metrics
from jaxpose.training.step import (
    Schedule,
    TrainData,
    TrainState,
    create_state,
    make_epoch_order,
    make_train_steps,
    state_shapes,
)

PRECISIONS = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}


def check_fields(config: ml_collections.ConfigDict) -> None:
    """Raises JaxposeError for a field whose value no run could use, before anything is written."""
    positive = [
        *("batch_size", "accumulation_steps", "num_epochs"),
        *("steps_per_dispatch", "evaluate_every", "eval_batch_size"),
    ]
    fields = {f"config.{name}": config[name] for name in positive}
    fields["config.dataset.frame_stride"] = config.dataset.frame_stride
    for name, value in fields.items():
        if value < 1:
            raise JaxposeError(f"{name}={value} must be at least 1")
    optimizer = config.optimizer
    fields = {
        "config.target_scale": config.target_scale,
        "config.optimizer.learning_rate": optimizer.learning_rate,
        "config.optimizer.decay": optimizer.decay,
    }
    for name, value in fields.items():
        if not 0 < value < np.inf:
            raise JaxposeError(f"{name}={value} must be a finite number above 0")
    if not 0 <= config.augment_bones < 1:
        raise JaxposeError(
            f"config.augment_bones={config.augment_bones} must be at least 0 and below 1"
        )
    if optimizer.warmup_steps < 0:
        raise JaxposeError(
            f"config.optimizer.warmup_steps={optimizer.warmup_steps} must be at least 0"
        )
    if not 0 <= config.seed < 2**32:
        raise JaxposeError(
            f"config.seed={config.seed} must be at least 0 and below 2**32"
        )
    if config.steps_per_epoch < 0:
        raise JaxposeError(
            f"config.steps_per_epoch={config.steps_per_epoch} must be 0 (one pass) or more"
        )
    if config.lifting_workdir and not config.refinement:
        raise JaxposeError(
            "config.lifting_workdir is for a second stage: set config.refinement=True"
        )
    if config.loss not in LOSSES:
        raise JaxposeError(
            f"config.loss {config.loss!r} is unknown; known: {', '.join(LOSSES)}"
        )


def train_and_evaluate(
    config: ml_collections.ConfigDict, workdir: str
) -> dict[str, Any]:
    """Trains to the end, resuming what `workdir` holds, then evaluates the best checkpoint.

    Returns what it writes to `<workdir>/results.json`. SIGTERM or Ctrl-C saves a checkpoint and
    exits with status 143 or 130; the same command goes on from there.

    Raises:
      JaxposeError: bad config or data, a workdir of another config or in use, a non-finite loss.
    """
    set_precision(config)
    check_fields(config)
    mesh = sharding.make_mesh()
    parts = config.accumulation_steps
    if config.batch_size % parts:
        raise JaxposeError(
            f"config.batch_size={config.batch_size} does not split evenly into "
            f"config.accumulation_steps={parts} parts"
        )
    sharding.check_batch_size(
        "config.batch_size / accumulation_steps", config.batch_size // parts, mesh
    )
    sharding.check_batch_size("config.eval_batch_size", config.eval_batch_size, mesh)
    model = build_model(config)
    splits = load_splits(config)
    check_skeletons(model, splits.train)
    if config.refinement:
        for clips in (splits.train, splits.validation, splits.test):
            runs.check_refinable(clips)
    if config.augment_rotation or config.augment_bones:
        virtual_views.check_views(splits.train)
    directory = workdirs.open_workdir(workdir)
    workdirs.check_config(config, directory)
    description = workdirs.describe_run(config, splits.train)
    workdirs.check_data(description, directory)
    selection = splits.test if config.select_on_test else splits.validation
    selector = (
        evaluate.Evaluator(model, config, selection, mesh)
        if selection.num_frames
        else None
    )
    with (
        workdirs.sole_use(directory),
        Checkpoints(directory, description) as checkpoints,
    ):
        state = _train(
            config, model, splits.train, selector, checkpoints, directory, mesh
        )
        best = checkpoints.restore_best(state)
    protocol = evaluate.protocol_fields(
        config, config, model, splits.train, splits.test
    )
    return _report(
        config, model, best, splits.train, splits.test, protocol, directory, mesh
    )


def evaluate_workdir(config: ml_collections.ConfigDict, workdir: str) -> dict[str, Any]:
    """Scores the best checkpoint of `workdir` on the config's test subjects.

    The data set may be another than the one trained on; results and picture then bear its name.
    What belongs to the run (unit of the targets, training subjects, how the checkpoint was
    selected) is read from the run; the baselines are fitted on its training data, and left out
    where that is not prepared here.

    Raises:
      JaxposeError: no checkpoint, or the model differs from the one trained.
    """
    set_precision(config)
    check_fields(config)
    mesh = sharding.make_mesh()
    config, trained = runs.with_unit_of_run(config, workdir)
    directory = workdirs.open_workdir(workdir)
    model = build_model(config)
    test = select_subjects(load_clips_of(config.dataset), config.dataset.test_subjects)
    check_skeletons(model, test)
    check_units(trained.dataset.name, test)
    if config.refinement:
        runs.check_refinable(test)
    try:
        train = load_splits(trained).train
    except JaxposeError as error:
        train = None
        logging.warning(
            "no baselines, the run's training data is not at hand: %s",
            str(error).splitlines()[0],
        )
    best = runs.load_best(config, trained, workdir, mesh)
    protocol = evaluate.protocol_fields(config, trained, model, train, test)
    # The run's own results stay when it is scored on other data.
    other = workdirs.differences(*(workdirs.tested_data(c) for c in (trained, config)))
    suffix = f"_{config.dataset.name.replace('/', '_')}" if other else ""
    return _report(config, model, best, train, test, protocol, directory, mesh, suffix)


def _train(
    config: ml_collections.ConfigDict,
    model: nn.Module,
    clips: Clips,
    selector: evaluate.Evaluator | None,
    checkpoints: Checkpoints,
    directory: pathlib.Path,
    mesh: Mesh,
) -> TrainState:
    """The loop: dispatch, then write the previous dispatch's metrics, evaluate, save."""
    frames = evaluate.scored_frames(clips)
    num_samples = len(frames) * (2 if config.augment_flip else 1)
    schedule = count_steps(config, num_samples)
    optimizer = make_optimizer(config, schedule)
    state = checkpoints.restore_latest(state_shapes(model, optimizer, mesh))
    if state is None:
        state = create_state(model, optimizer, config.seed, mesh)
        if config.refinement:
            state = runs.start_from_lifting(state, config, mesh)
    step = int(state.step)
    if step >= schedule.num_steps:
        return state

    order_of_epoch = make_epoch_order(
        num_samples, schedule.steps_per_epoch, config.batch_size, config.seed, mesh
    )
    data = sharding.put_replicated(TrainData(windows.frame_table(clips), frames), mesh)
    train_steps = make_train_steps(
        model, optimizer, config, schedule, clips.keypoints_skeleton, mesh
    )
    order = order_of_epoch(step // schedule.steps_per_epoch)
    # Compiled once, ahead: a shape that changed later would be an error, never a recompilation.
    train_steps = train_steps.lower(state, data, order, np.int32(0)).compile()
    # Only now is every field known to be usable: a mistyped one must not claim the directory.
    if hosts.is_writer():
        checkpoints.write_description()

    writer = MetricWriter(directory, resume_step=step) if hosts.is_writer() else None
    learning_rate = make_learning_rate(config, schedule)
    host = jax.local_devices(backend="cpu")[0]

    def rate_of(at: int) -> float:
        """The learning rate of an update, computed beside the accelerator, which is busy."""
        with jax.default_device(host):
            return float(learning_rate(at))

    stop = hosts.StopRequest()
    progress = tqdm(
        total=schedule.num_steps,
        initial=step,
        unit="step",
        desc="train",
        disable=not hosts.is_writer(),
        mininterval=1.0,
    )
    pending: tuple[int, jax.Array] | None = (
        None  # first step and losses of the dispatch before
    )
    clock = saved = time.perf_counter()

    def settle() -> None:
        """Writes the metrics of the dispatch before: by now the device works on the next one."""
        nonlocal pending, clock
        if pending is None:
            return
        first, losses = pending[0], np.asarray(pending[1])
        pending = None
        if not np.isfinite(losses).all():
            bad = first + int(np.argmin(np.isfinite(losses))) + 1
            good = checkpoints.steps[-1] if checkpoints.steps else None
            kept = (
                f"the checkpoint of step {good} is intact"
                if good is not None
                else "no checkpoint was written yet"
            )
            raise JaxposeError(
                f"the loss is not finite at step {bad}; {kept} in {directory}. Train with a lower "
                "config.optimizer.learning_rate in a new --workdir, or look for broken frames in the data."
            )
        seconds, clock = time.perf_counter() - clock, time.perf_counter()
        last = first + len(losses)
        rate = len(losses) * config.batch_size / seconds
        progress.update(len(losses))
        progress.set_postfix(
            loss=f"{losses.mean():.5f}", poses_per_s=f"{rate:.0f}", refresh=False
        )
        if writer:
            writer.write(
                last,
                epoch=last / schedule.steps_per_epoch,
                loss=float(losses.mean(dtype=np.float64)),
                learning_rate=rate_of(last - 1),
                seconds=seconds,
                poses_per_second=rate,
            )

    with signals.held():
        try:
            while step < schedule.num_steps:
                position = step % schedule.steps_per_epoch
                if position == 0:
                    order = order_of_epoch(step // schedule.steps_per_epoch)
                state, losses = train_steps(state, data, order, np.int32(position))
                settle()
                pending = (step, losses)
                step += schedule.steps_per_dispatch
                epoch_ends = step % schedule.steps_per_epoch == 0
                is_due = (
                    epoch_ends
                    and (step // schedule.steps_per_epoch) % config.evaluate_every == 0
                )
                is_last = step == schedule.num_steps
                # One host only: several would have to agree, and their clocks do not.
                is_late = (
                    jax.process_count() == 1
                    and time.perf_counter() - saved > config.checkpoint_seconds
                )
                stops = stop.agreed()
                if is_due or is_last or is_late or stops:
                    settle()
                    score = None
                    if selector and (is_due or is_last):
                        scores = selector.score(state.variables)
                        score = scores["mpjpe"]
                        if writer:
                            names = evaluate.METRICS
                            writer.write(
                                step,
                                **{
                                    f"selection_{k}": scores[k]
                                    for k in names
                                    if scores[k] is not None
                                },
                            )
                    if writer:
                        writer.flush()
                    # The loss of a step is that of the parameters before it: look at those after, too.
                    if not bool(all_finite(state)):
                        raise JaxposeError(
                            f"the parameters are not finite after step {step}; earlier checkpoints in "
                            f"{directory} are intact. Train with a lower config.optimizer.learning_rate in a "
                            "new --workdir."
                        )
                    checkpoints.save(state, step, score)
                    clock = saved = time.perf_counter()
                    if stops:
                        checkpoints.wait()
                        logging.warning(
                            "stopped by a signal; saved step %d of %d",
                            step,
                            schedule.num_steps,
                        )
                        sys.exit(signals.status())
            checkpoints.wait()
        finally:
            progress.close()
            if writer:
                writer.close()
    return state


@jax.jit
def all_finite(tree: Any) -> jax.Array:
    """Whether every number of the tree's floating-point arrays is finite."""
    floats = [
        leaf
        for leaf in jax.tree.leaves(tree)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in floats]).all()


def _report(
    config: ml_collections.ConfigDict,
    model: nn.Module,
    best: TrainState,
    train: Clips | None,
    test: Clips,
    protocol: dict[str, Any],
    directory: pathlib.Path,
    mesh: Mesh,
    suffix: str = "",
) -> dict[str, Any]:
    """Scores the best checkpoint on the test clips; writes results and pictures."""
    evaluator = evaluate.Evaluator(model, config, test, mesh)
    predicted = evaluator.predict(best.variables)
    results = evaluate.score(predicted, test, evaluator.frames)
    results.update(evaluate.baselines(train, test))
    results["step"] = int(best.step)
    results["protocol"] = protocol
    if hosts.is_writer():
        names = f"results{suffix}.json", f"prediction{suffix}.gif"
        write_json(directory / names[0], results)
        evaluate.print_results(results, f"{config.model.name} on {test.dataset}")
        if rows := read_metrics(directory / "metrics.jsonl"):
            pictures.draw_learning_curves(rows, directory / "learning_curves.png")
        pictures.animate_clip(test, evaluator.frames, predicted, directory / names[1])
        print(f"{names[0]}, learning_curves.png and {names[1]} are in {directory}")
    return results


def count_steps(config: ml_collections.ConfigDict, num_samples: int) -> Schedule:
    """Dispatches of one length: of those up to `config.steps_per_dispatch`, what leaves out fewest updates.

    What an epoch leaves out are other samples each time.
    """
    wanted = config.steps_per_epoch or num_samples // config.batch_size
    if wanted < 1:
        raise JaxposeError(
            f"config.batch_size={config.batch_size} is larger than the {num_samples} training samples"
        )
    longest = min(config.steps_per_dispatch, wanted)
    per_dispatch = max(
        range(longest, longest // 2, -1), key=lambda length: wanted // length * length
    )
    return Schedule(
        config.num_epochs, wanted // per_dispatch * per_dispatch, per_dispatch
    )


def make_learning_rate(
    config: ml_collections.ConfigDict, schedule: Schedule
) -> optax.Schedule:
    """The learning rate as a function of the step."""
    return optimizers.make_schedule(
        config.optimizer, schedule.num_epochs, schedule.steps_per_epoch
    )


def make_optimizer(
    config: ml_collections.ConfigDict, schedule: Schedule
) -> optax.GradientTransformation:
    """The optimiser of a training of this length."""
    return optimizers.make_optimizer(
        config.optimizer, make_learning_rate(config, schedule)
    )


def set_precision(config: ml_collections.ConfigDict) -> None:
    """Sets the precision of matrix products; bfloat16 models ask for it layer by layer.

    Raises:
      JaxposeError: unknown precision.
    """
    if config.precision not in PRECISIONS:
        raise JaxposeError(
            f"config.precision {config.precision!r} is unknown; known: {', '.join(PRECISIONS)}"
        )
    jax.config.update("jax_default_matmul_precision", PRECISIONS[config.precision])
