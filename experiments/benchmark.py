"""Measures speed: training, prediction, whole clips, streams, and the input pipeline.

    python -m experiments.benchmark --models=all --mode=train --json=loop.json
    python -m experiments.benchmark --config=configs/gla_gcn.py:cpn243 --mode=predict

Every figure is the median of calls after a warm-up, on random motion, in a row with its
machine and command. The rate of a large matrix product is measured in the same run:
compare FLOP/s and ratios between machines only together with it.
"""

import dataclasses
import functools
import json
import pathlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import app, flags, logging
from ml_collections import config_flags
from rich.console import Console
from rich.table import Table

from experiments.benchmark_cases import (
    CASES,
    NO_REFERENCE,
    REFERENCE_MATMUL_GFLOPS,
    Reference,
)
from experiments.timing import (
    CLIP_FRAMES,
    machine,
    make_variables,
    median_seconds,
    random_clips,
    seconds_of,
    set_up_training,
)
from jaxpose import command_line
from jaxpose.data.batches import TrainData, make_batch_function
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import Predictor
from jaxpose.inference.streaming import make_stream
from jaxpose.models import build_model
from jaxpose.models.base import LiftingModel
from jaxpose.models.cost import describe
from jaxpose.parallel import memory, sharding
from jaxpose.precision import PRECISIONS, matmul_precision
from jaxpose.training import setup

Row = dict[str, Any]

# Frames on the device while the input pipeline is measured: as many as Human3.6M has.
MANY_FRAMES = 1_500_000


@dataclasses.dataclass(frozen=True)
class Subject:
    """One model to measure.

    Attributes:
      name: name of the case or of the config file.
      config: its config.
      reference: batch size and speed of PyTorch, where they are known.
      updates: updates per call of the training program.
      seconds: time for one figure, compilation left out.
      batch_sizes: more batch sizes to predict.
    """

    name: str
    config: ml_collections.ConfigDict
    reference: Reference = NO_REFERENCE
    updates: int = 5
    seconds: float = 10.0
    batch_sizes: tuple[int, ...] = ()

    @functools.cached_property
    def model(self) -> LiftingModel:
        """Returns the model of the config."""
        return build_model(self.config)

    def training_config(self) -> ml_collections.ConfigDict:
        """Returns the config of a training on random motion."""
        config = self.config.copy_and_resolve_references()
        # Virtual views need cameras, which random motion has not.
        config.augment_rotation, config.augment_bones = False, 0.0
        config.steps_per_dispatch = config.steps_per_epoch = self.updates
        if self.reference.batch_size:
            config.batch_size = self.reference.batch_size
        return config


def measure_train(subject: Subject) -> Iterator[Row]:
    """Measures updates as `jaxpose.main` makes them, with the data on the device."""
    config = subject.training_config()
    training, state, order = set_up_training(config, subject.model)
    start = time.perf_counter()
    update = training.compile(state)
    compile_seconds = time.perf_counter() - start

    def dispatch() -> jax.Array:
        # An update consumes its state: each call continues where the last one ended.
        nonlocal state
        state, losses = update(state, training.data, order, np.int32(0))
        return losses

    seconds = median_seconds(dispatch, subject.seconds, least=3) / subject.updates
    # A backward pass costs twice its forward pass, and a product two operations.
    operations = 3 * 2 * describe(subject.model)["macs"] * config.batch_size
    memory = update.program.memory_analysis()
    num_bytes = 0
    if memory is not None:  # not every platform tells
        num_bytes = memory.temp_size_in_bytes + memory.argument_size_in_bytes
    yield {
        "batch_size": config.batch_size,
        "ms": 1e3 * seconds,
        "steps_per_second": 1 / seconds,
        "poses_per_second": config.batch_size / seconds,
        "gflops": 1e-9 * operations / seconds,
        "compile_seconds": compile_seconds,
        "memory_gib": num_bytes / 2**30,
        **_ratio(seconds, subject.reference.train_seconds),
    }


