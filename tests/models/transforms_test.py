"""Every model under jvp, vmap, Hessian-vector products and checkpoint."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models.ampose import AMPose
from jaxpose.models.base import LiftingModel
from jaxpose.models.crossformer import CrossFormer
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.models.poseformer import PoseFormer
from jaxpose.models.refinement import RefinedLifting
from jaxpose.models.videopose3d import VideoPose3D
from tests.models.small_models import random_like

# Everything runs once: compiling takes far longer than running.
quick_jit = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)

AMPOSE = AMPose(num_frames=3, depth=1, joint_width=4, heads=2, dropout_rate=0.1)
TRANSFORMER = {"num_frames": 3, "joint_width": 4, "depth": 1, "heads": 2}
GLA_GCN = GLAGCN(filter_widths=(3,), channels=4, sequence_layers=1, head="individual")
GAST_NET = GASTNet(filter_widths=(3,), channels=4)
VIDEOPOSE3D = VideoPose3D(filter_widths=(1, 3), channels=4)
MODELS = {
    "ampose": AMPOSE,
    "crossformer": CrossFormer(**TRANSFORMER, zeroed_frames=(1, 2)),
    "crossformer_sequence": CrossFormer(**TRANSFORMER).for_sequences(),
    "gast_net": GAST_NET.clone(strided=True),
    "gast_net_dilated": GAST_NET,
    "gast_net_causal": GAST_NET.clone(causal=True),
    "gast_net_dense": GAST_NET.clone(dense=True),
    "gla_gcn": GLA_GCN,
    "poseformer": PoseFormer(**TRANSFORMER),
    "videopose3d": VIDEOPOSE3D.clone(strided=True),
    "videopose3d_dilated": VIDEOPOSE3D,
    "videopose3d_causal": VIDEOPOSE3D.clone(causal=True),
    "videopose3d_dense": VIDEOPOSE3D.clone(dense=True),
    "refined": RefinedLifting(lifting=AMPOSE),
}
STREAMS = {"gast_net": GAST_NET, "videopose3d": VIDEOPOSE3D}


def inner(a, b):
    return sum(map(jnp.vdot, jax.tree.leaves(a), jax.tree.leaves(b)))


def check_transformations(loss, params):
    """Compares values, slopes and curvature of `loss(params)` along a line.

    Values and slopes come from jvp under vmap; value, gradient and curvature from a
    Hessian-vector product of the checkpointed loss.
    """
    direction = random_like(params, 2)
    step = 1e-6

    @quick_jit
    def transformed(params, direction):
        def along(t):
            return loss(jax.tree.map(lambda p, v: p + t * v, params, direction))

        def value_and_slope(t):
            return jax.jvp(along, (t,), (1.0,))

        values, slopes = jax.vmap(value_and_slope)(jnp.array([0, -step, step]))
        (value, gradient), (_, product) = jax.jvp(
            jax.value_and_grad(jax.checkpoint(loss)), (params,), (direction,)
        )
        curvature = inner(product, direction)
        return value, values, slopes, inner(gradient, direction), curvature

    found = jax.device_get(transformed(params, direction))
    value, values, slopes, slope, curvature = found
    assert all(np.isfinite(number).all() for number in found)
    assert curvature != 0
    np.testing.assert_allclose(values[0], value, rtol=1e-9)
    np.testing.assert_allclose(slopes[0], slope, rtol=1e-8)
    np.testing.assert_allclose(
        (slopes[2] - slopes[1]) / (2 * step), curvature, rtol=1e-4
    )


@pytest.mark.parametrize("train", [False, True], ids=["predict", "train"])
@pytest.mark.parametrize("name", MODELS)
def test_models_are_transformable(name, train):
    with jax.enable_x64(True):
        model: LiftingModel = MODELS[name]
        rng = np.random.default_rng(0)
        shapes = jax.eval_shape(lambda: model.example_inputs(2))
        inputs = [rng.normal(1, 1, leaf.shape) for leaf in shapes]
        check_model(model, inputs, train)


def check_model(model, inputs, train):
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), *model.example_inputs(), train=False)
    )
    variables = random_like(shapes, 1)
    params = variables.pop("params")

    def loss(params):
        output, _ = model.apply(
            {"params": params, **variables},
            *inputs,
            train=train,
            rngs={"dropout": jax.random.key(4)},
            mutable=["batch_stats"],
        )
        return jnp.sum(jnp.sin(model.target_pose(output)))

    check_transformations(loss, params)


@pytest.mark.parametrize("name", STREAMS)
def test_streams_are_transformable(name):
    with jax.enable_x64(True):
        model = STREAMS[name].clone(causal=True).for_streams()
        frame = np.random.default_rng(0).normal(size=(2, 1, 17, 2))
        shapes = jax.eval_shape(
            lambda: model.init(jax.random.key(0), frame, train=False)
        )
        integers = jax.tree.map(lambda leaf: leaf.dtype == jnp.int32, shapes)
        variables = jax.tree.map(
            lambda is_index, leaf: np.int32(0) if is_index else leaf,
            integers,
            random_like(shapes, 1),
        )
        params = variables.pop("params")

        def loss(params):
            output, _ = model.apply(
                {"params": params, **variables}, frame, train=False, mutable=["cache"]
            )
            return jnp.sum(jnp.sin(model.target_pose(output)))

        check_transformations(loss, params)
