"""The state of a training: everything that an update changes."""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from jaxpose.models.base import LiftingModel
from jaxpose.models.cost import variable_shapes
from jaxpose.models.initialise import init_variables
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
    variables = init_variables(model, jax.random.key(seed))
    state = _fresh_state(variables, optimizer)
    # Copies: the train step takes over the memory of its state, and an optimiser may
    # begin with the parameters themselves.
    return sharding.put_replicated(jax.tree.map(np.array, state), mesh)


def state_shapes(
    model: LiftingModel,
    optimizer: optax.GradientTransformation,
    mesh: Mesh,
) -> TrainState:
    """Returns shapes, types and shardings of the state, to restore a checkpoint."""

    def shapes(variables: dict[str, Any]) -> TrainState:
        return _fresh_state(variables, optimizer)

    jitted = jax.jit(shapes, out_shardings=sharding.replicated(mesh))
    return jitted.eval_shape(variable_shapes(model))


def _fresh_state(
    variables: dict[str, Any], optimizer: optax.GradientTransformation
) -> TrainState:
    """Returns the state that begins with `variables`."""
    params = variables["params"]
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=variables.get("batch_stats", {}),
        opt_state=optimizer.init(params),
    )
