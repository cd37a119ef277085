"""VideoPose3D: sizes, its forms, causality, dense kernels, initial values, errors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.models.cost import describe
from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.torch_weights import videopose3d as weights

# Everything runs once: compiling takes far longer than running.
quick_jit = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


def small_model(**fields):
    return VideoPose3D(**{"filter_widths": (3, 3), "channels": 8, **fields})


def keypoints(frames, joints=17, features=2, batch=2):
    x = np.random.default_rng(1).normal(size=(batch, frames, joints, features))
    return x.astype(np.float32)


def shapes(model, x):
    return jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), x)


def randomised(model, x):
    """Variables in which no norm is the identity and no two numbers are alike."""
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        if path[-1].key in ("var", "scale"):
            return rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        return (0.3 * rng.normal(size=leaf.shape)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, shapes(model, x))


def predict(model, variables, x):
    return np.asarray(
        quick_jit(lambda v, x: model.apply(v, x, train=False))(variables, x)
    )


@pytest.mark.parametrize(
    ("depth", "parameters", "mega_macs"),
    [
        (2, 4_357_171, 4.56),
        (3, 8_555_571, 17.77),
        (4, 12_753_971, 57.40),
        (5, 16_952_371, 176.3),
    ],
)
def test_published_sizes(depth, parameters, mega_macs):
    description = describe(VideoPose3D(filter_widths=(3,) * depth, strided=True))
    assert description["parameters"] == parameters
    assert description["macs"] / 1e6 == pytest.approx(mega_macs, rel=1e-3)
    assert description["receptive_field"] == 3**depth


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("filter_widths", [(3, 3), (3, 5, 1)])
def test_a_sequence_in_one_pass_equals_strided_windows(filter_widths, causal):
    dilated = small_model(filter_widths=filter_widths, causal=causal)
    strided = dilated.clone(strided=True)
    field = dilated.receptive_field
    x = keypoints(field + 3, batch=1)
    variables = randomised(dilated, x)
    windows = np.concatenate([x[:, start : start + field] for start in range(4)])
    expected = predict(strided, variables, windows)
    assert expected.shape == (4, 1, 17, 3)
    np.testing.assert_allclose(
        predict(dilated, variables, x)[0], expected[:, 0], atol=2e-5
    )
    np.testing.assert_allclose(
        predict(dilated, variables, windows), expected, atol=2e-5
    )


def test_the_sequence_form_has_the_gradients_of_the_strided_form():
    dilated = small_model(filter_widths=(3, 5, 3))
    x = keypoints(dilated.receptive_field)
    params = randomised(dilated, x)

    def gradients(model):
        def loss(variables, x):
            return jnp.sum(model.apply(variables, x, train=False) ** 2)

        return quick_jit(jax.grad(loss, argnums=(0, 1)))(params, x)

    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-3),
        gradients(dilated),
        gradients(dilated.clone(strided=True)),
    )


@pytest.mark.parametrize("causal", [False, True])
def test_causal_outputs_do_not_see_later_frames(causal):
    model = small_model(causal=causal)
    pad = (model.receptive_field - 1) // 2
    assert model.causal_shift == (pad if causal else 0)
    x = keypoints(6, batch=1)
    variables = randomised(model, keypoints(9))

    def frame_3(x):
        edges = (
            (0, 0),
            (pad + model.causal_shift, pad - model.causal_shift),
            (0, 0),
            (0, 0),
        )
        return jnp.sum(
            model.apply(variables, jnp.pad(x, edges), train=False)[:, 3] ** 2
        )

    gradient = np.abs(quick_jit(jax.grad(frame_3))(x)).sum((0, 2, 3))
    assert np.all(gradient[:4] > 0)
    assert np.all(gradient[4:] == 0) if causal else np.all(gradient[4:] > 0)


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize(("causal", "seen"), [(False, [3, 4, 5]), (True, [6, 7, 8])])
def test_residuals_follow_the_output_frame(causal, seen, strided):
    model = small_model(causal=causal, strided=strided)
    x = keypoints(9, batch=1)
    variables = randomised(model, x)
    kernel = variables["params"]["temporal_1"]["kernel"]
    variables["params"]["temporal_1"]["kernel"] = np.zeros_like(kernel)
    gradient = quick_jit(
        jax.grad(lambda x: jnp.sum(model.apply(variables, x, train=False) ** 2))
    )(x)
    assert np.flatnonzero(np.abs(gradient).sum((0, 2, 3))).tolist() == seen


def test_dense_kernels_with_zeros_between_the_taps_are_dilated_ones():
    dilated, dense = small_model(), small_model(dense=True)
    x = keypoints(11)
    variables = randomised(dilated, x)
    expected = predict(dilated, variables, x)
    kernel = variables["params"]["temporal_1"]["kernel"]
    filled = np.zeros((7, 8, 8), np.float32)
    filled[::3] = kernel
    variables["params"]["temporal_1"]["kernel"] = filled
    np.testing.assert_allclose(predict(dense, variables, x), expected, atol=2e-5)


def test_three_channels_in_and_other_joints_out():
    model = small_model(
        skeleton="h36m_16", keypoints_skeleton="coco_17", keypoint_features=3
    )
    x = keypoints(10, features=3)
    assert predict(model, randomised(model, x), x).shape == (2, 2, 16, 3)


def test_trajectory_network_predicts_one_joint():
    model = small_model(trajectory=True, strided=True)
    x = keypoints(9)
    assert predict(model, randomised(model, x), x).shape == (2, 1, 1, 3)


def test_initial_values():
    x = keypoints(9)
    params = quick_jit(
        lambda: small_model(channels=64).init(jax.random.key(0), x, train=False)
    )()["params"]
    for kernel, fan_in in [
        (params["expand"]["kernel"], 3 * 34),
        (params["temporal_1"]["kernel"], 3 * 64),
        (params["pointwise_1"]["dense"]["kernel"], 64),
        (params["shrink"]["dense"]["kernel"], 64),
        (params["shrink"]["dense"]["bias"], 64),
    ]:
        bound = fan_in**-0.5
        assert 0.9 * bound < np.max(np.abs(kernel)) <= bound
    assert np.all(params["expand_norm"]["scale"] == 1)
    assert np.all(params["expand_norm"]["bias"] == 0)


def test_dropout_acts_in_training_only():
    model = small_model(strided=True, dropout_rate=0.5)
    x = keypoints(9)
    variables = randomised(model, x)

    @quick_jit
    def train(key):
        return model.apply(
            variables, x, train=True, mutable=["batch_stats"], rngs={"dropout": key}
        )[0]

    assert not np.allclose(train(jax.random.key(0)), train(jax.random.key(1)))
    same = predict(model.clone(dropout_rate=0.0), variables, x)
    np.testing.assert_array_equal(predict(model, variables, x), same)


def test_bfloat16_keeps_parameters_and_statistics_in_float32():
    model = small_model(strided=True, dtype=jnp.bfloat16)
    x = keypoints(9)
    assert {leaf.dtype for leaf in jax.tree.leaves(shapes(model, x))} == {
        np.dtype(np.float32)
    }
    variables = randomised(model, x)
    low = predict(model, variables, x)
    assert low.dtype == jnp.bfloat16
    expected = predict(model.clone(dtype=None), variables, x)
    np.testing.assert_allclose(
        low.astype(np.float32), expected, atol=0.03 * np.abs(expected).max()
    )


def test_state_dict_names_cover_every_variable_once():
    model = small_model(filter_widths=(3, 3, 3))
    paths = jax.tree_util.tree_leaves_with_path(shapes(model, keypoints(27)))
    found = [entry.path for entry in weights.entries(model)]
    assert len(found) == len(set(found))
    assert set(found) == {tuple(key.key for key in path) for path, _ in paths}


@pytest.mark.parametrize(
    ("fields", "frames", "joints", "features", "message"),
    [
        (
            {"filter_widths": (3, 4)},
            12,
            17,
            2,
            r"\(3, 4\) must be one or more odd numbers",
        ),
        ({"filter_widths": ()}, 12, 17, 2, "one or more odd numbers"),
        ({}, 8, 17, 2, "got 8 frames, fewer than the receptive field of 9"),
        (
            {"strided": True},
            10,
            17,
            2,
            "exactly its receptive field of 9 frames, got 10",
        ),
        ({"strided": True, "dense": True}, 9, 17, 2, "no strided form"),
        (
            {},
            9,
            16,
            2,
            r"skeleton 'h36m_17', keypoint_features=2\), got \[2, 9, 16, 2\]",
        ),
        ({"keypoints_skeleton": "h36m_16"}, 9, 17, 2, "skeleton 'h36m_16'"),
        ({}, 9, 17, 3, r"must be \[batch, frames, 17, 2\]"),
        ({"skeleton": "h36m_71"}, 9, 17, 2, "unknown skeleton 'h36m_71'"),
    ],
)
def test_what_does_not_fit_is_named(fields, frames, joints, features, message):
    with pytest.raises(JaxposeError, match=message):
        shapes(small_model(**fields), keypoints(frames, joints, features))
