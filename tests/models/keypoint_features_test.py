"""Every model takes keypoints with or without the detector's confidence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.models.ampose import AMPose
from jaxpose.models.cost import describe
from jaxpose.models.gla_gcn import GLAGCN
from tests.models.small_models import random_variables
from tests.models.transforms_test import MODELS, quick_jit

FILES = [ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d]
# Weights that read the third number, in the first layer of the quickstart sizes: per
# joint and frame, per joint, per frame under the kernel. GAST-Net and GLA-GCN also
# normalise it, by scale and bias (2 per number, or per joint and number).
MORE = {
    ampose: 64,
    crossformer: 16,
    gast_net: 2 + 3 * 32,
    # Input norm; theta, phi and projections of three subsets; the way down; residual.
    gla_gcn: 2 * 17 + 3 * (2 * 8 + 32) + 32 + 32,
    poseformer: 16,
    videopose3d: 3 * 17 * 256,
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.__name__)
def test_a_third_number_adds_the_weights_that_read_it(file):
    config = file.get_config("quickstart")
    two = describe(build_model(config))
    config.model.keypoint_features = 3
    three = describe(build_model(config))
    assert two["input_shape"][-1] == 2
    assert three["input_shape"] == [*two["input_shape"][:-1], 3]
    assert three["output_shape"] == two["output_shape"]
    assert three["parameters"] - two["parameters"] == MORE[file]


@pytest.mark.parametrize("name", MODELS)
def test_the_pose_depends_on_the_confidence(name):
    model = MODELS[name]
    if name == "refined":
        model = model.clone(lifting=model.lifting.clone(keypoint_features=3))
    else:
        model = model.clone(keypoint_features=3)
    inputs = model.example_inputs(2)
    rng = np.random.default_rng(0)
    keypoints = jnp.asarray(rng.normal(size=inputs[0].shape), jnp.float32)
    assert keypoints.shape[-1] == 3

    @quick_jit
    def slopes(variables, keypoints):
        def total(keypoints):
            poses = model.predict(variables, (keypoints, *inputs[1:]))
            return jnp.sum(jnp.sin(poses))

        return jax.grad(total)(keypoints)

    gradient = np.abs(slopes(random_variables(model), keypoints))
    assert (gradient[..., 2].max() > 0).all()


def test_toe_vectors_have_no_confidence():
    model = AMPose(
        skeleton="h36m_16",
        depth=1,
        joint_width=8,
        heads=2,
        toe_direction=True,
        keypoint_features=3,
    )
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), *model.example_inputs(), train=False)
    )
    assert shapes["params"]["embed"]["dense"]["kernel"].shape == (3, 8)
    assert shapes["params"]["toe_embed"]["dense"]["kernel"].shape == (2, 8)


def test_confidences_of_coco_keypoints_are_averaged_with_them():
    model = GLAGCN(
        skeleton="humaneva_15",
        keypoints_skeleton="coco_17",
        filter_widths=(3,),
        channels=4,
        keypoint_features=3,
    )
    assert model.example_inputs()[0].shape == (1, 3, 17, 3)
    assert describe(model)["output_shape"] == [1, 1, 15, 3]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.__name__)
def test_keypoints_with_another_number_of_features_are_refused(file):
    model = build_model(file.get_config("quickstart"))
    (keypoints,) = model.clone(keypoint_features=3).example_inputs()
    with pytest.raises(JaxposeError, match=r"keypoint_features=2\), got \[1, "):
        jax.eval_shape(lambda: model.init(jax.random.key(0), keypoints, train=False))
