"""Sets up a training: its length, optimiser, data, and the function that updates it."""

import dataclasses
from collections.abc import Callable

import jax
import ml_collections
import optax
from jax.sharding import Mesh

from jaxpose.data import windows
from jaxpose.data.batches import TrainData, make_epoch_order
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.field_checks import check_length
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding
from jaxpose.scoring import evaluate
from jaxpose.training import costs, optimizers
from jaxpose.training.state import TrainState, create_state, state_shapes
from jaxpose.training.step import Schedule, TrainSteps, compile_train_steps


@dataclasses.dataclass(frozen=True)
class Training:
    """Everything of a training but its state.

    Attributes:
      config: the config of the run.
      model: the model.
      mesh: the devices.
      schedule: length of training.
      learning_rate: learning rate of an update, a function of its number.
      optimizer: the optimiser.
      data: the training data, on the devices.
      order_of_epoch: order of samples in an epoch, a function of its number.
    """

    config: ml_collections.ConfigDict
    model: LiftingModel
    mesh: Mesh
    schedule: Schedule
    learning_rate: optax.Schedule
    optimizer: optax.GradientTransformation
    data: TrainData
    order_of_epoch: Callable[[int], jax.Array]

    def fresh_state(self) -> TrainState:
        """Returns the state before the first update."""
        return create_state(self.model, self.optimizer, self.config.seed, self.mesh)

    def state_shapes(self) -> TrainState:
        """Returns shapes, types and shardings of the state."""
        return state_shapes(self.model, self.optimizer, self.mesh)

    def compile(self, state: TrainState) -> TrainSteps:
        """Compiles the updates of one dispatch: `(state, data, order, first)`.

        Raises:
          JaxposeError: an update does not fit into the memory.
        """
        steps = compile_train_steps(
            self.model,
            self.optimizer,
            self.config,
            self.schedule,
            self.mesh,
            (state, self.data, self.order_of_epoch(0)),
        )
        costs.require_update(steps.program, self.config, self.mesh)
        return steps


def set_up(
    config: ml_collections.ConfigDict, model: LiftingModel, clips: Clips, mesh: Mesh
) -> Training:
    """Puts the training data on the devices and prepares the updates.

    Args:
      config: the config of the run.
      model: the model that it describes.
      clips: the training data.
      mesh: the devices.

    Raises:
      JaxposeError: no frame to train on, a batch larger than an epoch, a field that the
        optimiser does not know, or more than fits into the memory.
    """
    data = put_data(clips, mesh, model.keypoint_features)
    # An epoch holds every frame, and with flips its mirror image too.
    num_samples = len(data.samples)
    if config.augment_flip:
        num_samples *= 2
    # Learning rates depend on the schedule alone, so a resumed run has the same ones.
    schedule = count_steps(config, num_samples)
    learning_rate = optimizers.make_schedule(
        config.optimizer, schedule.num_epochs, schedule.steps_per_epoch
    )
    optimizer = optimizers.make_optimizer(config.optimizer, learning_rate)
    # What does not fit into the memory is answered before it is there.
    costs.require_state(state_shapes(model, optimizer, mesh), mesh)
    costs.require_order(schedule.steps_per_epoch, config.batch_size, mesh)
    return Training(
        config=config,
        model=model,
        mesh=mesh,
        schedule=schedule,
        learning_rate=learning_rate,
        optimizer=optimizer,
        data=data,
        order_of_epoch=make_epoch_order(
            num_samples, schedule.steps_per_epoch, config.batch_size, config.seed, mesh
        ),
    )


def put_data(clips: Clips, mesh: Mesh, keypoint_features: int = 2) -> TrainData:
    """Puts clips on the devices; samples are the valid frames with ground truth.

    Raises:
      JaxposeError: there is no such frame.
    """
    table = windows.frame_table(clips, keypoint_features)
    # The frames to train on are those that can be scored.
    samples = evaluate.scored_frames(clips)
    return TrainData(*sharding.put_replicated((table, samples), mesh))


def fresh_state(
    config: ml_collections.ConfigDict, model: LiftingModel, mesh: Mesh
) -> TrainState:
    """Returns a state before the first update, of a training of any length."""
    return create_state(model, _any_optimizer(config), config.seed, mesh)


def checkpoint_shapes(
    config: ml_collections.ConfigDict, model: LiftingModel, mesh: Mesh
) -> TrainState:
    """Returns shapes, types and shardings of a checkpoint of a run with this config."""
    return state_shapes(model, _any_optimizer(config), mesh)


def _any_optimizer(
    config: ml_collections.ConfigDict,
) -> optax.GradientTransformation:
    """Returns the optimiser of a run without its learning rate.

    The shapes of its state do not depend on how long a run trains.
    """
    return optimizers.make_optimizer(config.optimizer, optax.constant_schedule(0.0))


def count_steps(config: ml_collections.ConfigDict, num_samples: int) -> Schedule:
    """Divides training into dispatches of one length.

    Chooses the longest dispatch, up to `config.steps_per_dispatch`, that wastes the
    fewest updates per epoch. Each epoch leaves out other samples.

    Raises:
      JaxposeError: an epoch is shorter than one batch, or more is asked for than can be
        counted.
    """
    # By default an epoch is one pass over the samples.
    wanted = config.steps_per_epoch or num_samples // config.batch_size
    if wanted < 1:
        raise JaxposeError(
            f"config.batch_size={config.batch_size} is larger than the {num_samples} "
            "training samples"
        )

    check_length(config.num_epochs, wanted, config.batch_size)

    def updates(length: int) -> int:
        return wanted // length * length

    # Dispatches of less than half the length would cost more than they save.
    longest = min(config.steps_per_dispatch, wanted)
    per_dispatch = max(range(longest, longest // 2, -1), key=updates)
    steps_per_epoch = updates(per_dispatch)
    return Schedule(config.num_epochs, steps_per_epoch, per_dispatch)
