"""Camera geometry: goldens, inverses, and the same numbers from NumPy and from jit."""

import json

import jax
import numpy as np
import pytest

from jaxpose.body import cameras
from jaxpose.errors import JaxposeError
from tests.shared import shared_path


@pytest.fixture(scope="module")
def golden():
    with np.load(shared_path("goldens/camera.npz")) as arrays:
        yield {name: arrays[name] for name in arrays.files if name != "config"}


@pytest.fixture
def points():
    """Points before the camera, some beyond the 90 degrees that are not clipped."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 1.5, (4, 3, 17, 3)) + np.array([0, 0, 4.0])


@pytest.fixture
def camera():
    rng = np.random.default_rng(1)
    return np.concatenate(
        [
            rng.uniform(2, 2.5, (4, 2)),
            rng.normal(0, 0.05, (4, 2)),
            rng.normal(0, 0.1, (4, 5)),
        ],
        axis=-1,
    )


@pytest.fixture
def pose():
    rng = np.random.default_rng(2)
    quaternion = rng.normal(size=(4, 4))
    quaternion /= np.linalg.norm(quaternion, axis=-1, keepdims=True)
    return quaternion, rng.normal(0, 3, (4, 3))


def rotation_matrix(quaternion):
    w, x, y, z = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def test_rotation_equals_its_matrix(points, pose):
    rotated = cameras.quaternion_rotate(pose[0], points)
    for i in range(4):
        np.testing.assert_allclose(
            rotated[i], points[i] @ rotation_matrix(pose[0][i]).T, atol=1e-12
        )


def test_world_and_camera_are_inverse(points, pose):
    there = cameras.world_to_camera(points, *pose)
    np.testing.assert_allclose(
        there[1], (points[1] - pose[1][1]) @ rotation_matrix(pose[0][1]), atol=1e-12
    )
    np.testing.assert_allclose(
        cameras.camera_to_world(there, *pose), points, atol=1e-12
    )


def test_projection_matches_golden(golden):
    positions, camera = (
        golden[name].astype(np.float64) for name in ("project_input", "camera_params")
    )
    np.testing.assert_allclose(
        cameras.project(positions, camera), golden["project_to_2d_f64"], rtol=1e-9
    )
    np.testing.assert_allclose(
        cameras.project_linear(positions, camera),
        golden["project_to_2d_linear"],
        atol=1e-6,
    )


def test_projection_without_distortion_is_linear(points, camera):
    camera[:, 4:] = 0
    np.testing.assert_allclose(
        cameras.project(points, camera), cameras.project_linear(points, camera)
    )
    far_left = cameras.project_linear(np.array([[-5.0, 0.0, 1.0]]), camera[0])
    # Clipped to 45 degrees.
    np.testing.assert_allclose(far_left[0, 0], camera[0, 2] - camera[0, 0])


def test_intrinsics_of_the_published_cameras(golden):
    published = json.loads(shared_path("cameras/h36m_cameras.json").read_text())
    lenses = published["h36m"]["intrinsics"]
    for row, lens in zip(golden["camera_params"], lenses, strict=True):
        vector = cameras.normalized_intrinsics(
            np.array([*lens["fx_fy_px"], *lens["cx_cy_px"]]),
            np.array([*lens["k1_k2_k3"], *lens["tangential_ab"]]),
            (lens["width_px"], lens["height_px"]),
        )
        np.testing.assert_allclose(vector, row, atol=1e-6)
    without_distortion = cameras.normalized_intrinsics(np.ones(4), None, (1000, 1000))
    assert not without_distortion[4:].any()


@pytest.mark.parametrize("size", [(1000, 1002), (640, 480), (1920, 1080)])
def test_screen_normalisation(golden, size):
    width, height = size
    corners = cameras.normalize_screen_coordinates(
        np.array([[0.0, 0.0], [width, height]]), size
    )
    np.testing.assert_allclose(corners, [[-1, -height / width], [1, height / width]])
    pixels = golden["pixels"].astype(np.float64)
    normalised = cameras.normalize_screen_coordinates(pixels, size)
    np.testing.assert_allclose(
        normalised, golden[f"normalized_{width}x{height}"], atol=1e-6
    )
    np.testing.assert_allclose(
        cameras.image_coordinates(normalised, size), pixels, rtol=1e-12
    )


def test_back_projection_inverts_the_linear_projection(points, camera):
    positions = np.clip(points, [-0.5, -0.5, 2], [0.5, 0.5, 6])
    depths = positions[..., 2] - positions[..., :1, 2]
    depths[..., 0] = 123  # the root's own prediction does not matter
    lifted = cameras.back_project(
        cameras.project_linear(positions, camera), depths, positions[..., 0, 2], camera
    )
    np.testing.assert_allclose(lifted, positions - positions[..., :1, :], atol=1e-12)
    golden = np.load(shared_path("goldens/backproject_uvd_J17.npz"))
    uv, depth, root, lens = (
        golden[k] for k in ("uv", "depth_root_relative", "root_and_gt", "camera")
    )
    lifted = cameras.back_project(uv, depth[..., 0], root[..., 0, 2], lens)
    np.testing.assert_allclose(lifted, golden["xyz_root_relative"], atol=1e-6)


def test_back_projection_about_another_root(points, camera):
    positions = np.clip(points, [-0.5, -0.5, 2], [0.5, 0.5, 6])
    lifted = cameras.back_project(
        cameras.project_linear(positions, camera),
        positions[..., 2] - positions[..., 14:15, 2],
        positions[..., 14, 2],
        camera,
        root=14,
    )
    np.testing.assert_allclose(lifted, positions - positions[..., 14:15, :], atol=1e-12)


def test_jit_gives_the_numbers_of_numpy(points, camera, pose):
    def everything(points, camera, quaternion, translation):
        there = cameras.world_to_camera(points, quaternion, translation)
        uv = cameras.project(points, camera)
        pixels = cameras.image_coordinates(uv, (1000, 1002))
        return (
            there,
            cameras.camera_to_world(there, quaternion, translation),
            cameras.project_linear(points, camera),
            cameras.normalize_screen_coordinates(pixels, (1000, 1002)),
            cameras.back_project(uv, points[..., 2] - 4, points[..., 0, 2], camera),
            cameras.normalized_intrinsics(camera[..., :4], None, (1000, 1002)),
        )

    expected = everything(points, camera, *pose)
    with jax.enable_x64(True):
        found = jax.jit(everything)(points, camera, *pose)
    for a, b in zip(expected, found, strict=True):
        assert isinstance(a, np.ndarray)
        assert b.dtype == np.float64
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_the_flipped_camera_sees_the_mirrored_scene(points, camera):
    mirror = np.array([-1.0, 1.0])
    mirrored = points * np.array([-1.0, 1.0, 1.0])
    seen = cameras.project(mirrored, cameras.flip_camera(camera))
    expected = cameras.project(points, camera) * mirror
    np.testing.assert_allclose(seen, expected, rtol=1e-12)


def test_a_single_camera_and_its_batch_agree(points, camera):
    single = cameras.project(points[2], camera[2])
    np.testing.assert_array_equal(cameras.project(points, camera)[2], single)
    float32 = cameras.project(points.astype(np.float32), camera.astype(np.float32))
    assert float32.dtype == np.float32


def test_bad_shapes_are_refused(points, camera):
    with pytest.raises(JaxposeError, match=r"camera has shape \(4, 8\)"):
        cameras.project(points, camera[:, :8])
    with pytest.raises(JaxposeError, match=r"camera has shape \(3, 9\)"):
        cameras.project(points, camera[:3])
    with pytest.raises(JaxposeError, match="root_depth"):
        cameras.back_project(points[..., :2], points[..., 2], points[..., 2], camera)
    with pytest.raises(JaxposeError, match="distortion"):
        cameras.normalized_intrinsics(camera[:, :4], camera[:, :4], (1000, 1000))
