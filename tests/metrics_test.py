"""Pose metrics: goldens, a NumPy SVD, degenerate poses, and averages over groups."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose import metrics
from jaxpose.errors import JaxposeError
from tests.shared import shared_path

mpjpe = jax.jit(metrics.mpjpe_per_pose)
n_mpjpe = jax.jit(metrics.n_mpjpe_per_pose)
p_mpjpe = jax.jit(metrics.p_mpjpe_per_pose)
align = jax.jit(metrics.procrustes_align)
velocity = jax.jit(metrics.velocity_errors)
PER_POSE = (mpjpe, n_mpjpe, p_mpjpe)


def random_poses(shape=(200, 17, 3), noise=0.1, seed=0):
    rng = np.random.default_rng(seed)
    target = rng.normal(0, 0.4, shape)
    return target + rng.normal(0, noise, shape), target


def rotation(seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.linalg.det(q)


def p_mpjpe_by_svd(predicted, target):
    """The protocol's text, one pose at a time."""
    p, t = predicted - predicted.mean(0), target - target.mean(0)
    p_norm, t_norm = np.linalg.norm(p), np.linalg.norm(t)
    u, s, vt = np.linalg.svd((t / t_norm).T @ (p / p_norm))
    v = vt.T
    if np.linalg.det(v @ u.T) < 0:
        v[:, -1] *= -1
        s[-1] *= -1
    aligned = s.sum() * t_norm / p_norm * p @ (v @ u.T) + target.mean(0)
    return np.linalg.norm(aligned - target, axis=-1).mean()


def test_per_pose_metrics_match_golden():
    golden = np.load(shared_path("goldens/metrics_J17.npz"))
    with jax.enable_x64(True):
        predicted, target, weight = (
            golden[k].astype(np.float64) for k in ("pred", "target", "weight")
        )
        found = {
            "mpjpe": mpjpe(predicted, target),
            "weighted_mpjpe": metrics.weighted_mpjpe_per_pose(
                predicted, target, weight
            ),
            "n_mpjpe": n_mpjpe(predicted, target),
            "p_mpjpe": p_mpjpe(predicted, target),
        }
        for name, values in found.items():
            np.testing.assert_allclose(values.mean(), golden[f"{name}_f64"], rtol=1e-9)
        for name in ("mpjpe", "p_mpjpe"):
            np.testing.assert_allclose(
                found[name], golden[f"{name}_per_pose_f64"], rtol=1e-9
            )
        velocities = velocity(predicted.reshape(-1, 17, 3), target.reshape(-1, 17, 3))
        np.testing.assert_allclose(
            velocities.mean(), golden["mean_velocity_error_axis0_f64"], rtol=1e-9
        )
    single = p_mpjpe(golden["pred"], golden["target"])
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, golden["p_mpjpe_per_pose_f64"], rtol=1e-5)


@pytest.mark.parametrize("num_joints", [4, 15, 17])
def test_p_mpjpe_equals_the_svd(num_joints):
    predicted, target = random_poses((60, num_joints, 3), noise=0.5)
    predicted[
        ::3, :, 0
    ] *= -1  # reflected: the best orthogonal map would not be a rotation
    expected = [p_mpjpe_by_svd(p, t) for p, t in zip(predicted, target, strict=True)]
    with jax.enable_x64(True):
        np.testing.assert_allclose(p_mpjpe(predicted, target), expected, rtol=1e-10)
    np.testing.assert_allclose(
        p_mpjpe(predicted.astype(np.float32), target.astype(np.float32)),
        expected,
        rtol=1e-4,
    )


def test_p_mpjpe_ignores_similarity_but_not_reflection():
    predicted, target = random_poses()
    moved = 2.5 * predicted @ rotation() + np.array([1.0, -2.0, 3.0])
    with jax.enable_x64(True):
        plain = p_mpjpe(predicted, target)
        np.testing.assert_allclose(p_mpjpe(moved, target), plain, rtol=1e-9)
        np.testing.assert_allclose(
            align(2.5 * target @ rotation() - 1, target), target, atol=1e-12
        )
        assert np.all(p_mpjpe(target * np.array([-1, 1, 1]), target) > 0.01)
        assert np.all(plain <= n_mpjpe(predicted, target) * 1.2)


def test_n_mpjpe_ignores_scale():
    predicted, target = random_poses()
    with jax.enable_x64(True):
        np.testing.assert_allclose(
            n_mpjpe(3 * predicted, target), n_mpjpe(predicted, target)
        )
        assert not np.allclose(mpjpe(3 * predicted, target), mpjpe(predicted, target))


