"""The same updates on one device and on eight, in one process and without files.

`python -m tests.parallel.on_devices FILE` needs eight devices and 64-bit types. It
writes an npz file whose names begin with the number of devices.
"""

import dataclasses
import sys
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.sharding import AxisType, Mesh

from jaxpose.inference.predictor import Predictor
from jaxpose.models import build_model
from jaxpose.scoring.evaluate import METRICS, Evaluator
from jaxpose.training.setup import set_up
from jaxpose.training.state import TrainState
from tests.small_run import small_clips, small_config


def in_float64(tree: Any) -> Any:
    """Casts the floating-point arrays of a pytree."""
    return jax.tree.map(
        lambda x: x.astype(float) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
    )


def train(
    config: ml_collections.ConfigDict, mesh: Mesh
) -> tuple[np.ndarray, TrainState]:
    """Returns the loss of every update, in float64, and the last state."""
    training = set_up(config, build_model(config), small_clips(), mesh)
    training = dataclasses.replace(training, data=in_float64(training.data))
    state = in_float64(training.fresh_state())
    update = training.compile(state)
    schedule = training.schedule
    losses = []
    for step in range(0, schedule.num_steps, schedule.steps_per_dispatch):
        epoch, position = divmod(step, schedule.steps_per_epoch)
        order = training.order_of_epoch(epoch)
        state, new_losses = update(state, training.data, order, position)
        losses.append(new_losses)
    return np.concatenate(losses), state


def main(path: str) -> None:
    """Trains and scores on the first device alone, then on all eight."""
    config = small_config()
    config.num_epochs = 3
    found = {}
    for count in (1, 8):
        devices = np.array(jax.devices()[:count])
        mesh = Mesh(devices, ("data",), axis_types=(AxisType.Auto,))
        losses, state = train(config, mesh)
        found[f"{count} losses"] = losses
        for key, leaf in jax.tree_util.tree_leaves_with_path(state):
            found[f"{count} state{jax.tree_util.keystr(key)}"] = np.asarray(leaf)
        model, clips = build_model(config), small_clips()
        predictor = Predictor(
            model, clips, batch_size=config.eval_batch_size, mesh=mesh
        )
        scores = Evaluator(clips, predictor).score(state.variables)
        found[f"{count} scores"] = np.array([scores[name] for name in METRICS])
    np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])
