"""CrossFormer: sizes, both interactions, Table 5's switches, bad fields."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.models.cost import describe
from jaxpose.models.crossformer import (
    Block,
    CorrelationCrossFrame,
    CrossFormer,
    CrossJoint,
    GatedCrossFrame,
)
from tests.models.poseformer_test import apply, keypoints, randomised

RELEASED = {
    "mlp_ratio": 4.0,
    "qkv_bias": False,
    "cross_frame": "gated",
    "frame_groups": 3,
    "zeroed_frames": (10, 16),
}
TABLES = ("spatial_positions", "temporal_positions")


def small_model(**fields):
    return CrossFormer(
        **{"num_frames": 9, "joint_width": 8, "depth": 1, "heads": 2, **fields}
    )


@pytest.mark.parametrize(
    ("fields", "parameters", "mega_macs"),
    [
        # Beside the gate, C and C V have 2 x 4 x 544 x f x (f - 1) products more.
        ({"num_frames": 9}, 9_616_245, 100.0),
        ({"num_frames": 27}, 9_647_511, 317.0),
        ({"num_frames": 81}, 9_927_933, 1103.2),
        ({"num_frames": 9, "cross_frame": "gated"}, 9_616_245, 99.7),
        ({"num_frames": 27, "cross_frame": "gated"}, 9_647_511, 313.9),
        ({"num_frames": 81, "cross_frame": "gated"}, 9_927_933, 1075.0),
        ({"num_frames": 27, **RELEASED}, 14_390_735, 446.1),
        ({"num_frames": 81, **RELEASED}, 14_624_501, 1452.5),
    ],
)
def test_published_sizes(fields, parameters, mega_macs):
    description = describe(CrossFormer(**fields))
    assert description["parameters"] == parameters
    assert round(description["macs"] / 1e6, 1) == mega_macs


D = 17 * 32
# Interaction, its LayerNorm (2 vectors) and layer scale (1), in 4 blocks each.
CROSS_JOINT = 4 * (2 * (5 * 32 * 32 + 32) + 2 * 32 + 3 * 32)
CROSS_FRAME = 4 * (4 * 3 * 9 * 9 + 2 * 9 + 3 * D)
# Per block one LayerNorm, in place of the interaction's, of three layer scales, and of
# the two LayerNorms of the stacks.
EQUATIONS = 4 * (2 - 2 - 3) * (32 + D) - 2 * (32 + D)


@pytest.mark.parametrize(
    ("fields", "difference"),
    [
        ({"cross_joint": False}, -CROSS_JOINT),
        ({"cross_frame": "none"}, -CROSS_FRAME),
        ({"cross_frame": "gated"}, 0),
        ({"block": "equations"}, EQUATIONS),
        ({"attention_scale": "tokens"}, 0),
        ({"spatial_positions": False}, -D),
        ({"temporal_positions": False}, -D),
        ({"cross_joint": False, "cross_frame": "none"}, -CROSS_JOINT - CROSS_FRAME),
        (
            {"cross_frame": "gated", "frame_groups": 3},
            -4 * (3 * 9 * 9 - 3 * 9 * 3),
        ),
        ({"qkv_bias": False}, -4 * 3 * (32 + D)),
        ({"mlp_ratio": 4.0}, 4 * 2 * (2 * 32 * 32 + 2 * D * D) + 4 * 2 * (32 + D)),
    ],
)
def test_each_field_adds_or_removes_its_parameters(fields, difference):
    model = CrossFormer(num_frames=9, **fields)
    shapes = jax.eval_shape(
        lambda: model.init(jax.random.key(0), keypoints(), train=False)
    )
    assert (
        sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))
        == 9_616_245 + difference
    )


@pytest.mark.parametrize(
    ("switch", "block_name"),
    [
        ({"cross_joint": False}, "spatial_block_0"),
        ({"cross_frame": "none"}, "temporal_block_0"),
    ],
)
def test_dropping_a_module_drops_its_residual_branch(switch, block_name):
    model, x = small_model(), keypoints()
    variables = randomised(model, x)
    block = dict(variables["params"][block_name])
    block["interaction_scale"] = jnp.zeros_like(block["interaction_scale"])
    without = {"params": variables["params"] | {block_name: block}}
    # The module without the branch ignores the branch's leftover parameters.
    ablated = apply(small_model(**switch), without, x)
    np.testing.assert_allclose(ablated, apply(model, without, x), atol=2e-6)
    assert jnp.max(jnp.abs(ablated - apply(model, variables, x))) > 1e-3


@pytest.mark.parametrize("switch", TABLES)
def test_dropping_a_position_table_fixes_it_to_zero(switch):
    model, x = small_model(), keypoints()
    variables = randomised(model, x)
    params = dict(variables["params"])
    if switch == "spatial_positions":
        embedding = dict(params["joint_embedding"])
        params["joint_embedding"] = embedding | {
            "positions": jnp.zeros_like(embedding["positions"])
        }
    else:
        params["temporal_positions"] = jnp.zeros_like(params["temporal_positions"])
    ablated = apply(small_model(**{switch: False}), variables, x)
    np.testing.assert_allclose(ablated, apply(model, {"params": params}, x), atol=2e-6)
    assert jnp.max(jnp.abs(ablated - apply(model, variables, x))) > 1e-3


def test_layer_scales_begin_at_1e_5():
    params = jax.jit(
        lambda: small_model().init(jax.random.key(0), keypoints(), train=False)
    )()["params"]
    for name in ("attention_scale", "interaction_scale", "mlp_scale"):
        np.testing.assert_array_equal(
            params["temporal_block_0"][name], np.full(17 * 8, 1e-5, np.float32)
        )


def test_the_released_model_is_blind_to_its_zeroed_frames():
    model, x = small_model(num_frames=27, **RELEASED), keypoints(batch=1, frames=27)
    variables = randomised(model, x)
    gradient = jax.jit(
        jax.grad(lambda x: jnp.sum(model.apply(variables, x, train=False) ** 2))
    )(x)
    seen = np.asarray(jnp.any(gradient[0] != 0, axis=(1, 2)))
    np.testing.assert_array_equal(seen, [not 10 <= frame < 16 for frame in range(27)])
    with jax.disable_jit():  # NumPy's arrays stay NumPy's
        lifted = model.apply(variables, np.asarray(x), train=False)
    np.testing.assert_allclose(lifted, apply(model, variables, x), rtol=1e-4, atol=1e-5)


def test_zeroing_leaves_windows_of_9_frames_alone():
    x = keypoints()
    model, released = small_model(), small_model(zeroed_frames=(10, 16))
    variables = randomised(model, x)
    np.testing.assert_array_equal(
        apply(model, variables, x), apply(released, variables, x)
    )


def convolution(x, kernel):
    """`x [positions, C_in]` by `kernel [k, C_in, C_out]`, zeros outside."""
    taps, half = len(kernel), len(kernel) // 2
    out = np.zeros((len(x), kernel.shape[2]))
    for position in range(len(x)):
        for tap in range(taps):
            source = position + tap - half
            if 0 <= source < len(x):
                out[position] += x[source] @ kernel[tap]
    return out


def group_norm(x, groups, parameters):
    """`x [positions, C]`: normalised over positions and the channels of each group."""
    out = np.empty_like(x)
    for group in np.array_split(np.arange(x.shape[1]), groups):
        part = x[:, group]
        out[:, group] = (part - part.mean()) / np.sqrt(part.var() + 1e-5)
    return out * parameters["scale"] + parameters["bias"]


def run_in_float64(module, z):
    """The module's output and its random parameters, as NumPy arrays."""
    with jax.enable_x64(True):
        z = jnp.asarray(z)
        shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), z))["params"]
        rng = np.random.default_rng(1)
        params = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes)
        return np.asarray(module.apply({"params": params}, z)), params


