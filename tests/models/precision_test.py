"""Gradients in float32 against the same gradients in float64, per parameter.

A formulation that cancels digits shows here: the loss agrees, a gradient does not.

ReLU and leaky ReLU are replaced by smooth functions. A gradient jumps where rounding
takes the other branch of one, whatever the formulation: moving the input of GAST-Net
(T=27) by 1e-5 changes its own float64 gradients by up to 12 %.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d
from jaxpose.models import build_model
from jaxpose.models.layers import ACTIVATIONS
from jaxpose.training.losses import LOSSES
from tests.models.small_models import SMALL, random_variables, small_config

BATCH = 4
# Float32 may also be off by one rounding of the largest gradient: gradients that are
# zero by their equations, as that of a bias before a batch norm, are rounding alone.
ROUNDING = 1e-7

PUBLISHED = [
    (ampose, "cpn17"),
    (ampose, "mpi27"),
    (crossformer, "cpn81"),
    (crossformer, "released_cpn81"),
    (gast_net, "cpn27"),
    (gast_net, "sh81"),
    (gast_net, "cpn243"),
    (gla_gcn, "cpn243"),
    (gla_gcn, "released243"),
    (poseformer, "cpn81"),
    (videopose3d, "cpn243"),
]


def gradients(model, variables, keypoints_2d, positions_3d):
    """The gradient of the training loss, dropout included."""
    params, statistics = variables["params"], variables.get("batch_stats", {})

    @jax.jit
    def gradient(params, statistics, keypoints_2d, positions_3d):
        def loss(params):
            output, _ = model.apply(
                {"params": params, "batch_stats": statistics},
                keypoints_2d,
                train=True,
                rngs={"dropout": jax.random.key(1)},
                mutable=["batch_stats"],
            )
            return model.loss(output, positions_3d, LOSSES["mpjpe"], jnp.int32(0))

        return jax.grad(loss)(params)

    return jax.device_get(gradient(params, statistics, keypoints_2d, positions_3d))


def errors_by_parameter(model, variables):
    """Norm of the error, and of the float64 gradient, by parameter."""
    (example,) = jax.eval_shape(lambda: model.example_inputs(BATCH))
    rng = np.random.default_rng(0)
    keypoints_2d = rng.normal(0, 0.5, example.shape).astype(np.float32)
    shape = (*example.shape[:2], example.shape[2], 3)
    positions_3d = rng.normal(0, 0.5, shape).astype(np.float32)
    arguments = jax.device_get((variables, keypoints_2d, positions_3d))
    found = gradients(model, *arguments)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: np.asarray(x, np.float64), arguments)
        expected = gradients(model, *wide)
    errors = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(expected):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        other = found
        for entry in path:
            other = other[entry.key]
        errors[name] = np.linalg.norm(other - leaf), np.linalg.norm(leaf)
    return errors


@pytest.fixture(autouse=True)
def smooth(monkeypatch):
    """Puts softplus in the place of ReLU."""
    monkeypatch.setattr(nn, "relu", nn.softplus)
    monkeypatch.setattr(
        nn, "leaky_relu", lambda x, slope: slope * x + (1 - slope) * nn.softplus(x)
    )
    monkeypatch.setitem(ACTIVATIONS, "relu", nn.softplus)


def check(model, variables):
    errors = errors_by_parameter(model, variables)
    largest = max(norm for _, norm in errors.values())
    off = {}
    for name, (error, norm) in errors.items():
        if not error <= 1e-4 * norm + ROUNDING * largest:
            off[name] = f"{error:.1e} of {norm:.1e}, largest {largest:.1e}"
    assert not off


@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.__name__)
def test_small_models_have_the_gradients_of_float64(file):
    model = build_model(small_config(file))
    check(model, random_variables(model))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "variant"), PUBLISHED, ids=[f"{f.__name__}:{v}" for f, v in PUBLISHED]
)
def test_published_sizes_have_the_gradients_of_float64(file, variant):
    model = build_model(file.get_config(variant))
    key = jax.random.key(0)
    variables = jax.jit(lambda: model.init(key, *model.example_inputs(), train=False))()
    check(model, variables)
