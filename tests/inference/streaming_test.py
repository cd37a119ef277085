"""Streams against one pass over the padded clip."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import Predictor
from jaxpose.inference.streaming import make_stream
from jaxpose.models.ampose import AMPose
from jaxpose.models.crossformer import CrossFormer
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.models.refinement import RefinedLifting
from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.parallel import sharding
from tests.inference.predictor_test import quick_jit, random_clips, random_variables
from tests.reference_windows import pad_sequence

GAST_NET = GASTNet(filter_widths=(3, 3), channels=4, causal=True)
VIDEOPOSE3D = VideoPose3D(filter_widths=(3, 3), channels=8, causal=True)


def keypoints(model, frames, batch=2):
    joints = get_skeleton(model.skeleton).num_joints
    return (
        np.random.default_rng(2)
        .normal(size=(batch, frames, joints, 2))
        .astype(np.float32)
    )


def run_stream(stream, variables, x):
    """Poses `[B, F, J, 3]` of `x [B, F, J, 2]`, and the last state."""
    state, poses = stream.init(variables, x[:, 0]), []
    for frame in range(x.shape[1]):
        state, positions = stream.step(variables, state, x[:, frame])
        poses.append(positions)
    return np.stack(poses, axis=1), state


def one_pass(model, variables, x):
    padded = pad_sequence(x, model.receptive_field, model.causal_shift)
    lift = quick_jit(functools.partial(model.apply, train=False))
    return np.asarray(lift(variables, padded))


@pytest.mark.parametrize(
    "model",
    [
        GAST_NET,
        GAST_NET.clone(filter_widths=(3, 3, 3)),
        GAST_NET.clone(filter_widths=(5, 3), skeleton="humaneva_15"),
        GAST_NET.clone(filter_widths=(3, 1, 3), shared_edges=True),
        GAST_NET.clone(filter_widths=(1,), causal=False),
        GAST_NET.clone(dense=True),
        VIDEOPOSE3D,
        VIDEOPOSE3D.clone(filter_widths=(3, 5, 3)),
        VIDEOPOSE3D.clone(dense=True),
    ],
    ids=lambda model: (
        f"{type(model).__name__}-{model.filter_widths}{'-dense' * model.dense}"
    ),
)
def test_a_stream_equals_one_pass_over_the_padded_clip(model):
    variables = random_variables(model)
    stream = make_stream(model.clone(strided=not model.dense))
    x = keypoints(model, 2 * model.receptive_field + 3)
    expected = one_pass(model, variables, x)
    assert np.std(expected) > 0.01
    streamed, _ = run_stream(stream, variables, x)
    np.testing.assert_allclose(streamed, expected, rtol=0, atol=1e-5)
    assert stream.step._cache_size() == stream.init._cache_size() == 1


def test_float64_streams_agree_to_rounding():
    with jax.enable_x64(True):
        variables = jax.tree.map(
            lambda a: np.asarray(a, np.float64), random_variables(GAST_NET)
        )
        x = keypoints(GAST_NET, 12).astype(np.float64)
        streamed, _ = run_stream(make_stream(GAST_NET), variables, x)
        np.testing.assert_allclose(
            streamed, one_pass(GAST_NET, variables, x), rtol=0, atol=1e-12
        )


def test_a_single_frame_model_has_no_state():
    model = AMPose(depth=1, joint_width=8, heads=2)
    variables, x = random_variables(model), keypoints(model, 3)
    streamed, state = run_stream(make_stream(model), variables, x)
    assert state == {}
    for frame in range(3):
        expected = model.apply(variables, x[:, frame : frame + 1], train=False)[:, 0]
        np.testing.assert_allclose(streamed[:, frame], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [GAST_NET, AMPose(depth=1, joint_width=8, heads=2)],
    ids=["gast_net", "ampose"],
)
def test_flip_average_is_that_of_the_predictor(model):
    clips = random_clips([14])
    variables = random_variables(model)
    model = model.clone(target_scale=2.0)
    mesh = sharding.make_mesh()
    predict = Predictor(model, clips, batch_size=16, mesh=mesh, flip_average=True)
    stream = make_stream(model, flip_average=True)
    streamed, _ = run_stream(stream, variables, clips.keypoints_2d[None])
    np.testing.assert_allclose(
        streamed[0], predict(variables, np.arange(14)), rtol=0, atol=1e-5
    )


def test_a_pose_depends_on_the_frames_of_its_receptive_field_alone():
    variables, stream = random_variables(GAST_NET), make_stream(GAST_NET)

    @quick_jit
    @jax.grad
    def gradient(x, at):
        state = stream.init(variables, x[:, 0])
        frames = jnp.moveaxis(x, 1, 0)
        _, poses = jax.lax.scan(
            lambda state, frame: stream.step(variables, state, frame), state, frames
        )
        return jnp.sum(poses[at] ** 2)

    reached = np.abs(gradient(keypoints(GAST_NET, 14), 11)).sum((0, 2, 3)) > 0
    np.testing.assert_array_equal(np.flatnonzero(reached), np.arange(3, 12))
    # Near the start the first frame stands for all before it.
    reached = np.abs(gradient(keypoints(GAST_NET, 14), 4)).sum((0, 2, 3)) > 0
    np.testing.assert_array_equal(np.flatnonzero(reached), np.arange(5))


def test_the_state_is_the_past_under_the_kernels_and_is_consumed():
    model = GAST_NET.clone(filter_widths=(3, 5))
    variables, x = random_variables(model), keypoints(model, 2)
    stream = make_stream(model)
    state = stream.init(variables, x[:, 0])
    shapes = {name: layer["past"].shape for name, layer in state.items()}
    assert shapes == {"expand": (2, 2, 17, 2), "temporal_1": (2, 12, 17, 8)}
    after, _ = stream.step(variables, state, x[:, 1])
    assert {name: layer["past"].shape for name, layer in after.items()} == shapes
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))


def test_streaming_form_has_the_parameters_of_the_others():
    x = keypoints(GAST_NET, 9)
    shapes = [
        jax.eval_shape(
            lambda form=form, x=x: form.init(jax.random.key(0), x, train=False)
        )
        for form, x in ((GAST_NET, x), (GAST_NET.for_streams(), x[:, :1]))
    ]
    for collection in ("params", "batch_stats"):
        assert shapes[0][collection] == shapes[1][collection]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            GAST_NET.clone(causal=False),
            r"GASTNet cannot stream: .* the 4 frames after its own.*causal=True",
        ),
        (
            GLAGCN(skeleton="h36m_17", filter_widths=(3, 3)),
            "GLAGCN cannot stream: .* the 4 frames after its own",
        ),
        (
            CrossFormer(num_frames=27),
            "CrossFormer cannot stream: .* the 13 frames after its own",
        ),
        (AMPose(num_frames=3), "AMPose cannot stream: .* the 1 frames after its own"),
        (RefinedLifting(lifting=AMPose()), "needs the true root depth"),
    ],
)
def test_models_that_see_ahead_are_refused(model, message):
    with pytest.raises(JaxposeError, match=message):
        make_stream(model)


def test_keypoints_and_states_that_do_not_fit_are_named():
    variables, x = random_variables(GAST_NET), keypoints(GAST_NET, 2)
    stream = make_stream(GAST_NET)
    with pytest.raises(
        JaxposeError, match=r"\[batch, joints, 2\], got \[2, 2, 17, 2\]"
    ):
        stream.init(variables, x)
    with pytest.raises(JaxposeError, match=r"got \[2, 1, 16, 2\]"):
        stream.init(variables, x[:, 0, :16])
    with pytest.raises(
        JaxposeError,
        match=r"with a batch of 1; .*float32\[1, 2, 17, 2\].*float32\[2, 2, 17, 2\]",
    ):
        stream.step(variables, stream.init(variables, x[:, 0]), x[:1, 0])
    with pytest.raises(JaxposeError, match=r"got \{\}"):
        stream.step(variables, {}, x[:, 0])


@pytest.mark.parametrize(
    "model", [GAST_NET, VIDEOPOSE3D], ids=["gast_net", "videopose3d"]
)
@pytest.mark.parametrize(
    ("fields", "frames", "message"),
    [
        (
            {"causal": False},
            1,
            "streaming needs causal=True; centred, each of its outputs sees 4 frames",
        ),
        ({"strided": True}, 1, "two forms; set one"),
        ({}, 9, "one frame at a time, got 9"),
    ],
)
def test_streaming_form_names_what_does_not_fit(model, fields, frames, message):
    model = model.clone(streaming=True, **fields)
    with pytest.raises(JaxposeError, match=message):
        jax.eval_shape(
            lambda: model.init(jax.random.key(0), keypoints(model, frames), train=False)
        )