def measure_data(subject: Subject) -> Iterator[Row]:
    """Measures the input's part of an update: windows gathered, flipped and centred."""
    (row,) = measure_train(subject)
    config, mesh = subject.training_config(), sharding.make_mesh()
    clips = random_clips(subject.model, MANY_FRAMES)
    data = setup.put_data(clips, mesh)
    # The program's own function, without the model behind it.
    make_batch = make_batch_function(subject.model, config, mesh)

    def add_batch(
        total: jax.Array, key: jax.Array, data: TrainData
    ) -> tuple[jax.Array, None]:
        """Adds up all that the model would read, so that all of it is computed."""
        num_samples = 2 * clips.num_frames
        numbers = jax.random.randint(key, (config.batch_size,), 0, num_samples)
        sums = jax.tree.map(jnp.sum, make_batch(data, numbers, key))
        return total + jax.tree.reduce(jnp.add, sums), None

    def batches(data: TrainData, key: jax.Array) -> jax.Array:
        keys = jax.random.split(key, subject.updates)
        body = functools.partial(add_batch, data=data)
        total, _ = jax.lax.scan(body, jnp.zeros(()), keys)
        return total

    run = jax.jit(batches).lower(data, jax.random.key(0)).compile()
    seconds = median_seconds(lambda: run(data, jax.random.key(1)), subject.seconds / 3)
    seconds /= subject.updates
    # The frames take the same memory in training.
    num_bytes = sum(leaf.nbytes for leaf in jax.tree.leaves(data))
    yield {
        "batch_size": config.batch_size,
        "ms": 1e3 * seconds,
        "part_of_train_step": 1e3 * seconds / row["ms"],
        "resident_gib": num_bytes / 2**30,
    }


def measure_predict(subject: Subject) -> Iterator[Row]:
    """Measures one window per pose, one row per batch size."""
    model, reference = subject.model, subject.reference
    variables = make_variables(model)
    # The window form of the model, as a user with single windows calls it.
    predict = jax.jit(model.predict)
    batch_sizes = set(subject.batch_sizes)
    if reference.batch_size:
        batch_sizes.add(reference.batch_size)
    for batch_size in sorted(batch_sizes):
        shape = model.example_inputs(batch_size)[0].shape
        keypoints = jax.random.normal(jax.random.key(0), shape)
        start = time.perf_counter()
        # Compiled ahead, so that its time is measured apart.
        compiled = predict.lower(variables, keypoints).compile()
        compile_seconds = time.perf_counter() - start
        call = functools.partial(compiled, variables, keypoints)
        seconds = median_seconds(call, subject.seconds)
        row = {
            "batch_size": batch_size,
            "ms": 1e3 * seconds,
            "poses_per_second": batch_size / seconds,
            "gflops": 2e-9 * describe(model)["macs"] * batch_size / seconds,
            "compile_seconds": compile_seconds,
        }
        if batch_size == reference.batch_size:
            row |= _ratio(seconds, reference.predict_seconds)
        yield row


def measure_sequence(subject: Subject) -> Iterator[Row]:
    """Measures a whole clip as evaluation predicts it, without flip averaging."""
    frames = subject.reference.sequence_frames or CLIP_FRAMES
    # One clip in one call: what evaluation does per clip.
    predictor = Predictor(
        subject.model,
        random_clips(subject.model, frames, clip_frames=frames),
        batch_size=subject.config.eval_batch_size,
        mesh=sharding.make_mesh(),
    )
    variables, rows = make_variables(subject.model), np.arange(frames)
    seconds = median_seconds(lambda: predictor(variables, rows), subject.seconds)
    yield {
        "frames": frames,
        "ms": 1e3 * seconds,
        "frames_per_second": frames / seconds,
        **_ratio(seconds, subject.reference.sequence_seconds),
    }


def measure_latency(subject: Subject) -> Iterator[Row]:
    """Measures a stream, one frame in and its pose out: median and 99th percentile."""
    # One person; more streams would run side by side.
    stream, variables = make_stream(subject.model), make_variables(subject.model)
    shape = subject.model.example_inputs()[0][:, 0].shape
    keypoints = jax.random.normal(jax.random.key(0), shape)
    state = stream.init(variables, keypoints)

    def step() -> jax.Array:
        # A step consumes the state of the stream.
        nonlocal state
        state, positions = stream.step(variables, state, keypoints)
        return positions

    milliseconds = 1e3 * np.array(seconds_of(step, subject.seconds, least=200))
    yield {
        "ms": float(np.median(milliseconds)),
        "ms_99": float(np.percentile(milliseconds, 99)),
    }


MODES: dict[str, Callable[[Subject], Iterator[Row]]] = {
    "train": measure_train,
    "predict": measure_predict,
    "sequence": measure_sequence,
    "latency": measure_latency,
    "data": measure_data,
}


def _ratio(seconds: float, reference_seconds: float | None) -> Row:
    """Returns the reference's time over ours; empty where there is none.

    The calibrated ratio is that of two machines that multiply matrices equally fast.
    """
    if reference_seconds is None:
        return {}
    ratio = reference_seconds / seconds
    speed = REFERENCE_MATMUL_GFLOPS / machine()["matmul_gflops"]
    return {"ratio": ratio, "calibrated_ratio": ratio * speed}


