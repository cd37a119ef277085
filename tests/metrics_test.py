"""Pose metrics: recorded references, an SVD, degenerate poses, averages over groups."""

import doctest
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose import metrics
from jaxpose.datasets.mpi_inf_3dhp import facts
from jaxpose.errors import JaxposeError
from tests.golden_protocol import MPI_INF_3DHP_JOINT_GROUPS, MPI_INF_3DHP_SCENES
from tests.shared import shared_path

MEANS = (metrics.mpjpe, metrics.n_mpjpe, metrics.p_mpjpe)
PER_POSE = (
    metrics.mpjpe_per_pose,
    metrics.n_mpjpe_per_pose,
    metrics.p_mpjpe_per_pose,
)


def random_poses(shape=(200, 17, 3), noise=0.1, seed=0):
    """Returns predicted and target poses in float64."""
    rng = np.random.default_rng(seed)
    target = rng.normal(0, 0.4, shape)
    return target + rng.normal(0, noise, shape), target


def rotation(seed=0):
    """Returns a random rotation matrix."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.linalg.det(q)


def p_mpjpe_by_svd(predicted, target):
    """Follows the protocol's text (P.7) for one pose."""
    p = predicted - predicted.mean(0)
    t = target - target.mean(0)
    p_norm, t_norm = np.linalg.norm(p), np.linalg.norm(t)
    u, s, vt = np.linalg.svd((t / t_norm).T @ (p / p_norm))
    v = vt.T
    if np.linalg.det(v @ u.T) < 0:
        v[:, -1] *= -1
        s[-1] *= -1
    aligned = s.sum() * t_norm / p_norm * p @ (v @ u.T) + target.mean(0)
    return np.linalg.norm(aligned - target, axis=-1).mean()


# What everybody types first: one number for arrays of poses.


def test_mpjpe_of_poses_moved_by_a_known_distance():
    target = np.zeros((10, 17, 3))
    predicted = target.copy()
    predicted[:5] = [3.0, 0.0, 4.0]  # half of the poses are wrong by 5
    assert metrics.mpjpe(predicted, target) == 2.5


def test_n_mpjpe_and_p_mpjpe_remove_what_they_say():
    _, target = random_poses()
    centred = target - target.mean(1, keepdims=True)
    moved = 2.5 * target @ rotation() + [1.0, -2.0, 3.0]
    np.testing.assert_allclose(metrics.n_mpjpe(3 * centred, centred), 0, atol=1e-12)
    assert metrics.n_mpjpe(moved, target) > 0.1
    np.testing.assert_allclose(metrics.p_mpjpe(moved, target), 0, atol=1e-12)


def test_mpjve_of_a_constant_velocity():
    target = np.zeros((2, 6, 17, 3))
    predicted = target + [3.0, 0.0, 4.0] * np.arange(6)[:, None, None]
    assert metrics.mpjve(predicted, target) == 5.0
    assert metrics.mpjve(predicted + 7.0, predicted) == 0.0


@pytest.mark.parametrize("metric", [*MEANS, metrics.mpjve])
def test_float64_arrays_of_numpy_are_computed_in_float64(metric):
    predicted, target = random_poses()
    assert not jax.config.jax_enable_x64
    found = metric(predicted, target)
    assert found.shape == ()
    assert found.dtype == np.float64
    with jax.enable_x64(True):
        by_jax = jax.jit(metric)(predicted, target)
        assert isinstance(by_jax, jax.Array)
    np.testing.assert_allclose(found, by_jax, rtol=1e-12)


@pytest.mark.parametrize("metric", [*MEANS, metrics.mpjve])
def test_float32_arrays_of_jax_stay_with_jax(metric):
    predicted, target = map(jnp.asarray, random_poses())
    found = metric(predicted, target)
    assert isinstance(found, jax.Array)
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, metric(*random_poses()), rtol=1e-5)


@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray])
@pytest.mark.parametrize("dtype", [np.int32, np.float16])
def test_arithmetic_is_at_least_float32(convert, dtype):
    target = convert(np.zeros((300, 17, 3), dtype))
    predicted = convert(np.full((300, 17, 3), 300, dtype))
    found = metrics.mpjpe(predicted, target)
    assert found.dtype in (np.float32, np.float64)
    np.testing.assert_allclose(found, 300 * np.sqrt(3), rtol=1e-6)


