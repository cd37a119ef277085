"""The target augmentation: golden, and the distribution of the random version."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.data import augmentation
from tests.shared import shared_path

move = jax.jit(augmentation.move_in_image_plane)
random_move = jax.jit(augmentation.random_move_in_image_plane)


@pytest.mark.parametrize("degrees", [-5, 0, 5])
def test_matches_golden(degrees):
    golden = np.load(shared_path("goldens/gla_target_random_move_J17.npz"))
    target = golden["target"].astype(np.float64)
    with jax.enable_x64(True):
        for scale in ("0.95", "1", "1.05"):
            moved = move(target, float(degrees), float(scale))
            recorded = golden[f"out_a{degrees}_s{scale}"]
            tolerance = 1e-6 * abs(target).max()
            np.testing.assert_allclose(moved, recorded, atol=tolerance)


def test_a_quarter_turn():
    pose = jnp.asarray([[[1.0, 0.0, 3.0], [0.0, 1.0, 4.0]]])
    moved = move(pose, 90.0, 2.0)
    np.testing.assert_allclose(moved, [[[0, 2, 3], [-2, 0, 4]]], atol=1e-6)


def test_each_sample_of_a_sequence_batch_moves_as_one():
    pose = jax.random.normal(jax.random.key(0), (3, 4, 5, 3))
    degrees, scale = jnp.asarray([-5.0, 0.0, 5.0]), jnp.asarray([1.0, 0.95, 1.05])
    moved = move(pose, degrees, scale)
    for i in range(3):
        expected = move(pose[i], degrees[i], scale[i])
        np.testing.assert_allclose(moved[i], expected, rtol=1e-6)


def test_random_moves_are_the_nine_combinations_equally_often():
    pose = jnp.broadcast_to(jnp.asarray([[1.0, 0.0, 7.0]]), (9000, 1, 3))
    moved = np.asarray(random_move(jax.random.key(1), pose))[:, 0]
    np.testing.assert_array_equal(moved[:, 2], 7)
    degrees = np.rad2deg(np.arctan2(moved[:, 1], moved[:, 0])).round(2)
    scale = np.linalg.norm(moved[:, :2], axis=-1).round(3)
    for angle in augmentation.ANGLES_DEGREES:
        for factor in augmentation.SCALES:
            has_both = (degrees == angle) & (scale == np.float32(factor).round(3))
            assert 850 < has_both.sum() < 1150


def test_the_key_decides():
    pose = jax.random.normal(jax.random.key(0), (64, 5, 3))
    first = random_move(jax.random.key(1), pose)
    np.testing.assert_array_equal(first, random_move(jax.random.key(1), pose))
    assert not np.array_equal(first, random_move(jax.random.key(2), pose))
    half = random_move(jax.random.key(1), pose.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16