@pytest.mark.parametrize("metric", PER_POSE)
@pytest.mark.parametrize("offset", [0.0, 0.3, 5.3])
def test_degenerate_poses_give_finite_errors(metric, offset):
    pose = random_poses((1, 17, 3))[1].astype(np.float32)
    point = np.full((1, 17, 3), offset, np.float32)
    line = np.linspace(0, 1, 17, dtype=np.float32)[None, :, None] * np.ones(
        3, np.float32
    )
    for predicted in (pose, point, line):
        for target in (pose, point, line):
            assert np.isfinite(metric(predicted, target)).all()
        np.testing.assert_allclose(metric(predicted, predicted), 0, atol=1e-6)


def test_a_collapsed_prediction_lands_on_the_mean_of_the_target():
    _, target = random_poses((5, 17, 3))
    for value in (0.0, 5.3):
        aligned = align(
            np.full((5, 17, 3), value, np.float32), target.astype(np.float32)
        )
        expected = np.broadcast_to(target.mean(1, keepdims=True), target.shape)
        np.testing.assert_allclose(aligned, expected, atol=1e-6)


def test_nan_is_not_hidden():
    predicted, target = random_poses((2, 17, 3))
    predicted[0, 3, 1] = np.nan
    for metric in PER_POSE:
        assert np.isnan(metric(predicted, target)).tolist() == [True, False]


def test_gradient_at_a_perfect_joint_is_zero():
    predicted, target = random_poses((1, 17, 3))
    predicted[:, 0] = target[:, 0]
    grad = jax.grad(lambda p: mpjpe(p, target).sum())(jnp.asarray(predicted))
    assert np.isfinite(grad).all()
    assert not grad[0, 0].any()
    assert grad[0, 1].any()


def test_velocity_ignores_a_constant_offset_and_clip_borders():
    predicted, target = random_poses((6, 17, 3))
    np.testing.assert_allclose(velocity(target + 1, target), 0, atol=1e-6)
    expected = np.linalg.norm(np.diff(predicted - target, axis=0), axis=-1).mean(-1)
    np.testing.assert_allclose(velocity(predicted, target), expected, rtol=1e-5)
    mask = metrics.consecutive_frames(
        np.array([0, 0, 0, 1, 1, 1]), np.array([True, True, True, True, False, True])
    )
    np.testing.assert_array_equal(mask, [True, True, False, False, False])


def test_shapes_must_agree():
    predicted, target = random_poses((4, 17, 3))
    for metric in (*PER_POSE, velocity):
        with pytest.raises(JaxposeError, match=r"\(4, 17, 3\).*\(4, 1, 3\)"):
            metric(predicted, target[:, :1])
    with pytest.raises(JaxposeError, match=r"\[..., J, 3\]"):
        align(predicted[..., :2], target[..., :2])
    with pytest.raises(JaxposeError, match="weight"):
        metrics.weighted_mpjpe_per_pose(predicted, target, np.ones(4))


@pytest.fixture(scope="module")
def mpi_inf_3dhp():
    with np.load(shared_path("goldens/mpi_inf_3dhp_metrics.npz")) as arrays:
        yield {name: arrays[name] for name in arrays.files}


def mpi_inf_3dhp_poses(golden, take):
    valid = golden[f"{take}/valid"]
    annotation = golden[f"{take}/annot"][valid]
    predicted = golden[f"{take}/pred_root_relative"][valid]
    predicted[:, 14] = 0
    return predicted.astype(np.float64), (annotation - annotation[:, 14:15]).astype(
        np.float64
    )


@jax.jit
def mpi_inf_3dhp_curves(errors_mm):
    """PCK and AUC in percent, per frame, of the eight groups, the fourteen joints, and all of them."""
    groups = [
        *metrics.MPI_INF_3DHP_JOINT_GROUPS.values(),
        metrics.MPI_INF_3DHP_PCK_JOINTS,
        range(17),
    ]
    chosen = [errors_mm[:, np.array(joints)] for joints in groups]
    return {
        "pck": jnp.stack(
            [100 * metrics.pck_per_pose(errors) for errors in chosen], axis=1
        ),
        "auc": jnp.stack(
            [100 * metrics.auc_per_pose(errors) for errors in chosen], axis=1
        ),
    }


