"""The compiled function that updates the state of a training.

The training data stays on the devices, and one dispatch makes many updates.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from jax.sharding import Mesh

from jaxpose.data.batches import TrainData, make_batch_function
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding
from jaxpose.training import optimizers
from jaxpose.training.packing import Packing
from jaxpose.training.state import TrainState
from jaxpose.training.targets import make_loss

# `(state, data, numbers [B], key) -> (loss, running statistics, gradient)`.
GradientFunction = Callable[
    [TrainState, TrainData, jax.Array, jax.Array], tuple[jax.Array, Any, Any]
]


class Schedule(NamedTuple):
    """The length of training, on which learning rates and loss stages depend."""

    num_epochs: int
    steps_per_epoch: int
    steps_per_dispatch: int

    @property
    def num_steps(self) -> int:
        """Returns the number of updates of the whole training."""
        return self.num_epochs * self.steps_per_epoch


def make_update(
    model: LiftingModel,
    optimizer: optax.GradientTransformation,
    config: ml_collections.ConfigDict,
    schedule: Schedule,
    mesh: Mesh,
    *,
    unrolled: bool,
    packing: Packing | None = None,
) -> Callable[[TrainState, TrainData, jax.Array], tuple[TrainState, jax.Array]]:
    """Makes one update: `(state, data, numbers [B]) -> (state, loss)`, inside `jit`.

    With `packing` the parameters and the optimiser's state are packed.

    With `config.accumulation_steps` the gradient is the mean over that many parts of
    the batch, computed one after the other: `unrolled`, or by a loop in the compiled
    program.
    """
    gradient = _make_gradient(model, config, schedule, mesh)
    if config.accumulation_steps > 1:
        gradient = _in_parts(gradient, config.accumulation_steps, unrolled)

    def update(
        state: TrainState,
        data: TrainData,
        numbers: jax.Array,
    ) -> tuple[TrainState, jax.Array]:
        # The key of an update depends on the seed and the step alone, so a resumed run
        # draws the same numbers as an uninterrupted one.
        key = jax.random.fold_in(jax.random.key(config.seed + 1), state.step)
        whole = state
        if packing is not None:
            whole = state.replace(params=packing.unpack(state.params))
        loss, batch_stats, grads = gradient(whole, data, numbers, key)
        if packing is not None:
            grads = packing.pack(grads)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        new_state = TrainState(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            batch_stats=batch_stats,
            opt_state=opt_state,
        )
        return new_state, loss

    return update


def _make_gradient(
    model: LiftingModel,
    config: ml_collections.ConfigDict,
    schedule: Schedule,
    mesh: Mesh,
) -> GradientFunction:
    """Makes the gradient of the loss of the samples `numbers`."""
    make_batch = make_batch_function(model, config, mesh)
    compute_loss = make_loss(model, config)

    def gradient(
        state: TrainState,
        data: TrainData,
        numbers: jax.Array,
        key: jax.Array,
    ) -> tuple[jax.Array, Any, Any]:
        # Augmentation and dropout draw from keys of their own.
        data_key, model_key = jax.random.split(key)
        inputs, positions = make_batch(data, numbers, data_key)
        epoch = state.step // schedule.steps_per_epoch

        def loss_and_statistics(params: Any) -> tuple[jax.Array, Any]:
            variables = {"params": params, "batch_stats": state.batch_stats}
            return compute_loss(variables, inputs, positions, model_key, epoch)

        differentiate = jax.value_and_grad(loss_and_statistics, has_aux=True)
        (loss, batch_stats), grads = differentiate(state.params)
        # Layers have one fixed momentum: its schedule rescales the step they made.
        if config.batch_norm_decay:
            momentum = optimizers.batch_norm_momentum(
                epoch, schedule.num_epochs, config.optimizer.restart_epochs
            )
            batch_stats = rescale_statistics(
                state.batch_stats, batch_stats, momentum, model.keeps_momentum
            )
        return loss, batch_stats, grads

    return gradient


def _in_parts(
    gradient_of_part: GradientFunction, parts: int, unrolled: bool
) -> GradientFunction:
    """Makes the gradient of a batch from those of its parts, one after the other.

    Loss and gradient are means over the parts. The statistics pass from part to part.
    """

    def gradient(
        state: TrainState,
        data: TrainData,
        numbers: jax.Array,
        key: jax.Array,
    ) -> tuple[jax.Array, Any, Any]:
        # Passes the statistics from part to part, and adds up the gradients.
        def body(carry: Any, part: Any) -> tuple[Any, jax.Array]:
            batch_stats, total = carry
            state_of_part = state.replace(batch_stats=batch_stats)
            loss, batch_stats, grads = gradient_of_part(state_of_part, data, *part)
            return (batch_stats, jax.tree.map(jnp.add, total, grads)), loss

        # Every part has its samples and a key of its own.
        carry = state.batch_stats, jax.tree.map(jnp.zeros_like, state.params)
        split = numbers.reshape(parts, -1), jax.random.split(key, parts)
        if unrolled:
            carry, losses = _loop(body, carry, *split)
        else:
            carry, losses = jax.lax.scan(body, carry, split)
        batch_stats, total = carry
        return losses.mean(), batch_stats, jax.tree.map(lambda x: x / parts, total)

    return gradient


def _loop(
    body: Callable[[Any, Any], tuple[Any, jax.Array]],
    carry: Any,
    numbers: jax.Array,
    keys: jax.Array,
) -> tuple[Any, jax.Array]:
    """Computes `jax.lax.scan(body, carry, (numbers, keys))` without a loop."""
    outputs = []
    for number, key in zip(numbers, keys, strict=True):
        # Each part waits for the part before it, so that both use the same memory.
        carry, number = jax.lax.optimization_barrier((carry, number))
        carry, output = body(carry, (number, key))
        outputs.append(output)
    return carry, jnp.stack(outputs)


class TrainSteps:
    """The updates of one dispatch, compiled ahead of time for fixed shapes.

    On an accelerator one call of the program scans all `schedule.steps_per_dispatch`
    updates. On a CPU each call makes one update: inside a scan, XLA for CPU takes forty
    times as long for the gradient of a convolution, and a call costs almost nothing.

    Attributes:
      program: the compiled program.
      calls: how often a dispatch calls it.
    """

    def __init__(
        self,
        program: jax.stages.Compiled,
        updates: int,
        calls: int,
    ):
        """Takes a program that makes `updates` updates per call."""
        self.program = program
        self.calls = calls
        self._updates = updates

    def __call__(
        self,
        state: TrainState,
        data: TrainData,
        order: jax.Array,
        first: int | np.signedinteger,
    ) -> tuple[TrainState, jax.Array]:
        """Makes the updates that begin at position `first` of the epoch.

        Args:
          state: the state; consumed.
          data: the data.
          order: the epoch's order of samples.
          first: position in the epoch of the first update.

        Returns:
          The new state and the loss of each update.
        """
        # One call on an accelerator, one call per update on a CPU.
        losses = []
        for call in range(self.calls):
            position = np.int32(first + call * self._updates)
            state, loss = self.program(state, data, order, position)
            losses.append(loss)
        return state, losses[0] if self.calls == 1 else jnp.concatenate(losses)


def compile_train_steps(
    model: LiftingModel,
    optimizer: optax.GradientTransformation,
    config: ml_collections.ConfigDict,
    schedule: Schedule,
    mesh: Mesh,
    example: tuple[TrainState, TrainData, jax.Array],
    platform: str = "",
) -> TrainSteps:
    """Compiles the updates of one dispatch for the state, data and order of `example`.

    `platform` is the platform to compile for, `cpu` or an accelerator; empty means the
    platform of `mesh`.
    """
    # The CPU has its own form of some models, and makes one update per call.
    platform = platform or mesh.devices.flat[0].platform
    is_cpu = platform == "cpu"
    updates = 1 if is_cpu else schedule.steps_per_dispatch
    model = model.for_platform(platform)
    # Where an update is a call of its own, packing would be part of every update.
    packing = Packing(example[0].params) if updates > 1 else None
    update = make_update(
        model,
        optimizer,
        config,
        schedule,
        mesh,
        unrolled=is_cpu,
        packing=packing,
    )

    def steps(
        state: TrainState,
        data: TrainData,
        order: jax.Array,
        first: jax.Array,
    ) -> tuple[TrainState, jax.Array]:
        # Update `i` of the call reads its batch from the order of the epoch.
        def body(state: TrainState, i: jax.Array) -> tuple[TrainState, jax.Array]:
            start = (first + i) * config.batch_size
            numbers = jax.lax.dynamic_slice_in_dim(order, start, config.batch_size)
            return update(state, data, numbers)

        if packing is None:
            state, loss = body(state, jnp.int32(0))
            return state, loss[None]
        packed = state.replace(
            params=packing.pack(state.params),
            opt_state=packing.pack_inside(state.opt_state),
        )
        packed, losses = jax.lax.scan(body, packed, jnp.arange(updates))
        state = packed.replace(
            params=packing.unpack(packed.params),
            opt_state=packing.unpack_inside(packed.opt_state),
        )
        return state, losses

    # The old state is donated: the new one takes over its buffers.
    everywhere = sharding.replicated(mesh)
    jitted = jax.jit(
        steps,
        donate_argnums=0,
        in_shardings=everywhere,
        out_shardings=everywhere,
    )
    program = jitted.lower(*example, np.int32(0)).compile()
    return TrainSteps(program, updates, schedule.steps_per_dispatch // updates)


def rescale_statistics(
    old: Any,
    new: Any,
    momentum: jax.Array,
    keeps_momentum: Callable[[tuple[str, ...]], bool],
) -> Any:
    """Rescales running statistics as if batch norm had used `momentum`, not 0.1.

    A layer moves its statistics by 0.1 of the difference to the batch's statistics.
    This step is rescaled here, so that models know nothing of the schedule. Layers for
    whose path `keeps_momentum` is true keep 0.1.
    """

    def rescale(
        path: tuple[Any, ...],
        before: jax.Array,
        after: jax.Array,
    ) -> jax.Array:
        if keeps_momentum(tuple(entry.key for entry in path)):
            return after
        return before + (momentum / 0.1) * (after - before)

    return jax.tree_util.tree_map_with_path(rescale, old, new)
