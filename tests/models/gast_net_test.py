"""GAST-Net: sizes, its layers against explicit sums, its forms, causality, errors."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body import graphs
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.cost import describe
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.graph_attention import GlobalGraph, LocalGraph, SemanticGraphConv
from jaxpose.torch_weights import gast_net as weights

# Everything runs once: compiling takes far longer than running.
quick_jit = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


def small_model(**fields):
    return GASTNet(**{"filter_widths": (3, 3), "channels": 4, **fields})


def keypoints(frames, joints=17, features=2, batch=2):
    x = np.random.default_rng(1).normal(size=(batch, frames, joints, features))
    return x.astype(np.float32)


def shapes(model, x):
    return jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), x)


def random_like(tree):
    """Every number random, also those that start at 0 or 1."""
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        if path[-1].key in ("var", "scale"):
            return rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        return (0.3 * rng.normal(size=leaf.shape)).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, tree)


def randomised(model, x):
    return random_like(shapes(model, x))


def predict(model, variables, x):
    return np.asarray(
        quick_jit(lambda v, x: model.apply(v, x, train=False))(variables, x)
    )


def softmax(x):
    exponentials = np.exp(x - x.max())
    return exponentials / exponentials.sum()


@pytest.mark.parametrize(
    ("fields", "parameters"),
    [
        ({"filter_widths": (3, 3)}, 1_617_164),
        ({}, 6_915_984),
        ({"filter_widths": (3,) * 4, "channels": 64}, 7_054_612),
        ({"filter_widths": (3,) * 5, "channels": 32}, 7_091_736),
        ({"skeleton": "h36m_16"}, 6_913_796),
        ({"skeleton": "humaneva_15"}, 6_907_152),
        ({"skeleton": "h36m_19"}, 6_927_600),
        ({"connection_graph": False}, 5_833_616),
        ({"symmetric_graph": False}, 5_856_016),
        ({"adaptive_matrix": False}, 6_912_516),
        ({"attention_matrix": False}, 6_224_272),
    ],
)
def test_published_sizes(fields, parameters):
    assert describe(GASTNet(**fields, strided=True))["parameters"] == parameters


@pytest.mark.parametrize("shared_edges", [False, True])
def test_graph_convolution_is_the_sum_over_neighbours(shared_edges):
    mask = graphs.connection_mask(get_skeleton("humaneva_15"))
    layer = SemanticGraphConv(3, mask, shared_edges)
    x = keypoints(1, joints=15, features=4, batch=1)
    shapes = jax.eval_shape(lambda: layer.init(jax.random.key(0), x))
    params = random_like(shapes)["params"]
    own, others = params["kernel"][:, :3], params["kernel"][:, 3:]
    logits = {
        edge: params["edges"][:, n]
        for n, edge in enumerate(zip(*np.nonzero(mask), strict=True))
    }
    expected = np.zeros((15, 3))
    for i in range(15):
        neighbours = np.flatnonzero(mask[i])
        for c in range(3):
            weight = softmax(
                np.array([logits[i, j][0 if shared_edges else c] for j in neighbours])
            )
            for j, w in zip(neighbours, weight, strict=True):
                expected[i, c] += w * (x[0, 0, j] @ (own if i == j else others)[:, c])
    if shared_edges:
        expected += params["bias"]
    np.testing.assert_allclose(
        layer.apply({"params": params}, x)[0, 0], expected, atol=1e-5
    )


def test_a_joint_that_sees_only_itself_keeps_its_digits_beside_large_neighbours():
    """Float32 against float64, output and gradients.

    A sum over all joints that takes its own back, `S others + diagonal * (own -
    others)`, loses the digits of `own` where `others` is 10,000 times as large.
    """
    mask = graphs.symmetric_mask(get_skeleton("h36m_17"))
    alone = np.flatnonzero(mask.sum(1) == 1)
    assert len(alone) == 5  # the midline
    layer = SemanticGraphConv(8, mask)
    x = keypoints(1, features=4)
    params = random_like(jax.eval_shape(lambda: layer.init(jax.random.key(0), x)))
    params["params"]["kernel"][:, 8:] *= 1e4

    def loss(params, x):
        output = layer.apply(params, x)[:, :, alone]
        return jnp.sum(jnp.sin(output)), output

    def derivatives(params, x):
        gradient = jax.grad(loss, argnums=(0, 1), has_aux=True)
        (by_params, by_x), output = quick_jit(gradient)(params, x)
        by_own = by_params["params"]["kernel"][:, :8]
        return jax.device_get((output, by_own, by_x))

    found = derivatives(params, x)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda a: a.astype(np.float64), (params, x))
        expected = derivatives(*wide)
    for narrow, exact in zip(found, expected, strict=True):
        assert narrow.dtype == np.float32
        error = np.linalg.norm(narrow - exact) / np.linalg.norm(exact)
        assert error < 1e-5


def test_attention_is_that_of_equations_3_and_4():
    layer = GlobalGraph()
    x = keypoints(1, joints=5, features=8, batch=1)
    variables = random_like(
        jax.eval_shape(lambda: layer.init(jax.random.key(0), x, train=False))
    )
    out, state = layer.apply(variables, x, train=False, mutable=["intermediates"])
    (matrices,) = state["intermediates"]["weights"]
    heads = []
    for k in range(4):
        head = variables["params"][f"head_{k}"]
        g, theta, phi = (
            x[0, 0] @ head[f"{name}_kernel"] + head[f"{name}_bias"]
            for name in ("g", "theta", "phi")
        )
        b_k = np.zeros((5, 5))
        for i in range(5):
            f = np.array(
                [np.concatenate([theta[i], phi[j]]) @ head["w"][:, 0] for j in range(5)]
            )
            b_k[i] = softmax(np.where(f > 0, f, 0.2 * f))
        np.testing.assert_allclose(matrices[0, 0, k], b_k, atol=1e-6)
        heads.append((b_k + head["adaptive"]) @ g)
    y = np.concatenate(heads, axis=-1) @ variables["params"]["fuse"]["dense"]["kernel"]
    norm, statistics = (
        variables["params"]["fuse_norm"],
        variables["batch_stats"]["fuse_norm"],
    )
    y = (y - statistics["mean"]) / np.sqrt(statistics["var"] + 1e-5) * norm[
        "scale"
    ] + norm["bias"]
    np.testing.assert_allclose(out[0, 0], np.maximum(y, 0), atol=1e-5)


def test_ablations_of_the_global_layer_leave_the_other_matrix():
    x = keypoints(1, joints=5, features=8, batch=1)
    full, no_b, no_c = (
        GlobalGraph(),
        GlobalGraph(attention_matrix=False),
        GlobalGraph(adaptive_matrix=False),
    )
    variables = random_like(
        jax.eval_shape(lambda: full.init(jax.random.key(0), x, train=False))
    )

    def changed(change):
        """Variables with every head's parameters replaced by `change(name, value)`."""
        params = {
            layer: {name: change(name, value) for name, value in group.items()}
            if "head" in layer
            else group
            for layer, group in variables["params"].items()
        }
        return {**variables, "params": params}

    attention = ("theta_kernel", "theta_bias", "phi_kernel", "phi_bias", "w")
    zero_c = changed(lambda name, value: 0 * value if name == "adaptive" else value)
    np.testing.assert_allclose(
        predict(no_c, variables, x), predict(full, zero_c, x), atol=1e-6
    )
    # Zero maps make B_k uniform: 1/5 everywhere, taken from C_k again.
    less = {"adaptive": 0.2}
    zero_b = changed(
        lambda name, value: (
            0 * value if name in attention else value - less.get(name, 0.0)
        )
    )
    np.testing.assert_allclose(
        predict(no_b, variables, x), predict(full, zero_b, x), atol=1e-5
    )


