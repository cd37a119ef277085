"""Layers whose gradients are written out: equal to the derived ones of linen and JAX."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models.layers import LayerNorm, batched_matmul


def gradients(function, *inputs):
    output, backward = jax.vjp(function, *inputs)
    return output, backward(jnp.cos(jnp.arange(output.size, dtype=output.dtype)).reshape(output.shape))


@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8)])
def test_layer_norm_is_linens(shape):
    keys = jax.random.split(jax.random.key(0), 3)
    x = 3 + 2 * jax.random.normal(keys[0], shape)
    params = {"scale": jax.random.normal(keys[1], (8,)), "bias": jax.random.normal(keys[2], (8,))}
    linens = nn.LayerNorm(epsilon=1e-5, use_fast_variance=False)
    found = gradients(lambda p, x: LayerNorm().apply({"params": p}, x), params, x)
    with jax.numpy_rank_promotion("allow"):
        expected = gradients(lambda p, x: linens.apply({"params": p}, x), params, x)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), found, expected)


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
    a, b = jax.random.normal(keys[0], (4, 2, m, k)), jax.random.normal(keys[1], (4, 2, k, n))
    found, expected = gradients(batched_matmul, a, b), gradients(jnp.matmul, a, b)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), found, expected)
