"""Keypoints relative to the person: invariant, and equal in every form of a model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import wild
from jaxpose.body.skeletons import H36M_17, get_skeleton
from jaxpose.config import check_fields
from jaxpose.errors import JaxposeError
from jaxpose.inference.keypoints import normalise_keypoints
from jaxpose.inference.streaming import make_stream
from jaxpose.models import build_model
from jaxpose.models.ampose import AMPose
from jaxpose.models.person_frame import PersonFrameLifting, relative_to_person
from jaxpose.models.refinement import RefinedLifting
from jaxpose.models.videopose3d import VideoPose3D
from tests.models.small_models import random_variables
from tests.models.transforms_test import check_model, quick_jit

POSE = VideoPose3D(
    filter_widths=(3, 3), channels=8, keypoint_features=6, causal=True, dropout_rate=0.0
)
MODEL = PersonFrameLifting(lifting=POSE)


def keypoints(frames: int, seed: int = 0) -> np.ndarray:
    """Random keypoints `[1, frames, 17, 3]`, a fifth of them not seen."""
    rng = np.random.default_rng(seed)
    xy = rng.normal(size=(1, frames, 17, 2))
    confidence = rng.uniform(0.2, 1, (1, frames, 17, 1))
    confidence *= rng.uniform(size=confidence.shape) > 0.2
    return np.concatenate([xy, confidence], axis=-1).astype(np.float32)


def test_two_points_by_hand():
    # Of the seen ones the mean is at x = 2, and each is 2 away from it.
    points = jnp.array([[0.0, 5.0, 0.25], [4.0, 5.0, 0.75], [9.0, 9.0, 0.0]])
    place = [2, 5, np.log(2)]
    expected = [[-1, 0, 0.25, *place], [1, 0, 0.75, *place], [0, 0, 0, *place]]
    np.testing.assert_allclose(relative_to_person(points), expected, atol=1e-6)
    plain = relative_to_person(jnp.array([[0.0, 0.0], [2.0, 0.0]]))
    np.testing.assert_allclose(plain, [[-1, 0, 1, 0, 0], [1, 0, 1, 0, 0]], atol=1e-6)


def test_the_pose_does_not_depend_on_place_size_and_unseen_joints():
    original = keypoints(9)
    moved = original.copy()
    moved[..., :2] = 0.1 * moved[..., :2] + np.array([0.7, -0.2])
    moved[..., :2] = np.where(moved[..., 2:] > 0, moved[..., :2], 123)
    found = np.asarray(relative_to_person(moved))
    before = np.asarray(relative_to_person(original))
    np.testing.assert_allclose(found[..., :3], before[..., :3], atol=1e-5)
    # Place and size change by what was done.
    centre = 0.1 * before[..., 3:5] + np.array([0.7, -0.2])
    np.testing.assert_allclose(found[..., 3:5], centre, atol=1e-5)
    size = before[..., 5] + np.log(0.1)
    np.testing.assert_allclose(found[..., 5], size, atol=1e-5)


def test_frames_without_a_joint_have_numbers_and_gradients():
    empty = jnp.zeros((2, 17, 3))
    slopes = jax.grad(lambda x: relative_to_person(x).sum())(empty)
    assert np.isfinite(slopes).all()
    assert not np.asarray(relative_to_person(empty)).any()


AMPOSE = AMPose(
    num_frames=9,
    depth=1,
    joint_width=8,
    heads=2,
    graph_norm="layer",
    keypoint_features=6,
    causal=True,
)


@pytest.mark.parametrize("lifting", [POSE, AMPOSE], ids=["videopose3d", "ampose"])
def test_windows_sequences_and_streams_agree(lifting):
    model = PersonFrameLifting(lifting=lifting)
    frames = keypoints(20)
    variables = random_variables(model)
    # The first frame stands for those before it.
    first = np.repeat(frames[:, :1], 8, axis=1)
    padded = np.concatenate([first, frames], axis=1)
    windows = np.concatenate([padded[:, i : i + 9] for i in range(20)])
    by_window = quick_jit(model.predict)(variables, windows)
    if model.lifts_sequences:
        sequences = model.for_sequences().predict_sequence
        by_sequence = quick_jit(sequences)(variables, padded)
        np.testing.assert_allclose(by_sequence[0], by_window, atol=1e-5)
    stream = make_stream(model)
    state = stream.init(variables, frames[:, 0])
    for frame in range(20):
        state, pose = stream.step(variables, state, frames[:, frame])
        np.testing.assert_allclose(pose[0], by_window[frame], atol=1e-5)


@pytest.mark.parametrize("train", [False, True], ids=["predict", "train"])
def test_the_model_is_transformable(train):
    with jax.enable_x64(True):
        inputs = [np.abs(keypoints(9).astype(np.float64)) + 0.1]
        inputs.append(inputs[0])
        check_model(MODEL, [np.concatenate(inputs)], train)


def test_the_config_builds_it():
    config = wild.get_config("quick")
    check_fields(config)
    model = build_model(config)
    assert isinstance(model, PersonFrameLifting)
    assert (model.receptive_field, model.keypoint_features) == (9, 3)
    assert model.lifts_sequences
    assert build_model(wild.get_config("causal")).causal_shift == 13


def test_unseen_points_of_a_recording_do_not_reach_the_model():
    points = np.random.default_rng(0).uniform(100, 900, (2, 17, 3))
    points[..., 2] = 0.9
    model = MODEL.clone(lifting=POSE)
    coco = get_skeleton("coco_17").joints
    points[1, [coco.index("nose"), coco.index("left_eye")], 2] = 0
    found = normalise_keypoints(points, (1000, 1000), model, "coco_17")
    neck = H36M_17.joints.index("neck_nose")
    # In pixels: the nose itself, and without an eye, too, the middle of the ears.
    nose = points[0, coco.index("nose"), :2]
    ears = points[1, [coco.index("left_ear"), coco.index("right_ear")], :2].mean(0)
    np.testing.assert_allclose(found[0, neck, :2], nose / 500 - 1, rtol=1e-5)
    np.testing.assert_allclose(found[1, neck, :2], ears / 500 - 1, rtol=1e-5)
    np.testing.assert_allclose(found[:, :, 2], 0.9, rtol=1e-6)


def test_refined_models_see_the_image():
    refined = RefinedLifting(lifting=AMPose(depth=1, joint_width=8, heads=2))
    with pytest.raises(JaxposeError, match=r"set config\.person_frame=False"):
        PersonFrameLifting(lifting=refined).check_fields()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"simulated_detector": "yolo"}, "'yolo' is unknown; known: none"),
        ({"augment_frame_rate": (60.0, 20.0)}, "must be empty, or the lowest"),
        ({"simulated_detector": None}, "set config.simulated_detector"),
        ({"target_frames": 1}, "set config.target_frames to 2 or more"),
        ({"refinement": True}, "a refined model has one target frame"),
    ],
)
def test_fields_that_do_not_fit_are_named(fields, message):
    config = wild.get_config("quick")
    config.update(fields)
    with pytest.raises(JaxposeError, match=message):
        check_fields(config)
