"""The stated derivative of batch normalisation against its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models.batch_norm import normalise_batch


def derived_batch_norm(x, scale, bias):
    """Normalises as `normalise_batch` does, for JAX to derive line by line."""
    mean = x.mean(0)
    var = jnp.square(x - mean[None]).mean(0)
    rate = jax.lax.rsqrt(var + 1e-5)
    return (x - mean[None]) * (scale * rate)[None] + bias[None], mean, var


def stated_batch_norm(x, scale, bias):
    return normalise_batch(x, scale, bias, 1e-5)


@pytest.fixture(scope="module")
def batch_norm_inputs():
    rng = np.random.default_rng(0)
    # Channels far from 0 and one that is constant, whose deviation is epsilon's.
    x = 3 * rng.normal(size=(7, 4)) + [0, 10, -100, 0]
    x[:, 3] = 5
    return x, rng.normal(size=4), rng.normal(size=4)


def weigh(function):
    """Makes one number of all outputs, none of which is alike."""

    def number(*inputs):
        outputs = function(*inputs)
        return sum(
            (i + 1) * jnp.sin(jnp.arange(o.size).reshape(o.shape) + o).sum()
            for i, o in enumerate(outputs)
        )

    return number


def first(function):
    return lambda *inputs: (function(*inputs)[0],)


@pytest.mark.parametrize("outputs", [first, lambda f: f], ids=["y", "and statistics"])
@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_batch_norm_are_those_of_its_definition(
    batch_norm_inputs, outputs, order
):
    numbers = (0, 1, 2)

    def derive(function):
        gradient = jax.grad(weigh(outputs(function)), numbers)
        if order == 1:
            return gradient
        return jax.grad(weigh(gradient), numbers)

    with jax.enable_x64(True):
        inputs = [jnp.asarray(a) for a in batch_norm_inputs]
        found = derive(stated_batch_norm)(*inputs)
        expected = derive(derived_batch_norm)(*inputs)
    for a, b in zip(found, expected, strict=True):
        # The constant channel divides by the root of epsilon, thrice in second order.
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8 * np.abs(b).max())


def test_batch_norm_of_batches_is_batch_norm_of_each(batch_norm_inputs):
    x, scale, bias = (np.float32(a) for a in batch_norm_inputs)
    xs = np.stack([x, 2 * x + 1])
    gradient = jax.grad(weigh(stated_batch_norm))
    found = jax.vmap(gradient, (0, None, None))(xs, scale, bias)
    for one, each in zip(found, xs, strict=True):
        expected = gradient(each, scale, bias)
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-4)


def test_a_gradient_through_batch_norm_sums_to_zero_over_rows():
    # A shift of all rows changes nothing: what is left is rounding.
    rng = np.random.default_rng(0)
    x = np.float32(rng.normal(size=(1000, 8)) + 1000)
    weights = np.float32(rng.normal(size=x.shape))

    def loss(x):
        return (normalise_batch(x, jnp.ones(8), jnp.zeros(8), 1e-5)[0] * weights).sum()

    grads = np.float64(jax.grad(loss)(x))
    assert np.abs(grads.sum(0)).max() < 1e-6 * np.abs(grads).sum(0).max()


def test_all_axes_but_the_last_are_rows(batch_norm_inputs):
    x, scale, bias = (np.float32(a) for a in batch_norm_inputs)
    rows = np.concatenate([x, x + 1, x[:4]])

    def loss(x):
        y = normalise_batch(x, scale, bias, 1e-5)[0]
        return (y.reshape(-1, 4) * jnp.cos(rows)).sum()

    flat, folded = jax.grad(loss)(rows), jax.grad(loss)(rows.reshape(3, 2, 3, 4))
    np.testing.assert_allclose(folded.reshape(-1, 4), flat, rtol=1e-5, atol=1e-5)
