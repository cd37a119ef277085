"""Counts of parameters and multiply-accumulates."""

import json

import jax
import jax.numpy as jnp
import pytest

from jaxpose.models.ampose import AMPose
from jaxpose.models.cost import Macs, count_macs, describe
from jaxpose.models.poseformer import PoseFormer
from jaxpose.models.videopose3d import VideoPose3D

OTHER, KERNEL, ACTIVATION = range(3)


@pytest.mark.parametrize(
    ("fields", "published"),
    [
        ({}, 312.2),
        ({"block": "two_residual"}, 312.2),
        ({"block": "transformer"}, 289.8),
        ({"block": "convnext"}, 289.9),
        ({"num_frames": 9}, 312.3),
        ({"num_frames": 27}, 312.6),
    ],
    ids=str,
)
def test_ampose_macs_as_published(fields, published):
    assert describe(AMPose(**fields))["macs_published"] / 1e6 == pytest.approx(
        published, abs=0.05
    )


def test_ampose_macs_by_hand():
    maps = 17 * (2 * 512 + 5 * 14 * 512**2 + 512 * 3)
    attention, adjacency = 5 * 2 * 17**2 * 512, 10 * 3 * 17**2 * 512
    assert describe(AMPose()) == {
        "parameters": 18_451_459,
        "macs": maps + attention + adjacency,
        "macs_published": maps + 2 * 10 * 17 * 512,
        "receptive_field": 1,
        "input_shape": [1, 1, 17, 2],
        "output_shape": [1, 1, 17, 3],
    }


def test_description_is_json_and_knows_the_input_joints():
    description = describe(
        AMPose(skeleton="h36m_16", num_frames=3, toe_direction=True, joint_width=8)
    )
    assert json.loads(json.dumps(description)) == description
    assert description["input_shape"] == [1, 3, 19, 2]
    assert description["output_shape"] == [1, 1, 16, 3]
    assert description["receptive_field"] == 3


@pytest.mark.parametrize(("frames", "millions"), [(9, 91.3), (27, 276.0), (81, 846.9)])
def test_poseformer_macs(frames, millions):
    assert describe(PoseFormer(num_frames=frames))["macs"] / 1e6 == pytest.approx(
        millions, abs=0.05
    )


def macs(function, kinds, *shapes):
    jaxpr = jax.make_jaxpr(function)(
        *(jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes)
    ).jaxpr
    return count_macs(jaxpr, kinds)[0]


def test_only_activation_times_kernel_is_linear():
    x, matrix = (2, 5, 3), (3, 7)
    assert macs(jnp.matmul, [ACTIVATION, KERNEL], x, matrix) == Macs(210, 210)
    assert macs(lambda a, b: a @ (2 * b.T).T, [ACTIVATION, KERNEL], x, matrix) == Macs(
        210, 210
    )
    assert macs(jnp.matmul, [ACTIVATION, OTHER], x, matrix) == Macs(210, 0)
    assert macs(jnp.matmul, [ACTIVATION, ACTIVATION], x, matrix) == Macs(210, 0)
    assert macs(jnp.matmul, [OTHER, KERNEL], x, matrix) == Macs(0, 0)


def test_convolution_counts_taps_channels_and_groups():
    def convolve(groups):
        return lambda x, kernel: jax.lax.conv_general_dilated(
            x,
            kernel,
            (3,),
            "VALID",
            dimension_numbers=("NWC", "WIO", "NWC"),
            feature_group_count=groups,
        )

    kinds = [ACTIVATION, KERNEL]
    # 27 frames to 9, 3 taps of 4 (then 2 of 4) channels to 6.
    assert macs(convolve(1), kinds, (1, 27, 4), (3, 4, 6)) == Macs(
        9 * 6 * 12, 9 * 6 * 12
    )
    assert macs(convolve(2), kinds, (1, 27, 4), (3, 2, 6)) == Macs(9 * 6 * 6, 9 * 6 * 6)


def test_counts_inside_calls():
    kinds, shapes = [ACTIVATION, KERNEL], ((4, 4), (4, 4))
    once = Macs(64, 64)
    assert macs(jax.jit(jnp.matmul), kinds, *shapes) == once
    assert macs(jax.checkpoint(jnp.matmul), kinds, *shapes) == once
    assert macs(lambda x, w: jax.nn.relu(x @ w), kinds, *shapes) == once
    branch = lambda x, w: jax.lax.cond(x[0, 0] > 0, lambda: x, lambda: x @ w)  # noqa: E731
    assert macs(branch, kinds, *shapes) == once
    scan = lambda x, w: jax.lax.scan(lambda z, _: (z @ w, None), x, length=5)[0]  # noqa: E731
    assert macs(scan, kinds, *shapes) == Macs(320, 320)

    # The carry starts as a constant and is an activation after the first round.
    def grow(x, w):
        return jax.lax.scan(lambda z, _: (z @ w + x, None), jnp.ones((4, 4)), length=5)[
            0
        ]

    assert macs(grow, kinds, *shapes) == Macs(320, 320)


def test_batch_norm_costs_two_an_element():
    description = describe(VideoPose3D(filter_widths=(3, 3, 3), strided=True))
    # 9 + 3 + 3 + 1 + 1 frames of 1024 channels; no product but linear maps.
    assert description["macs_published"] - description["macs"] == 2 * 1024 * 17
    assert description["macs"] / 1e6 == pytest.approx(17.77, abs=0.005)
