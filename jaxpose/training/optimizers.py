"""Makes the learning-rate schedules and optimisers of the papers with optax.

PyTorch's AMSGrad and GLA-GCN's Ranger are not in optax; they are written here as optax
transformations.
"""

import itertools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import optax

from jaxpose.errors import JaxposeError


def exponential_by_epoch(
    learning_rate: float, decay: float, steps_per_epoch: int
) -> optax.Schedule:
    """Makes the schedule `learning_rate * decay ** epoch`, constant within an epoch."""
    return optax.exponential_decay(
        learning_rate, steps_per_epoch, decay, staircase=True
    )


def cosine_by_epoch(
    learning_rate: float,
    final_learning_rate: float,
    num_epochs: int,
    steps_per_epoch: int,
) -> optax.Schedule:
    """Makes a cosine from `learning_rate` to `final_learning_rate` over the epochs.

    `final + (learning_rate - final) (1 + cos(pi epoch / num_epochs)) / 2`, constant
    within an epoch.
    """

    def schedule(step: jax.Array) -> jax.Array:
        # 1 in the first epoch; the last epoch still has a bit more than the final rate.
        epoch = step // steps_per_epoch
        cosine = 0.5 * (1 + jnp.cos(math.pi * epoch / num_epochs))
        return final_learning_rate + (learning_rate - final_learning_rate) * cosine

    return schedule


def halving_every_fifth_epoch(
    learning_rate: float, decay: float, steps_per_epoch: int
) -> optax.Schedule:
    """Makes the schedule of GLA-GCN on MPI-INF-3DHP, constant within an epoch.

    The rate is multiplied by 0.5 after every fifth epoch, and by `decay` after every
    other epoch.
    """

    def schedule(step: jax.Array) -> jax.Array:
        epoch = step // steps_per_epoch
        halvings = epoch // 5
        decays = epoch - halvings
        return learning_rate * decay**decays * 0.5**halvings

    return schedule


def warmup_cosine(
    learning_rate: float, warmup_steps: int, num_steps: int
) -> optax.Schedule:
    """Makes a linear warm-up, then a cosine to zero, changing at every step.

    The schedule of short trial runs; no paper uses it.
    """
    return optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, warmup_steps, num_steps
    )


def make_schedule(
    config: ml_collections.ConfigDict, num_epochs: int, steps_per_epoch: int
) -> optax.Schedule:
    """Makes the schedule that the config names.

    It begins anew at each of `restart_epochs`, for the epochs up to the next one.

    Args:
      config: `config.optimizer`.
      num_epochs: epochs of the whole run.
      steps_per_epoch: updates per epoch.

    Returns:
      The learning rate as a function of the number of updates made before.

    Raises:
      JaxposeError: the schedule is unknown.
    """
    bounds = (0, *config.restart_epochs, num_epochs)
    parts = []
    for start, end in itertools.pairwise(bounds):
        parts.append(_make_part(config, end - start, steps_per_epoch))
    if len(parts) == 1:
        return parts[0]
    restarts = [epoch * steps_per_epoch for epoch in config.restart_epochs]
    return optax.join_schedules(parts, restarts)


