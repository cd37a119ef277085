"""Forms for a CPU against the definitions: values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models import cpu, layers
from jaxpose.models.ampose import AMPose
from jaxpose.models.cost import variable_shapes
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.models.refinement import RefinedLifting
from tests.models.small_models import random_like


@pytest.mark.parametrize(
    ("frames", "size", "stride"),
    [
        (9, 9, 1),
        (9, 9, 3),
        (8, 9, 3),
        (11, 9, 5),
        (7, 9, 9),
        (5, 9, 1),
        (4, 9, 3),
        (1, 9, 1),
        (6, 3, 1),
        (7, 5, 2),
    ],
)
def test_padded_convolution_has_the_derived_gradient(frames, size, stride):
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        x = jnp.asarray(rng.normal(size=(2, frames, 4)))
        kernel = jnp.asarray(rng.normal(size=(size, 4, 3)))
        found, backward = jax.vjp(
            lambda x, kernel: cpu.padded_convolution(x, kernel, stride), x, kernel
        )
        expected, derived = jax.vjp(
            lambda x, kernel: layers.padded_convolution(x, kernel, stride=stride),
            x,
            kernel,
        )
        # Short windows are one product, whose sums have another order.
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        weights = jnp.asarray(rng.normal(size=expected.shape))
        for gradient, other in zip(backward(weights), derived(weights), strict=True):
            np.testing.assert_allclose(gradient, other, rtol=1e-12, atol=1e-12)


def test_a_model_for_a_cpu_has_the_same_loss_and_gradient():
    plain = GLAGCN(filter_widths=(3, 3), channels=4, sequence_layers=1)
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 9, 17, 2)))
        variables = random_like(variable_shapes(plain), 1)
        found = []
        for model in (plain, plain.for_platform("cpu")):

            def loss(params, model=model):
                output, _ = model.apply(
                    {**variables, "params": params},
                    x,
                    train=True,
                    rngs={"dropout": jax.random.key(1)},
                    mutable=["batch_stats"],
                )
                return jnp.sum(jnp.sin(model.target_pose(output)))

            found.append(jax.jit(jax.value_and_grad(loss))(variables["params"]))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), *found
    )


def test_only_a_cpu_gets_its_forms_and_only_where_a_model_has_one():
    model = GLAGCN()
    assert model.for_platform("cpu").cpu_forms
    assert not model.for_platform("gpu").cpu_forms
    refined = RefinedLifting(lifting=model).for_platform("cpu")
    assert refined.lifting.cpu_forms
    assert AMPose().for_platform("cpu") == AMPose()


def test_batches_of_windows_fit_the_caches():
    assert AMPose(num_frames=1).cpu_batch_size(1024) == 128
    assert AMPose(num_frames=1).cpu_batch_size(16) == 16
    assert GLAGCN(filter_widths=(3,) * 5).cpu_batch_size(1024) == 10
