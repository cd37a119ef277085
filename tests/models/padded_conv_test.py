"""The padded temporal convolution against a loop over frames."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models.padded_conv import PaddedTemporalConv


@pytest.mark.parametrize(
    "frames, size, stride",
    [
        (9, 9, 1),
        (9, 9, 3),
        (8, 9, 3),
        (11, 9, 5),
        (7, 9, 9),
        (5, 9, 1),
        (4, 9, 3),
        (6, 3, 1),
        (7, 5, 2),
    ],
)
def test_convolution_and_its_gradients(frames, size, stride):
    """Against the loop over taps, whose gradients are JAX's own."""
    layer = PaddedTemporalConv(3, size, stride)
    pad = size // 2

    def loop(x, kernel):
        padded = jnp.pad(x, ((0, 0), (0, 0), (pad, pad), (0, 0)))
        windows = [padded[:, :, t : t + size] for t in range(0, frames, stride)]
        return jnp.einsum("bjokc,kcd->bjod", jnp.stack(windows, axis=2), kernel)

    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        x = jnp.asarray(rng.normal(size=(2, 2, frames, 4)))
        kernel = jnp.asarray(rng.normal(size=(size, 4, 3)))

        def convolve(x, kernel):
            return layer.apply({"params": {"kernel": kernel, "bias": jnp.zeros(3)}}, x)

        actual, vjp = jax.vjp(convolve, x, kernel)
        expected, expected_vjp = jax.vjp(loop, x, kernel)
        weights = jnp.asarray(rng.normal(size=expected.shape))
        np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-12)
        for grad, expected_grad in zip(
            vjp(weights), expected_vjp(weights), strict=True
        ):
            np.testing.assert_allclose(grad, expected_grad, rtol=1e-12, atol=1e-12)
