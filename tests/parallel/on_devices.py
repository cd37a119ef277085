"""The same updates on one device and on eight, in one process and without files.

`python -m tests.parallel.on_devices FILE` needs eight devices and 64-bit types. It
writes an npz file whose names begin with the number of devices.
"""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.sharding import AxisType, Mesh

from jaxpose.data import windows
from jaxpose.models import build_model
from jaxpose.parallel import sharding
from jaxpose.scoring.evaluate import METRICS, Evaluator, scored_frames
from jaxpose.training import loop
from jaxpose.training.step import (
    Schedule,
    TrainData,
    TrainState,
    create_state,
    make_epoch_order,
    make_train_steps,
)
from tests.small_run import small_clips, small_config

SCHEDULE = Schedule(num_epochs=3, steps_per_epoch=12, steps_per_dispatch=4)


def in_float64(tree: Any) -> Any:
    """Casts the floating-point arrays of a pytree."""
    return jax.tree.map(
        lambda x: x.astype(float) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def train(
    config: ml_collections.ConfigDict, mesh: Mesh
) -> tuple[np.ndarray, TrainState]:
    """Returns the loss of every update, in float64, and the last state."""
    model, clips = build_model(config), small_clips()
    frames = scored_frames(clips)
    table = jax.tree.map(np.asarray, windows.frame_table(clips))
    data = sharding.put_replicated(TrainData(in_float64(table), frames), mesh)
    optimizer = loop.make_optimizer(config, SCHEDULE)
    state = in_float64(create_state(model, optimizer, config.seed, mesh))
    order_of_epoch = make_epoch_order(
        2 * len(frames), SCHEDULE.steps_per_epoch, config.batch_size, config.seed, mesh
    )
    train_steps = make_train_steps(
        model, optimizer, config, SCHEDULE, clips.keypoints_skeleton, mesh
    )
    losses = []
    for step in range(0, SCHEDULE.num_steps, SCHEDULE.steps_per_dispatch):
        epoch, position = divmod(step, SCHEDULE.steps_per_epoch)
        order = order_of_epoch(epoch)
        state, new_losses = train_steps(state, data, order, np.int32(position))
        losses.append(new_losses)
    return np.concatenate(losses), state


def main(path: str) -> None:
    """Trains and scores on the first device alone, then on all eight."""
    config = small_config()
    config.model.depth = 1
    found = {}
    for count in (1, 8):
        devices = np.array(jax.devices()[:count])
        mesh = Mesh(devices, ("data",), axis_types=(AxisType.Auto,))
        losses, state = train(config, mesh)
        found[f"{count} losses"] = losses
        for key, leaf in jax.tree_util.tree_leaves_with_path(state):
            found[f"{count} state{jax.tree_util.keystr(key)}"] = np.asarray(leaf)
        evaluator = Evaluator(build_model(config), config, small_clips(), mesh)
        scores = evaluator.score(state.variables)
        found[f"{count} scores"] = np.array([scores[name] for name in METRICS])
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