def _make_part(
    config: ml_collections.ConfigDict, num_epochs: int, steps_per_epoch: int
) -> optax.Schedule:
    """Returns the schedule of a part of a run that has `num_epochs` epochs."""
    name, rate = config.schedule, config.learning_rate
    if name == "exponential":
        return exponential_by_epoch(rate, config.decay, steps_per_epoch)
    if name == "cosine":
        return cosine_by_epoch(
            rate, config.final_learning_rate, num_epochs, steps_per_epoch
        )
    if name == "halving":
        return halving_every_fifth_epoch(rate, config.decay, steps_per_epoch)
    if name == "warmup_cosine":
        # At most half of a short run is warm-up.
        num_steps = num_epochs * steps_per_epoch
        return warmup_cosine(rate, min(config.warmup_steps, num_steps // 2), num_steps)
    raise JaxposeError(
        f"config.optimizer.schedule {name!r} is unknown; known: exponential, cosine, "
        "halving, warmup_cosine"
    )


class AmsgradState(NamedTuple):
    """The state of AMSGrad; all moments without bias correction.

    Attributes:
      count: number of updates so far.
      mu: first moments.
      nu: second moments.
      nu_max: the largest second moments so far.
    """

    # Tuples have a method of this name; checkpoints hold the field under it.
    count: jax.Array  # type: ignore[assignment]
    mu: optax.Updates
    nu: optax.Updates
    nu_max: optax.Updates


def scale_by_amsgrad(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Scales gradients by AMSGrad in PyTorch's form.

    PyTorch takes the maximum of the second moment before the bias correction.
    `optax.scale_by_amsgrad` takes it after the correction. The first steps differ, and
    with them all later ones.

    Args:
      b1: decay of the first moment.
      b2: decay of the second moment.
      eps: added to the root of the second moment.
    """

    def init(params: optax.Params) -> AmsgradState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AmsgradState(jnp.zeros((), jnp.int32), zeros, zeros, zeros)

    def update(
        updates: optax.Updates, state: AmsgradState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, AmsgradState]:
        del params
        count = state.count + 1
        # The maximum comes before bias correction, as in PyTorch.
        mu = optax.tree.update_moment(updates, state.mu, b1, 1)
        nu = optax.tree.update_moment(updates, state.nu, b2, 2)
        nu_max = jax.tree.map(jnp.maximum, state.nu_max, nu)
        mu_hat = optax.tree.bias_correction(mu, b1, count)
        nu_hat = optax.tree.bias_correction(nu_max, b2, count)
        scaled = jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + eps), mu_hat, nu_hat)
        return scaled, AmsgradState(count, mu, nu, nu_max)

    return optax.GradientTransformation(init, update)


class RangerState(NamedTuple):
    """The state of Ranger.

    Attributes:
      count: number of updates so far.
      mu: first moments of rectified Adam.
      nu: second moments.
      slow: slow weights of Lookahead.
    """

    # Tuples have a method of this name; checkpoints hold the field under it.
    count: jax.Array  # type: ignore[assignment]
    mu: optax.Updates
    nu: optax.Updates
    slow: optax.Params


def ranger(
    learning_rate: optax.ScalarOrSchedule,
    b1: float = 0.95,
    b2: float = 0.999,
    eps: float = 1e-5,
    sync_period: int = 6,
    slow_step_size: float = 0.5,
    threshold: float = 5.0,
    weight_decay: float = 0.0,
) -> optax.GradientTransformation:
    """Makes Ranger, rectified Adam with Lookahead, as GLA-GCN's released code has it.

    Differs from a chain of optax's `radam` and `lookahead`: epsilon is added to the
    uncorrected root of the second moment, and the weights that are evaluated are the
    fast ones, which equal the slow ones after every `sync_period` updates.

    Args:
      learning_rate: a number, or a schedule.
      b1: decay of the first moment.
      b2: decay of the second moment.
      eps: added to the root of the second moment.
      sync_period: updates between two steps of the slow weights.
      slow_step_size: share of the way that the slow weights go to the fast ones.
      threshold: length of the approximated moving average above which the second moment
        is used; below it the update is the first moment alone.
      weight_decay: decoupled, times the learning rate.
    """

    def init(params: optax.Params) -> RangerState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        # A copy: the slow weights must not alias parameters that a jitted step donates.
        slow = jax.tree.map(jnp.copy, params)
        return RangerState(jnp.zeros((), jnp.int32), zeros, zeros, slow)

    def update(
        updates: optax.Updates, state: RangerState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, RangerState]:
        if params is None:
            raise ValueError(optax.NO_PARAMS_MSG)
        count = state.count + 1
        rate = learning_rate(state.count) if callable(learning_rate) else learning_rate
        mu = optax.tree.update_moment(updates, state.mu, b1, 1)
        nu = optax.tree.update_moment(updates, state.nu, b2, 2)
        t = count.astype(jnp.result_type(float))
        is_rectified, rectification = _rectification(t, b2, threshold)
        corrected_rate = rate / (1 - b1**t)

        # The fast weights take a step of rectified Adam.
        def step_fast(p: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
            decayed = p - weight_decay * rate * p if weight_decay else p
            adaptive = rectification * m / (jnp.sqrt(v) + eps)
            return decayed - corrected_rate * jnp.where(is_rectified, adaptive, m)

        # Every `sync_period` updates the slow weights follow, and the fast ones join
        # them.
        is_sync = count % sync_period == 0

        def step_slow(slow: jax.Array, fast: jax.Array) -> jax.Array:
            return jnp.where(is_sync, slow + slow_step_size * (fast - slow), slow)

        def difference(slow: jax.Array, fast: jax.Array, old: jax.Array) -> jax.Array:
            return (jnp.where(is_sync, slow, fast) - old).astype(old.dtype)

        fast = jax.tree.map(step_fast, params, mu, nu)
        slow = jax.tree.map(step_slow, state.slow, fast)
        deltas = jax.tree.map(difference, slow, fast, params)
        return deltas, RangerState(count, mu, nu, slow)

    return optax.GradientTransformation(init, update)


def _rectification(
    t: jax.Array, b2: float, threshold: float
) -> tuple[jax.Array, jax.Array]:
    """Computes the variance rectification of RAdam at update `t`.

    `n = n_max - 2 t b2^t / (1 - b2^t)` with `n_max = 2 / (1 - b2) - 1` is the length of
    the approximated moving average. The factor, which holds the bias correction, is
    `sqrt((1 - b2^t) (n - 4) (n - 2) n_max / ((n_max - 4) (n_max - 2) n))`.

    Returns:
      Whether `n` is above `threshold`, and the factor, finite in any case.
    """
    n_max = 2 / (1 - b2) - 1
    # 1 - b2**t, which would lose its digits in float32.
    bias = -jnp.expm1(t * math.log(b2))
    n = n_max - 2 * t * (1 - bias) / bias
    is_rectified = n > threshold
    # Keeps the unused branch finite.
    n = jnp.where(is_rectified, n, threshold + 1)
    numerator = bias * (n - 4) * (n - 2) * n_max
    return is_rectified, jnp.sqrt(numerator / ((n_max - 4) * n * (n_max - 2)))


def make_optimizer(
    config: ml_collections.ConfigDict, schedule: optax.Schedule
) -> optax.GradientTransformation:
    """Makes the optimiser that the config names.

    Each updates every number by itself: on accelerators small arrays are one vector
    (`jaxpose.training.packing`).

    Args:
      config: `config.optimizer`.
      schedule: the learning rate, from `make_schedule`.

    Raises:
      JaxposeError: the optimiser is unknown.
    """
    if config.name == "adam":
        return optax.adam(schedule)
    if config.name == "adamw":
        return optax.adamw(schedule, weight_decay=config.weight_decay)
    if config.name == "amsgrad":
        return optax.chain(scale_by_amsgrad(), optax.scale_by_learning_rate(schedule))
    if config.name == "ranger":
        return ranger(schedule, weight_decay=config.weight_decay)
    raise JaxposeError(
        f"config.optimizer.name {config.name!r} is unknown; known: adam, adamw, "
        "amsgrad, ranger"
    )


def batch_norm_momentum(
    epoch: jax.Array, num_epochs: int, restart_epochs: tuple[int, ...] = ()
) -> jax.Array:
    """Computes PyTorch's batch-norm momentum during an epoch, from 0.1 to 0.001.

    `0.1 exp(-(epoch / num_epochs) ln 100)`, the schedule of VideoPose3D and GLA-GCN.

    Args:
      epoch: number of the epoch, from 0.
      num_epochs: epochs of the whole run.
      restart_epochs: epochs at which it begins anew, for those up to the next one.
    """
    bounds = (0, *restart_epochs, num_epochs)
    passed = epoch / bounds[1]
    for start, end in itertools.pairwise(bounds[1:]):
        passed = jnp.where(epoch < start, passed, (epoch - start) / (end - start))
    return 0.1 * jnp.exp(-passed * math.log(100.0))