@pytest.mark.parametrize(
    ("kept", "dropped"), [("symmetric", "connection"), ("connection", "symmetric")]
)
def test_only_graph_neighbours_reach_a_joint(kept, dropped):
    masks = {"symmetric": graphs.symmetric_mask, "connection": graphs.connection_mask}
    layer = LocalGraph("h36m_17", 4, **{f"{dropped}_graph": False})
    x = keypoints(1, features=4, batch=1)
    variables = random_like(
        jax.eval_shape(lambda: layer.init(jax.random.key(0), x, train=False))
    )
    for norm in (f"{kept}_norm", "fuse_norm"):
        variables["params"][norm]["bias"] += 100  # opens every ReLU
    joint_sums = quick_jit(
        jax.jacobian(lambda x: layer.apply(variables, x, train=False)[0, 0].sum(-1))
    )
    reached = np.abs(joint_sums(x)[:, 0, 0]).sum(-1) > 0
    np.testing.assert_array_equal(reached, masks[kept](get_skeleton("h36m_17")))


@pytest.mark.parametrize(
    ("filter_widths", "causal", "skeleton"),
    [
        ((3, 3), False, "h36m_17"),
        ((3, 3), True, "humaneva_15"),
        ((3, 5), False, "h36m_19"),
    ],
)
def test_a_sequence_in_one_pass_equals_strided_windows(filter_widths, causal, skeleton):
    dilated = small_model(filter_widths=filter_widths, causal=causal, skeleton=skeleton)
    strided = dilated.clone(strided=True)
    field, joints = dilated.receptive_field, get_skeleton(skeleton).num_joints
    x = keypoints(field + 3, joints, batch=1)
    variables = randomised(dilated, x)
    windows = np.concatenate([x[:, start : start + field] for start in range(4)])
    expected = predict(strided, variables, windows)
    assert expected.shape == (4, 1, joints, 3)
    np.testing.assert_allclose(
        predict(dilated, variables, x)[0], expected[:, 0], atol=2e-5
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


def test_dense_kernels_with_zeros_between_the_taps_are_dilated_ones():
    dilated, dense = small_model(), small_model(dense=True)
    x = keypoints(10, batch=1)
    variables = randomised(dilated, x)
    expected = predict(dilated, variables, x)
    filled = np.zeros((7, 8, 8), np.float32)
    filled[::3] = variables["params"]["temporal_1"]["kernel"]
    variables["params"]["temporal_1"]["kernel"] = filled
    np.testing.assert_allclose(predict(dense, variables, x), expected, atol=2e-5)


def test_initial_values():
    x = keypoints(3, batch=1)
    model = small_model(filter_widths=(3,), channels=64)
    params = quick_jit(lambda: model.init(jax.random.key(0), x, train=False))()[
        "params"
    ]
    local, head = (
        params["attention_0"]["local"],
        params["attention_0"]["global"]["head_0"],
    )
    bound = 1.414 * (6 / (64 * (64 + 2))) ** 0.5
    assert 0.95 * bound < np.max(np.abs(local["symmetric"]["kernel"])) <= bound
    assert np.all(local["connection"]["edges"] == 1)
    for name in ("adaptive", "g_bias", "theta_bias", "phi_bias"):
        assert np.all(head[name] == 0)
    for kernel, fan_in in [
        (params["expand"]["kernel"], 3 * 2),
        (head["g_kernel"], 64),
        (head["theta_kernel"], 64),
        (head["phi_kernel"], 64),
        (head["w"], 2 * 16),
    ]:
        # Normal, deviation sqrt(2 / fan_in): within five errors of its estimate.
        assert np.std(kernel) == pytest.approx(
            (2 / fan_in) ** 0.5, rel=5 / (2 * kernel.size) ** 0.5
        )
    bound = (2 * 64) ** -0.5
    assert 0.95 * bound < np.max(np.abs(local["fuse"]["dense"]["kernel"])) <= bound


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"connection_graph": False},
        {"attention_matrix": False},
        {"adaptive_matrix": False},
        {"shared_edges": True},
    ],
)
def test_state_dict_names_cover_every_variable_once(fields):
    model = small_model(**fields)
    paths = jax.tree_util.tree_leaves_with_path(shapes(model, keypoints(9)))
    found = [entry.path for entry in weights.entries(model)]
    assert len(found) == len(set(found))
    assert set(found) == {tuple(key.key for key in path) for path, _ in paths}


