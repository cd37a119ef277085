"""What changes during training, and the jitted function that changes it.

One dispatch runs many steps: windows are gathered from the device-resident data, flipped and
centred inside the step, so nothing waits on the host.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import optax
from jax.sharding import Mesh

from jaxpose.body import cameras
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import augmentation, virtual_views, windows
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding
from jaxpose.training import optimizers
from jaxpose.training.losses import LOSSES


@flax.struct.dataclass
class TrainState:
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
        """What the model is applied with."""
        return {"params": self.params, "batch_stats": self.batch_stats}


class TrainData(NamedTuple):
    """The device-resident training data.

    Attributes:
      table: all frames.
      samples: `[S]` int32, the frames that may be targets.
    """

    table: windows.FrameTable
    samples: jax.Array


class Schedule(NamedTuple):
    """The length of training, which rates and the loss stages are functions of."""

    num_epochs: int
    steps_per_epoch: int
    steps_per_dispatch: int

    @property
    def num_steps(self) -> int:
        """Updates in all."""
        return self.num_epochs * self.steps_per_epoch


def create_state(
    model: LiftingModel, optimizer: optax.GradientTransformation, seed: int, mesh: Mesh
) -> TrainState:
    """A fresh state, born on the mesh."""
    return _initialise(model, optimizer, mesh)(jax.random.key(seed))


def state_shapes(
    model: LiftingModel, optimizer: optax.GradientTransformation, mesh: Mesh
) -> TrainState:
    """`create_state` without numbers: shapes, types and shardings, which a checkpoint is restored to."""
    return _initialise(model, optimizer, mesh).eval_shape(jax.random.key(0))


def _initialise(
    model: LiftingModel, optimizer: optax.GradientTransformation, mesh: Mesh
) -> Any:
    """The jitted function of a key that makes a fresh state."""

    def init(key: jax.Array) -> TrainState:
        variables = model.init(key, *model.example_inputs(), train=False)
        params = variables["params"]
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=variables.get("batch_stats", {}),
            opt_state=optimizer.init(params),
        )

    return jax.jit(init, out_shardings=sharding.replicated(mesh))


def make_epoch_order(
    num_samples: int, steps_per_epoch: int, batch_size: int, seed: int, mesh: Mesh
) -> Callable[[int], jax.Array]:
    """The order of samples as a pure function of the seed and the epoch.

    Returns a function of the epoch giving `[steps_per_epoch * batch_size]` int32 sample numbers:
    random permutations of the samples, one after another where an epoch is longer than a pass.
    """
    needed = steps_per_epoch * batch_size
    passes = -(-needed // num_samples)

    def order(epoch: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.key(seed), epoch)
        keys = jax.random.split(key, passes)
        permutations = [jax.random.permutation(k, num_samples) for k in keys]
        return jnp.concatenate(permutations)[:needed].astype(jnp.int32)

    return jax.jit(order, out_shardings=sharding.replicated(mesh))


def make_batch_function(
    model: LiftingModel,
    config: ml_collections.ConfigDict,
    keypoints_skeleton: str,
    mesh: Mesh,
) -> Callable[
    [TrainData, jax.Array, jax.Array], tuple[tuple[jax.Array, ...], jax.Array]
]:
    """The input pipeline, for use inside `jit`: `(data, numbers [B], key) -> (inputs, positions)`.

    A sample number of `S` or more stands for the flipped copy of sample `number - S`. `inputs` is
    what the model is applied to; `positions [B, T, J, 3]` are root-relative windows in the
    training unit.
    """
    skeleton = get_skeleton(model.skeleton)
    keypoints_mirror = get_skeleton(keypoints_skeleton)
    target = windows.target_index(model.receptive_field, model.causal_shift)
    batch_sharding = sharding.over_batch(mesh)

    def make_batch(
        data: TrainData, numbers: jax.Array, key: jax.Array
    ) -> tuple[tuple[jax.Array, ...], jax.Array]:
        numbers = jax.lax.with_sharding_constraint(numbers, batch_sharding)
        flipped = numbers >= data.samples.shape[0]
        frames = data.samples[numbers % data.samples.shape[0]]
        keypoints, positions = windows.gather_windows(
            data.table, frames, model.receptive_field, model.causal_shift
        )
        clips = data.table.clip_of_frame[frames]
        camera = data.table.camera[clips]
        view_key, target_key = jax.random.split(key)
        if config.augment_rotation or config.augment_bones:
            keypoints, positions = virtual_views.random_views(
                view_key,
                positions,
                camera,
                data.table.up[clips],
                skeleton,
                rotation=config.augment_rotation,
                bones=config.augment_bones,
            )
        root_depth = positions[:, target, skeleton.root, 2]
        positions = windows.root_centre(positions, skeleton.root) * config.target_scale
        keypoints = windows.flip_where(flipped, keypoints, keypoints_mirror)
        positions = windows.flip_where(flipped, positions, skeleton)
        if config.augment_target:
            positions = augmentation.random_move_in_image_plane(target_key, positions)
        if not model.needs_camera:
            return (keypoints,), positions
        camera = jnp.where(flipped[:, None], cameras.flip_camera(camera), camera)
        return (keypoints, camera, root_depth), positions

    return make_batch


def make_train_steps(
    model: LiftingModel,
    optimizer: optax.GradientTransformation,
    config: ml_collections.ConfigDict,
    schedule: Schedule,
    keypoints_skeleton: str,
    mesh: Mesh,
) -> Callable[..., tuple[TrainState, jax.Array]]:
    """A jitted function that makes `schedule.steps_per_dispatch` updates.

    It takes `(state, data, order, first)`: the state (donated), the data, the epoch's order of
    samples, and the position in the epoch where these steps begin. It returns the new state and
    the loss of each step.
    """
    loss_function = LOSSES[config.loss]
    make_batch = make_batch_function(model, config, keypoints_skeleton, mesh)

    def loss_and_statistics(
        params: Any,
        state: TrainState,
        inputs: tuple[jax.Array, ...],
        positions: jax.Array,
        key: jax.Array,
    ) -> tuple[jax.Array, Any]:
        output, updated = model.apply(
            {"params": params, "batch_stats": state.batch_stats},
            *inputs,
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        epoch = state.step // schedule.steps_per_epoch
        loss = model.loss(output, positions, loss_function, epoch)
        return loss, updated.get("batch_stats", {})

    def gradient_of_part(
        state: TrainState, data: TrainData, numbers: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        """Loss, running statistics and gradient of the samples `numbers`."""
        data_key, model_key = jax.random.split(key)
        inputs, positions = make_batch(data, numbers, data_key)
        gradient = jax.value_and_grad(loss_and_statistics, has_aux=True)
        (loss, batch_stats), grads = gradient(
            state.params, state, inputs, positions, model_key
        )
        if config.batch_norm_decay:
            momentum = optimizers.batch_norm_momentum(
                state.step // schedule.steps_per_epoch, schedule.num_epochs
            )
            batch_stats = rescale_statistics(
                state.batch_stats, batch_stats, momentum, model.keeps_momentum
            )
        return loss, batch_stats, grads

    def gradient_of_parts(
        state: TrainState, data: TrainData, numbers: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, Any, Any]:
        """As `gradient_of_part`, one part of the batch after the other: means over the parts."""
        parts = config.accumulation_steps

        def body(
            carry: Any, part: tuple[jax.Array, jax.Array]
        ) -> tuple[Any, jax.Array]:
            batch_stats, total = carry
            numbers, part_key = part
            loss, batch_stats, grads = gradient_of_part(
                state.replace(batch_stats=batch_stats), data, numbers, part_key
            )
            return (batch_stats, jax.tree.map(jnp.add, total, grads)), loss

        start = state.batch_stats, jax.tree.map(jnp.zeros_like, state.params)
        split = numbers.reshape(parts, -1), jax.random.split(key, parts)
        (batch_stats, total), losses = jax.lax.scan(body, start, split)
        return losses.mean(), batch_stats, jax.tree.map(lambda x: x / parts, total)

    def step(
        state: TrainState, data: TrainData, numbers: jax.Array
    ) -> tuple[TrainState, jax.Array]:
        key = jax.random.fold_in(jax.random.key(config.seed + 1), state.step)
        gradient = (
            gradient_of_part if config.accumulation_steps == 1 else gradient_of_parts
        )
        loss, batch_stats, grads = gradient(state, data, numbers, key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        new_state = TrainState(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            batch_stats=batch_stats,
            opt_state=opt_state,
        )
        return new_state, loss

    def steps(
        state: TrainState, data: TrainData, order: jax.Array, first: jax.Array
    ) -> tuple[TrainState, jax.Array]:
        def body(state: TrainState, i: jax.Array) -> tuple[TrainState, jax.Array]:
            numbers = jax.lax.dynamic_slice_in_dim(
                order, (first + i) * config.batch_size, config.batch_size
            )
            return step(state, data, numbers)

        return jax.lax.scan(body, state, jnp.arange(schedule.steps_per_dispatch))

    everywhere = sharding.replicated(mesh)
    return jax.jit(
        steps,
        donate_argnums=0,
        in_shardings=everywhere,
        out_shardings=everywhere,
    )


def rescale_statistics(
    old: Any,
    new: Any,
    momentum: jax.Array,
    keeps_momentum: Callable[[tuple[str, ...]], bool],
) -> Any:
    """Returns running statistics as if batch norm had used `momentum` instead of its own 0.1.

    A layer moves its statistics by 0.1 of the way to the batch's; the way is scaled here, so
    that models know nothing of the schedule. Layers for whose path `keeps_momentum` is true
    keep 0.1.
    """

    def rescale(
        path: tuple[Any, ...], before: jax.Array, after: jax.Array
    ) -> jax.Array:
        if keeps_momentum(tuple(entry.key for entry in path)):
            return after
        return before + (momentum / 0.1) * (after - before)

    return jax.tree_util.tree_map_with_path(rescale, old, new)
