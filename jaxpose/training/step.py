"""The state of a training, and the compiled function that updates it.

The training data stays on the devices. The compiled step gathers windows from it, flips
and centres them, so that no step waits for the host. One dispatch makes many steps.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import optax
from jax.sharding import Mesh

from jaxpose.body import cameras
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import augmentation, virtual_views, windows
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding
from jaxpose.training import optimizers
from jaxpose.training.losses import LOSSES


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


class TrainData(NamedTuple):
    """The device-resident training data.

    Attributes:
      table: all frames.
      samples: `[S]` int32, the frames that may be targets.
    """

    table: windows.FrameTable
    samples: jax.Array | np.ndarray


class Schedule(NamedTuple):
    """The length of training, on which learning rates and loss stages depend."""

    num_epochs: int
    steps_per_epoch: int
    steps_per_dispatch: int

    @property
    def num_steps(self) -> int:
        """Returns the number of updates of the whole training."""
        return self.num_epochs * self.steps_per_epoch


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


def make_epoch_order(
    num_samples: int,
    steps_per_epoch: int,
    batch_size: int,
    seed: int,
    mesh: Mesh,
) -> Callable[[int], jax.Array]:
    """Makes the function `epoch -> sample numbers [steps_per_epoch * batch_size]`.

    The int32 numbers are a random permutation of the samples, or several permutations
    one after another where an epoch is longer than one pass. They depend on the seed
    and the epoch alone, so a resumed run reads the same samples.
    """
    needed = steps_per_epoch * batch_size
    # Rounded up: the last permutation may be cut off.
    passes = -(-needed // num_samples)

    def order(epoch: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.key(seed), epoch)
        # One permutation per pass over the samples, cut to the epoch.
        keys = jax.random.split(key, passes)
        permutations = [jax.random.permutation(k, num_samples) for k in keys]
        return jnp.concatenate(permutations)[:needed].astype(jnp.int32)

    return jax.jit(order, out_shardings=sharding.replicated(mesh))


def make_batch_function(
    model: LiftingModel,
    config: ml_collections.ConfigDict,
    mesh: Mesh,
) -> Callable[
    [TrainData, jax.Array, jax.Array], tuple[tuple[jax.Array, ...], jax.Array]
]:
    """Makes the input pipeline: `(data, numbers [B], key) -> (inputs, positions)`.

    The function is for use inside `jit`. A sample number of `S` or more stands for the
    flipped copy of sample `number - S`. `inputs` are the arguments of the model;
    `positions [B, T, J, 3]` are root-relative windows in the training unit.
    """
    skeleton = get_skeleton(model.skeleton)
    keypoints_mirror = get_skeleton(model.keypoints_skeleton)
    target = windows.target_index(model.receptive_field, model.causal_shift)
    batch_sharding = sharding.over_batch(mesh)

    def make_batch(
        data: TrainData,
        numbers: jax.Array,
        key: jax.Array,
    ) -> tuple[tuple[jax.Array, ...], jax.Array]:
        # Looks up the frames of the samples, and the windows around them.
        numbers = jax.lax.with_sharding_constraint(numbers, batch_sharding)
        flipped = numbers >= data.samples.shape[0]
        frames = data.samples[numbers % data.samples.shape[0]]
        gathered = windows.gather_windows(
            data.table, frames, model.receptive_field, model.causal_shift
        )
        keypoints, positions = map(jnp.asarray, gathered)
        clips = data.table.clip_of_frame[frames]
        camera = data.table.camera[clips]
        view_key, target_key = jax.random.split(key)
        # Virtual views need the absolute positions, before centring.
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
        # Refinement needs the depth of the root, which centring removes.
        root_depth = positions[:, target, skeleton.root, 2]
        centred = windows.root_centre(positions, skeleton.root) * config.target_scale
        positions = jnp.asarray(windows.flip_where(flipped, centred, skeleton))
        keypoints = jnp.asarray(
            windows.flip_where(flipped, keypoints, keypoints_mirror)
        )
        # GLA-GCN moves the targets alone; the input stays.
        if config.augment_target:
            positions = augmentation.random_move_in_image_plane(target_key, positions)
        if not model.needs_camera:
            return (keypoints,), positions
        # A flipped sample is seen by the mirrored camera.
        camera = jnp.where(flipped[:, None], cameras.flip_camera(camera), camera)
        return (keypoints, camera, root_depth), positions

    return make_batch


def make_update(
    model: LiftingModel,
    optimizer: optax.GradientTransformation,
    config: ml_collections.ConfigDict,
    schedule: Schedule,
    mesh: Mesh,
    *,
    unrolled: bool,
) -> Callable[[TrainState, TrainData, jax.Array], tuple[TrainState, jax.Array]]:
    """Makes one update: `(state, data, numbers [B]) -> (state, loss)`, inside `jit`.

    With `config.accumulation_steps` the gradient is the mean over that many parts of
    the batch, computed one after the other: `unrolled`, or by a loop in the compiled
    program.
    """
    make_batch = make_batch_function(model, config, mesh)
    parts = config.accumulation_steps

    def gradient_of_part(
        state: TrainState,
        data: TrainData,
        numbers: jax.Array,
        key: jax.Array,
    ) -> tuple[jax.Array, Any, Any]:
        """Returns loss, running statistics and gradient of the samples `numbers`."""
        # Augmentation and dropout draw from keys of their own.
        data_key, model_key = jax.random.split(key)
        inputs, positions = make_batch(data, numbers, data_key)
        epoch = state.step // schedule.steps_per_epoch

        def loss_and_statistics(params: Any) -> tuple[jax.Array, Any]:
            output, updated = model.apply(
                {"params": params, "batch_stats": state.batch_stats},
                *inputs,
                train=True,
                rngs={"dropout": model_key},
                mutable=["batch_stats"],
            )
            loss = model.loss(output, positions, LOSSES[config.loss], epoch)
            return loss, updated.get("batch_stats", {})

        gradient = jax.value_and_grad(loss_and_statistics, has_aux=True)
        (loss, batch_stats), grads = gradient(state.params)
        # Layers have one fixed momentum: its schedule rescales the step they made.
        if config.batch_norm_decay:
            momentum = optimizers.batch_norm_momentum(epoch, schedule.num_epochs)
            batch_stats = rescale_statistics(
                state.batch_stats, batch_stats, momentum, model.keeps_momentum
            )
        return loss, batch_stats, grads

    def gradient_of_parts(
        state: TrainState,
        data: TrainData,
        numbers: jax.Array,
        key: jax.Array,
    ) -> tuple[jax.Array, Any, Any]:
        """Returns the means over the parts of what `gradient_of_part` returns."""

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

    def update(
        state: TrainState,
        data: TrainData,
        numbers: jax.Array,
    ) -> tuple[TrainState, jax.Array]:
        # The key of an update depends on the seed and the step alone, so a resumed run
        # draws the same numbers as an uninterrupted one.
        key = jax.random.fold_in(jax.random.key(config.seed + 1), state.step)
        gradient = gradient_of_part if parts == 1 else gradient_of_parts
        loss, batch_stats, grads = gradient(state, data, numbers, key)
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params)
        new_state = TrainState(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            batch_stats=batch_stats,
            opt_state=opt_state,
        )
        return new_state, loss

    return update


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
    update = make_update(
        model,
        optimizer,
        config,
        schedule,
        mesh,
        unrolled=is_cpu,
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

        if updates == 1:
            state, loss = body(state, jnp.int32(0))
            return state, loss[None]
        return jax.lax.scan(body, state, jnp.arange(updates))

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