def test_means_match_the_recorded_references():
    golden = np.load(shared_path("goldens/metrics_J17.npz"))
    predicted, target = (golden[k].astype(np.float64) for k in ("pred", "target"))
    for metric in MEANS:
        recorded = golden[f"{metric.__name__}_f64"]
        np.testing.assert_allclose(metric(predicted, target), recorded, rtol=1e-9)
    found = metrics.mpjve(predicted.reshape(-1, 17, 3), target.reshape(-1, 17, 3))
    np.testing.assert_allclose(
        found, golden["mean_velocity_error_axis0_f64"], rtol=1e-9
    )


def test_the_examples_in_the_docstrings_work():
    failed, tried = doctest.testmod(metrics)
    assert tried > 8
    assert failed == 0


# Per pose, for the tables.


@pytest.mark.parametrize("name", ["mpjpe", "p_mpjpe"])
def test_per_pose_metrics_match_the_recorded_references(name):
    golden = np.load(shared_path("goldens/metrics_J17.npz"))
    metric = getattr(metrics, f"{name}_per_pose")
    recorded = golden[f"{name}_per_pose_f64"]
    predicted, target = golden["pred"], golden["target"]
    with jax.enable_x64(True):
        doubles = predicted.astype(np.float64), target.astype(np.float64)
        np.testing.assert_allclose(metric(*doubles), recorded, rtol=1e-9)
        np.testing.assert_allclose(jax.jit(metric)(*doubles), recorded, rtol=1e-9)
    single = jax.jit(metric)(predicted, target)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, recorded, rtol=1e-5)


@pytest.mark.parametrize("num_joints", [4, 15, 17])
def test_p_mpjpe_equals_the_svd(num_joints):
    predicted, target = random_poses((60, num_joints, 3), noise=0.5)
    # Reflected: the best orthogonal map of these would not be a rotation.
    predicted[::3, :, 0] *= -1
    expected = [p_mpjpe_by_svd(p, t) for p, t in zip(predicted, target, strict=True)]
    by_numpy = metrics.p_mpjpe_per_pose(predicted, target)
    np.testing.assert_allclose(by_numpy, expected, rtol=1e-10)
    with jax.enable_x64(True):
        by_jax = jax.jit(metrics.p_mpjpe_per_pose)(predicted, target)
        np.testing.assert_allclose(by_jax, expected, rtol=1e-10)
    singles = predicted.astype(np.float32), target.astype(np.float32)
    by_jax = jax.jit(metrics.p_mpjpe_per_pose)(*singles)
    np.testing.assert_allclose(by_jax, expected, rtol=1e-4)


def test_p_mpjpe_ignores_similarity_but_not_reflection():
    predicted, target = random_poses()
    plain = metrics.p_mpjpe_per_pose(predicted, target)
    moved = 2.5 * predicted @ rotation() + np.array([1.0, -2.0, 3.0])
    found = metrics.p_mpjpe_per_pose(moved, target)
    np.testing.assert_allclose(found, plain, rtol=1e-9)
    aligned = metrics.procrustes_align(2.5 * target @ rotation() - 1, target)
    np.testing.assert_allclose(aligned, target, atol=1e-12)
    reflected = target * np.array([-1, 1, 1])
    assert np.all(metrics.p_mpjpe_per_pose(reflected, target) > 0.01)
    assert np.all(plain <= metrics.n_mpjpe_per_pose(predicted, target) * 1.2)


def test_n_mpjpe_ignores_scale():
    predicted, target = random_poses()
    plain = metrics.n_mpjpe_per_pose(predicted, target)
    np.testing.assert_allclose(metrics.n_mpjpe_per_pose(3 * predicted, target), plain)
    assert not np.allclose(metrics.mpjpe_per_pose(3 * predicted, target), plain)


