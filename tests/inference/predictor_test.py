"""Whole clips against one window per frame, cut and padded here in NumPy."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.data.clips import Clip, Clips
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import (
    LADDER,
    Predictor,
    SequenceLifter,
    cheapest_chunk,
)
from jaxpose.models.ampose import AMPose
from jaxpose.models.cost import variable_shapes
from jaxpose.models.crossformer import CrossFormer
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.models.poseformer import PoseFormer
from jaxpose.models.refinement import RefinedLifting
from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.parallel import sharding

# Reference programs run once: compiling takes far longer than running.
quick_jit = functools.partial(
    jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)

GAST_NET = GASTNet(filter_widths=(3, 3), channels=4, strided=True)
VIDEOPOSE3D = VideoPose3D(filter_widths=(3, 5), channels=8, strided=True)
CONVOLUTIONAL = {
    "gast_net": GAST_NET,
    "gast_net_causal": GAST_NET.clone(causal=True),
    "videopose3d": VIDEOPOSE3D,
    "videopose3d_causal": VIDEOPOSE3D.clone(causal=True),
    "videopose3d_dense": VIDEOPOSE3D.clone(dense=True, strided=False),
}
SHARING = {
    "crossformer": CrossFormer(num_frames=3, joint_width=8, depth=1, heads=2),
    "crossformer_zeroed": CrossFormer(
        num_frames=5, joint_width=8, depth=1, heads=2, zeroed_frames=(3, 9)
    ),
    "poseformer": PoseFormer(num_frames=3, joint_width=8, depth=1, heads=2),
}
GLA_GCN = {"channels": 4, "head": "shared"}
WINDOWED = {
    "ampose": AMPose(depth=1, joint_width=8, heads=2),
    "ampose_frames": AMPose(depth=1, joint_width=8, heads=2, num_frames=3),
    "gla_gcn": GLAGCN(**GLA_GCN, filter_widths=(3, 3), sequence_layers=0),
    "gla_gcn_sequence": GLAGCN(**GLA_GCN, filter_widths=(3,), sequence_layers=1),
}
MODELS = CONVOLUTIONAL | SHARING | WINDOWED


def random_clips(lengths, seed=0):
    rng = np.random.default_rng(seed)
    num_frames = sum(lengths)
    starts = np.cumsum([0, *lengths])
    clips = tuple(
        Clip(
            f"S{i}",
            "Walk",
            "Walk",
            "front",
            int(start),
            length,
            50.0,
            (1000, 1000),
            True,
        )
        for i, (start, length) in enumerate(zip(starts, lengths, strict=False))
    )
    keypoints = rng.normal(size=(num_frames, 17, 2)).astype(np.float32)
    positions = rng.normal(size=(num_frames, 17, 3)).astype(np.float32) + np.float32(
        [0, 0, 5]
    )
    return Clips(
        "random/gt",
        "h36m_17",
        "h36m_17",
        "gt",
        keypoints,
        positions,
        np.ones(num_frames, bool),
        clips,
    )


def random_variables(model):
    """Returns variables with every entry random, so that predictions are of order 1.

    No entry hides behind a zero or a one.
    """
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        if path[-1].key in ("var", "scale"):
            return rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        fan_in = np.prod(leaf.shape[:-1]) if leaf.ndim > 1 else 10
        return (rng.normal(size=leaf.shape) * fan_in**-0.5).astype(np.float32)

    return jax.tree_util.tree_map_with_path(draw, variable_shapes(model))


def one_window_a_frame(model, variables, clips, flip_average):
    """The definition: every frame's own window, edge frames repeated (P.6)."""
    target = (model.receptive_field - 1) // 2 + model.causal_shift
    rows = []
    for clip in clips.index:
        first = np.arange(clip.start, clip.end) - target
        around = first[:, None] + np.arange(model.receptive_field)[None]
        rows.append(np.clip(around, clip.start, clip.end - 1))
    keypoints = clips.keypoints_2d[np.concatenate(rows)]
    skeleton = get_skeleton("h36m_17")

    @quick_jit
    def lift(variables, keypoints):
        return model.predict(variables, keypoints)

    plain = np.asarray(lift(variables, keypoints))
    if not flip_average:
        return plain
    mirrored = np.asarray(lift(variables, windows.flip(keypoints, skeleton)))
    return (plain + windows.flip(mirrored, skeleton)) / 2


