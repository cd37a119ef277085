"""Measures how time grows with the number of frames and the batch, and draws it.

    python -m experiments.scaling --plot=experiments/scaling.png --json=scaling.json

Two models of `quickstart` size: AMPose, one window per pose, and VideoPose3D, which
predicts whole clips.
"""

import argparse
import importlib
import json
import pathlib
import time
from collections.abc import Callable

import jax
import ml_collections
import numpy as np

from experiments import charts
from experiments.timing import (
    make_variables,
    median_seconds,
    random_clips,
    set_up_training,
)
from jaxpose.inference.predictor import Predictor
from jaxpose.models import build_model
from jaxpose.parallel import sharding
from jaxpose.precision import matmul_precision

MODELS = ("ampose", "videopose3d")
# Updates per call of the training program.
UPDATES = 10
HALVINGS = 6  # of the largest size
# Titles of the panels.
PREDICTED = "predicting so many frames, s"
BATCH = "an update with a batch of so many windows, s"
RESIDENT = "an update while so many frames lie on the device, s"


def make_config(name: str) -> ml_collections.ConfigDict:
    """Returns the `quickstart` of a model, without augmentations that need cameras."""
    config = importlib.import_module(f"configs.{name}").get_config("quickstart")
    config.augment_rotation, config.augment_bones = False, 0.0
    config.steps_per_dispatch = config.steps_per_epoch = UPDATES
    return config


def predict_seconds(name: str, num_frames: int) -> float:
    """Returns the seconds to predict `num_frames` frames, without compilation."""
    config = make_config(name)
    model = build_model(config)
    clips = random_clips(model, num_frames)
    predictor = Predictor(
        model,
        clips,
        batch_size=config.eval_batch_size,
        mesh=sharding.make_mesh(),
    )
    variables = make_variables(model)
    with matmul_precision(config.precision):
        # The first call compiles.
        predictor(variables, np.arange(1))
        start = time.perf_counter()
        predictor(variables, np.arange(clips.num_frames))
        return time.perf_counter() - start


def train_seconds(name: str, batch_size: int, num_frames: int = 100_000) -> float:
    """Returns the seconds of one update with `num_frames` frames on the device."""
    config = make_config(name)
    config.batch_size = batch_size
    training, state, order = set_up_training(config, build_model(config), num_frames)
    with matmul_precision(config.precision):
        update = training.compile(state)

    def dispatch() -> jax.Array:
        # An update consumes its state: each call continues where the last one ended.
        nonlocal state
        state, losses = update(state, training.data, order, np.int32(0))
        return losses

    return median_seconds(dispatch, 1.0, least=3) / UPDATES


def measure(
    seconds: Callable[[str, int], float], sizes: list[int]
) -> dict[str, dict[int, float]]:
    """Returns seconds by size, by model; prints each as it comes."""
    curves: dict[str, dict[int, float]] = {name: {} for name in MODELS}
    for size in sizes:
        for name in MODELS:
            curves[name][size] = seconds(name, size)
            print(f"{name}, {size:,}: {curves[name][size]:.4g} s", flush=True)
    return curves


def exponent(curve: dict[int, float]) -> float:
    """Returns the power of the sizes with which the seconds grow; 1 is linear.

    The slope of the least-squares line through the logarithms.
    """
    sizes, seconds = np.array(list(curve)), np.array(list(curve.values()))
    slope, _ = np.polyfit(np.log(sizes), np.log(seconds), 1)
    return float(slope)


def halved(largest: int) -> list[int]:
    """Returns sizes up to `largest`, each half of the next."""
    return [max(largest // 2**power, 1) for power in range(HALVINGS, -1, -1)]


def main(argv: list[str] | None = None) -> None:
    """Measures and draws all curves."""
    parser = argparse.ArgumentParser("python -m experiments.scaling")
    add, path = parser.add_argument, pathlib.Path
    add("--frames", type=int, default=2_000_000, help="most frames; halved six times")
    add("--batch_size", type=int, default=1024, help="largest batch; halved six times")
    add("--plot", type=path, required=True, help="PNG file of the curves")
    add("--json", type=path, help="file of the seconds")
    flags = parser.parse_args(argv)

    frames, batches = halved(flags.frames), halved(flags.batch_size)
    curves = {
        PREDICTED: measure(predict_seconds, frames),
        BATCH: measure(train_seconds, batches),
        RESIDENT: measure(lambda name, n: train_seconds(name, 128, n), frames),
    }
    for title, panel in curves.items():
        for name, curve in panel.items():
            print(f"{title}: {name} grows with power {exponent(curve):.2f}")
    if flags.json:
        flags.json.write_text(json.dumps(curves, indent=2) + "\n")
    charts.draw_scaling(curves, flags.plot)


if __name__ == "__main__":
    main()
