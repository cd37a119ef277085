"""Layers whose gradients are written out: equal to the derived ones of linen and JAX."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models.layers import Dropout, LayerNorm, batched_matmul


def gradients(function, *inputs):
    output, backward = jax.vjp(function, *inputs)
    return output, backward(
        jnp.cos(jnp.arange(output.size, dtype=output.dtype)).reshape(output.shape)
    )


@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8)])
def test_layer_norm_is_linens(shape):
    keys = jax.random.split(jax.random.key(0), 3)
    x = 3 + 2 * jax.random.normal(keys[0], shape)
    params = {
        "scale": jax.random.normal(keys[1], (8,)),
        "bias": jax.random.normal(keys[2], (8,)),
    }
    linens = nn.LayerNorm(epsilon=1e-5, use_fast_variance=False)
    found = gradients(lambda p, x: LayerNorm().apply({"params": p}, x), params, x)
    with jax.numpy_rank_promotion("allow"):
        expected = gradients(lambda p, x: linens.apply({"params": p}, x), params, x)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5),
        found,
        expected,
    )


def test_layer_norm_computes_statistics_of_bfloat16_in_float32():
    x = (100 + jax.random.normal(jax.random.key(0), (4, 512))).astype(jnp.bfloat16)
    params = {"params": {"scale": jnp.ones(512), "bias": jnp.zeros(512)}}
    y = LayerNorm(dtype=jnp.bfloat16).apply(params, x)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.std(np.float32(y), axis=-1), 1.0, atol=1e-2)


@pytest.mark.parametrize("sizes", [(5, 3, 7), (5, 7, 3), (2, 1, 1)])
def test_batched_matmul_has_the_derived_gradient(sizes):
    m, k, n = sizes
    keys = jax.random.split(jax.random.key(0))
    a, b = (
        jax.random.normal(keys[0], (4, 2, m, k)),
        jax.random.normal(keys[1], (4, 2, k, n)),
    )
    found, expected = gradients(batched_matmul, a, b), gradients(jnp.matmul, a, b)
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
        found,
        expected,
    )


def drop(rate, x, train=True, **fields):
    return Dropout(rate, **fields).apply(
        {}, x, train=train, rngs={"dropout": jax.random.key(1)}
    )


def test_dropout_drops_at_its_rate_and_keeps_the_mean():
    x = jnp.ones((1000, 333))
    y = np.asarray(drop(0.1, x))
    values = np.unique(y)
    np.testing.assert_allclose(values, [0, 1 / 0.9], rtol=2e-5)
    deviation = (0.1 * 0.9 / x.size) ** 0.5
    assert abs((y == 0).mean() - 0.1) < 5 * deviation
    # Both halves of a random word are used, and they are independent.
    dropped = (y == 0)[:, :332].reshape(-1, 2)
    np.testing.assert_allclose(
        dropped.mean(axis=0), 0.1, atol=5 * (2 * 0.09 / x.size) ** 0.5
    )
    assert abs(dropped.all(axis=1).mean() - 0.01) < 5 * (2 * 0.01 / x.size) ** 0.5


def test_dropout_edges():
    x = jax.random.normal(jax.random.key(0), (6, 4, 5))
    np.testing.assert_array_equal(drop(0.5, x, train=False), x)
    np.testing.assert_array_equal(drop(0.0, x), x)
    np.testing.assert_array_equal(drop(1.0, x), jnp.zeros_like(x))
    rows = np.asarray(drop(0.5, x, broadcast_dims=(1, 2)) / x)
    assert {*np.unique(rows)} <= {0.0, 2.0}
    np.testing.assert_array_equal(rows, rows[:, :1, :1] * np.ones_like(rows))
