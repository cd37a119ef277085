"""Measures the speed of training, prediction, whole clips, streams and the input.

    python -m experiments.benchmark --models=all --mode=train --json=loop.json
    python -m experiments.benchmark --config=configs/gla_gcn.py:cpn243 --mode=predict

Every figure is a row that names the machine, the versions and the command. Figures are
medians after a warm-up, on random motion. The rate of a large matrix product is
measured in the same run, since a row's FLOP/s and its ratio to the PyTorch reference
mean little without it.
"""

import functools
import importlib.metadata
import json
import pathlib
import platform
import statistics
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

from experiments.benchmark_cases import CASES, REFERENCE_MATMUL_GFLOPS, Reference
from jaxpose import command_line
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clip, Clips
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import Predictor
from jaxpose.inference.streaming import make_stream
from jaxpose.models import build_model
from jaxpose.models.base import LiftingModel
from jaxpose.models.cost import describe
from jaxpose.parallel import sharding
from jaxpose.precision import PRECISIONS, matmul_precision
from jaxpose.training import setup
from jaxpose.training.setup import Training
from jaxpose.training.step import TrainData, TrainState, make_batch_function

Row = dict[str, Any]
CLIP_FRAMES = 1000


def seconds_of(call: Callable[[], Any], budget: float, least: int = 5) -> list[float]:
    """Returns the wall seconds of each call, its results waited for.

    Calls at least `least` times and for `budget` seconds, after one call that does not
    count (it compiles).
    """
    jax.block_until_ready(call())
    found: list[float] = []
    while len(found) < least or sum(found) < budget:
        start = time.perf_counter()
        jax.block_until_ready(call())
        found.append(time.perf_counter() - start)
    return found


def matmul_rate(dtype: Any, size: int = 2048) -> float:
    """GFLOP/s of a square matrix product."""
    a = jax.random.normal(jax.random.key(0), (size, size)).astype(dtype)
    product = jax.jit(lambda a: a @ a)
    return 2 * size**3 / statistics.median(seconds_of(lambda: product(a), 1.0)) / 1e9


