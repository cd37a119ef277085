"""Refinement as a second stage behind any model."""

import dataclasses

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest

from configs import ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d
from jaxpose.beginning import start_from_lifting
from jaxpose.body import cameras
from jaxpose.body.skeletons import COCO_17, H36M_17
from jaxpose.data import windows
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import Predictor
from jaxpose.models import build_model
from jaxpose.models.ampose import AMPose
from jaxpose.models.cost import describe
from jaxpose.models.refinement import RefinedLifting
from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.parallel import sharding
from jaxpose.run import Run
from jaxpose.training import setup
from tests.models.small_models import random_variables
from tests.small_run import (
    in_memory,
    small_clips,
    small_config,
    train_small,
    without_pictures,
)

CAMERA = np.array([2.2, 2.2, 0.1, -0.2, 0, 0, 0, 0, 0], np.float32)


def clips_with_cameras() -> Clips:
    """`small_clips` behind the camera that made their keypoints, its centre moved."""
    clips = small_clips()
    index = tuple(
        dataclasses.replace(
            clip, intrinsics=(1100.0, 1100.0, 550.0, 400.0), distortion=(0.0,) * 5
        )
        for clip in clips.index
    )
    return dataclasses.replace(
        clips, index=index, keypoints_2d=clips.keypoints_2d + CAMERA[2:4]
    )


def refined_config(lifting_workdir: str) -> ml_collections.ConfigDict:
    config = small_config()
    config.refinement = True
    config.lifting_workdir = lifting_workdir
    return config


def run(config: ml_collections.ConfigDict, workdir, clips: Clips) -> dict:
    with in_memory(clips), without_pictures():
        return Run.create(config, workdir).train()


@pytest.mark.parametrize(
    "file", [ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d]
)
def test_any_model_can_be_refined(file):
    config = file.get_config("cmu")
    lifting = describe(build_model(config))
    config.refinement = True
    refined = describe(build_model(config))
    assert refined["parameters"] == lifting["parameters"] + 140_322
    assert refined["macs"] == lifting["macs"] + 102 * 1024 + 1024 * 34
    assert refined["output_shape"] == [1, 1, 17, 3]


@pytest.mark.parametrize("target_scale", [1.0, 1000.0])
def test_without_weight_on_the_lifted_pose_the_keypoints_are_kept(target_scale):
    lifting = AMPose(depth=1, joint_width=8, heads=2, target_scale=target_scale)
    model = RefinedLifting(lifting=lifting)
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(-1, 1, (3, 1, 17, 2)).astype(np.float32)
    camera, depth = (
        np.broadcast_to(CAMERA, (3, 9)),
        np.array([4.0, 5.0, 6.0], np.float32),
    )
    variables = random_variables(model)
    last = variables["params"]["refinement"]["fc2"]["dense"]
    last["kernel"], last["bias"] = (
        jnp.zeros_like(last["kernel"]),
        jnp.full_like(last["bias"], -100),
    )
    refined = model.apply(variables, keypoints, camera, depth, train=False)
    lifted = lifting.apply(
        {name: tree["lifting"] for name, tree in variables.items()},
        keypoints,
        train=False,
    )
    expected = cameras.back_project(
        keypoints[:, 0], lifted[:, 0, :, 2] / target_scale, depth, camera
    )
    np.testing.assert_allclose(
        refined[:, 0, :, :2], target_scale * expected[..., :2], rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(refined[..., 2], lifted[..., 2], rtol=1e-5)

    def total(params):  # of NumPy's arrays, outside jit
        return model.apply(
            {**variables, "params": params}, keypoints, camera, depth, train=False
        ).sum()

    gradients = jax.grad(total)(variables["params"])
    assert np.isfinite(
        jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(gradients)])
    ).all()