def predictor(model, clips, batch_size=64, **options):
    return Predictor(
        model, clips, batch_size=batch_size, mesh=sharding.make_mesh(), **options
    )


@pytest.mark.parametrize("name", MODELS)
def test_whole_clips_equal_one_window_a_frame(name):
    model = MODELS[name].clone(target_scale=2.0)
    # Clips of one frame, shorter than the receptive field, as long, and longer.
    clips = random_clips([1, 4, 9, 10, 15, 33])
    variables = random_variables(model)
    predict = predictor(model, clips, flip_average=True)
    assert (predict.chunk_length > 1) == (name not in WINDOWED)
    expected = one_window_a_frame(model, variables, clips, flip_average=True)
    assert np.std(expected) > 0.01
    predicted = predict(variables, np.arange(clips.num_frames))
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("flip_average", [False, True])
def test_one_pass_gives_positions_with_flip_averaging_and_without(flip_average):
    model, clips = MODELS["ampose"], random_clips([5, 12])
    variables, frames = random_variables(model), np.array([16, 0, 3])
    predict = predictor(model, clips, flip_average=flip_average)
    averaged, plain = predict.with_plain(variables, frames)
    np.testing.assert_array_equal(averaged, predict(variables, frames))
    expected = one_window_a_frame(model, variables, clips, flip_average=False)
    np.testing.assert_allclose(plain, expected[frames], rtol=0, atol=1e-5)
    difference = np.abs(averaged - plain).max()
    assert difference > 0.01 if flip_average else difference == 0
    assert predict._predict._cache_size() == 1


@pytest.mark.parametrize("batch_size", [1, 7, 16, 200])
@pytest.mark.parametrize(
    "name", ["videopose3d", "videopose3d_causal", "crossformer_zeroed"]
)
def test_chunks_and_batches_of_any_size_agree(name, batch_size):
    model, clips = MODELS[name], random_clips([50, 3, 31])
    variables = random_variables(model)
    predict = predictor(model, clips, batch_size)
    assert predict.chunk_length * predict.chunks_per_batch <= batch_size
    expected = one_window_a_frame(model, variables, clips, flip_average=False)
    predicted = predict(variables, np.arange(clips.num_frames))
    np.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-5)


def test_frames_may_be_few_and_in_any_order_and_nothing_compiles_twice():
    clips = random_clips([40, 25, 7])
    variables = random_variables(GAST_NET)
    predict = predictor(GAST_NET, clips, batch_size=16)
    everything = predict(variables, np.arange(72))
    for frames in (
        np.array([5]),
        np.array([70, 3, 39, 40, 3]),
        np.arange(0, 72, 5),
        np.arange(1, 70),
    ):
        np.testing.assert_allclose(
            predict(variables, frames), everything[frames], rtol=0, atol=1e-5
        )
    assert predict._predict._cache_size() == 1


@pytest.mark.parametrize(
    "name",
    [
        "gast_net_causal",
        "videopose3d",
        "ampose",
        "gla_gcn",
        "crossformer",
        "poseformer",
    ],
)
def test_flip_average_commutes_with_flipping(name):
    clips, skeleton = random_clips([12, 12]), get_skeleton("h36m_17")
    clips.keypoints_2d[12:] = windows.flip(clips.keypoints_2d[:12], skeleton)
    variables = random_variables(MODELS[name])
    predicted = predictor(MODELS[name], clips, flip_average=True)(
        variables, np.arange(24)
    )
    # Float32 rounds a sum to 1e-7 of its largest terms, in any order.
    allowed = 1e-5 * np.abs(predicted).max()
    np.testing.assert_allclose(
        predicted[12:], windows.flip(predicted[:12], skeleton), rtol=0, atol=allowed
    )