def random_clips(model: LiftingModel, num_frames: int) -> Clips:
    """Returns random walks of joints in clips of 1000 frames, without a camera."""
    rng = np.random.default_rng(0)
    names = model.skeleton, model.keypoints_skeleton
    clips = -(-num_frames // CLIP_FRAMES)
    positions, keypoints = (
        np.cumsum(
            rng.normal(0, 0.003, (CLIP_FRAMES, get_skeleton(name).num_joints, size)),
            axis=0,
        )
        for name, size in zip(names, (3, model.keypoint_features), strict=True)
    )
    tiled = (
        np.tile(a.astype(np.float32), (clips, 1, 1)) for a in (keypoints, positions)
    )
    index = tuple(
        Clip(
            "s",
            "a",
            str(i),
            "c",
            i * CLIP_FRAMES,
            CLIP_FRAMES,
            50.0,
            (1000, 1000),
            True,
        )
        for i in range(clips)
    )
    return Clips(
        "random", *names, "gt", *tiled, np.ones(clips * CLIP_FRAMES, bool), index
    )


def measure_train(
    config: ml_collections.ConfigDict, model: LiftingModel, reference: Reference | None
) -> Row:
    """Measures updates as `jaxpose.main` makes them, with the data on the device."""
    config = config.copy_and_resolve_references()
    config.augment_rotation, config.augment_bones = False, 0.0  # they need cameras
    if reference:
        config.batch_size = reference.batch_size
    config.steps_per_dispatch, config.steps_per_epoch = _STEPS.value, _STEPS.value
    training, state, order = set_up_training(config, model)
    start = time.perf_counter()
    update = training.compile(state)
    compile_seconds = time.perf_counter() - start

    def dispatch() -> jax.Array:
        nonlocal state
        state, losses = update(state, training.data, order, np.int32(0))
        return losses

    seconds = (
        statistics.median(seconds_of(dispatch, _SECONDS.value, least=3))
        / config.steps_per_dispatch
    )
    analysis = update.program.memory_analysis()
    return {
        "batch_size": config.batch_size,
        "ms": 1e3 * seconds,
        "steps_per_second": 1 / seconds,
        "poses_per_second": config.batch_size / seconds,
        "gflops": 3 * 2e-9 * describe(model)["macs"] * config.batch_size / seconds,
        "compile_seconds": compile_seconds,
        "memory_gib": (analysis.temp_size_in_bytes + analysis.argument_size_in_bytes)
        / 2**30,
    } | _ratio(seconds, reference and reference.train_seconds)


def measure_data(
    config: ml_collections.ConfigDict, model: LiftingModel, reference: Reference | None
) -> Row:
    """Measures the input's part of an update, with 1.5 million frames on the device.

    Gathers, flips and centres windows, as the train step does.
    """
    row = measure_train(config, model, reference)
    config = config.copy_and_resolve_references()
    config.augment_rotation, config.augment_bones = False, 0.0
    config.batch_size = row["batch_size"]
    mesh = sharding.make_mesh()
    clips = random_clips(model, 1_500_000)
    data = setup.put_data(clips, mesh)
    make_batch = make_batch_function(model, config, mesh)

    def batches(data: TrainData, key: jax.Array) -> jax.Array:
        def body(total: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
            numbers = jax.random.randint(
                key, (config.batch_size,), 0, 2 * clips.num_frames
            )
            # All that the model would read has to be made.
            parts = jax.tree.map(jnp.sum, make_batch(data, numbers, key))
            return total + jax.tree.reduce(jnp.add, parts), None

        return jax.lax.scan(body, jnp.zeros(()), jax.random.split(key, _STEPS.value))[0]

    run = jax.jit(batches).lower(data, jax.random.key(0)).compile()
    seconds = statistics.median(
        seconds_of(lambda: run(data, jax.random.key(1)), _SECONDS.value / 3)
    )
    seconds /= _STEPS.value
    return {
        "batch_size": config.batch_size,
        "ms": 1e3 * seconds,
        "part_of_train_step": 1e3 * seconds / row["ms"],
        "resident_gib": sum(leaf.nbytes for leaf in jax.tree.leaves(data)) / 2**30,
    }


def measure_predict(
    config: ml_collections.ConfigDict, model: LiftingModel, reference: Reference | None
) -> Iterator[Row]:
    """One window a pose, by batch size."""
    variables = make_variables(model)
    apply = jax.jit(
        lambda variables, keypoints: model.apply(variables, keypoints, train=False)
    )
    wanted = {reference.batch_size} if reference else set()
    for batch_size in sorted(wanted | {int(size) for size in _BATCH_SIZES.value}):
        shape = model.example_inputs(batch_size)[0].shape
        keypoints = jax.random.normal(jax.random.key(0), shape)
        start = time.perf_counter()
        compiled = apply.lower(variables, keypoints).compile()
        compile_seconds = time.perf_counter() - start
        call = functools.partial(compiled, variables, keypoints)
        seconds = statistics.median(seconds_of(call, _SECONDS.value))
        is_reference = reference and batch_size == reference.batch_size
        yield {
            "batch_size": batch_size,
            "ms": 1e3 * seconds,
            "poses_per_second": batch_size / seconds,
            "gflops": 2e-9 * describe(model)["macs"] * batch_size / seconds,
            "compile_seconds": compile_seconds,
        } | _ratio(seconds, reference.predict_seconds if is_reference else None)


def measure_sequence(
    config: ml_collections.ConfigDict, model: LiftingModel, reference: Reference | None
) -> Row:
    """Whole clips as evaluation predicts them, without flip averaging."""
    frames = (
        reference.sequence_frames
        if reference and reference.sequence_frames
        else CLIP_FRAMES
    )
    clips = random_clips(model, CLIP_FRAMES)
    clips = _shortened(clips, frames)
    predictor = Predictor(
        model,
        clips,
        batch_size=config.eval_batch_size,
        mesh=sharding.make_mesh(),
        flip_average=False,
    )
    variables, rows = make_variables(model), np.arange(frames)
    seconds = statistics.median(
        seconds_of(lambda: predictor(variables, rows), _SECONDS.value)
    )
    row = {"frames": frames, "ms": 1e3 * seconds, "frames_per_second": frames / seconds}
    return row | _ratio(seconds, reference and reference.sequence_seconds)


def measure_latency(
    config: ml_collections.ConfigDict, model: LiftingModel, reference: Reference | None
) -> Row:
    """One frame in, its pose out, as a stream: median and 99th percentile."""
    stream, variables = make_stream(model), make_variables(model)
    shape = model.example_inputs()[0][:, 0].shape
    keypoints = jax.random.normal(jax.random.key(0), shape)
    state = stream.init(variables, keypoints)

    def step() -> jax.Array:
        nonlocal state
        state, positions = stream.step(variables, state, keypoints)
        return positions

    milliseconds = 1e3 * np.array(seconds_of(step, _SECONDS.value, least=200))
    return {
        "ms": float(np.median(milliseconds)),
        "ms_99": float(np.percentile(milliseconds, 99)),
    }


MODES = {
    "train": measure_train,
    "predict": measure_predict,
    "sequence": measure_sequence,
    "latency": measure_latency,
    "data": measure_data,
}


def set_up_training(
    config: ml_collections.ConfigDict, model: LiftingModel, num_frames: int = 100_000
) -> tuple[Training, TrainState, jax.Array]:
    """Returns a training on random frames, its first state and its first order."""
    clips = random_clips(model, num_frames)
    training = setup.set_up(config, model, clips, sharding.make_mesh())
    return training, training.fresh_state(), training.order_of_epoch(0)


def make_variables(model: LiftingModel) -> Any:
    """Initial variables of `model`."""
    inputs = model.example_inputs()
    return jax.jit(lambda: model.init(jax.random.key(0), *inputs, train=False))()


def _shortened(clips: Clips, frames: int) -> Clips:
    clip = clips.index[0]
    index = (
        Clip(
            clip.subject,
            clip.action,
            clip.take,
            clip.camera,
            0,
            frames,
            50.0,
            (1000, 1000),
            True,
        ),
    )
    arrays = (
        clips.keypoints_2d[:frames],
        clips.positions_3d[:frames],
        clips.valid[:frames],
    )
    return Clips(
        "random", clips.skeleton, clips.keypoints_skeleton, "gt", *arrays, index
    )


def _ratio(seconds: float, reference_seconds: float | None) -> Row:
    """Returns the reference's time over ours.

    `calibrated_ratio` is the same if both machines multiplied matrices equally fast.
    """
    if reference_seconds is None:
        return {}
    ratio = reference_seconds / seconds
    return {
        "ratio": ratio,
        "calibrated_ratio": ratio
        * REFERENCE_MATMUL_GFLOPS
        / _machine()["matmul_gflops"],
    }


_MACHINE: Row = {}


def _machine() -> Row:
    """Returns the machine and versions; times the matrix products on the first call."""
    if not _MACHINE:
        packages = ("jax", "jaxlib", "flax")
        processor = platform.processor() or platform.machine()
        _MACHINE.update(
            device=f"{jax.device_count()} x {jax.devices()[0].device_kind}",
            processor=f"{processor}, {jax.local_device_count()} device(s)",
            versions={name: importlib.metadata.version(name) for name in packages}
            | {"python": platform.python_version()},
            matmul_gflops=matmul_rate(jnp.float32),
            matmul_gflops_bfloat16=matmul_rate(jnp.bfloat16),
        )
    return _MACHINE


def measure(
    name: str, config: ml_collections.ConfigDict, mode: str, reference: Reference | None
) -> list[Row]:
    """The rows of one model in one mode."""
    with matmul_precision(config.precision):
        found = MODES[mode](config, build_model(config), reference)
        rows = [found] if isinstance(found, dict) else list(found)
    fixed = {"model": name, "mode": mode, "precision": config.precision}
    command = " ".join(["python -m experiments.benchmark", *sys.argv[1:]])
    return [fixed | row | {"machine": _machine(), "command": command} for row in rows]


def print_rows(rows: list[Row], console: Console) -> None:
    """Prints what the rows of one mode have in common as a table."""
    columns = [
        key
        for key in dict.fromkeys(k for row in rows for k in row)
        if key not in _NOT_PRINTED
    ]
    table = Table(*columns)
    for row in rows:
        values = [row.get(column) for column in columns]
        table.add_row(
            *(
                f"{v:,.3g}" if isinstance(v, float) else "" if v is None else str(v)
                for v in values
            )
        )
    console.print(table)


_NOT_PRINTED = ("machine", "command", "mode")


def main(argv: list[str]) -> None:
    """Measures what the flags ask for."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    logging.set_verbosity(logging.WARNING)
    console, rows = Console(), []
    try:
        if _CONFIG.value is not None:
            if _PRECISION.value:
                _CONFIG.value.precision = _PRECISION.value
            chosen = [(str(flags.FLAGS["config"].config_filename), _CONFIG.value, None)]
        else:
            chosen = [case for name in CASES for case in _case(name) if _wanted(name)]
        if not chosen:
            raise JaxposeError(
                f"--models={_MODELS.value} names no case; "
                f"there are: all, {', '.join(CASES)}"
            )
        console.print(_machine())
        for name, config, reference in chosen:
            try:
                rows += measure(name, config, _MODE.value, reference)
            except JaxposeError as error:  # a model that does not stream, for one
                console.print(f"{name}: {error}")
            if _JSON.value and rows:
                pathlib.Path(_JSON.value).write_text(json.dumps(rows, indent=2) + "\n")
        print_rows(rows, console)
    except JaxposeError as error:
        sys.exit(f"error: {error}")


def _wanted(name: str) -> bool:
    return _MODELS.value == ["all"] or any(
        name.startswith(wanted) for wanted in _MODELS.value
    )


def _case(
    name: str,
) -> Iterator[tuple[str, ml_collections.ConfigDict, Reference | None]]:
    case = CASES[name]
    if _MODE.value in case.modes:
        config = case.config()
        config.precision = _PRECISION.value or config.precision
        yield name, config, case.reference


if __name__ == "__main__":
    _CONFIG = config_flags.DEFINE_config_file(
        "config", None, "One config, instead of the published sizes."
    )
    _MODELS = flags.DEFINE_list(
        "models", ["all"], "Cases, by the beginning of their names."
    )
    _MODE = flags.DEFINE_enum("mode", "train", list(MODES), "What to measure.")
    _JSON = flags.DEFINE_string("json", None, "File for the rows.")
    _PRECISION = flags.DEFINE_enum(
        "precision", None, list(PRECISIONS), "config.precision."
    )
    _BATCH_SIZES = flags.DEFINE_list(
        "batch_sizes", [], "Mode predict: more batch sizes."
    )
    _STEPS = flags.DEFINE_integer("steps", 5, "Updates in a dispatch.", lower_bound=1)
    _SECONDS = flags.DEFINE_float(
        "seconds", 10.0, "Time for one figure, compilation left out."
    )
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
    command_line.run(main)