def test_the_second_stage_begins_with_the_first_and_improves_on_it(tmp_path):
    clips = clips_with_cameras()
    first = train_small(str(tmp_path / "first"), clips=clips)
    config = refined_config(str(tmp_path / "first"))
    best = Run.open(config.lifting_workdir).state
    fresh = setup.fresh_state(config, build_model(config), sharding.make_mesh())
    started = start_from_lifting(config, fresh)
    jax.tree.map(np.testing.assert_array_equal, started.params["lifting"], best.params)
    jax.tree.map(
        np.testing.assert_array_equal, started.batch_stats["lifting"], best.batch_stats
    )
    assert started.params.keys() == fresh.params.keys()

    second = run(config, tmp_path / "second", clips)
    assert second["protocol"]["refinement"] == "with the true root depth"
    assert first["protocol"]["refinement"] == "none"
    # x and y are known up to the depth; only z is left to the model.
    assert second["mpjpe"] < first["mpjpe"]
    with in_memory(clips), without_pictures():
        assert (
            Run.open(tmp_path / "second", config).evaluate()["mpjpe"] == second["mpjpe"]
        )
        with pytest.raises(
            JaxposeError, match=r"config.refinement: True there, False now"
        ):
            Run.open(tmp_path / "second", small_config())
    config.model.depth = 2
    with pytest.raises(JaxposeError, match=r"config.model.depth: 1 there, 2 now"):
        run(config, tmp_path / "third", clips)
    config.model.depth, config.target_scale = 1, 1000.0
    with pytest.raises(JaxposeError, match="target_scale"):
        run(config, tmp_path / "third", clips)
    # Who was trained on cannot select the second stage.
    config.target_scale, config.protocol = 1.0, "paper"
    with pytest.raises(
        JaxposeError, match=r"config\.protocol='paper' differs from 'held_out' of"
    ):
        run(config, tmp_path / "third", clips)


@pytest.mark.parametrize("causal", [False, True])
def test_flip_averaging_sees_the_mirrored_camera(causal):
    """Predictions of the mirrored scene are the mirrored predictions."""
    model = RefinedLifting(
        lifting=VideoPose3D(
            filter_widths=(3, 3),
            channels=16,
            causal=causal,
            strided=True,
            target_scale=10.0,
        )
    )
    variables = random_variables(model)
    clips = clips_with_cameras()
    flipped_index = tuple(
        dataclasses.replace(clip, intrinsics=(1100.0, 1100.0, 1000.0 - 550.0, 400.0))
        for clip in clips.index
    )
    mirrored = dataclasses.replace(
        clips,
        keypoints_2d=windows.flip(clips.keypoints_2d, H36M_17),
        positions_3d=windows.flip(clips.positions_3d, H36M_17),
        index=flipped_index,
    )
    frames = np.array([0, 3, 59, 60, 100])
    found, expected = (
        Predictor(
            model,
            c,
            flip_average=True,
            batch_size=8,
            mesh=sharding.make_mesh(),
        )(variables, frames)
        for c in (mirrored, clips)
    )
    np.testing.assert_allclose(found, windows.flip(expected, H36M_17), atol=1e-5)
    assert not np.allclose(found, expected, atol=1e-2)


def test_what_refinement_cannot_use_is_refused(tmp_path):
    with pytest.raises(JaxposeError, match=r"in config\.lifting_workdir$"):
        run(refined_config(""), tmp_path / "a", clips_with_cameras())
    with pytest.raises(JaxposeError, match=r"lifting_workdir=.*nowhere holds no run"):
        run(
            refined_config(str(tmp_path / "nowhere")),
            tmp_path / "a",
            clips_with_cameras(),
        )
    with pytest.raises(JaxposeError, match="6 of 6 clips have no camera"):
        run(refined_config(str(tmp_path / "nowhere")), tmp_path / "a", small_clips())
    config = small_config()
    config.lifting_workdir = "somewhere"
    with pytest.raises(JaxposeError, match=r"config\.refinement=True"):
        run(config, tmp_path / "a", clips_with_cameras())
    model = RefinedLifting(
        lifting=VideoPose3D(skeleton="humaneva_15", keypoints_skeleton=COCO_17.name)
    )
    with pytest.raises(JaxposeError, match=r"coco_17.*humaneva_15"):
        jax.eval_shape(
            lambda: model.init(
                jax.random.key(0),
                jnp.ones((1, 27, 17, 2)),
                jnp.ones((1, 9)),
                jnp.ones(1),
                train=False,
            )
        )
    assert not (tmp_path / "a" / "config.json").exists()