def test_refined_models_get_camera_and_root_depth_of_the_frame():
    clips = random_clips([6, 4])
    seen = [
        dataclasses.replace(c, intrinsics=(900.0 + i, 950.0, 490.0, 510.0))
        for i, c in enumerate(clips.index)
    ]
    clips = dataclasses.replace(clips, index=tuple(seen))
    model = RefinedLifting(lifting=GAST_NET.clone(filter_widths=(3,)))
    variables = random_variables(model)
    predicted = predictor(model, clips)(variables, np.arange(10))
    table = windows.frame_table(clips)
    keypoints, _ = windows.gather_windows(table, np.arange(10), 3)
    depth = clips.positions_3d[:, 0, 2]
    refine = quick_jit(functools.partial(model.apply, train=False))
    expected = refine(variables, keypoints, table.camera[clips.clip_of_frame], depth)
    np.testing.assert_allclose(predicted, expected[:, 0], rtol=0, atol=1e-5)


def test_chunks_are_the_cheapest():
    # One chunk for each clip, where the longest fits; else the chunks that read the
    # fewest frames.
    assert cheapest_chunk(np.array([100, 100]), 27, 1024) == 100
    assert cheapest_chunk(np.array([100, 100]), 27, 60) == 50
    lengths = np.array([7, 200, 31, 90])
    read = [
        sum(-(-n // length) * (length + 26) for n in lengths)
        for length in range(1, 129)
    ]
    assert cheapest_chunk(lengths, 27, 128) == 1 + np.argmin(read)
    assert cheapest_chunk(np.array([1, 1]), 243, 1024) == 1


def test_bfloat16_stays_near_float32():
    clips = random_clips([20])
    variables, frames = random_variables(VIDEOPOSE3D), np.arange(20)
    exact = predictor(VIDEOPOSE3D, clips)(variables, frames)
    rounded = predictor(VIDEOPOSE3D.clone(dtype=jnp.bfloat16), clips)(variables, frames)
    assert 0 < np.abs(rounded - exact).max() < 0.05 * np.abs(exact).max()


def test_what_is_not_in_the_clips_is_named():
    predict = predictor(GAST_NET, random_clips([4, 5]))
    variables = random_variables(GAST_NET)
    for frames, found in (
        ([9], "predict 1 from 9 to 9"),
        ([3, -1], "2 from -1 to 3"),
        ([], "predict 0"),
    ):
        with pytest.raises(
            JaxposeError, match=f"'random/gt' has frames 0 to 8; asked to .*{found}"
        ):
            predict(variables, np.array(frames, int))
    with pytest.raises(JaxposeError, match="batch_size=0 does not split"):
        predictor(GAST_NET, random_clips([4]), batch_size=0)


@pytest.mark.parametrize("name", MODELS)
def test_arrays_of_any_length_share_a_few_programs(name):
    model = MODELS[name].clone(target_scale=2.0)
    variables = random_variables(model)
    lengths = [1, 2, 15, 16, 17, 40, 100, 333]
    clips = random_clips(lengths)
    lift = SequenceLifter(
        model, flip_average=True, batch_size=64, mesh=sharding.make_mesh()
    )
    assert lift.ladder == (16, 64)
    expected = one_window_a_frame(model, variables, clips, flip_average=True)
    for clip in clips.index:
        rows = slice(clip.start, clip.end)
        lifted = lift(variables, clips.keypoints_2d[rows])
        np.testing.assert_allclose(
            lifted, expected[rows], rtol=0, atol=1e-6 * max(1, np.abs(expected).max())
        )
    assert lift._lift._cache_size() <= len(lift.ladder)


def test_the_ladder_fits_batch_size_and_processor():
    def ladder(model, batch_size):
        mesh = sharding.make_mesh()
        return SequenceLifter(model, batch_size=batch_size, mesh=mesh).ladder

    assert ladder(VIDEOPOSE3D, 4096) == LADDER
    assert ladder(VIDEOPOSE3D, 100) == (16, 64, 100)
    assert ladder(VIDEOPOSE3D, 8) == (8,)
    # On a CPU: 128 windows of one frame, or 2592 frames in windows.
    assert ladder(MODELS["ampose"], 1024) == (16, 64, 128)
    assert ladder(AMPose(depth=1, joint_width=8, heads=2, num_frames=81), 1024) == (
        16,
        32,
    )
