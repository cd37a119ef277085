"""The train step: how its program is called, parts of a batch, running statistics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import gla_gcn
from jaxpose.models import build_model
from jaxpose.models.cost import variable_shapes
from jaxpose.parallel import sharding
from jaxpose.training import setup
from jaxpose.training.step import compile_train_steps, rescale_statistics
from tests.parallel.on_devices import in_float64
from tests.small_run import small_clips, small_config


def train_one_epoch(platform: str, **fields):
    """Calls of a dispatch, the losses of 12 updates, and the parameters after them.

    In float64, where rounding cannot grow in Adam (see tests/parallel/devices_test.py).
    """
    config = small_config()
    config.update(fields)
    with jax.enable_x64(True):
        training = setup.set_up(
            config, build_model(config), small_clips(), sharding.make_mesh()
        )
        data = in_float64(training.data)
        state, order = in_float64(training.fresh_state()), training.order_of_epoch(0)
        steps = compile_train_steps(
            training.model,
            training.optimizer,
            config,
            training.schedule,
            training.mesh,
            (state, data, order),
            platform,
        )
        losses = []
        for first in range(0, 12, training.schedule.steps_per_dispatch):
            state, found = steps(state, data, order, first)
            assert found.shape == (training.schedule.steps_per_dispatch,)
            losses.append(found)
        return steps.calls, np.concatenate(losses), jax.device_get(state.params)


def assert_close(found, expected):
    """Losses and parameters differ by rounding alone."""
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9),
        found[2],
        expected[2],
    )


@pytest.fixture(scope="module")
def on_cpu():
    return train_one_epoch("cpu")


def test_a_cpu_calls_its_program_once_per_update(on_cpu):
    calls, losses, _ = on_cpu
    assert calls == 4
    assert losses[-1] < losses[0]


def test_the_length_of_a_dispatch_changes_no_number_on_a_cpu(on_cpu):
    _, losses, params = on_cpu
    calls, other_losses, other_params = train_one_epoch("cpu", steps_per_dispatch=6)
    assert calls == 6
    np.testing.assert_array_equal(other_losses, losses)
    jax.tree.map(np.testing.assert_array_equal, other_params, params)


def test_an_accelerator_scans_the_same_updates(on_cpu):
    found = train_one_epoch("gpu")
    assert found[0] == 1
    assert_close(found, on_cpu)


def test_parts_of_a_batch_are_the_same_unrolled_and_in_a_loop():
    fields = {"accumulation_steps": 2}
    found, expected = train_one_epoch("cpu", **fields), train_one_epoch("gpu", **fields)
    assert_close(found, expected)


def test_rescaled_statistics_are_those_of_the_other_momentum():
    rng = np.random.default_rng(0)
    old, batch = rng.normal(size=(2, 5))
    stepped = 0.9 * old + 0.1 * batch
    names = ("graph_bn", "down_bn", "residual_bn")
    before = {"block": {name: {"mean": jnp.asarray(old)} for name in names}}
    after = {"block": {name: {"mean": jnp.asarray(stepped)} for name in names}}
    keeps_momentum = build_model(gla_gcn.get_config("cmu")).keeps_momentum
    rescaled = rescale_statistics(before, after, jnp.asarray(0.02), keeps_momentum)
    rescaled = rescaled["block"]
    np.testing.assert_allclose(
        rescaled["graph_bn"]["mean"], 0.98 * old + 0.02 * batch, rtol=1e-5
    )
    for kept in ("down_bn", "residual_bn"):
        np.testing.assert_allclose(rescaled[kept]["mean"], stepped, rtol=1e-6)


def test_the_layers_left_out_of_the_schedule_are_in_gla_gcn():
    model = build_model(gla_gcn.get_config("released27"))
    variables = variable_shapes(model)
    names = {
        key.key
        for path, _ in jax.tree_util.tree_leaves_with_path(variables["batch_stats"])
        for key in path
    }
    assert {"down_bn", "residual_bn"} <= names
