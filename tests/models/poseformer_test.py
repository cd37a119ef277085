"""PoseFormer: sizes, structure, stochastic depth, bad fields."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.models.cost import describe
from jaxpose.models.poseformer import Block, PoseFormer


def small_model(**fields):
    return PoseFormer(
        **{"num_frames": 9, "joint_width": 8, "depth": 1, "heads": 2, **fields}
    )


def keypoints(batch=3, frames=9, joints=17):
    return jax.random.normal(jax.random.key(7), (batch, frames, joints, 2))


def randomised(model, x):
    """Variables in which no table is zero and no norm is the identity."""
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), x, train=False))
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: (0.3 * rng.normal(size=leaf.shape)).astype(np.float32), shapes
    )


def apply(model, variables, x, **kwargs):
    return jax.jit(lambda v, x: model.apply(v, x, train=False, **kwargs))(variables, x)


@pytest.mark.parametrize(
    ("num_frames", "parameters", "mega_macs"),
    [(9, 9_563_645, 91.3), (27, 9_573_455, 276.0), (81, 9_602_885, 846.9)],
)
def test_published_sizes(num_frames, parameters, mega_macs):
    description = describe(PoseFormer(num_frames=num_frames))
    assert description["parameters"] == parameters
    assert round(description["macs"] / 1e6, 1) == mega_macs
    assert description["receptive_field"] == num_frames
    assert description["output_shape"] == [1, 1, 17, 3]


@pytest.mark.parametrize(
    ("skeleton", "joints"), [("humaneva_15", 15), ("h36m_16", 16), ("h36m_19", 19)]
)
def test_every_skeleton_gives_its_own_joints(skeleton, joints):
    description = describe(small_model(skeleton=skeleton))
    assert description["input_shape"] == [1, 9, joints, 2]
    assert description["output_shape"] == [1, 1, joints, 3]


def test_samples_of_a_batch_do_not_mix():
    model, x = small_model(), keypoints()
    variables = randomised(model, x)
    before = apply(model, variables, x)
    # Other samples change, and this one keeps every bit.
    after = apply(model, variables, x.at[0].add(1.0).at[2].multiply(-2.0))
    np.testing.assert_array_equal(after[1], before[1])
    assert jnp.max(jnp.abs(after[0] - before[0])) > 1e-3


def test_position_tables_tell_joints_and_frames_apart():
    model, x = small_model(), keypoints()
    variables = randomised(model, x)
    reversed_frames = apply(model, variables, x[:, ::-1])
    # With equal vectors and equal mixing weights the order of frames is lost.
    params = dict(variables["params"])
    params["temporal_positions"] = jnp.zeros_like(params["temporal_positions"])
    params["head"] = dict(params["head"]) | {
        "frame_mixing": {
            "dense": {"kernel": jnp.full((9, 1), 1 / 9), "bias": jnp.zeros(1)}
        }
    }
    blind = {"params": params}
    np.testing.assert_allclose(
        apply(model, blind, x), apply(model, blind, x[:, ::-1]), atol=2e-6
    )
    assert jnp.max(jnp.abs(apply(model, variables, x) - reversed_frames)) > 1e-3


def test_drop_path_rates_rise_linearly():
    rates = small_model(drop_path_rate=0.1, depth=4).drop_path_rates()
    np.testing.assert_allclose(rates, [0, 0.1 / 3, 0.2 / 3, 0.1])
    assert small_model(drop_path_rate=0.1, depth=1).drop_path_rates() == [0.0]


def test_stochastic_depth_drops_whole_samples_and_scales_survivors():
    block = Block(heads=2, mlp_ratio=2.0, qkv_bias=True, drop_path_rate=0.25)
    x = jax.random.normal(jax.random.key(0), (400, 3, 4))
    params = randomised(block, x)["params"]
    # Without attention's output only the MLP's branch is left to drop.
    params["attention"]["proj"] = jax.tree.map(
        jnp.zeros_like, params["attention"]["proj"]
    )
    branch = apply(block, {"params": params}, x) - x
    rngs = {"dropout": jax.random.key(2)}
    trained = (
        jax.jit(lambda x: block.apply({"params": params}, x, train=True, rngs=rngs))(x)
        - x
    )
    kept = jnp.any(trained != 0, axis=(1, 2))
    np.testing.assert_allclose(
        trained, jnp.where(kept[:, None, None], branch / 0.75, 0.0), atol=1e-6
    )
    assert 0.66 < kept.mean() < 0.84  # four standard deviations


def test_every_rate_zero_trains_as_it_evaluates():
    model, x = small_model(drop_path_rate=0.0), keypoints()
    variables = randomised(model, x)
    trained = jax.jit(lambda v, x: model.apply(v, x, train=True))(variables, x)
    np.testing.assert_allclose(trained, apply(model, variables, x), atol=1e-6)


def test_the_published_rate_is_random_in_training():
    model, x = small_model(depth=2, drop_path_rate=0.5), keypoints(batch=8)
    variables = randomised(model, x)
    run = jax.jit(
        lambda key: model.apply(variables, x, train=True, rngs={"dropout": key})
    )
    first, second = run(jax.random.key(0)), run(jax.random.key(1))
    assert jnp.max(jnp.abs(first - second)) > 1e-3


def test_bfloat16_keeps_parameters_and_positions_float32():
    model, x = small_model(), keypoints()
    variables = randomised(model, x)
    exact = apply(model, variables, x)
    rounded = apply(small_model(dtype=jnp.bfloat16), variables, x)
    assert rounded.dtype == jnp.float32
    initial = jax.eval_shape(
        lambda: small_model(dtype=jnp.bfloat16).init(jax.random.key(0), x, train=False)
    )
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(initial))
    difference = jnp.abs(rounded - exact).max() / jnp.abs(exact).max()
    assert 0 < difference < 0.05


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"num_frames": 8}, "num_frames=8 has no centre frame"),
        ({"heads": 3}, "heads=3 does not divide joint_width=8; these do: 1, 2, 4, 8"),
        ({"depth": 0}, "depth=0 must be a whole number of at least 1"),
        ({"skeleton": "h36m_18"}, "unknown skeleton 'h36m_18'"),
        (
            {"skeleton": "h36m_16"},
            r"\[batch, 9, 16, 2\] \(joints of skeleton 'h36m_16'",
        ),
        (
            {"num_frames": 27},
            r"\[batch, 27, 17, 2\] .*, got \[3, 9, 17, 2\]",
        ),
        (
            {"num_frames": 27, "whole_sequence": True},
            r"\[batch, 27, 17, 2\] .*, got \[3, 9, 17, 2\]",
        ),
    ],
)
def test_fields_that_do_not_fit_are_named(fields, message):
    with pytest.raises(JaxposeError, match=message):
        jax.eval_shape(
            lambda: small_model(**fields).init(
                jax.random.key(0), keypoints(), train=False
            )
        )
