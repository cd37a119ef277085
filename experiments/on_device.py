"""Measures everything worth timing on one accelerator, the most valuable first.

    python -m experiments.on_device --minutes=8 --out=DIR

Each figure is a line of `DIR/figures.jsonl` and of the table `DIR/figures.md` as soon
as it is known. The table names figures for which no time was left, and the same command
goes on with them. No figure begins after `--minutes`; one that has begun is finished,
and some take minutes to compile. The figures:

- rates of matrix products in bfloat16, TF32 and float32, and of copies in memory;
- an update and a prediction of every published size in bfloat16 and TF32, with the
  kernels that it launches, beside the milliseconds that its products and its bytes
  need at the measured rates;
- AMPose's prediction of 4,096 poses, its epoch on Human3.6M, and GLA-GCN's 80 epochs;
- the loss after equal updates in each precision;
- PyTorch's update of a transformer of AMPose's size, where PyTorch is installed.

Beside jax, flax, optax, numpy and absl-py it needs one package: `pip install
ml_collections`.
"""

import dataclasses
import importlib.util
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

from experiments.benchmark_cases import CASES
from experiments.compile_for import summarise
from experiments.compiled_text import Program
from experiments.device_table import Figure, to_markdown
from experiments.timing import (
    copy_rate,
    make_variables,
    matmul_rate,
    median_seconds,
    set_up_training,
)
from jaxpose import compilation_cache
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.models.cost import describe
from jaxpose.precision import matmul_precision
from jaxpose.whole_files import replacing

