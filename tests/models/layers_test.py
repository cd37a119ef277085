"""The shared layers against linen, loops and expected statistics."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models.layers import (
    Dropout,
    LayerNorm,
    padded_convolution,
)


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


@pytest.mark.parametrize(
    ("frames", "size", "stride", "groups"),
    [
        (9, 9, 1, 1),
        (9, 9, 3, 1),
        (8, 9, 3, 1),
        (11, 9, 5, 1),
        (7, 9, 9, 1),
        (4, 9, 3, 1),
        (7, 5, 2, 1),
        (6, 3, 1, 2),
    ],
)
def test_padded_convolution_is_the_sum_over_taps(frames, size, stride, groups):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, frames, 4))
    kernel = rng.normal(size=(size, 4 // groups, 6))
    padded = np.pad(x, ((0, 0), (size // 2, size // 2), (0, 0)))
    expected = np.zeros((2, -(-frames // stride), 6))
    for out, start in enumerate(range(0, frames, stride)):
        for feature in range(6):
            group = feature // (6 // groups)
            channels = slice(group * 4 // groups, (group + 1) * 4 // groups)
            window = padded[:, start : start + size, channels]
            products = window * kernel[None, :, :, feature]
            expected[:, out, feature] = products.sum((1, 2))
    with jax.enable_x64(True):
        found = padded_convolution(
            jnp.asarray(x), jnp.asarray(kernel), stride=stride, groups=groups
        )
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


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