def test_cross_joint_is_equation_5():
    z = np.random.default_rng(0).normal(size=(2, 7, 4))
    actual, p = run_in_float64(CrossJoint(), z)
    gelu = np.vectorize(lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2))))
    for sample, out in zip(z, actual, strict=True):
        y = gelu(convolution(sample, p["conv1"]["kernel"]) + p["conv1"]["bias"])
        y = (
            convolution(group_norm(y, 4, p["norm"]), p["conv2"]["kernel"])
            + p["conv2"]["bias"]
        )
        np.testing.assert_allclose(out, y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("groups", [1, 3])
def test_gated_cross_frame_scales_each_group_by_one_inner_product(groups):
    z = np.random.default_rng(0).normal(size=(2, 6, 5))
    actual, p = run_in_float64(GatedCrossFrame(groups), z)
    for sample, out in zip(z, actual, strict=True):
        key, query, value = (
            convolution(sample.T, p[name]["kernel"])
            for name in ("key", "query", "value")
        )
        parts = []
        for group in np.array_split(np.arange(6), groups):
            gated = np.sum(key[:, group] * query[:, group]) * value[:, group]
            parts.append(convolution(gated, p["conv"]["kernel"][:, :, group]))
        expected = group_norm(np.concatenate(parts, axis=1), groups, p["norm"]).T
        np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-10)


