"""Human3.6M's cameras as numbers, projection, validity and the noise model."""

import json

import numpy as np
import pytest

from jaxpose.datasets.h36m_cameras import CAMERA_NAMES, SUBJECTS, h36m_cameras
from jaxpose.datasets.rendering import add_detector_noise, render
from jaxpose.errors import JaxposeError
from tests.shared import shared_path


def test_cameras_are_the_published_numbers():
    published = json.loads(shared_path("cameras/h36m_cameras.json").read_text())["h36m"]
    assert list(CAMERA_NAMES) == published["camera_order"]
    poses = {
        name: pose
        for name, pose in published["extrinsics"].items()
        if all(pose.values())
    }
    assert set(SUBJECTS) == set(poses)
    for subject, pose in poses.items():
        for camera, lens in zip(
            h36m_cameras(subject), published["intrinsics"], strict=True
        ):
            assert camera.name == lens["camera_id"]
            assert camera.image_size == (lens["width_px"], lens["height_px"])
            assert camera.intrinsics == (*lens["fx_fy_px"], *lens["cx_cy_px"])
            assert camera.distortion == (*lens["k1_k2_k3"], *lens["tangential_ab"])
            assert camera.orientation == tuple(
                pose[camera.name]["quat_wxyz_cam_to_world"]
            )
            millimetres = np.array(camera.translation) * 1000
            np.testing.assert_allclose(
                millimetres, pose[camera.name]["cam_position_world_mm"], rtol=1e-15
            )


def test_subject_without_published_pose():
    with pytest.raises(JaxposeError, match="'S2'; known: S1, S5"):
        h36m_cameras("S2")


def test_projection_in_pixels_against_the_formula():
    camera = h36m_cameras("S1")[2]
    positions = np.random.default_rng(0).uniform(-0.8, 0.8, (3, 17, 3)) + np.array(
        [0, 0, 1]
    )
    keypoints_2d, positions_3d, valid = render(positions, camera)
    x, y = positions_3d[1, 4, :2] / positions_3d[1, 4, 2]
    fx, fy, cx, cy = camera.intrinsics
    k1, k2, k3, p1, p2 = camera.distortion
    r2 = x * x + y * y
    factor = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y
    expected = [fx * (x * factor + p1 * r2) + cx, fy * (y * factor + p2 * r2) + cy]
    np.testing.assert_allclose(keypoints_2d[1, 4], expected, rtol=1e-12)
    assert valid.all()
    distance = np.linalg.norm(positions[0, 3] - np.array(camera.translation))
    assert np.linalg.norm(positions_3d[0, 3]) == pytest.approx(distance)


def test_frames_outside_the_image_or_too_near_are_invalid():
    camera = h36m_cameras("S1")[0]
    centre = np.array(camera.translation)
    towards_scene = -centre / np.linalg.norm(centre)
    positions = np.tile([0.0, 0.0, 1.0], (5, 17, 1))
    positions[1, 5] += [10, 0, 0]  # beside the image
    positions[2, 5] = centre + 0.3 * towards_scene  # too near
    positions[3, 5] = centre - 2 * towards_scene  # behind the camera
    positions[4, 5] = centre  # in its centre
    keypoints_2d, _, valid = render(positions, camera)
    assert valid.tolist() == [True, False, False, False, False]
    assert np.isfinite(keypoints_2d).all()


def test_detector_noise_is_small_smooth_and_now_and_then_large():
    still = np.zeros((4000, 17, 2))
    still[..., 1] = np.linspace(0, 500, 17)[None]  # a person 500 pixels high
    noise = add_detector_noise(still, np.random.default_rng(0)) - still
    typical = np.median(np.abs(noise))
    assert 2 < typical < 4  # pixels
    assert 0.005 < (np.abs(noise) > 25).mean() < 0.03
    steps = np.median(np.abs(np.diff(noise, axis=0)))
    assert steps < typical  # neighbouring frames err alike
    np.testing.assert_array_equal(
        noise, add_detector_noise(still, np.random.default_rng(0)) - still
    )
