import jax
import jax.numpy as jnp
import numpy as np

from configs import gla_gcn
from jaxpose.models import build_model
from jaxpose.models.cost import variable_shapes
from jaxpose.training.step import rescale_statistics


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