def test_correlation_cross_frame_is_equations_7_to_9():
    z = np.random.default_rng(0).normal(size=(2, 5, 6))
    actual, p = run_in_float64(CorrelationCrossFrame(), z)
    for sample, out in zip(z, actual, strict=True):
        key, query, value = (
            convolution(sample.T, p[name]["kernel"]).T
            for name in ("key", "query", "value")
        )
        # Of frames f and g, summed over the entries of a frame.
        correlation = np.array([[np.dot(k, q) for q in query] for k in key]) / 6
        mixed = np.zeros((5, 6))
        for f in range(5):
            for g in range(5):
                mixed[f] += correlation[f, g] * value[g]
        expected = group_norm(convolution(mixed.T, p["conv"]["kernel"]), 1, p["norm"])
        np.testing.assert_allclose(out, expected.T, rtol=1e-10, atol=1e-10)


def branch_and_gradients(module, seed=0):
    """A fresh module's branch, its parameters and the norms of their gradients."""
    z = jax.random.normal(jax.random.key(1), (2, 9, 4 * 17))
    params = module.init(jax.random.key(seed), z)["params"]
    weights = jax.random.normal(jax.random.key(2), z.shape)

    @jax.jit
    def branch(params):
        return module.apply({"params": params}, z)

    grads = jax.jit(jax.grad(lambda p: jnp.sum(weights * branch(p))))(params)
    norms = {
        name: float(jnp.linalg.norm(g["kernel"]))
        for name, g in grads.items()
        if "kernel" in g
    }
    return branch, params, norms


def cosine(a, b):
    """Cosine of the angle between two branches, per sample."""
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    norms = jnp.linalg.norm(a, axis=-1) * jnp.linalg.norm(b, axis=-1)
    return np.asarray(jnp.sum(a * b, axis=-1) / norms)


@pytest.mark.parametrize("name", ["key", "query"])
def test_another_key_or_query_turns_the_branch_of_the_correlation(name):
    branch, params, _ = branch_and_gradients(CorrelationCrossFrame())
    _, others, _ = branch_and_gradients(CorrelationCrossFrame(), seed=1)
    turned = branch(params | {name: others[name]})
    assert np.all(cosine(branch(params), turned) < 0.9)


def test_key_and_query_of_the_correlation_learn_as_the_value_does():
    *_, norms = branch_and_gradients(CorrelationCrossFrame())
    for name in ("key", "query"):
        assert 0.01 < norms[name] / norms["value"] < 100


