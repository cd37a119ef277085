"""Measures how time grows with the number of frames and with the batch, and draws it.

    python -m experiments.scaling --plot=experiments/scaling.png --json=scaling.json

Measures two small models at their `quickstart` sizes: AMPose, one window per pose, and
VideoPose3D, whole clips.
"""

import argparse
import importlib
import json
import pathlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from experiments import figures
from experiments.benchmark import (
    make_variables,
    random_clips,
    seconds_of,
    set_up_training,
)
from jaxpose.inference.predictor import Predictor
from jaxpose.models import build_model
from jaxpose.parallel import sharding
from jaxpose.precision import matmul_precision

MODELS = ("ampose", "videopose3d")
UPDATES = 10


def make_config(name: str) -> Any:
    """The `quickstart` of a model, without the augmentations that need cameras."""
    config = importlib.import_module(f"configs.{name}").get_config("quickstart")
    config.augment_rotation, config.augment_bones = False, 0.0
    config.steps_per_dispatch = config.steps_per_epoch = UPDATES
    return config


def predict_seconds(name: str, num_frames: int) -> float:
    """Seconds to predict `num_frames` frames, compilation left out."""
    config = make_config(name)
    model = build_model(config)
    clips = random_clips(model, num_frames)
    predictor = Predictor(
        model, clips, batch_size=config.eval_batch_size, mesh=sharding.make_mesh()
    )
    variables = make_variables(model)
    with matmul_precision(config.precision):
        predictor(variables, np.arange(1))
        start = time.perf_counter()
        predictor(variables, np.arange(clips.num_frames))
        return time.perf_counter() - start


def train_seconds(name: str, batch_size: int, num_frames: int = 100_000) -> float:
    """Seconds of one update with `num_frames` frames on the device."""
    config = make_config(name)
    config.batch_size = batch_size
    training, state, order = set_up_training(config, build_model(config), num_frames)
    with matmul_precision(config.precision):
        update = training.compile(state)

    def dispatch() -> jax.Array:
        nonlocal state
        state, losses = update(state, training.data, order, np.int32(0))
        return losses

    return statistics.median(seconds_of(dispatch, 1.0, least=3)) / UPDATES


def measure(
    seconds: Callable[[str, int], float], sizes: list[int]
) -> dict[str, dict[int, float]]:
    """Seconds by model and size, each printed as it comes."""
    curves: dict[str, dict[int, float]] = {name: {} for name in MODELS}
    for size in sizes:
        for name in MODELS:
            curves[name][size] = seconds(name, size)
            print(f"{name}, {size:,}: {curves[name][size]:.4g} s", flush=True)
    return curves


def exponent(curve: dict[int, float]) -> float:
    """Returns the power `p` of `seconds = c * size ** p`, by least squares of the logs.

    A curve with power 1 is linear.
    """
    return float(np.polyfit(np.log(list(curve)), np.log(list(curve.values())), 1)[0])


def main(argv: list[str] | None = None) -> None:
    """Measures all curves."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.scaling", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--frames", type=int, default=2_000_000, help="most frames; halved six times"
    )
    parser.add_argument(
        "--batch_size", type=int, default=1024, help="largest batch; halved six times"
    )
    parser.add_argument(
        "--plot", type=pathlib.Path, required=True, help="PNG file of the curves"
    )
    parser.add_argument("--json", type=pathlib.Path, help="file of the seconds")
    flags = parser.parse_args(argv)
    frames = [flags.frames // 2**i for i in range(6, -1, -1)]
    batches = [max(flags.batch_size // 2**i, 1) for i in range(6, -1, -1)]
    curves = {
        "predicting so many frames, s": measure(predict_seconds, frames),
        "an update with a batch of so many windows, s": measure(train_seconds, batches),
        "an update while so many frames lie on the device, s": measure(
            lambda name, count: train_seconds(name, 128, count), frames
        ),
    }
    for title, panel in curves.items():
        for name, curve in panel.items():
            print(f"{title}: {name} grows with power {exponent(curve):.2f}")
    if flags.json:
        flags.json.write_text(json.dumps(curves, indent=2) + "\n")
    figures.draw_scaling(curves, flags.plot)


if __name__ == "__main__":
    main()
