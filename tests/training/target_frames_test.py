"""Several target frames per sample, and the batch that a simulated detector makes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import wild
from jaxpose import metrics
from jaxpose.data.batches import make_batch_function
from jaxpose.models import build_model
from jaxpose.models.ampose import AMPose
from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.parallel import sharding
from jaxpose.training import setup
from jaxpose.training.targets import make_loss
from tests.models.small_models import random_variables
from tests.small_run import small_clips

FIELDS = {"model.keypoint_features": 3, "target_frames": 3, "velocity_loss": 0.5}
MODELS = {
    "windows": AMPose(
        num_frames=5,
        depth=1,
        joint_width=8,
        heads=2,
        graph_norm="layer",
        keypoint_features=3,
    ),
    "sequences": VideoPose3D(
        filter_widths=(3, 3), channels=8, keypoint_features=3, dropout_rate=0.0
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_that_of_each_window_and_of_the_differences(name):
    model = MODELS[name]
    config = wild.get_config("quick")
    config.update_from_flattened_dict(FIELDS)
    rng = np.random.default_rng(0)
    length = model.receptive_field + 2
    keypoints = jnp.asarray(rng.normal(size=(2, length, 17, 3)), jnp.float32)
    truth = jnp.asarray(rng.normal(size=(2, length, 17, 3)), jnp.float32)
    variables = random_variables(model)
    compute = jax.jit(make_loss(model, config))
    loss, _ = compute(variables, (keypoints,), truth, jax.random.key(1), jnp.int32(0))

    # Each target from its own window; batch norm sees what the form computes together.
    if model.lifts_sequences:
        poses, _ = model.apply(
            variables, keypoints, train=True, mutable=["batch_stats"]
        )
    else:
        windows = [keypoints[:, i : i + model.receptive_field] for i in range(3)]
        poses = [model.apply(variables, window, train=True) for window in windows]
        poses = jnp.concatenate(poses, axis=1)
    middle = (model.receptive_field - 1) // 2
    targets = truth[:, middle : middle + 3]
    expected = metrics.mpjpe(poses, targets)
    expected += 0.5 * metrics.mpjpe(
        poses[:, 1:] - poses[:, :-1], jnp.diff(targets, axis=1)
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_a_simulated_batch_has_all_targets_and_follows_from_its_key():
    config = wild.get_config("quick")
    clips = small_clips()
    # A camera that looks along the world's y; the world has z up.
    index = []
    for clip in clips.index:
        orientation = (0.5**0.5, -(0.5**0.5), 0.0, 0.0)
        index.append(dataclasses.replace(clip, orientation=orientation))
    clips = dataclasses.replace(clips, index=tuple(index))
    model, mesh = build_model(config), sharding.make_mesh()
    data = setup.put_data(clips, mesh, model.keypoint_features)
    make_batch = jax.jit(make_batch_function(model, config, mesh))
    # Sample numbers beyond the samples are their mirror images.
    numbers = jnp.array([5, 5 + len(data.samples)])
    (keypoints,), positions = make_batch(data, numbers, jax.random.key(0))
    assert keypoints.shape == positions.shape == (2, 9 + 1, 17, 3)
    assert not np.asarray(positions[:, :, 0]).any()
    again = make_batch(data, numbers, jax.random.key(0))
    np.testing.assert_array_equal(again[0][0], keypoints)
    np.testing.assert_array_equal(again[1], positions)
