"""Pose refinement: its formula in NumPy, what it keeps, its size, dropout, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.models.refinement import Refinement


def poses(joints=17, frames=1, seed=0):
    return jnp.asarray(
        np.random.default_rng(seed).normal(size=(3, frames, joints, 6)), jnp.float32
    )


def initialised(model, x):
    return model.init(jax.random.key(0), x, train=False)


@pytest.mark.parametrize(
    "skeleton, joints, expected", [("h36m_17", 17, 140_322), ("h36m_16", 16, 132_128)]
)
def test_parameters(skeleton, joints, expected):
    model = Refinement(skeleton)
    variables = jax.eval_shape(lambda x: initialised(model, x), poses(joints))
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == expected


def test_follows_its_formula_frame_by_frame():
    model = Refinement("h36m_16", hidden=32)
    x = poses(16, frames=2)
    params = initialised(model, x)["params"]
    refined = model.apply({"params": params}, x, train=False)
    first, last = params["fc1"]["dense"], params["fc2"]["dense"]
    flat = np.asarray(x).reshape(3, 2, 96)
    hidden = np.maximum(
        flat @ np.asarray(first["kernel"]) + np.asarray(first["bias"]), 0
    )
    logits = hidden @ np.asarray(last["kernel"]) + np.asarray(last["bias"])
    weight = 1 / (1 + np.exp(-logits.reshape(3, 2, 16, 2)))
    lifted, back_projected = np.asarray(x[..., :3]), np.asarray(x[..., 3:])
    expected = weight * lifted[..., :2] + (1 - weight) * back_projected[..., :2]
    np.testing.assert_allclose(refined[..., :2], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(refined[..., 2], lifted[..., 2])


def test_poses_that_agree_stay():
    model = Refinement("h36m_17", hidden=32)
    pose = poses()[..., :3]
    x = jnp.concatenate([pose, pose], axis=-1)
    np.testing.assert_allclose(
        model.apply(initialised(model, x), x, train=False), pose, rtol=1e-5
    )


def test_dropout_of_the_hidden_layer():
    x = poses()
    model = Refinement("h36m_17", hidden=32, dropout_rate=1.0)
    variables = initialised(model, x)

    def loss(params):
        return model.apply(
            {"params": params}, x, train=True, rngs={"dropout": jax.random.key(1)}
        ).sum()

    grads = jax.grad(loss)(variables["params"])
    assert np.abs(grads["fc1"]["dense"]["kernel"]).max() == 0
    assert np.abs(grads["fc2"]["dense"]["bias"]).max() > 0
    default = Refinement("h36m_17", hidden=32)
    assert default.dropout_rate == 0.5
    np.testing.assert_array_equal(
        model.apply(variables, x, train=False), default.apply(variables, x, train=False)
    )


@pytest.mark.parametrize("shape", [(2, 1, 16, 6), (2, 1, 17, 3), (2, 17, 6)])
def test_wrong_shapes(shape):
    with pytest.raises(JaxposeError, match=r"\[B, T, 17, 6\], got"):
        Refinement("h36m_17").init(jax.random.key(0), jnp.zeros(shape), train=False)
