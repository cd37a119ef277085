"""Compiles the published models for accelerators that are not at hand, and counts.

    python -m experiments.compile_for --target=h100 --models=all --json=h100.json
    python -m experiments.compile_for --target=v5e:2x2 --models=ampose --json=v5e.json
    python -m experiments.compile_for --target=v5e:16x16 --models=ampose \
        --batch_size=8192 --json=v5e.json

Nothing runs: the compilers of the accelerators work on any machine. A row has the
kernels that one update or one prediction launches, the bytes that they move, and the
time below which the chip cannot do it. Rows are written as they come; a repeat makes
those that are missing, or that another version of JAX has made. Of the code a row does
not know: after a change, give another `--json`.

What it does not know: the kernels that a device would choose by trying them, and how
much of their time overlaps.
"""

import collections
import dataclasses
import importlib.metadata
import json
import pathlib
import sys
import time
from collections.abc import Iterator
from typing import Any

import jax
import ml_collections
import numpy as np
from absl import app, flags, logging
from jax.sharding import Mesh, NamedSharding

from configs import gla_gcn
from experiments.benchmark_cases import CASES, NO_REFERENCE, Case
from experiments.compiled_table import Row, to_markdown
from experiments.compiled_text import Launch, Program, count_by_kind
from experiments.targets import chip_of, make_target_mesh
from experiments.timing import random_clips
from jaxpose import whole_files
from jaxpose.data import windows
from jaxpose.data.batches import TrainData
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import make_lift
from jaxpose.models import build_model
from jaxpose.models.base import LiftingModel
from jaxpose.models.cost import describe, variable_shapes
from jaxpose.parallel import sharding
from jaxpose.precision import PRECISIONS, matmul_precision
from jaxpose.training import optimizers, setup
from jaxpose.training.state import state_shapes
from jaxpose.training.step import compile_train_steps

# Updates per call of the program, and frames on the device.
UPDATES, FRAMES = 10, 100_000
MODES = ("train", "predict")
# A size that no speed is known of: GLA-GCN of MPI-INF-3DHP, for its memory.
ALL_CASES = CASES | {"mpi27": Case(gla_gcn, "mpi27", NO_REFERENCE, ("train",))}


@dataclasses.dataclass(frozen=True)
class Job:
    """One row: what is compiled, and for which chips.

    Attributes:
      model: one of `ALL_CASES`.
      mode: one of `MODES`.
      target: of `targets.make_target_mesh`.
      precision: `config.precision`.
      batch_size: of all chips together.
      rematerialise: of the models that have it.
    """

    model: str
    mode: str
    target: str
    precision: str
    batch_size: int
    rematerialise: bool = False

    def config(self) -> ml_collections.ConfigDict:
        """Returns the config of the model."""
        config = ALL_CASES[self.model].config()
        config.precision, config.batch_size = self.precision, self.batch_size
        if self.rematerialise:
            config.model.rematerialise = True
        return config


def compile_training(
    config: ml_collections.ConfigDict, model: LiftingModel, mesh: Mesh
) -> jax.stages.Compiled:
    """Compiles `UPDATES` updates, in one loop, as a run makes them."""
    config = config.copy_and_resolve_references()
    # Virtual views need cameras, which random motion has not.
    config.augment_rotation, config.augment_bones = False, 0.0
    config.steps_per_dispatch = config.steps_per_epoch = UPDATES
    table = windows.frame_table(random_clips(model, FRAMES), model.keypoint_features)
    data = TrainData(table, np.zeros(FRAMES, np.int32))
    order = np.zeros(UPDATES * config.batch_size, np.int32)
    schedule = setup.count_steps(config, 2 * FRAMES)
    learning_rate = optimizers.make_schedule(
        config.optimizer, schedule.num_epochs, schedule.steps_per_epoch
    )
    optimizer = optimizers.make_optimizer(config.optimizer, learning_rate)
    # Shapes stand for arrays: there is no device to put them on.
    state = state_shapes(model, optimizer, mesh)
    example = state, *shapes_of((data, order), sharding.replicated(mesh))
    return compile_train_steps(
        model, optimizer, config, schedule, mesh, example
    ).program


def compile_prediction(
    config: ml_collections.ConfigDict, model: LiftingModel, mesh: Mesh
) -> jax.stages.Compiled:
    """Compiles the prediction of a batch of windows."""
    everywhere, batch = sharding.replicated(mesh), sharding.over_batch(mesh)
    inputs = shapes_of(model.example_inputs(config.batch_size), batch)
    variables = variable_shapes(model)
    lift = make_lift(model, flip_average=False)
    predict = jax.jit(
        lambda variables, inputs: lift(variables, inputs)[0],
        in_shardings=(everywhere, batch),
        out_shardings=batch,
    )
    return predict.lower(variables, inputs).compile()


