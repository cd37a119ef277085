"""GLA-GCN's block follows its equations, computed in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body import graphs
from jaxpose.models.agcn import AGCNBlock, PointwiseParams
from jaxpose.models.gla_gcn import GLAGCN
from tests.models.gla_gcn.small_model import SMALL, predict, random_variables, window


def batch_norm(x, params, stats):
    return (x - stats["mean"]) / np.sqrt(stats["var"] + 1e-5) * params[
        "scale"
    ] + params["bias"]


def dense(x, params):
    return x @ params["kernel"] + params["bias"]


def numpy_block(x, params, stats, adjacency, stride, adaptive):
    """An AGCN block by its formulas, frame by frame; `x [B, J, T, C_in]`."""
    graph, graph_stats = params["graph_conv"], stats["graph_conv"]
    batch, joints, frames, _ = x.shape
    y = 0
    for k in range(3):
        mixing = np.broadcast_to(adjacency[k], (batch, joints, joints))
        if adaptive:
            source, target = dense(x, graph[f"theta_{k}"]), dense(x, graph[f"phi_{k}"])
            logits = np.zeros((batch, joints, joints))
            for t in range(frames):
                logits += source[:, :, t] @ target[:, :, t].transpose(0, 2, 1)
            similarity = np.exp(logits / (source.shape[-1] * frames))
            mixing = (
                mixing
                + similarity / similarity.sum(1, keepdims=True)
                + graph["adjacency"][k]
            )
        mixed = np.stack(
            [mixing.transpose(0, 2, 1) @ x[:, :, t] for t in range(frames)], axis=2
        )
        y = y + mixed @ graph[f"project_kernel_{k}"] + graph[f"project_bias_{k}"]
    y = batch_norm(y, graph["graph_bn"], graph_stats["graph_bn"])
    down = x
    if "down" in graph:
        down = batch_norm(
            dense(x, graph["down"]), graph["down_bn"], graph_stats["down_bn"]
        )
    y = np.maximum(y + down, 0)
    padded = np.pad(y, ((0, 0), (0, 0), (4, 4), (0, 0)))
    kernel = params["temporal_conv"]["kernel"]
    y = np.stack(
        [
            sum(padded[:, :, t + i] @ kernel[i] for i in range(9))
            for t in range(0, frames, stride)
        ],
        axis=2,
    )
    y = batch_norm(
        y + params["temporal_conv"]["bias"], params["temporal_bn"], stats["temporal_bn"]
    )
    if "residual" in params:
        x = dense(x[:, :, ::stride], params["residual"])
        x = batch_norm(x, params["residual_bn"], stats["residual_bn"])
    return np.maximum(y + x, 0)


@pytest.mark.parametrize(
    "features, stride, adaptive, graph",
    [
        (8, 1, True, "h36m_17"),
        (3, 1, True, "humaneva_15_script"),
        (12, 3, False, "h36m_16"),
    ],
)
def test_block_follows_its_equations(features, stride, adaptive, graph):
    adjacency = graphs.gla_gcn_adjacency(graph)
    block = AGCNBlock(features, graph, stride=stride, adaptive=adaptive)
    with jax.enable_x64(True):
        x = jnp.asarray(
            np.random.default_rng(1).normal(size=(2, adjacency.shape[-1], 7, 8))
        )
        variables = jax.tree.map(
            lambda a: a.astype(jnp.float64), random_variables(block, x)
        )
        actual = np.asarray(predict(block, variables, x))
    arrays = jax.tree.map(np.asarray, variables)
    expected = numpy_block(
        np.asarray(x),
        arrays["params"],
        arrays["batch_stats"],
        adjacency,
        stride,
        adaptive,
    )
    assert actual.shape == (2, adjacency.shape[-1], -(-7 // stride), features)
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-11)


def test_similarity_columns_sum_to_one():
    block = AGCNBlock(8, "h36m_17")
    x = window().transpose(0, 2, 1, 3)
    variables = random_variables(block, x)
    _, state = jax.jit(
        lambda v: block.apply(v, x, train=False, mutable=["intermediates"])
    )(variables)
    (similarity,) = state["intermediates"]["graph_conv"]["similarity"]
    assert similarity.shape[1:] == (3, 17, 17)
    np.testing.assert_allclose(similarity.sum(axis=2), 1, rtol=1e-5)


def test_initial_values():
    model = GLAGCN(**SMALL | {"channels": 32})
    variables = jax.jit(lambda key: model.init(key, window(), train=False))(
        jax.random.key(0)
    )
    block = variables["params"]["module_0_plain"]
    graph = block["graph_conv"]
    np.testing.assert_array_equal(graph["graph_bn"]["scale"], np.float32(1e-6))
    np.testing.assert_array_equal(graph["adjacency"], np.float32(1e-6))
    np.testing.assert_array_equal(block["temporal_bn"]["scale"], 1)
    np.testing.assert_array_equal(
        variables["params"]["expand"]["graph_conv"]["down_bn"]["scale"], 1
    )
    for bias in (
        graph["theta_0"]["bias"],
        graph["phi_2"]["bias"],
        graph["project_bias_1"],
    ):
        np.testing.assert_array_equal(bias, 0)
    for kernel, std in [
        (block["temporal_conv"]["kernel"], (2 / (32 * 9)) ** 0.5),
        (graph["theta_0"]["kernel"], (2 / 8) ** 0.5),
        (graph["project_kernel_0"], (2 / (32 * 32 * 3)) ** 0.5),
    ]:
        np.testing.assert_allclose(np.std(kernel), std, rtol=0.15)
    head = np.abs(variables["params"]["head_shared"]["dense"]["kernel"])
    assert 0.8 * 32**-0.5 < head.max() <= 32**-0.5


def test_parameters_are_float32_where_jax_computes_in_float64():
    layer = PointwiseParams(3)
    single = layer.init(jax.random.key(0), 8)
    with jax.enable_x64(True):
        double = layer.init(jax.random.key(0), 8)
    for a, b in zip(jax.tree.leaves(single), jax.tree.leaves(double), strict=True):
        assert b.dtype == np.float32
        np.testing.assert_array_equal(a, b)
