"""Learning-rate schedules and optimisers of the papers' recipes, from optax pieces.

What optax does not have follows its conventions: AMSGrad as PyTorch computes it and Ranger
as GLA-GCN used it.
"""

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
    """`learning_rate * decay ** epoch`, constant within an epoch."""
    return optax.exponential_decay(
        learning_rate, steps_per_epoch, decay, staircase=True
    )


def cosine_by_epoch(
    learning_rate: float,
    final_learning_rate: float,
    num_epochs: int,
    steps_per_epoch: int,
) -> optax.Schedule:
    """Cosine from `learning_rate` to `final_learning_rate`, constant within an epoch."""

    def schedule(step: jax.Array) -> jax.Array:
        epoch = step // steps_per_epoch
        cosine = 0.5 * (1 + jnp.cos(math.pi * epoch / num_epochs))
        return final_learning_rate + (learning_rate - final_learning_rate) * cosine

    return schedule


def halving_every_fifth_epoch(
    learning_rate: float, decay: float, steps_per_epoch: int
) -> optax.Schedule:
    """`x decay` after each epoch, `x 0.5` instead after every fifth (GLA-GCN on MPI-INF-3DHP)."""

    def schedule(step: jax.Array) -> jax.Array:
        epoch = step // steps_per_epoch
        halvings = epoch // 5
        return learning_rate * decay ** (epoch - halvings) * 0.5**halvings

    return schedule


def warmup_cosine(
    learning_rate: float, warmup_steps: int, num_steps: int
) -> optax.Schedule:
    """Linear warm-up, then cosine to zero, changing at every step (the short trial runs)."""
    return optax.warmup_cosine_decay_schedule(
        0.0, learning_rate, warmup_steps, num_steps
    )


def make_schedule(
    config: ml_collections.ConfigDict, num_epochs: int, steps_per_epoch: int
) -> optax.Schedule:
    """The schedule that `config.optimizer` names.

    Raises:
      JaxposeError: unknown schedule.
    """
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
        num_steps = num_epochs * steps_per_epoch
        return warmup_cosine(rate, min(config.warmup_steps, num_steps // 2), num_steps)
    raise JaxposeError(
        f"config.optimizer.schedule {name!r} is unknown; known: exponential, cosine, halving, warmup_cosine"
    )


class AmsgradState(NamedTuple):
    """First and second moments and the running maximum of the second, uncorrected."""

    count: jax.Array
    mu: optax.Updates
    nu: optax.Updates
    nu_max: optax.Updates


def scale_by_amsgrad(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """AMSGrad in PyTorch's form: the maximum is of the *uncorrected* second moment.

    optax's `scale_by_amsgrad` takes the maximum after bias correction, which differs in the
    first steps and so in every step after.
    """

    def init(params: optax.Params) -> AmsgradState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return AmsgradState(jnp.zeros((), jnp.int32), zeros, zeros, zeros)

    def update(
        updates: optax.Updates, state: AmsgradState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, AmsgradState]:
        del params
        count = state.count + 1
        mu = optax.tree.update_moment(updates, state.mu, b1, 1)
        nu = optax.tree.update_moment(updates, state.nu, b2, 2)
        nu_max = jax.tree.map(jnp.maximum, state.nu_max, nu)
        mu_hat = optax.tree.bias_correction(mu, b1, count)
        nu_hat = optax.tree.bias_correction(nu_max, b2, count)
        scaled = jax.tree.map(lambda m, v: m / (jnp.sqrt(v) + eps), mu_hat, nu_hat)
        return scaled, AmsgradState(count, mu, nu, nu_max)

    return optax.GradientTransformation(init, update)


class RangerState(NamedTuple):
    """Moments of rectified Adam and the slow weights of Lookahead."""

    count: jax.Array
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
    """Rectified Adam with Lookahead as one optimiser, as GLA-GCN trains (specification, section 8).

    Differs from chaining optax's `radam` and `lookahead`: epsilon is added to the uncorrected
    root of the second moment, and the weights that are evaluated are the fast ones, which
    coincide with the slow ones after every `sync_period` steps.
    """
    n_max = 2 / (1 - b2) - 1

    def init(params: optax.Params) -> RangerState:
        zeros = jax.tree.map(jnp.zeros_like, params)
        # A copy: the slow weights must not alias parameters that a jitted step donates.
        return RangerState(
            jnp.zeros((), jnp.int32), zeros, zeros, jax.tree.map(jnp.copy, params)
        )

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
        bias = -jnp.expm1(
            t * math.log(b2)
        )  # 1 - b2**t, which would lose its digits in float32
        n = n_max - 2 * t * (1 - bias) / bias
        rectified = n > threshold
        safe_n = jnp.where(
            rectified, n, threshold + 1
        )  # keeps the unused branch finite
        rectification = jnp.sqrt(
            bias
            * (safe_n - 4)
            * (safe_n - 2)
            * n_max
            / ((n_max - 4) * safe_n * (n_max - 2))
        )
        corrected_rate = rate / (1 - b1**t)

        def fast(p: jax.Array, m: jax.Array, v: jax.Array) -> jax.Array:
            decayed = p - weight_decay * rate * p if weight_decay else p
            adaptive = rectification * m / (jnp.sqrt(v) + eps)
            return decayed - corrected_rate * jnp.where(rectified, adaptive, m)

        sync = count % sync_period == 0
        fast_params = jax.tree.map(fast, params, mu, nu)
        slow = jax.tree.map(
            lambda s, p: jnp.where(sync, s + slow_step_size * (p - s), s),
            state.slow,
            fast_params,
        )
        new_params = jax.tree.map(lambda s, p: jnp.where(sync, s, p), slow, fast_params)
        deltas = jax.tree.map(
            lambda new, old: (new - old).astype(old.dtype), new_params, params
        )
        return deltas, RangerState(count, mu, nu, slow)

    return optax.GradientTransformation(init, update)


def make_optimizer(
    config: ml_collections.ConfigDict, schedule: optax.Schedule
) -> optax.GradientTransformation:
    """The optimiser that `config.optimizer` names, under `schedule`.

    Raises:
      JaxposeError: unknown optimiser.
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
        f"config.optimizer.name {config.name!r} is unknown; known: adam, adamw, amsgrad, ranger"
    )


def batch_norm_momentum(epoch: jax.Array, num_epochs: int) -> jax.Array:
    """`0.1 * exp(-(epoch / num_epochs) ln 100)`: PyTorch's momentum during 0-based `epoch`.

    The schedule of VideoPose3D and GLA-GCN sets it after every epoch, so epoch 0 has 0.1.
    """
    return 0.1 * jnp.exp(-(epoch / num_epochs) * math.log(100.0))