@pytest.mark.parametrize("metric", PER_POSE)
@pytest.mark.parametrize("offset", [0.0, 0.3, 5.3])
def test_degenerate_poses_give_finite_errors(metric, offset):
    pose = random_poses((1, 17, 3))[1].astype(np.float32)
    point = np.full((1, 17, 3), offset, np.float32)
    line = np.repeat(np.linspace(0, 1, 17, dtype=np.float32), 3).reshape(1, 17, 3)
    for function in (metric, jax.jit(metric)):
        for predicted in (pose, point, line):
            for target in (pose, point, line):
                assert np.isfinite(function(predicted, target)).all()
            np.testing.assert_allclose(function(predicted, predicted), 0, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 5.3])
def test_a_collapsed_prediction_lands_on_the_mean_of_the_target(value):
    target = random_poses((5, 17, 3))[1].astype(np.float32)
    expected = np.broadcast_to(target.mean(1, keepdims=True), target.shape)
    for align in (metrics.procrustes_align, jax.jit(metrics.procrustes_align)):
        aligned = align(np.full((5, 17, 3), value, np.float32), target)
        np.testing.assert_allclose(aligned, expected, atol=1e-6)


@pytest.mark.parametrize("unit", [1e10, 1e-12])
@pytest.mark.parametrize("metric", PER_POSE)
def test_errors_in_float32_are_proportional_to_the_unit(metric, unit):
    predicted, target = (pose.astype(np.float32) for pose in random_poses((3, 17, 3)))
    expected = metric(predicted, target)
    factor = np.float32(unit)
    for function in (metric, jax.jit(metric)):
        found = np.asarray(function(predicted * factor, target * factor))
        np.testing.assert_allclose(found / factor, expected, rtol=1e-4)


@pytest.mark.parametrize("metric", PER_POSE)
def test_nan_is_not_hidden(metric):
    predicted, target = random_poses((3, 17, 3))
    predicted[0, 3, 1] = np.nan
    target[1, 3, 1] = np.nan
    for function in (metric, jax.jit(metric)):
        found = np.isnan(function(predicted, target))
        assert found.tolist() == [True, True, False]


def test_gradient_at_a_perfect_joint_is_zero():
    predicted, target = random_poses((1, 17, 3))
    predicted[:, 0] = target[:, 0]
    gradient = jax.grad(metrics.mpjpe)(jnp.asarray(predicted), jnp.asarray(target))
    assert np.isfinite(gradient).all()
    assert not gradient[0, 0].any()
    assert gradient[0, 1].any()


def test_velocity_ignores_a_constant_offset():
    predicted, target = random_poses((6, 17, 3))
    still = metrics.velocity_errors(target + 1, target)
    np.testing.assert_allclose(still, 0, atol=1e-12)
    moves = np.diff(predicted - target, axis=0)
    expected = np.linalg.norm(moves, axis=-1).mean(-1)
    found = metrics.velocity_errors(predicted, target)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# Errors.


@pytest.mark.parametrize("metric", [*MEANS, *PER_POSE, metrics.mpjve])
def test_shapes_must_agree(metric):
    predicted, target = random_poses((4, 17, 3))
    with pytest.raises(JaxposeError, match=r"\(4, 17, 3\).*\(4, 1, 3\)"):
        metric(predicted, target[:, :1])
    with pytest.raises(JaxposeError, match=r"\[..., J, 3\], got \(3,\)"):
        metric(predicted[0, 0], target[0, 0])


def test_procrustes_needs_three_coordinates():
    predicted, target = random_poses((4, 17, 2))
    with pytest.raises(JaxposeError, match=r"\[..., J, 3\], got \(4, 17, 2\)"):
        metrics.p_mpjpe(predicted, target)


@pytest.mark.parametrize(
    ("poses", "message"),
    [
        (np.zeros((2, 17, 3), complex), "predicted has the type complex128; expected"),
        (
            np.zeros((2, 17, 3), str),
            "predicted has the type <U1; expected real",
        ),
        (np.zeros((2, 17, 3), object), "predicted has the type object; expected real"),
        ([[[0.0, 0.0, 0.0]], [[0.0]]], "predicted is no array of numbers: .* inhomog"),
    ],
)
@pytest.mark.parametrize("metric", [*MEANS, *PER_POSE, metrics.joint_errors])
def test_poses_are_real_numbers(metric, poses, message):
    with pytest.raises(JaxposeError, match=message):
        metric(poses, poses)


