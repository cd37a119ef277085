"""Losses against NumPy, their gradients, and the shapes that they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.training.losses import LOSSES


def test_losses_against_numpy():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4, 1, 17, 3)).astype(np.float32)
    b = rng.normal(size=(4, 1, 17, 3)).astype(np.float32)
    distances = np.linalg.norm(a - b, axis=-1)
    mpjpe = LOSSES["mpjpe"](jnp.asarray(a), jnp.asarray(b))
    mse = LOSSES["mse"](jnp.asarray(a), jnp.asarray(b))
    np.testing.assert_allclose(mpjpe, distances.mean(), rtol=1e-6)
    np.testing.assert_allclose(mse, (distances**2).mean(), rtol=1e-6)


def test_gradient_of_a_perfect_joint_is_zero_and_a_broken_one_is_seen():
    loss = LOSSES["mpjpe"]
    target = jnp.zeros((1, 2, 3))
    gradient = jax.grad(loss)(target.at[0, 1, 0].set(2.0), target)
    np.testing.assert_allclose(gradient, [[[0, 0, 0], [0.5, 0, 0]]])
    assert np.isnan(loss(target.at[0, 0, 0].set(jnp.nan), target))


@pytest.mark.parametrize("loss", LOSSES.values())
def test_shapes_must_agree(loss):
    with pytest.raises(JaxposeError, match=r"\(2, 1, 17, 3\) and target \(2, 17, 3\)"):
        loss(jnp.zeros((2, 1, 17, 3)), jnp.zeros((2, 17, 3)))
