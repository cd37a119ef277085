"""AMPose against its equations in NumPy, its published sizes, and its bad inputs."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body import graphs
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.ampose import (
    BLOCKS,
    GRAPH_NORMS,
    ORDERS,
    AMPose,
    GraphBlock,
    GraphConvolution,
)

# Thesis Table 4.9 at 16 joints (depth, width, heads), and Table 4.4 at 17 joints.
SIZES_16 = {
    (4, 108, 4): 670_035,
    (4, 128, 8): 937_475,
    (5, 128, 8): 1_171_587,
    (4, 256, 8): 3_709_955,
    (4, 384, 8): 8_317_443,
    (5, 512, 8): 18_448_899,
    (6, 512, 8): 22_137_859,
}
SIZES_17 = {1: 18_451_459, 9: 18_459_651, 27: 18_478_083}


def keypoints(model, batch=2, seed=0):
    joints = get_skeleton(model.keypoints_skeleton).num_joints
    return np.random.default_rng(seed).normal(size=(batch, model.num_frames, joints, 2))


def small(**fields):
    return AMPose(
        **{"skeleton": "h36m_16", "depth": 1, "joint_width": 8, "heads": 2, **fields}
    )


def init(model):
    """Variables with every entry random, so that none hides behind a zero or a one."""
    variables = jax.eval_shape(
        lambda x: model.init(jax.random.key(0), x, train=False), keypoints(model)
    )
    rng = np.random.default_rng(1)
    # Positive vectors (scales, variances), matrices of both signs.
    return jax.tree.map(
        lambda a: jnp.asarray(
            rng.uniform(0.1 if a.ndim == 1 else -1, 1, a.shape), a.dtype
        ),
        variables,
    )


def run(model, variables, x, **kwargs):
    return jax.jit(lambda variables, x: model.apply(variables, x, **kwargs))(
        variables, x
    )


def parameter_count(model):
    shape = (1, model.num_frames, get_skeleton(model.keypoints_skeleton).num_joints, 2)
    variables = jax.eval_shape(
        lambda x: model.init(jax.random.key(0), x, train=False), jnp.zeros(shape)
    )
    return sum(math.prod(x.shape) for x in jax.tree.leaves(variables["params"]))


@pytest.mark.parametrize("size", SIZES_16)
def test_parameters_at_16_joints(size):
    depth, width, heads = size
    assert (
        parameter_count(small(depth=depth, joint_width=width, heads=heads))
        == SIZES_16[size]
    )


@pytest.mark.parametrize("frames", SIZES_17)
def test_parameters_at_17_joints(frames):
    assert parameter_count(AMPose(num_frames=frames)) == SIZES_17[frames]


@pytest.mark.parametrize(
    ("fields", "difference"),
    [
        ({"attention_scale": "width"}, 0),
        ({"mlp_activation": "relu"}, 0),
        # Per layer: two maps of 128 x 128 more each, and 256 biases; 3 x 128 biases.
        ({"mlp_ratio": 4.0}, 4 * (4 * 128 * 128 + 256)),
        ({"qkv_bias": False}, -4 * 3 * 128),
    ],
)
def test_fields_that_the_texts_leave_open_change_the_count(fields, difference):
    model = small(depth=4, joint_width=128, heads=8, **fields)
    assert parameter_count(model) == SIZES_16[4, 128, 8] + difference


# The equations in float64 NumPy, written from the papers, one joint and one head at a
# time.


def linear(x, p):
    p = p["dense"]
    return x @ p["kernel"] + p.get("bias", 0)


def layer_norm(x, p):
    centred = x - x.mean(-1, keepdims=True)
    return (
        centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * p["scale"]
        + p["bias"]
    )


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def mlp(x, p, model):
    x = linear(x, p["fc1"])
    x = gelu(x) if model.mlp_activation == "gelu" else np.maximum(x, 0)
    return linear(x, p["fc2"])


def encoder(z, p, model):
    z = z + p["pos"]
    query, key, value = np.split(
        linear(layer_norm(z, p["ln1"]), p["attn"]["qkv"]), 3, axis=-1
    )
    size = z.shape[-1] // model.heads
    divisor = {"head": size, "width": z.shape[-1], "tokens": z.shape[-2]}
    out = np.zeros_like(z)
    for head in range(model.heads):
        part = slice(head * size, (head + 1) * size)
        logits = query[..., part] @ key[..., part].swapaxes(-1, -2)
        logits /= math.sqrt(divisor[model.attention_scale])
        weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        out[..., part] = weights @ value[..., part]
    z = z + linear(out, p["attn"]["proj"])
    return z + mlp(layer_norm(z, p["ln2"]), p["mlp"], model)


def graph_convolution(x, p, adjacency):
    return sum(
        matrix @ (x @ kernel + bias)
        for matrix, kernel, bias in zip(adjacency, p["kernel"], p["bias"], strict=True)
    )


def graph_block(z, p, stats, adjacency, model):
    def norm(index, x):
        if model.graph_norm == "layer":
            return layer_norm(x, p[f"ln{index}"])
        affine, running = p[f"bn{index}"], stats[f"bn{index}"]
        return (x - running["mean"]) / np.sqrt(running["var"] + 1e-5) * affine[
            "scale"
        ] + affine["bias"]

    def layer(index, x):
        x = norm(index, graph_convolution(x, p[f"g{index}"], adjacency))
        return gelu(x) if model.activation == "gelu" else np.maximum(x, 0)

    if model.block == "plain_residual":
        h = layer(1, z)
        return h + layer(2, h)
    if model.block == "two_residual":
        h = z + layer(1, z)
        return h + layer(2, h)
    if model.block == "transformer":
        h = z + graph_convolution(norm(1, z), p["g1"], adjacency)
        return h + mlp(layer_norm(h, p["ln2"]), p["mlp"], model)
    convolved = norm(1, graph_convolution(z, p["g1"], adjacency))
    return z + norm(2, mlp(convolved, p["mlp"], model))


def forward(model, variables, x):
    p, stats = variables["params"], variables.get("batch_stats", {})
    skeleton = get_skeleton(model.skeleton)
    adjacency = graphs.neighbour_groups(skeleton, model.groups, model.normalisation)
    if model.toe_direction:
        # h36m_19: ankles 3 and 7, toes 4 and 8; neck/nose is 11.
        toes = np.stack([x[:, :, 4] - x[:, :, 3], x[:, :, 8] - x[:, :, 7]], axis=1)
        toes = linear(toes.reshape(len(x), 2, -1), p["toe_embed"])
        x = np.delete(x, (4, 8, 11), axis=2)
    z = linear(
        np.concatenate([x[:, t] for t in range(model.num_frames)], axis=-1), p["embed"]
    )
    encoders, blocks = (
        [("e", i) for i in range(model.depth)],
        [("g", i) for i in range(model.depth)],
    )
    sequence = {
        "encoder_first": [
            b for pair in zip(encoders, blocks, strict=True) for b in pair
        ],
        "graph_first": [b for pair in zip(blocks, encoders, strict=True) for b in pair],
        "encoders_then_graphs": encoders + blocks,
        "graphs_then_encoders": blocks + encoders,
    }[model.order]
    for kind, i in sequence:
        if kind == "g":
            z = graph_block(z, p[f"gcn_{i}"], stats.get(f"gcn_{i}"), adjacency, model)
            continue
        if model.toe_direction and i == 0:
            z[:, [3, 6]] += toes  # the ankles of h36m_16
        z = encoder(z, p[f"enc_{i}"], model)
    return linear(layer_norm(z, p["norm"]), p["head"])[:, None]


VARIANTS = [
    *({"block": block, "graph_norm": norm} for block in BLOCKS for norm in GRAPH_NORMS),
    *({"order": order, "depth": 2} for order in ORDERS),
    {
        "groups": "self_closer+farther_mirror",
        "normalisation": "literal",
        "skeleton": "mpi_inf_3dhp_17",
    },
    {"activation": "gelu", "heads": 4, "skeleton": "humaneva_15"},
    {"num_frames": 3, "skeleton": "h36m_19"},
    {"attention_scale": "width", "mlp_ratio": 4.0},
    {"attention_scale": "tokens", "qkv_bias": False},
    {"mlp_activation": "relu", "block": "transformer"},
    {"mlp_activation": "relu", "block": "convnext", "mlp_ratio": 0.5},
    {"num_frames": 3, "toe_direction": True, "order": "graph_first"},
]


@pytest.mark.parametrize("fields", VARIANTS, ids=str)
def test_forward_equals_the_equations(fields):
    with jax.enable_x64(True):
        model = small(**fields)
        variables = init(model)
        x = keypoints(model)
        got = np.asarray(run(model, variables, x, train=False))
    expected = forward(model, jax.tree.map(np.asarray, variables), x)
    assert got.shape == (2, 1, get_skeleton(model.skeleton).num_joints, 3)
    np.testing.assert_allclose(
        got, expected, atol=1e-12 * np.abs(expected).max(), rtol=0
    )


def test_fused_graph_convolution_is_the_sum_over_groups():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 17, 6))
    for groups in graphs.NEIGHBOUR_GROUPS:
        adjacency = graphs.neighbour_groups(get_skeleton("h36m_17"), groups)
        params = {
            "kernel": rng.normal(size=(len(adjacency), 6, 6)),
            "bias": rng.normal(size=(len(adjacency), 6)),
        }
        with jax.enable_x64(True):
            got = jax.jit(
                lambda params, x, adjacency=adjacency: GraphConvolution().apply(
                    params, adjacency, x
                )
            )({"params": params}, x)
        np.testing.assert_allclose(
            got, graph_convolution(x, params, adjacency), atol=1e-13, rtol=0
        )


def test_graph_convolution_starts_as_linear_layers_do():
    adjacency = graphs.neighbour_groups(get_skeleton("h36m_17"))
    init = jax.jit(lambda key, x: GraphConvolution().init(key, adjacency, x))
    params = init(jax.random.key(0), jnp.zeros((1, 17, 64)))["params"]
    for name in ("kernel", "bias"):
        assert 0.95 / 8 < jnp.abs(params[name]).max() <= 1 / 8


def test_every_parameter_has_a_gradient():
    model = small(num_frames=3, toe_direction=True)
    variables = init(model)
    x = jnp.asarray(keypoints(model), jnp.float32)

    @jax.jit
    @jax.grad
    def gradients(params):
        return jnp.sum(
            jnp.sin(model.apply({**variables, "params": params}, x, train=False))
        )

    for path, gradient in jax.tree_util.tree_leaves_with_path(
        gradients(variables["params"])
    ):
        assert np.isfinite(gradient).all(), path
        assert np.abs(gradient).max() > 0, path


def test_training_normalises_with_and_records_the_batch():
    adjacency = graphs.neighbour_groups(get_skeleton("h36m_16"))
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4, 16, 6))
    params = {
        f"g{i}": {"kernel": rng.normal(size=(3, 6, 6)), "bias": rng.normal(size=(3, 6))}
        for i in (1, 2)
    }
    params |= {f"bn{i}": {"scale": np.ones(6), "bias": np.zeros(6)} for i in (1, 2)}
    stats = {f"bn{i}": {"mean": np.zeros(6), "var": np.ones(6)} for i in (1, 2)}
    with jax.enable_x64(True):
        block = GraphBlock("plain_residual")
        got, new = jax.jit(
            lambda variables, z: block.apply(
                variables, adjacency, z, train=True, mutable=["batch_stats"]
            )
        )({"params": params, "batch_stats": stats}, z)
        stats = jax.tree.map(np.asarray, new["batch_stats"])
    convolved = graph_convolution(z, params["g1"], adjacency)
    np.testing.assert_allclose(
        stats["bn1"]["mean"], 0.1 * convolved.mean((0, 1)), rtol=1e-10
    )
    np.testing.assert_allclose(
        stats["bn1"]["var"],
        0.9 + 0.1 * convolved.reshape(-1, 6).var(0, ddof=1),
        rtol=1e-10,
    )

    def layer(x, name):
        x = graph_convolution(x, params[name], adjacency)
        return np.maximum((x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 1e-5), 0)

    h = layer(z, "g1")
    np.testing.assert_allclose(np.asarray(got), h + layer(h, "g2"), atol=1e-12)


def test_dropout_is_for_training_only():
    model = small(dropout_rate=0.5, graph_norm="layer")
    x = jnp.asarray(keypoints(model), jnp.float32)
    variables = init(model)
    train = jax.jit(
        lambda key: model.apply(variables, x, train=True, rngs={"dropout": key})
    )
    assert np.abs(train(jax.random.key(1)) - train(jax.random.key(2))).max() > 1e-3
    expected = forward(model, jax.tree.map(np.asarray, variables), np.asarray(x))
    np.testing.assert_allclose(
        run(model, variables, x, train=False), expected, atol=1e-4
    )


def test_bfloat16_keeps_parameters_statistics_and_positions_in_float32():
    model = small(dtype=jnp.bfloat16)
    x = jnp.asarray(keypoints(model, batch=16), jnp.float32)
    variables = init(model)
    assert {a.dtype for a in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}
    got, new = run(model, variables, x, train=True, mutable=["batch_stats"])
    assert {a.dtype for a in jax.tree.leaves((got, new))} == {jnp.dtype(jnp.float32)}
    exact, _ = run(small(), variables, x, train=True, mutable=["batch_stats"])
    assert 0 < np.abs(got - exact).max() < 0.05 * np.abs(exact).max()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"joint_width": 108, "heads": 8},
            "heads=8 does not divide joint_width=108; these do: 1, 2, 3, 4, 6, 9, 12",
        ),
        ({"num_frames": 4}, "num_frames=4 has no centre frame"),
        ({"depth": 0}, "depth=0 must be a whole number of at least 1"),
        ({"heads": 0}, "heads=0 does not divide joint_width=8"),
        ({"skeleton": "h36m_18"}, "unknown skeleton 'h36m_18'; known: .*h36m_17"),
        ({"skeleton": "coco_17"}, "'coco_17' is a 2D keypoint layout"),
        (
            {"block": "resnet"},
            "block='resnet'; known: plain_residual, two_residual, transformer, conv",
        ),
        ({"order": "random"}, "order='random'; known: encoder_first, graph_first"),
        ({"groups": "all"}, "groups 'all'; known: self_closer_farther"),
        ({"normalisation": "none"}, "normalisation 'none'; known: clamped"),
        ({"activation": "tanh"}, "activation='tanh'; known: relu, gelu"),
        ({"graph_norm": "group"}, "graph_norm='group'; known: batch, layer"),
        ({"mlp_activation": "tanh"}, "mlp_activation='tanh'; known: relu, gelu"),
        ({"attention_scale": "d"}, "attention_scale='d'; known: head, width, tokens"),
        (
            {"mlp_ratio": 0.1},
            r"mlp_ratio=0\.1 leaves no hidden channel of joint_width=8",
        ),
        (
            {"skeleton": "mpi_inf_3dhp_17", "toe_direction": True},
            "'h36m_19', which does not hold the joints of 'mpi_inf_3dhp_17'; use",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_fields_that_do_not_fit_are_refused(fields, message):
    model = small(**fields)
    with pytest.raises(JaxposeError, match=message):
        jax.eval_shape(
            lambda: model.init(jax.random.key(0), jnp.zeros((1, 1, 16, 2)), train=False)
        )


@pytest.mark.parametrize(
    "shape", [(1, 1, 17, 2), (1, 3, 16, 2), (1, 1, 16, 3), (1, 16, 2)], ids=str
)
def test_input_that_does_not_fit_names_both_shapes(shape):
    with pytest.raises(JaxposeError) as error:
        small().init(jax.random.key(0), jnp.zeros(shape), train=False)
    assert f"got {list(shape)}" in str(error.value)
    assert "[batch, 1, 16, 2] (joints of skeleton 'h36m_16'" in str(error.value)
