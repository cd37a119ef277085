"""Optimisers and schedules: recorded trajectories, digits in float32, unknown names."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.training import optimizers
from tests import golden_optimizers
from tests.shared import shared_path


def test_every_recorded_trajectory_step_by_step():
    arrays = dict(np.load(shared_path("goldens/optimizers.npz")))
    with jax.enable_x64(True):
        pairs = list(golden_optimizers.optimizer_pairs(arrays))
    assert len(pairs) == 10
    for key, computed, recorded in pairs:
        # Ranger was recorded in float32 arithmetic.
        tolerance = 1e-6 if key.startswith("ranger") else 1e-12
        np.testing.assert_allclose(
            computed,
            recorded,
            rtol=0,
            atol=tolerance * np.abs(recorded).max(),
            err_msg=key,
        )


def test_ranger_keeps_its_digits_in_float32():
    # At the first rectified step, the sixth, a rounded 1 - b2**t would be off by 0.6 %.
    def steps():
        optimizer = optimizers.ranger(1e-2)
        params = jnp.ones(3)
        state, moved = optimizer.init(params), []
        for step in range(1, 12):
            updates, state = optimizer.update(
                jnp.array([0.1, -1.0, 2.0]) * step, state, params
            )
            params = params + updates
            moved.append(updates)
        return np.stack(moved)

    single = steps()
    assert single.dtype == np.float32
    with jax.enable_x64(True):
        double = steps()
    np.testing.assert_allclose(single, double, rtol=3e-4)


def test_schedules_by_epoch():
    arrays = dict(np.load(shared_path("goldens/schedules_E80.npz")))
    with jax.enable_x64(True):
        pairs = list(golden_optimizers.schedule_pairs(arrays))
    assert len(pairs) == 6
    for key, computed, recorded in pairs:
        np.testing.assert_allclose(computed, recorded, rtol=1e-9, err_msg=key)


def test_halving_schedule_takes_half_at_every_fifth_epoch():
    schedule = optimizers.halving_every_fifth_epoch(1e-3, 0.95, steps_per_epoch=3)
    rates, expected = [], 1e-3
    for epoch in range(12):
        if epoch:
            expected *= 0.5 if epoch % 5 == 0 else 0.95
        rates.append(expected)
    np.testing.assert_allclose(schedule(jnp.arange(12) * 3), rates, rtol=1e-5)


def test_ranger_does_not_alias_the_parameters_it_starts_from():
    params = {"w": jnp.ones(3)}
    state = optimizers.ranger(1e-2).init(params)
    assert (
        state.slow["w"].unsafe_buffer_pointer() != params["w"].unsafe_buffer_pointer()
    )


@pytest.mark.parametrize("field", ["name", "schedule"])
def test_unknown_names_list_the_known(field):
    config = ml_collections.ConfigDict(
        {"learning_rate": 1.0, "decay": 1.0, "restart_epochs": ()}
    )
    config.update({"name": "adam", "schedule": "exponential"} | {field: "sgdd"})
    with pytest.raises(
        JaxposeError, match=r"'sgdd' is unknown; known: (adam|exponential), "
    ):
        optimizers.make_optimizer(config, optimizers.make_schedule(config, 1, 1))