@pytest.mark.parametrize(
    ("fields", "frames", "joints", "message"),
    [
        (
            {"channels": 6},
            9,
            17,
            "channels=6 must be a multiple of its 4 heads",
        ),
        ({"filter_widths": (2, 3)}, 9, 17, r"\(2, 3\) must be one or more odd numbers"),
        ({"strided": True}, 10, 17, "exactly its receptive field of 9 frames, got 10"),
        ({"strided": True, "dense": True}, 9, 17, "no strided form"),
        ({}, 8, 17, "fewer than the receptive field of 9"),
        ({}, 9, 16, r"skeleton 'h36m_17', keypoint_features=2\), got \[2, 9, 16, 2\]"),
        (
            {"skeleton": "coco_17"},
            9,
            17,
            "'coco_17' is a 2D keypoint layout: it has no bones",
        ),
        (
            {"symmetric_graph": False, "connection_graph": False},
            9,
            17,
            "both off; leave one on",
        ),
        (
            {"attention_matrix": False, "adaptive_matrix": False},
            9,
            17,
            "both off; leave one on",
        ),
    ],
)
def test_what_does_not_fit_is_named(fields, frames, joints, message):
    with pytest.raises(JaxposeError, match=message):
        shapes(small_model(**fields), keypoints(frames, joints))
