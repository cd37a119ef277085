"""The loss of a batch, of one target frame per sample or of several neighbours."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from jaxpose.data import windows
from jaxpose.models.base import LiftingModel
from jaxpose.training.losses import LOSSES


def make_loss(
    model: LiftingModel, config: ml_collections.ConfigDict
) -> Callable[..., tuple[jax.Array, Any]]:
    """Makes `(variables, inputs, positions, key, epoch) -> (loss, batch_stats)`.

    With one target frame the loss is the model's own. `F` of them are lifted each from
    its own window, or together where that costs less: a sequence shares the layers of
    neighbouring windows, but computes every frame of them.
    """
    loss_function = LOSSES[config.loss]
    num_targets = config.target_frames
    together = model.lifts_sequences and 4 * num_targets >= model.receptive_field
    form = model.for_sequences() if num_targets > 1 and together else model
    first = windows.target_index(model.receptive_field, model.causal_shift)

    def apply(variables: Any, inputs: Any, key: jax.Array) -> tuple[Any, Any]:
        output, updated = form.apply(
            variables,
            *inputs,
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        return output, updated.get("batch_stats", {})

    def compute_loss(
        variables: Any,
        inputs: tuple[jax.Array, ...],
        positions: jax.Array,
        key: jax.Array,
        epoch: jax.Array,
    ) -> tuple[jax.Array, Any]:
        if num_targets == 1:
            output, batch_stats = apply(variables, inputs, key)
            return model.loss(output, positions, loss_function, epoch), batch_stats
        if not together:
            inputs = (_cut_windows(inputs[0], model.receptive_field),)
        output, batch_stats = apply(variables, inputs, key)
        # All target frames of a sample, in the unit of the targets.
        truth = positions[:, first : first + num_targets]
        poses = (form.target_pose(output) * model.target_scale).reshape(truth.shape)
        loss = jnp.asarray(loss_function(poses, truth))
        if config.velocity_loss:
            moves = jnp.diff(poses, axis=1), jnp.diff(truth, axis=1)
            loss = loss + config.velocity_loss * loss_function(*moves)
        return loss, batch_stats

    return compute_loss


def _cut_windows(sequences: jax.Array, length: int) -> jax.Array:
    """Cuts `[B, F + T - 1, J2, C]` into windows of T frames, `[B * F, T, J2, C]`."""
    starts = jnp.arange(sequences.shape[1] - length + 1)[:, None]
    cut = sequences[:, starts + jnp.arange(length)[None]]
    return cut.reshape(-1, length, *sequences.shape[2:])
