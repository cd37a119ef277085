"""Times calls, and makes the random motion and the models that are timed."""

import functools
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clip, Clips
from jaxpose.models.base import LiftingModel
from jaxpose.models.initialise import init_variables
from jaxpose.parallel import sharding
from jaxpose.training import setup
from jaxpose.training.setup import Training
from jaxpose.training.state import TrainState

# Length of a random clip.
CLIP_FRAMES = 1000


def seconds_of(call: Callable[[], Any], budget: float, least: int = 5) -> list[float]:
    """Returns the wall seconds of each call; the first call warms up, uncounted.

    Args:
      call: returns arrays, which are waited for.
      budget: seconds after which no new call begins.
      least: fewest calls, whatever they take.
    """
    jax.block_until_ready(call())
    found: list[float] = []
    while len(found) < least or sum(found) < budget:
        start = time.perf_counter()
        jax.block_until_ready(call())
        found.append(time.perf_counter() - start)
    return found


def median_seconds(call: Callable[[], Any], budget: float, least: int = 5) -> float:
    """Returns the median of `seconds_of`."""
    return statistics.median(seconds_of(call, budget, least))


def matmul_rate(dtype: Any, size: int = 2048) -> float:
    """Returns the GFLOP/s of a square matrix product."""
    matrix = jax.random.normal(jax.random.key(0), (size, size)).astype(dtype)
    product = jax.jit(lambda matrix: matrix @ matrix)
    return 2e-9 * size**3 / median_seconds(lambda: product(matrix), 1.0)


def copy_rate(size: int = 2**24) -> float:
    """Returns the GB/s, read and written, of adding one to `size` float32 numbers."""
    numbers = jax.random.normal(jax.random.key(0), (size,))
    add_one = jax.jit(lambda numbers: numbers + 1.0)
    return 8e-9 * size / median_seconds(lambda: add_one(numbers), 1.0)


@functools.cache
def machine() -> dict[str, Any]:
    """Returns what the figures are measured on; times matrix products once."""
    versions = {"python": platform.python_version()}
    for name in ("jax", "jaxlib", "flax"):
        versions[name] = importlib.metadata.version(name)
    # All devices of a machine are of one kind.
    device = jax.devices()[0].device_kind
    processor = platform.processor() or platform.machine()
    return {
        "device": f"{jax.device_count()} x {device}",
        "processor": f"{processor}, {jax.local_device_count()} device(s)",
        "versions": versions,
        "matmul_gflops": matmul_rate(jnp.float32),
        "matmul_gflops_bfloat16": matmul_rate(jnp.bfloat16),
    }


def random_clips(
    model: LiftingModel, num_frames: int, clip_frames: int = CLIP_FRAMES
) -> Clips:
    """Returns at least `num_frames` frames of joints that walk at random.

    All clips are equal, without a camera, and `clip_frames` long.
    """
    num_clips = -(-num_frames // clip_frames)
    rng = np.random.default_rng(0)

    def walk(skeleton: str, size: int) -> np.ndarray:
        """Returns `[num_clips * clip_frames, J, size]`, steps of 3 mm."""
        shape = (clip_frames, get_skeleton(skeleton).num_joints, size)
        positions = np.cumsum(rng.normal(0, 0.003, shape), axis=0)
        return np.tile(positions.astype(np.float32), (num_clips, 1, 1))

    # The index only says where clips begin; nothing here reads names or cameras.
    index = []
    for number in range(num_clips):
        clip = Clip(
            subject="s",
            action="a",
            take=str(number),
            camera="c",
            start=number * clip_frames,
            length=clip_frames,
            fps=50.0,
            image_size=(1000, 1000),
            has_absolute_root=True,
        )
        index.append(clip)
    return Clips(
        dataset="random",
        skeleton=model.skeleton,
        keypoints_skeleton=model.keypoints_skeleton,
        keypoints_source="gt",
        positions_3d=walk(model.skeleton, 3),
        keypoints_2d=walk(model.keypoints_skeleton, model.keypoint_features),
        valid=np.ones(num_clips * clip_frames, bool),
        index=tuple(index),
    )


def make_variables(model: LiftingModel) -> Any:
    """Returns initial variables of `model`."""
    return init_variables(model, jax.random.key(0))


def set_up_training(
    config: ml_collections.ConfigDict, model: LiftingModel, num_frames: int = 100_000
) -> tuple[Training, TrainState, jax.Array]:
    """Returns a training on `num_frames` frames, its first state and first order."""
    clips = random_clips(model, num_frames)
    training = setup.set_up(config, model, clips, sharding.make_mesh())
    return training, training.fresh_state(), training.order_of_epoch(0)
