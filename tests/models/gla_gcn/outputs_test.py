"""GLA-GCN's skeletons, branches, heads and windows; fields that do not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import SKELETONS, get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.gla_gcn import GLAGCN, UnsharedLinear
from tests.models.gla_gcn.small_model import (
    SMALL,
    predict,
    random_variables,
    shapes,
    window,
)


@pytest.mark.parametrize(
    "skeleton, graph",
    [
        ("h36m_17", ""),
        ("h36m_16", ""),
        ("humaneva_15", ""),
        ("mpi_inf_3dhp_17", "h36m_17"),
    ],
)
def test_output_of_every_skeleton(skeleton, graph):
    model = GLAGCN(
        **{**SMALL, "skeleton": skeleton, "graph": graph, "filter_widths": (3, 5)}
    )
    joints = SKELETONS[skeleton].num_joints
    x = window(15, joints)
    assert model.receptive_field == 15
    output = jax.eval_shape(
        lambda v, x: model.apply(v, x, train=False), shapes(model, x), x
    )
    assert output.shape == (2, 1, joints, 3)


def test_sequence_branch_gives_every_frame_with_either_sign():
    model = GLAGCN(**SMALL | {"sequence_layers": 1, "head": "individual"})
    positions, sequence = predict(model, random_variables(model, window()), window())
    assert positions.shape == (2, 1, 17, 3)
    assert sequence.shape == (2, 3, 17, 3)
    assert (sequence < 0).any()
    assert (sequence > 0).any()


def test_head_blend_weighs_both_heads():
    x = window()
    individual = SMALL | {"head": "individual"}
    variables = random_variables(GLAGCN(**individual), x)
    blend = {
        value: predict(GLAGCN(**individual, head_blend=value), variables, x)
        for value in (0.0, 0.25, 1.0)
    }
    without = {
        name: value
        for name, value in variables["params"].items()
        if name != "head_unshared"
    }
    shared = predict(GLAGCN(**SMALL), {**variables, "params": without}, x)
    np.testing.assert_allclose(blend[0.0], shared, rtol=1e-5)
    np.testing.assert_allclose(
        blend[0.25], 0.25 * blend[1.0] + 0.75 * blend[0.0], rtol=1e-4, atol=1e-5
    )
    assert not np.allclose(blend[1.0], blend[0.0])


def test_unshared_layers_keep_joints_apart():
    layer = UnsharedLinear(3)
    features = jnp.asarray(np.random.default_rng(0).normal(size=(1, 4, 5)), jnp.float32)
    params = layer.init(jax.random.key(0), features)["params"]
    expected = [
        features[0, j] @ params[f"kernel_{j}"] + params[f"bias_{j}"] for j in range(4)
    ]
    actual = layer.apply({"params": params}, features)[0]
    np.testing.assert_allclose(actual, np.stack(expected), rtol=1e-5, atol=1e-6)


def test_dense_head_reads_every_joint_for_each_position():
    model = GLAGCN(**SMALL | {"head": "dense"})
    variables = random_variables(model, window())
    predict = jax.jit(lambda v: model.apply(v, window(), train=False))
    before = predict(variables)
    kernel = variables["params"]["head_dense"]["dense"]["kernel"]
    ankle, wrist_x = slice(3 * 8, 4 * 8), 16 * 3
    variables["params"]["head_dense"]["dense"]["kernel"] = kernel.at[
        ankle, wrist_x
    ].add(1)
    changed = np.abs(predict(variables) - before).max(axis=(0, 1)) > 0
    assert changed[16, 0]
    assert changed.sum() == 1


def test_swapped_input_is_the_mirrored_joints():
    x = window()
    variables = random_variables(GLAGCN(**SMALL), x)
    mirror = get_skeleton("h36m_17").mirror
    swapped = predict(GLAGCN(**SMALL, swap_input=True), variables, x)
    plain = jax.jit(lambda x: GLAGCN(**SMALL).apply(variables, x, train=False))
    np.testing.assert_allclose(swapped, plain(x[:, :, mirror]), rtol=1e-5, atol=1e-5)
    assert not np.allclose(swapped, plain(x))


def test_without_strides_every_frame_lives_to_the_average():
    x = window(4)  # no length is refused
    variables = random_variables(GLAGCN(**SMALL), window())
    pooled = predict(GLAGCN(**SMALL, strided=False), variables, x)
    ones = GLAGCN(**{**SMALL, "filter_widths": (1,)})
    np.testing.assert_allclose(pooled, predict(ones, variables, x), rtol=1e-6)


def test_coco_keypoints_become_humaneva():
    keypoints = jnp.asarray(
        np.random.default_rng(0).normal(size=(2, 3, 17, 2)), jnp.float32
    )
    converted = np.asarray(convert_joints(keypoints, "coco_17", "humaneva_15"))
    names, coco = get_skeleton("humaneva_15").joints, get_skeleton("coco_17").joints
    assert converted.shape == (2, 3, 15, 2)
    by_name = {name: np.asarray(keypoints[:, :, i]) for i, name in enumerate(coco)}
    by_name["hip"] = (by_name["left_hip"] + by_name["right_hip"]) / 2
    by_name["thorax"] = (by_name["left_shoulder"] + by_name["right_shoulder"]) / 2
    by_name["head"] = by_name["nose"]
    for i, name in enumerate(names):
        np.testing.assert_allclose(converted[:, :, i], by_name[name], rtol=1e-6)

    fields = {
        **SMALL,
        "skeleton": "humaneva_15",
        "graph": "humaneva_15_script",
        "input_norm": False,
    }
    model = GLAGCN(**fields, keypoints_skeleton="coco_17")
    variables = random_variables(model, keypoints)
    assert "input_bn" not in variables["params"]
    direct = predict(GLAGCN(**fields), variables, jnp.asarray(converted))
    np.testing.assert_allclose(
        predict(model, variables, keypoints), direct, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("frames", [18, 17])  # 17 -> 6 -> 2
def test_longer_windows_that_fit_give_one_pose(frames):
    model = GLAGCN(**{**SMALL, "filter_widths": (3, 3)})
    variables = shapes(model, window(9))
    output = jax.eval_shape(
        lambda v, x: model.apply(v, x, train=False), variables, window(frames)
    )
    assert output.shape == (2, 1, 17, 3)


@pytest.mark.parametrize(
    "frames, stuck", [(10, "10 frames reach"), (11, "4 frames reach")]
)
def test_longer_windows_that_do_not_fit_are_refused(frames, stuck):
    with pytest.raises(JaxposeError, match=f"windows of {frames} frames: {stuck}"):
        shapes(GLAGCN(**{**SMALL, "filter_widths": (3, 3)}), window(frames))


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"filter_widths": (3, 2)}, "odd numbers"),
        ({"filter_widths": ()}, "odd numbers"),
        ({"channels": 0}, "channels=0 must be"),
        ({"sequence_layers": -1}, "sequence_layers=-1 must be"),
        ({"head": "mean"}, "unknown head='mean'; known: shared, individual, dense"),
        ({"head_blend": 1.5}, "between 0 and 1"),
        (
            {"graph": "humaneva_15"},
            "graph='humaneva_15' has 15 joints, skeleton 'h36m_17' 17",
        ),
        (
            {"keypoints_skeleton": "coco_17"},
            "cannot turn coco_17 keypoints into h36m_17",
        ),
        ({"skeleton": "h36m"}, "unknown skeleton 'h36m'"),
        (
            {"skeleton": "h36m_16"},
            r"\[batch, frames, 16, 2\] .*, got \[2, 3, 17, 2\]",
        ),
        ({"filter_widths": (3, 9)}, "needs windows of 27 frames, got 3"),
    ],
)
def test_fields_and_inputs_that_do_not_fit(fields, message):
    with pytest.raises(JaxposeError, match=message):
        shapes(GLAGCN(**{**SMALL, **fields}), window())
