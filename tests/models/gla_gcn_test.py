"""GLA-GCN: its equations in NumPy, sizes, ablations, windows, dropout, errors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body import graphs
from jaxpose.body.skeletons import SKELETONS, get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.gla_gcn import GLAGCN, AGCNBlock, UnsharedLinear, coco_to_humaneva
from jaxpose.models.refinement import Refinement
from jaxpose.torch_weights import gla_gcn as weights
from jaxpose.torch_weights import layouts

RELEASED = {"filter_widths": (3, 3, 3), "sequence_layers": 0, "head": "shared"}
SMALL = RELEASED | {"skeleton": "h36m_17", "filter_widths": (3,), "channels": 8}


def shapes(model, x):
    """Shapes of the variables, without computing anything."""
    return jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), x)


def random_variables(model, x, seed=0):
    """Every variable random, also those that start at 0 or 1; variances positive."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        if path[-1].key == "var":
            return jnp.asarray(rng.uniform(0.5, 1.5, leaf.shape), leaf.dtype)
        return jnp.asarray(rng.normal(0, 0.3, leaf.shape), leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, shapes(model, x))


def window(frames=3, joints=17, batch=2, seed=1):
    return jnp.asarray(
        np.random.default_rng(seed).normal(size=(batch, frames, joints, 2)), jnp.float32
    )


def predict(model, variables, x):
    return jax.jit(lambda v, x: model.apply(v, x, train=False))(variables, x)


def count(model, x):
    return sum(leaf.size for leaf in jax.tree.leaves(shapes(model, x)["params"]))


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"filter_widths": (3,) * 3}, 844_076),
        ({"filter_widths": (3,) * 4}, 1_096_466),
        ({"filter_widths": (3,) * 5}, 1_348_856),
        ({"filter_widths": (3,) * 3, "skeleton": "humaneva_15"}, 842_724),
        ({"filter_widths": (3,) * 3, "channels": 256}, 5_927_036),
        ({"filter_widths": (3,) * 4, "channels": 256}, 7_703_106),
    ],
)
def test_parameters_of_the_released_model(fields, expected):
    model = GLAGCN(**{**RELEASED, **fields})
    x = window(model.receptive_field, get_skeleton(model.skeleton).num_joints)
    assert count(model, x) == expected


@pytest.mark.parametrize("channels, expected", [(96, 1_876_886), (512, 48_641_526)])
def test_parameters_of_the_paper_with_its_refinement(channels, expected):
    model = GLAGCN(channels=channels)
    refinement = Refinement("h36m_17")
    total = count(model, window(243)) + count(refinement, jnp.zeros((1, 1, 17, 6)))
    assert total == expected


def test_parameters_of_the_ablations():
    def count_of(**fields):
        return count(GLAGCN(**RELEASED | fields), window(27))

    released = count_of()
    adaptive_parts = 3 * 17 * 17 * 7 + 6 * 24 * (6 * (96 + 1) + (2 + 1))
    assert count_of(adaptive=False) == released - adaptive_parts
    assert count_of(strided=False) == released
    assert count_of(swap_input=True) == released
    head, dense_head = 96 * 3 + 3, (17 * 96 + 1) * 17 * 3
    assert count_of(head="dense") == released - head + dense_head
    paper = {"sequence_layers": 3, "head": "individual"}
    without = count_of(**paper, sequence_head_residual=False)
    assert count_of(**paper) - without == 297


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
    similarity = state["intermediates"]["graph_conv"]["similarity"]
    assert len(similarity) == 3
    for s in similarity:
        np.testing.assert_allclose(s.sum(axis=1), 1, rtol=1e-5)


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


@pytest.mark.parametrize(("head_blend", "idle"), [(0.0, "unshared"), (1.0, "shared")])
def test_at_either_end_of_lambda_one_of_the_heads_learns_nothing(head_blend, idle):
    x = window()

    def largest_gradients(**fields):
        model = GLAGCN(**SMALL | {"head": "individual"} | fields)
        variables = random_variables(model, x)

        def loss(params):
            return jnp.sum(model.apply({**variables, "params": params}, x, train=False))

        gradients = jax.jit(jax.grad(loss))(variables["params"])
        found = {}
        for name in ("shared", "unshared"):
            leaves = jax.tree.leaves(gradients[f"head_{name}"])
            found[name] = max(float(jnp.abs(leaf).max()) for leaf in leaves)
        return found

    assert min(largest_gradients().values()) > 0.1  # the default, lambda 0.5
    one_sided = largest_gradients(head_blend=head_blend)
    assert one_sided.pop(idle) == 0
    assert min(one_sided.values()) > 0.1


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
    converted = np.asarray(coco_to_humaneva(keypoints))
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


def train_output(model, variables, x):
    rngs = {"dropout": jax.random.key(3)}
    return model.apply(variables, x, train=True, mutable=["batch_stats"], rngs=rngs)[0]


def largest_gradients(model, variables, x):
    """The largest gradient of the train-mode output in each part of the parameters."""
    loss = jax.jit(
        jax.grad(lambda p: train_output(model, {**variables, "params": p}, x).sum())
    )
    return jax.tree.map(
        lambda grad: float(jnp.abs(grad).max()), loss(variables["params"])
    )


def test_dropout_after_the_blocks_leaves_the_residuals():
    model = GLAGCN(**SMALL, dropout_rate=1.0, graph_dropout_rate=0.0)
    largest = largest_gradients(model, random_variables(model, window()), window())
    for name, part in largest.items():
        assert (max(jax.tree.leaves(part)) == 0) == name.startswith("module_")


def test_graph_dropout_leaves_the_way_down():
    block = AGCNBlock(8, "h36m_17", dropout_rate=1.0)
    x = window().transpose(0, 2, 1, 3)
    largest = largest_gradients(block, random_variables(block, x), x)
    assert all(largest["graph_conv"][f"project_kernel_{k}"] == 0 for k in range(3))
    assert largest["graph_conv"]["down"]["kernel"] > 0
    assert largest["temporal_conv"]["kernel"] > 0


def test_dropout_belongs_to_training():
    x = window()
    variables = random_variables(GLAGCN(**SMALL), x)
    still = GLAGCN(**SMALL, dropout_rate=0.0, graph_dropout_rate=0.0)
    np.testing.assert_array_equal(
        predict(still, variables, x), predict(GLAGCN(**SMALL), variables, x)
    )


def test_bfloat16_computes_with_float32_parameters():
    model = GLAGCN(**SMALL, dtype=jnp.bfloat16)
    variables = random_variables(model, window())
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
    output = predict(model, variables, window())
    assert output.dtype == jnp.bfloat16
    expected = predict(GLAGCN(**SMALL), variables, window())
    error = np.abs(np.asarray(output, np.float32) - np.asarray(expected)).max()
    assert error < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"sequence_layers": 2, "head": "individual", "sequence_head_residual": False},
        {"head": "dense", "adaptive": False},
        {"skeleton": "humaneva_15", "input_norm": False},
    ],
)
def test_torch_names_cover_every_variable(fields):
    model = GLAGCN(**{**SMALL, **fields})
    x = window(3, get_skeleton(model.skeleton).num_joints)
    variables = random_variables(model, x)
    entries, leftovers = weights.entries(model), weights.leftovers(model)
    state_dict = layouts.to_torch(entries, variables, leftovers)
    assert state_dict["data_bn.weight"].shape == (2 * x.shape[2],)
    again = layouts.from_torch(entries, state_dict, variables, leftovers=leftovers)
    jax.tree.map(np.testing.assert_array_equal, again, variables)


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
