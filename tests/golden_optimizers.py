"""Optimiser trajectories and schedules of the golden files, computed by jaxpose."""

import json
import re
from collections.abc import Iterator, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxpose.training import optimizers

OPTIMIZERS = {
    "ranger": optimizers.ranger,
    "adam_amsgrad": lambda rate: optax.chain(
        optimizers.scale_by_amsgrad(), optax.scale_by_learning_rate(rate)
    ),
    "adam": optax.adam,
    "adamw": optax.adamw,
}
UNNAMED_DECAY = 0.05  # of the trajectory "ranger_lr1e-2_wd"


def _optimizer(name: str) -> optax.GradientTransformation:
    """The optimiser of a trajectory's name: `adamw_lr1e-3_wd0.1`."""
    kind, rate, decays, decay = re.fullmatch(
        r"(\w+)_lr([\d.e-]+)(_wd([\d.e-]*))?", name
    ).groups()
    decay = {"weight_decay": float(decay or UNNAMED_DECAY)} if decays else {}
    return OPTIMIZERS[kind](float(rate), **decay)


def optimizer_pairs(
    arrays: Mapping[str, np.ndarray],
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yields (key, computed, recorded) of every trajectory `[steps, ...]`.

    Computes in float64 where x64 is on.
    """
    init = {
        key.split("/")[1]: jnp.asarray(arrays[key], float)
        for key in arrays
        if key.startswith("init/")
    }
    grads = {
        key.split("/")[1]: jnp.asarray(arrays[key], float)
        for key in arrays
        if key.startswith("grads/")
    }
    recorded = sorted(
        {key.split("/")[0] for key in arrays} - {"init", "grads", "config"}
    )
    for name in recorded:
        optimizer = _optimizer(name)

        def step(carry, grad, optimizer=optimizer):
            params, state = carry
            updates, state = optimizer.update(grad, state, params)
            params = optax.apply_updates(params, updates)
            return (params, state), params

        _, computed = jax.lax.scan(step, (init, optimizer.init(init)), grads)
        for leaf in sorted(init):
            yield f"{name}/{leaf}", np.asarray(computed[leaf]), arrays[f"{name}/{leaf}"]


def schedule_pairs(
    arrays: Mapping[str, np.ndarray],
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(key, computed, recorded) of every rate by epoch."""
    config = json.loads(str(arrays["config"]))
    epochs, steps_per_epoch = config["epochs"], 7
    functions = {
        "lr_exponential": optimizers.exponential_by_epoch(
            config["lr"], config["decay"], steps_per_epoch
        ),
        "lr_cosine_0.01_to_1e-5": optimizers.cosine_by_epoch(
            1e-2, 1e-5, epochs, steps_per_epoch
        ),
        "bn_momentum_videopose3d_gla": lambda step: optimizers.batch_norm_momentum(
            step // steps_per_epoch, epochs
        ),
    }
    for key in sorted(set(arrays) - {"config"}):
        steps = jnp.arange(len(arrays[key])) * steps_per_epoch
        for offset in (
            0,
            steps_per_epoch - 1,
        ):  # the first and the last step of each epoch
            yield key, np.asarray(functions[key](steps + offset)), arrays[key]
