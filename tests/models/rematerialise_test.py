"""Keeping less for the backward pass changes what is kept, and nothing else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import videopose3d
from jaxpose.models import build_model
from tests.models.small_models import SMALL, random_variables, small_config


@pytest.mark.parametrize(
    "file",
    [file for file in SMALL if file is not videopose3d],
    ids=lambda file: file.__name__,
)
def test_gradients_stay_and_residuals_shrink(file):
    config = small_config(file)
    plain = build_model(config)
    config.model.rematerialise = True
    rematerialised = build_model(config)
    keypoints = jax.random.normal(jax.random.key(0), plain.example_inputs(2)[0].shape)
    variables = random_variables(plain)
    rest = {name: tree for name, tree in variables.items() if name != "params"}

    def loss_of(model, params):
        output, updated = model.apply(
            {"params": params, **rest}, keypoints, train=True,
            rngs={"dropout": jax.random.key(2)}, mutable=["batch_stats"],
        )  # fmt: skip
        return jnp.square(plain.target_pose(output)).sum(), updated

    found, residuals = [], []
    for model in (plain, rematerialised):
        value_and_grad = jax.value_and_grad(
            lambda params, model=model: loss_of(model, params), has_aux=True
        )
        found.append(jax.jit(value_and_grad)(variables["params"]))
        kept = jax.eval_shape(
            lambda params, model=model: jax.vjp(lambda p: loss_of(model, p)[0], params)[
                1
            ],
            variables["params"],
        )
        residuals.append(sum(leaf.size for leaf in jax.tree.leaves(kept)))
    (expected, updated), gradient = found[0]
    np.testing.assert_allclose(found[1][0][0], expected, rtol=1e-5)
    largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient))
    for tree, other in ((updated, found[1][0][1]), (gradient, found[1][1])):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(
                a, b, rtol=1e-3, atol=1e-5 * largest
            ),
            tree,
            other,
        )
    parameters = sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))
    assert residuals[1] - parameters < 0.5 * (residuals[0] - parameters)