def test_there_must_be_something_to_average():
    empty = np.zeros((0, 17, 3))
    for metric in MEANS:
        with pytest.raises(JaxposeError, match="no pose to average"):
            metric(empty, empty)
    with pytest.raises(JaxposeError, match="two frames or more"):
        metrics.mpjve(np.zeros((1, 17, 3)), np.zeros((1, 17, 3)))


# MPI-INF-3DHP.


@pytest.fixture(scope="module")
def mpi_inf_3dhp():
    with np.load(shared_path("goldens/mpi_inf_3dhp_metrics.npz")) as arrays:
        yield {name: arrays[name] for name in arrays.files}


def mpi_inf_3dhp_poses(golden, take):
    """Returns prediction and target of the valid frames, millimetres, root at 0."""
    valid = golden[f"{take}/valid"]
    annotation = golden[f"{take}/annot"][valid]
    target = annotation - annotation[:, 14:15]
    predicted = golden[f"{take}/pred_root_relative"][valid]
    predicted[:, 14] = 0
    return predicted.astype(np.float64), target.astype(np.float64)


def mpi_inf_3dhp_curves(errors_mm):
    """Returns PCK and AUC per frame, in percent, of 8 groups, 14 joints and all 17."""
    groups = [
        *MPI_INF_3DHP_JOINT_GROUPS.values(),
        facts.PCK_JOINTS,
        range(17),
    ]
    pck, auc = [], []
    for joints in groups:
        counted = errors_mm[:, list(joints)]
        pck.append(100 * metrics.pck_per_pose(counted))
        auc.append(100 * metrics.auc_per_pose(counted))
    return {"pck": np.stack(pck, axis=1), "auc": np.stack(auc, axis=1)}


def test_mpi_inf_3dhp_metrics_match_the_recorded_references(mpi_inf_3dhp):
    golden = mpi_inf_3dhp
    recorded_groups = json.loads(str(golden["config"]))["joint_groups"]
    groups = [list(joints) for joints in MPI_INF_3DHP_JOINT_GROUPS.values()]
    assert groups == [joints for _, joints in recorded_groups]

    errors = {}
    for take in ("TS1", "TS2", "TS3", "TS4", "TS5", "TS6"):
        predicted, target = mpi_inf_3dhp_poses(golden, take)
        errors[take] = metrics.joint_errors(predicted, target)
        np.testing.assert_allclose(errors[take], golden[f"{take}/error"], rtol=1e-9)
    pooled = np.concatenate(list(errors.values()))
    per_joint = golden["All/mpjpe_per_joint"]
    np.testing.assert_allclose(pooled.mean(0), per_joint, rtol=1e-9)

    errors |= {"All": pooled, "probe": golden["probe/error"]}
    for part, error in errors.items():
        for name, curve in mpi_inf_3dhp_curves(error).items():
            found = curve.mean(0)
            recorded = golden[f"{part}/{name}"]
            np.testing.assert_allclose(found[:9], recorded, rtol=1e-9)
            if part == "All":
                recorded = golden[f"All/{name}_all17"]
                np.testing.assert_allclose(found[9], recorded, rtol=1e-9)

    for scene, takes in MPI_INF_3DHP_SCENES.items():
        of_scene = np.concatenate([errors[take] for take in takes])
        for name, curve in mpi_inf_3dhp_curves(of_scene).items():
            recorded = golden[f"{scene}/{name}_total"]
            np.testing.assert_allclose(curve[:, 8].mean(), recorded, rtol=1e-9)


def test_pck_is_strict():
    errors = np.array([[149.99, 150.0, 0.0, 151.0]], np.float32)
    assert metrics.pck_per_pose(errors).tolist() == [0.5]


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray])
@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_pck_and_auc_of_whole_millimetres(array, dtype):
    errors = array(np.array([[0, 149, 150], [5, 5, 5]], dtype))
    pck = metrics.pck_per_pose(errors)
    auc = metrics.auc_per_pose(errors)
    # Of 31 thresholds, 30 are above 0, one is above 149, none is above 150, 29 above 5.
    np.testing.assert_allclose(pck, [2 / 3, 1], rtol=1e-6)
    np.testing.assert_allclose(auc, [(30 + 1 + 0) / (3 * 31), 29 / 31], rtol=1e-6)