def shapes_of(tree: Any, placed: NamedSharding) -> Any:
    """Returns the shapes of a tree of arrays, as if they were `placed` on the chips."""

    def shape(array: Any) -> jax.ShapeDtypeStruct:
        dtype = jax.dtypes.canonicalize_dtype(array.dtype)
        return jax.ShapeDtypeStruct(array.shape, dtype, sharding=placed)

    return jax.tree.map(shape, tree)


def measure(job: Job, mesh: Mesh, text_file: pathlib.Path | None = None) -> Row:
    """Compiles one model and returns its row.

    Args:
      job: what to compile.
      mesh: all chips of its target.
      text_file: where the text of the compiled program goes, if anywhere.

    Raises:
      JaxposeError: the batch does not split evenly over the chips, or the compiler
        refused; with its first line.
    """
    config = job.config()
    sharding.check_batch_size("batch_size", job.batch_size, mesh)
    model = build_model(config)
    is_training = job.mode == "train"
    compile_mode = compile_training if is_training else compile_prediction
    start = time.perf_counter()
    try:
        with matmul_precision(job.precision):
            program = compile_mode(config, model, mesh)
    except jax.errors.JaxRuntimeError as error:
        line = str(error).splitlines()[0][:200]
        raise JaxposeError(f"{job.model}, {job.mode}, {job.target}: {line}") from error
    row = dataclasses.asdict(job) | {
        "chips": mesh.size,
        "compile_seconds": time.perf_counter() - start,
        "jax": importlib.metadata.version("jax"),
    }
    # A backward pass costs twice its forward pass, and a product two operations.
    per_product = 6 if is_training else 2
    operations = per_product * describe(model)["macs"] * job.batch_size
    text, memory = program.as_text(), program.memory_analysis()
    if text is None or memory is None:
        raise JaxposeError(f"{job.model}: the compiler of {job.target} tells nothing")
    if text_file is not None:
        text_file.write_text(text)
    launches = Program(text).launches()
    if is_training:
        launches = in_the_loop(launches)
    row |= summarise(launches, UPDATES if is_training else 1)
    row["temporary_gib"] = memory.temp_size_in_bytes / 2**30
    row["argument_gib"] = memory.argument_size_in_bytes / 2**30
    return row | lower_bound(row, operations / mesh.size, job.target)


def in_the_loop(launches: list[Launch]) -> list[Launch]:
    """Returns the launches that every update makes."""
    return [launch for launch in launches if launch.times >= UPDATES]


def summarise(launches: list[Launch], calls: int) -> Row:
    """Returns counts and bytes per update, of the launches of `calls` updates."""
    kinds = {kind: count / calls for kind, count in count_by_kind(launches).items()}
    moved: collections.Counter[str] = collections.Counter()
    for launch in launches:
        moved[launch.kind] += launch.times * launch.num_bytes
    return {
        "kernels": sum(kinds.values()) - kinds.get("transfer", 0.0),
        "kinds": kinds,
        "collectives": kinds.get("collective", 0.0),
        "copies": kinds.get("copy", 0.0),
        "gigabytes": moved.total() / calls / 1e9,
        "collective_gigabytes": moved["collective"] / calls / 1e9,
    }


def lower_bound(row: Row, operations: float, target: str) -> Row:
    """Returns the milliseconds that `target` needs at least, by what bounds it."""
    chip = chip_of(target)
    # A sum over n chips sends each array of it twice, less an n-th; a launch counts an
    # array as read and as written.
    share = 1 - 1 / row.get("chips", 1)
    sent = share * row["collective_gigabytes"]
    return {
        "gflop": operations / 1e9,
        "ms_of_products": 1e3 * operations / chip.flops,
        "ms_of_bytes": 1e12 * row["gigabytes"] / chip.bandwidth,
        "ms_of_launches": 1e3 * row["kernels"] * chip.launch_seconds,
        "ms_of_links": 1e12 * sent / chip.links,
    }


def _wanted(models: list[str]) -> list[str]:
    """Returns the cases whose names begin with one of `models`; `all` are published.

    Raises:
      JaxposeError: one of `models` names none.
    """
    trained = [name for name, case in ALL_CASES.items() if "train" in case.modes]
    wanted: set[str] = set()
    for given in models:
        if given == "all":
            named = [name for name in trained if name in CASES]
        else:
            named = [name for name in trained if name.startswith(given)]
        if not named:
            raise JaxposeError(
                f"--models: {given!r} names none; there are: all, {', '.join(trained)}"
            )
        wanted.update(named)
    return [name for name in trained if name in wanted]