@pytest.mark.parametrize("name", ["key", "query"])
def test_another_key_or_query_of_the_gate_changes_no_more_than_the_sign(name):
    branch, params, norms = branch_and_gradients(GatedCrossFrame())
    _, others, _ = branch_and_gradients(GatedCrossFrame(), seed=1)
    for change in (others[name], jax.tree.map(lambda k: 3.7 * k, params[name])):
        changed = cosine(branch(params), branch(params | {name: change}))
        np.testing.assert_allclose(np.abs(changed), 1, atol=1e-5)
    assert norms[name] < 1e-3 * norms["value"]


def test_a_block_of_the_equations_is_equations_6_and_9():
    """Attention and perceptron are switched off by their last layers."""
    block = Block(2, 2.0, True, CorrelationCrossFrame, form="equations")
    z = np.random.default_rng(0).normal(size=(2, 5, 6))
    with jax.enable_x64(True):
        shapes = jax.eval_shape(
            lambda: block.init(jax.random.key(0), jnp.asarray(z), train=False)
        )["params"]
        rng = np.random.default_rng(1)
        p = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), shapes)
        for last in (p["attention"]["proj"], p["mlp"]["fc2"]):
            last["dense"] = jax.tree.map(np.zeros_like, last["dense"])
        out = np.asarray(block.apply({"params": p}, z, train=False))
        branch = CorrelationCrossFrame().apply({"params": p["interaction"]}, z)
        x = z + np.asarray(branch)
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5)
    expected = x * p["norm"]["scale"] + p["norm"]["bias"]
    np.testing.assert_allclose(out, expected, rtol=1e-10, atol=1e-10)
    assert set(p) == {
        *("attention_norm", "attention", "interaction", "mlp_norm", "mlp", "norm")
    }


def test_equation_2_divides_by_the_number_of_tokens():
    by_head, by_tokens = small_model(), small_model(attention_scale="tokens")
    x = keypoints()
    variables = randomised(by_head, x)
    # Queries of the joints times sqrt(17 / 4), and of the frames times sqrt(9 / 68).
    scaled = jax.tree.map(np.copy, variables)
    for stack, factor in (("spatial", (17 / 4) ** 0.5), ("temporal", (9 / 68) ** 0.5)):
        qkv = scaled["params"][f"{stack}_block_0"]["attention"]["qkv"]["dense"]
        third = qkv["bias"].size // 3
        qkv["kernel"][:, :third] *= factor
        qkv["bias"][:third] *= factor
    np.testing.assert_allclose(
        apply(by_tokens, scaled, x), apply(by_head, variables, x), atol=2e-5
    )


def test_bfloat16_keeps_positions_float32_and_near():
    model, x = small_model(), keypoints()
    variables = randomised(model, x)
    exact, rounded = (
        apply(model, variables, x),
        apply(small_model(dtype=jnp.bfloat16), variables, x),
    )
    assert rounded.dtype == jnp.float32
    assert 0 < jnp.abs(rounded - exact).max() / jnp.abs(exact).max() < 0.05


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"frame_groups": 2},
            "frame_groups=2 does not divide num_frames=9; these do: 1, 3, 9",
        ),
        (
            {"cross_frame": "outer"},
            "unknown cross_frame='outer'; known: correlation, gated, none",
        ),
        ({"block": "plain"}, "unknown block='plain'; known: scaled, equations"),
        (
            {"attention_scale": "joints"},
            "unknown attention_scale='joints'; known: head, width, tokens",
        ),
        (
            {"zeroed_frames": (16, 10)},
            r"zeroed_frames=\(16, 10\) must be the first and one past the last",
        ),
        ({"heads": 5}, "heads=5 does not divide joint_width=8"),
        ({"num_frames": 4}, "num_frames=4 has no centre frame"),
        ({"skeleton": "h36m_19"}, r"\[batch, 9, 19, 2\]"),
    ],
)
def test_fields_that_do_not_fit_are_named(fields, message):
    with pytest.raises(JaxposeError, match=message):
        jax.eval_shape(
            lambda: small_model(**fields).init(
                jax.random.key(0), keypoints(), train=False
            )
        )