# Frames of the training subjects of Human3.6M, and how often an epoch shows each.
H36M_FRAMES, VIEWS = 1_559_752, 2
# The published sizes, those of the most asked figures first.
ORDER = (
    "ampose_d5w512",
    "gla_gcn_t243",
    "gla_gcn_t27",
    "crossformer_f81",
    "gast_net_t27",
    "videopose3d_t243",
    "poseformer_f81",
    "gast_net_t81",
    "crossformer_f9",
    "videopose3d_t27",
    "poseformer_f9",
)
PRECISIONS = ("bfloat16", "tf32")
LARGE_BATCH = 4096
# Updates after which losses of the precisions are compared.
EQUAL_UPDATES = 400


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is measured; `TOY` is for a test on a CPU.

    Attributes:
      matrix: side of the matrix products.
      copy: numbers that are copied in memory.
      frames: training frames on the device.
      updates: per call of the training program.
      seconds: time for one figure, compilation left out.
      large_batch: poses of the large prediction.
      equal_updates: updates before losses are compared.
      shrink: whether models and batches are made tiny.
    """

    matrix: int = 8192
    copy: int = 2**29
    frames: int = 100_000
    updates: int = 20
    seconds: float = 2.0
    large_batch: int = LARGE_BATCH
    equal_updates: int = EQUAL_UPDATES
    shrink: bool = False

    def config(self, name: str, precision: str) -> ml_collections.ConfigDict:
        """Returns the config of a published size in `precision`."""
        config = CASES[name].config()
        if self.shrink:
            config = CASES[name].file.get_config("quickstart")
            config.batch_size = 8
        config.precision = precision
        # Virtual views need cameras, which random motion has not.
        config.augment_rotation, config.augment_bones = False, 0.0
        config.steps_per_dispatch = config.steps_per_epoch = self.updates
        return config


TOY = Sizes(64, 1000, 500, 2, 0.01, 16, 4, shrink=True)


def measure_products(sizes: Sizes) -> Iterator[Figure]:
    """Yields the rates of matrix products, TFLOP/s."""
    for name, dtype in (("bfloat16", jnp.bfloat16), ("tf32", None), ("float32", None)):
        with matmul_precision(name):
            rate = matmul_rate(dtype or jnp.float32, sizes.matrix)
        yield {"figure": f"products, {name}", "tflops": rate / 1e3}
    yield {"figure": "copies in memory", "gigabytes_per_second": copy_rate(sizes.copy)}


def measure_update(sizes: Sizes, name: str, precision: str) -> Iterator[Figure]:
    """Yields the time of one update, and what follows from it."""
    config = sizes.config(name, precision)
    model = build_model(config)
    with matmul_precision(precision):
        training, state, order = set_up_training(config, model, sizes.frames)
        start = time.perf_counter()
        update = training.compile(state)
        compiled = time.perf_counter() - start

        def dispatch() -> jax.Array:
            nonlocal state
            state, losses = update(state, training.data, order, np.int32(0))
            return losses

        seconds = median_seconds(dispatch, sizes.seconds, least=3) / sizes.updates
    # A backward pass costs twice its forward pass, and a product two operations.
    operations = 6 * describe(model)["macs"] * config.batch_size
    figure = {
        "figure": f"update, {name}, {precision}",
        "batch_size": config.batch_size,
        "ms": 1e3 * seconds,
        "poses_per_second": config.batch_size / seconds,
        "tflops": operations / seconds / 1e12,
        "compile_seconds": compiled,
        **of_program(update.program, sizes.updates // update.calls),
    }
    epoch = H36M_FRAMES * VIEWS / config.batch_size * seconds
    yield figure | {"hours_of_epoch": epoch / 3600}


def measure_prediction(
    sizes: Sizes, name: str, precision: str, batch_size: int | None = None
) -> Iterator[Figure]:
    """Yields the time of predicting one batch, that of the config or another."""
    config = sizes.config(name, precision)
    model, count = build_model(config), batch_size or config.batch_size
    variables = make_variables(model)
    inputs = jax.device_put(model.example_inputs(count))
    with matmul_precision(precision):
        start = time.perf_counter()
        predict = jax.jit(model.predict).lower(variables, *inputs).compile()
        compiled = time.perf_counter() - start
        seconds = median_seconds(lambda: predict(variables, *inputs), sizes.seconds)
    operations = 2 * describe(model)["macs"] * count
    yield {
        "figure": f"prediction, {name}, {precision}",
        "batch_size": count,
        "ms": 1e3 * seconds,
        "poses_per_second": count / seconds,
        "tflops": operations / seconds / 1e12,
        "compile_seconds": compiled,
        **of_program(predict, calls=1),
    }


def of_program(program: jax.stages.Compiled, calls: int) -> Figure:
    """Returns what a compiled program tells of itself, as far as its compiler does.

    Args:
      program: the program.
      calls: how many updates it makes; launches inside of its loop count.
    """
    figure: Figure = {}
    if (memory := program.memory_analysis()) is not None:
        used = memory.temp_size_in_bytes + memory.argument_size_in_bytes
        figure["gib"] = used / 2**30
    if text := program.as_text():
        launches = []
        for launch in Program(text).launches():
            if launch.times >= calls:
                launches.append(launch)
        row = summarise(launches, calls)
        figure |= {"kernels": row["kernels"], "gigabytes": row["gigabytes"]}
    return figure


def measure_losses(sizes: Sizes) -> Iterator[Figure]:
    """Yields the loss after equal updates from equal weights, in each precision."""
    for precision in ("float32", *PRECISIONS):
        config = sizes.config("ampose_d5w512", precision)
        with matmul_precision(precision):
            training, state, order = set_up_training(
                config, build_model(config), sizes.frames
            )
            update = training.compile(state)
            losses = jnp.zeros(1)
            for _ in range(0, sizes.equal_updates, sizes.updates):
                state, losses = update(state, training.data, order, np.int32(0))
        yield {
            "figure": f"loss after {sizes.equal_updates} updates, {precision}",
            "loss": float(losses.mean()),
        }


def measure_torch(sizes: Sizes, compiled: bool) -> Iterator[Figure]:
    """Yields PyTorch's update of a transformer of AMPose's width and depth."""
    if importlib.util.find_spec("torch") is None:
        yield {"figure": "PyTorch", "skipped": "torch is not installed"}
        return
    import torch

    config = sizes.config("ampose_d5w512", "bfloat16")
    width, heads = config.model.joint_width, config.model.heads
    device = "cuda" if torch.cuda.is_available() else "cpu"
    layer = torch.nn.TransformerEncoderLayer(
        width, heads, 2 * width, batch_first=True, norm_first=True
    )
    # AMPose has a graph block behind every attention block: twice the layers.
    network = torch.nn.TransformerEncoder(layer, 2 * config.model.depth).to(device)
    optimizer = torch.optim.Adam(network.parameters())
    tokens = torch.randn(config.batch_size, 17, width, device=device)

    def update() -> Any:
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16):
            loss = network(tokens).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    step = torch.compile(update) if compiled else update

    def wait() -> np.ndarray:
        return step().detach().cpu().numpy()

    seconds = median_seconds(wait, sizes.seconds)
    kind = "compiled" if compiled else "eager"
    yield {"figure": f"PyTorch's transformer, {kind}", "ms": 1e3 * seconds}


def plan(sizes: Sizes) -> list[tuple[str, Callable[[], Iterator[Figure]]]]:
    """Returns what is measured, in order: names and calls."""
    tasks: list[tuple[str, Callable[[], Iterator[Figure]]]] = []

    def add(name: str, measure: Callable[..., Iterator[Figure]], *given: Any) -> None:
        tasks.append((name, lambda: measure(sizes, *given)))

    add("products", measure_products)
    first = "ampose_d5w512"
    add(f"update {first} bfloat16", measure_update, first, "bfloat16")
    large = (first, "bfloat16", sizes.large_batch)
    add("large prediction", measure_prediction, *large)
    for name in ORDER[1:]:
        add(f"update {name} bfloat16", measure_update, name, "bfloat16")
    add("losses", measure_losses)
    for name in ORDER:
        add(f"prediction {name} bfloat16", measure_prediction, name, "bfloat16")
    for compiled in (False, True):
        add(f"PyTorch {compiled}", measure_torch, compiled)
    for name in ORDER:
        add(f"update {name} tf32", measure_update, name, "tf32")
        add(f"prediction {name} tf32", measure_prediction, name, "tf32")
    return tasks


def measure(sizes: Sizes, seconds: float, out: pathlib.Path) -> list[Figure]:
    """Measures in the order of `plan` until `seconds` are over.

    A figure that fails is written with its error; the others go on. Figures that an
    earlier call has written to `out` are not measured again.

    Returns:
      The figures of this call and of earlier ones.

    Raises:
      JaxposeError: the earlier figures are of another device, version of JAX or size.
    """
    end = time.monotonic() + seconds
    device = jax.devices()[0].device_kind
    path = out / "figures.jsonl"
    here = {"device": device, "jax": jax.__version__, "toy": sizes.shrink}
    figures = _earlier(path)
    for figure in figures:
        if not here.items() <= figure.items():
            there = {name: figure.get(name) for name in here}
            raise JaxposeError(
                f"{path} has figures of {there}, and here is {here}; give another --out"
            )
    done = {figure["task"] for figure in figures}
    # What was interrupted is measured again, and stands there once.
    finished = [{"task": task, "finished": True} for task in sorted(done)]
    with replacing(path) as partial:
        rows = figures + finished
        partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with path.open("a", buffering=1) as file:

        def write(task: str, figure: Figure) -> None:
            figure = here | {"task": task} | figure
            figures.append(figure)
            file.write(json.dumps(figure) + "\n")
            print(json.dumps(figure), flush=True)
            with replacing(out / "figures.md") as partial:
                partial.write_text(to_markdown(figures))

        for name, task in plan(sizes):
            if name in done:
                continue
            if time.monotonic() > end:
                write(name, {"figure": name, "skipped": "no time was left"})
                continue
            try:
                for figure in task():
                    write(name, figure)
                file.write(json.dumps({"task": name, "finished": True}) + "\n")
            except (JaxposeError, RuntimeError, ValueError) as error:
                line = " ".join(str(error).split())[:200]
                failed = f"{type(error).__name__}: {line}"
                write(name, {"figure": name, "failed": failed})
    return figures


def _earlier(path: pathlib.Path) -> list[Figure]:
    """Returns the figures of tasks that an earlier call has finished."""
    if not path.exists():
        return []
    rows = []
    for line in path.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:  # the last line of a call that was killed
            continue
    finished = {row["task"] for row in rows if "finished" in row}
    return [row for row in rows if row["task"] in finished and "figure" in row]


def main(argv: list[str]) -> None:
    """Measures and writes the table."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    logging.set_verbosity(logging.ERROR)
    given = flags.FLAGS
    out = pathlib.Path(given.out).expanduser()
    try:
        out.mkdir(parents=True, exist_ok=True)
        compilation_cache.use()
        sizes = TOY if given.toy else Sizes()
        sizes = dataclasses.replace(sizes, seconds=given.seconds or sizes.seconds)
        measure(sizes, 60 * given.minutes, out)
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    flags.DEFINE_float("minutes", 8.0, "No figure begins later.", lower_bound=0.0)
    flags.DEFINE_float(
        "seconds", None, "Time for one figure: 2; toy 0.01.", lower_bound=0.0
    )
    flags.DEFINE_string("out", None, "Folder of the figures.")
    flags.DEFINE_bool("toy", False, "Tiny models: shows that everything works.")
    flags.mark_flag_as_required("out")
    app.run(main)