def _jobs(given: flags.FlagValues) -> Iterator[Job]:
    """Yields what the flags ask for.

    Raises:
      JaxposeError: an unknown model or mode.
    """
    for mode in given.modes or [""]:
        if mode not in MODES:
            raise JaxposeError(f"--modes: {mode!r} is none of {', '.join(MODES)}")
    for name in _wanted(given.models):
        for mode in given.modes:
            if mode not in ALL_CASES[name].modes:
                continue
            batch_size = given.batch_size or ALL_CASES[name].config().batch_size
            options = (given.precision, batch_size, given.rematerialise)
            yield Job(name, mode, given.target, *options)


def _read_rows(path: pathlib.Path) -> list[Row]:
    """Returns the rows that a file has, none if there is no file.

    Raises:
      JaxposeError: the file is no table of rows.
    """
    if not path.exists():
        return []
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise JaxposeError(
            f"--json={path} is no file of rows ({error}); give another name"
        ) from error


def _text_file(folder: str | None, job: Job) -> pathlib.Path | None:
    """Returns where the text of a compiled program goes."""
    if folder is None:
        return None
    parts = [str(part) for part in dataclasses.astuple(job)]
    name = "-".join(parts).replace(":", "_") + ".txt"
    pathlib.Path(folder).expanduser().mkdir(parents=True, exist_ok=True)
    return pathlib.Path(folder).expanduser() / name


def main(argv: list[str]) -> None:
    """Compiles what the flags ask for, and prints the table."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    logging.set_verbosity(logging.ERROR)
    # What is computed on the way is computed here, whatever else is installed.
    jax.config.update("jax_platforms", "cpu")
    given = flags.FLAGS
    path = pathlib.Path(given.json).expanduser()
    try:
        jobs = list(_jobs(given))
        mesh = make_target_mesh(given.target)
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = _compile_all(jobs, mesh, path, given.texts)
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
    print(to_markdown(rows))


def _compile_all(
    jobs: list[Job], mesh: Mesh, path: pathlib.Path, texts: str | None
) -> list[Row]:
    """Compiles the jobs that `path` has no row of, by this version of JAX.

    Args:
      jobs: what is wanted.
      mesh: all chips of their target.
      path: file of the rows; each is written when it is known.
      texts: folder for the texts of the programs, if any.

    Returns:
      The rows of `jobs`, but for those that do not compile.
    """
    rows = _read_rows(path)
    version = importlib.metadata.version("jax")
    found = []
    for number, job in enumerate(jobs, start=1):
        about = dataclasses.asdict(job)
        known = [row for row in rows if about.items() <= row.items()]
        counted = f"{job.model}, {job.mode}, {job.target} ({number} of {len(jobs)})"
        if known and known[-1]["jax"] == version:
            print(f"{counted}: a row of {path}", file=sys.stderr, flush=True)
            found.append(known[-1])
            continue
        print(f"{counted}: compiling ...", file=sys.stderr, flush=True)
        # One model that does not compile does not stop the others.
        try:
            row = measure(job, mesh, _text_file(texts, job))
        except JaxposeError as error:
            print(f"failed: {error}", flush=True)
            continue
        # A row of another version of JAX makes way.
        rows = [row for row in rows if row not in known] + [row]
        found.append(row)
        whole_files.write_json(path, rows)
        counts = f"{row['kernels']:.0f} kernels, {row['gigabytes']:.2f} GB"
        print(f"{counted}: {counts}", file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    flags.DEFINE_string("target", "h100", "h100, v5e:2x2, v5p:2x2x1, v5e:16x16, ...")
    flags.DEFINE_list("models", ["all"], "Cases, by the beginning of their names.")
    flags.DEFINE_list("modes", list(MODES), "train, predict.")
    flags.DEFINE_enum("precision", "bfloat16", list(PRECISIONS), "config.precision.")
    flags.DEFINE_integer("batch_size", None, "Of all chips; absent: the config's.", 1)
    flags.DEFINE_bool("rematerialise", False, "config.model.rematerialise.")
    flags.DEFINE_string("texts", None, "Folder for the texts of compiled programs.")
    flags.DEFINE_string("json", "compiled.json", "File of the rows; kept and added to.")
    app.run(main)