def measure(subject: Subject, mode: str) -> list[Row]:
    """Returns the rows of one model in one mode.

    Raises:
      JaxposeError: the mode is not for this model, as latency for one that needs later
        frames.
    """
    # A row is complete by itself: it says how to measure it again.
    common = {
        "model": subject.name,
        "mode": mode,
        "precision": subject.config.precision,
        "command": " ".join(["python -m experiments.benchmark", *sys.argv[1:]]),
    }
    with matmul_precision(subject.config.precision):
        return [{**common, **row, "machine": machine()} for row in MODES[mode](subject)]


# The same in all rows that are printed together.
_NOT_PRINTED = ("machine", "command", "mode")


def print_rows(rows: list[Row], console: Console) -> None:
    """Prints the rows of one mode as a table."""
    # Rows may have different columns: a model without a reference has no ratio.
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(row)
    shown = [column for column in columns if column not in _NOT_PRINTED]
    table = Table(*shown)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in shown))
    console.print(table)


def _cell(value: Any) -> str:
    """Returns a value as text of three digits; nothing for a missing one."""
    if value is None:
        return ""
    return f"{value:,.3g}" if isinstance(value, float) else str(value)


def _subjects(values: flags.FlagValues) -> list[Subject]:
    """Returns what the flags ask to measure.

    Raises:
      JaxposeError: no case has the name of --models.
    """
    settings = {
        "updates": values.steps,
        "seconds": values.seconds,
        "batch_sizes": tuple(int(size) for size in values.batch_sizes),
    }
    found = []
    if values.config is not None:
        # The command of each row has the file and the variant.
        found.append(Subject(values.config.model.name, values.config, **settings))
    else:
        for name, case in CASES.items():
            if _is_named(name, values.models) and values.mode in case.modes:
                found.append(Subject(name, case.config(), case.reference, **settings))
    if not found:
        raise JaxposeError(
            f"--models={','.join(values.models)} names no case with --mode="
            f"{values.mode}; there are: all, {', '.join(CASES)}"
        )
    # Otherwise each config has its own.
    if values.precision:
        for subject in found:
            subject.config.precision = values.precision
    return found


def _is_named(name: str, wanted: list[str]) -> bool:
    """Returns whether --models holds the beginning of a case's name, or `all`."""
    return wanted == ["all"] or name.startswith(tuple(wanted))


def main(argv: list[str]) -> None:
    """Measures what the flags ask for."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    logging.set_verbosity(logging.WARNING)
    values, console = flags.FLAGS, Console()
    rows: list[Row] = []
    try:
        subjects = _subjects(values)
        console.print(machine())
        for subject in subjects:
            # One model that cannot be measured does not stop the others.
            try:
                rows += measure(subject, values.mode)
            except JaxposeError as error:
                console.print(f"{subject.name}: {error}")
            # Written after each model: a long measurement may be stopped.
            if values.json and rows:
                text = json.dumps(rows, indent=2)
                pathlib.Path(values.json).write_text(text + "\n")
        print_rows(rows, console)
    except JaxposeError as error:
        sys.exit(f"error: {error}")


def _define_flags() -> None:
    """Defines the flags of the program."""
    config_flags.DEFINE_config_file("config", None, "Instead of the published sizes.")
    flags.DEFINE_list("models", ["all"], "Cases, by the beginning of their names.")
    flags.DEFINE_enum("mode", "train", list(MODES), "What to measure.")
    flags.DEFINE_string("json", None, "File for the rows.")
    flags.DEFINE_enum("precision", None, list(PRECISIONS), "config.precision.")
    flags.DEFINE_list("batch_sizes", [], "Mode predict: more batch sizes.")
    flags.DEFINE_integer("steps", 5, "Updates per call.", lower_bound=1)
    flags.DEFINE_float("seconds", 10.0, "Time for one figure, without compilation.")
    flags.register_validator(
        "batch_sizes",
        lambda sizes: all(size.isdigit() and int(size) for size in sizes),
        "whole numbers from 1",
    )
    flags.register_validator(
        "json",
        lambda path: path is None or pathlib.Path(path).parent.is_dir(),
        "its folder must be there",
    )


if __name__ == "__main__":
    memory.keep_freed_memory()  # as in the programs that are measured
    _define_flags()
    command_line.run(main)