def test_mpi_inf_3dhp_metrics_match_golden(mpi_inf_3dhp):
    golden, takes = mpi_inf_3dhp, [f"TS{i}" for i in range(1, 7)]
    assert [list(joints) for joints in metrics.MPI_INF_3DHP_JOINT_GROUPS.values()] == [
        joints for _, joints in json.loads(str(golden["config"]))["joint_groups"]
    ]
    poses = [mpi_inf_3dhp_poses(golden, take) for take in takes]
    take_of_frame = np.repeat(takes, [len(predicted) for predicted, _ in poses])
    with jax.enable_x64(True):
        errors = np.asarray(
            jax.jit(metrics.joint_errors)(
                *map(np.concatenate, zip(*poses, strict=True))
            )
        )
        curves, probe = (
            mpi_inf_3dhp_curves(errors),
            mpi_inf_3dhp_curves(golden["probe/error"]),
        )
    np.testing.assert_allclose(errors.mean(0), golden["All/mpjpe_per_joint"], rtol=1e-9)
    for take in takes:
        np.testing.assert_allclose(
            errors[take_of_frame == take], golden[f"{take}/error"], rtol=1e-9
        )
    for name, curve in curves.items():
        curve = np.asarray(curve)
        np.testing.assert_allclose(curve.mean(0)[:9], golden[f"All/{name}"], rtol=1e-9)
        np.testing.assert_allclose(
            curve.mean(0)[9], golden[f"All/{name}_all17"], rtol=1e-9
        )
        np.testing.assert_allclose(
            np.asarray(probe[name]).mean(0)[:9], golden[f"probe/{name}"], rtol=1e-9
        )
        for take in takes:
            np.testing.assert_allclose(
                curve[take_of_frame == take].mean(0)[:9],
                golden[f"{take}/{name}"],
                rtol=1e-9,
            )
        for scene, members in metrics.MPI_INF_3DHP_SCENES.items():
            total = curve[np.isin(take_of_frame, members), 8].mean()
            np.testing.assert_allclose(
                total, golden[f"{scene}/{name}_total"], rtol=1e-9
            )


def test_pck_is_strict():
    errors = np.array([[149.99, 150.0, 0.0, 151.0]], np.float32)
    np.testing.assert_allclose(metrics.pck_per_pose(errors), [0.5])
    np.testing.assert_allclose(
        metrics.auc_per_pose(np.zeros((1, 3), np.float32)), [30 / 31], rtol=1e-6
    )
    np.testing.assert_allclose(
        metrics.auc_per_pose(np.full((1, 3), 5, np.float32)), [29 / 31], rtol=1e-6
    )


def test_group_average_matches_golden():
    golden = np.load(shared_path("goldens/protocol_average.npz"))
    actions = json.loads(str(golden["config"]))["actions"]
    error, frames = (
        np.array([golden[f"{action}/sequence_{what}"] for action in actions])
        for what in ("error", "frames")
    )
    average = metrics.group_average(
        metrics.Sums((error * frames).sum(1), frames.sum(1))
    )
    np.testing.assert_allclose(average.per_group, golden["per_action"], rtol=1e-9)
    np.testing.assert_allclose(average.average, golden["average"], rtol=1e-9)


def test_group_sums_merge_to_the_whole():
    rng = np.random.default_rng(0)
    values, groups, valid = (
        rng.normal(size=90),
        rng.integers(0, 3, 90),
        rng.random(90) < 0.8,
    )
    values[~valid] = np.nan
    with jax.enable_x64(True):
        add = jax.jit(metrics.group_sums, static_argnums=3)
        sums = add(values[:40], groups[:40], valid[:40], 4)
        for part in (slice(40, 77), slice(77, 90)):
            sums = sums.merge(add(values[part], groups[part], valid[part], 4))
    average = metrics.group_average(sums)
    means = [values[valid & (groups == g)].mean() for g in range(3)]
    np.testing.assert_allclose(average.per_group, [*means, np.nan], rtol=1e-12)
    np.testing.assert_allclose(average.average, np.mean(means), rtol=1e-12)
    np.testing.assert_allclose(average.frame_mean, values[valid].mean(), rtol=1e-12)


def test_nothing_to_average_is_an_error():
    with pytest.raises(JaxposeError, match="no frame is valid"):
        metrics.group_average(
            metrics.group_sums(np.ones(2), np.zeros(2, int), np.zeros(2, bool), 1)
        )
    with pytest.raises(JaxposeError, match="differ in shape"):
        metrics.group_sums(np.ones(3), np.zeros(2, int), np.zeros(2, bool), 1)
