"""Virtual views: bones and heights that stay, bounds of the changes, projection."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body import cameras
from jaxpose.body.skeletons import H36M_17
from jaxpose.data import virtual_views
from jaxpose.errors import JaxposeError
from tests.small_run import small_clips

CAMERA = np.array(
    [2.29, 2.287, 0.025, 0.029, -0.2, 0.25, -0.003, -0.001, -0.0014], np.float32
)


def bone_lengths(positions):
    child, parent = np.array(H36M_17.bones).T
    return np.linalg.norm(positions[..., child, :] - positions[..., parent, :], axis=-1)


@pytest.fixture
def poses():
    rng = np.random.default_rng(0)
    positions = rng.normal(size=(6, 5, 17, 3)) * 0.4 + np.array([0.1, 0.2, 5.0])
    up = rng.normal(size=(6, 3)) * 0.1 + np.array([0.0, -1.0, 0.0])
    up /= np.linalg.norm(up, axis=-1, keepdims=True)
    return (
        jnp.asarray(positions, jnp.float32),
        jnp.tile(CAMERA[None], (6, 1)),
        jnp.asarray(up, jnp.float32),
    )


def test_turning_keeps_the_body_and_its_heights_and_projects_with_the_clips_camera(
    poses,
):
    positions, camera, up = poses
    keypoints, turned = virtual_views.random_views(
        jax.random.key(1), positions, camera, up, H36M_17, rotation=True, bones=0.0
    )
    np.testing.assert_allclose(bone_lengths(turned), bone_lengths(positions), rtol=1e-4)
    heights = jnp.einsum("btjc,bc->btj", turned - positions, up)
    np.testing.assert_allclose(heights, 0, atol=2e-6)
    np.testing.assert_allclose(turned[:, 2, 0], positions[:, 2, 0], atol=1e-6)
    assert np.abs(turned - positions).max() > 0.3
    np.testing.assert_allclose(
        keypoints[3], cameras.project(turned[3], camera[3]), atol=1e-6
    )


def test_bones_change_within_the_bound_alike_on_both_sides_and_in_every_frame(poses):
    positions, camera, up = poses
    _, changed = virtual_views.random_views(
        jax.random.key(2), positions, camera, up, H36M_17, rotation=False, bones=0.2
    )
    factors = bone_lengths(changed) / bone_lengths(positions)
    assert 0.8 - 1e-4 < factors.min() < 0.9
    assert 1.1 < factors.max() < 1.2 + 1e-4
    np.testing.assert_allclose(
        factors, np.broadcast_to(factors[:, :1], factors.shape), rtol=1e-4
    )
    children = [child for child, _ in H36M_17.bones]
    left = factors[..., [children.index(joint) for joint in H36M_17.left]]
    right = factors[..., [children.index(joint) for joint in H36M_17.right]]
    np.testing.assert_allclose(left, right, rtol=1e-4)


def test_scaling_all_bones_scales_the_body_about_its_root(poses):
    positions, _, _ = poses
    scaled = virtual_views.scale_bones(positions, jnp.full((6, 17), 1.5), H36M_17)
    root = positions[:, :, :1]
    np.testing.assert_allclose(scaled, root + 1.5 * (positions - root), atol=1e-5)


def test_clips_without_cameras_are_refused():
    with pytest.raises(JaxposeError, match="augment_rotation=False"):
        virtual_views.check_views(small_clips())
