"""The state of a training: everything that an update changes."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding


class TrainState(flax.struct.PyTreeNode):
    """Everything that training changes.

    Attributes:
      step: number of updates made.
      params: the model's parameters.
      batch_stats: running statistics of batch normalisation (empty for models without).
      opt_state: the optimiser's state.
    """

    step: jax.Array
    params: Any
    batch_stats: Any
    opt_state: optax.OptState

    @property
    def variables(self) -> dict[str, Any]:
        """Returns the variables that `model.apply` takes."""
        return {"params": self.params, "batch_stats": self.batch_stats}


def create_state(
    model: LiftingModel,
    optimizer: optax.GradientTransformation,
    seed: int,
    mesh: Mesh,
) -> TrainState:
    """Makes a fresh state, on all devices of `mesh`."""
    return _initialise(model, optimizer, mesh)(jax.random.key(seed))


def state_shapes(
    model: LiftingModel,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
) -> TrainState:
    """Returns shapes, types and shardings of the state, to restore a checkpoint."""
    return _initialise(model, optimizer, mesh).eval_shape(jax.random.key(0))


def _initialise(
    model: LiftingModel,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
) -> Any:
    """Returns the jitted function that makes a fresh state from a key."""

    def init(key: jax.Array) -> TrainState:
        variables = model.init(key, *model.example_inputs(), train=False)
        params = variables["params"]
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=variables.get("batch_stats", {}),
            opt_state=optimizer.init(params),
        )

    # The state is the same on every device.
    return jax.jit(init, out_shardings=sharding.replicated(mesh))
