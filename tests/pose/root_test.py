"""Where the person is, and which way is up, on made-up truth."""

import dataclasses

import numpy as np
import pytest

from jaxpose.datasets.camera import Camera
from jaxpose.errors import JaxposeError
from jaxpose.pose.pose import FrameOfReference
from tests.pose.people import (
    CAMERA,
    joint,
    make_pose,
    person,
    standing_pose,
    to_camera,
    walking,
)

FRAMES = 90
TIME = np.arange(FRAMES) / 30.0
# Walks across the image and towards the camera.
PATH = np.stack([0.4 * TIME - 0.6, 0.1 + 0 * TIME, 5 - 0.8 * TIME], axis=1)


def walk(**fields):
    return make_pose(to_camera(walking(FRAMES)), root=PATH, **fields)


def path_of(pose):
    assert pose.frame_of_reference == FrameOfReference.CAMERA
    return pose.positions_3d[:, 0]


def distances(pose, path=PATH):
    return np.linalg.norm(path_of(pose) - path, axis=-1)


@pytest.mark.parametrize("filters", [{}, {"cutoff": None, "depth_cutoff": None}])
def test_the_root_is_exact_with_true_intrinsics(filters):
    placed = walk().with_root(**filters)
    assert distances(placed).max() < 1e-3
    moved = placed.positions_3d - placed.positions_3d[:, :1]
    np.testing.assert_allclose(moved, walk().positions_3d, atol=1e-12)
    assert placed.remarks == ()


def test_intrinsics_as_an_argument_win_over_those_of_the_camera():
    other = dataclasses.replace(CAMERA, intrinsics=(900.0, 900.0, 900.0, 500.0))
    pose = walk(camera=other)
    placed = pose.with_root(intrinsics=CAMERA.intrinsics)
    assert distances(placed).max() < 1e-3
    assert placed.camera.intrinsics == CAMERA.intrinsics
    # They can be corrected later.
    assert distances(pose.with_root().with_root(CAMERA.intrinsics)).max() < 1e-3


@pytest.mark.parametrize("image_size", [(1920, 1080), (1080, 1920)])
def test_a_field_of_view_is_of_the_longer_side(image_size):
    width, height = image_size
    focal = 960 / np.tan(np.radians(30))  # 60 degrees over 1920 pixels
    camera = Camera("", image_size, (focal, focal, width / 2, height / 2))
    positions = to_camera(walking(FRAMES))
    placed = positions + PATH[:, None]
    keypoints_2d = placed[..., :2] / placed[..., 2:] * focal + [width / 2, height / 2]
    unknown = Camera("", image_size)
    pose = make_pose(positions, keypoints_2d=keypoints_2d, camera=unknown)
    found = pose.with_root(fov=60)
    assert distances(found).max() < 1e-3
    assert found.camera.intrinsics == pytest.approx(camera.intrinsics)


def test_an_assumed_field_of_view_is_said_and_scales_the_distance():
    pose = walk(camera=Camera("", (1920, 1080)))
    placed = pose.with_root(depth_cutoff=None)
    assert len(placed.remarks) == 1
    assert "the longer side of the image spans 55 degrees" in placed.remarks[0]
    assert placed.camera.intrinsics is None
    # The assumed focal length over the true one.
    scale = 960 / np.tan(np.radians(27.5)) / 1500
    ratio = path_of(placed)[:, 2] / PATH[:, 2]
    np.testing.assert_allclose(ratio, scale, rtol=0.02)


def test_unseen_joints_and_wrong_keypoints_do_not_move_the_root():
    rng = np.random.default_rng(0)
    pose = walk()
    keypoints_2d, seen = pose.keypoints_2d.copy(), rng.random((FRAMES, 17)) > 0.3
    keypoints_2d[~seen] = np.nan
    # One ankle is detected at a wrong place in every frame.
    keypoints_2d[:, joint("left_ankle")] = [300.0, 200.0]
    seen[:, joint("left_ankle")] = True
    pose = dataclasses.replace(pose, keypoints_2d=keypoints_2d, seen=seen)
    assert distances(pose.with_root()).max() < 0.01


def test_frames_in_which_nobody_is_seen_are_interpolated():
    pose = walk()
    keypoints_2d, seen = pose.keypoints_2d.copy(), pose.seen.copy()
    seen[40:50] = False
    keypoints_2d[40:50] = np.nan
    keypoints_2d[0, 3:], seen[0, 3:] = np.nan, False  # three joints are too few
    pose = dataclasses.replace(pose, keypoints_2d=keypoints_2d, seen=seen)
    found = distances(pose.with_root(cutoff=None, depth_cutoff=None))
    assert found[40:50].max() < 1e-3  # the walk is straight
    assert found[0] == pytest.approx(np.linalg.norm(PATH[1] - PATH[0]), rel=1e-6)


def test_noise_of_a_detector_moves_the_root_by_centimetres():
    rng = np.random.default_rng(2)
    noisy = walk().keypoints_2d + 8.0 * rng.standard_normal((FRAMES, 17, 2))
    pose = walk(keypoints_2d=noisy)
    filtered, raw = pose.with_root(), pose.with_root(cutoff=None, depth_cutoff=None)
    assert np.median(distances(filtered)) < 0.08
    jitter = [np.abs(np.diff(path_of(p), 2, axis=0)).mean(0) for p in (filtered, raw)]
    assert (
        jitter[0] < [0.4 * jitter[1][0], 0.4 * jitter[1][1], 0.1 * jitter[1][2]]
    ).all()
    # Sideways, the person stays where the image shows them.
    sideways = np.abs(path_of(filtered)[:, 0] - PATH[:, 0])
    assert np.median(sideways) < 0.02


def test_times_without_a_constant_step_are_placed_without_filters():
    times = TIME.copy()
    times[50:] += 0.5
    pose = walk(times=times)
    with pytest.raises(JaxposeError, match="with_root needs a constant step of time"):
        pose.with_root()
    assert distances(pose.with_root(cutoff=None, depth_cutoff=None)).max() < 1e-3


def test_a_lens_with_distortion_is_undone():
    k1, k2, k3, p1, p2 = (-0.2, 0.05, 0.0, 0.001, -0.002)
    placed = to_camera(walking(FRAMES)) + PATH[:, None]
    x, y = np.moveaxis(placed[..., :2] / placed[..., 2:], -1, 0)
    r2 = x**2 + y**2
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    # OpenCV's formulas, number by number.
    bent_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
    bent_y = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
    pixels = np.stack([1500 * bent_x + 960, 1500 * bent_y + 540], axis=-1)
    camera = dataclasses.replace(CAMERA, distortion=(k1, k2, k3, p1, p2))
    pose = walk(keypoints_2d=pixels, camera=camera)
    assert distances(pose.with_root()).max() < 1e-3
    straight = dataclasses.replace(pose, camera=CAMERA)
    assert distances(straight.with_root()).max() > 0.02


def test_a_pose_that_is_seen_nowhere_has_no_place():
    pose = standing_pose(seen=np.zeros((3, 17), bool))
    with pytest.raises(JaxposeError, match="no frame shows 4 joints"):
        pose.with_root()


def test_what_contradicts_itself_is_refused():
    with pytest.raises(JaxposeError, match="intrinsics or fov, not both"):
        walk().with_root(intrinsics=CAMERA.intrinsics, fov=50)
    numbers = ((0, 0, 5, 5), (9, 9, 5), (9, 9, 5, np.nan), 10**400)
    for wrong in (*numbers, "camera", np.full(4, 9 + 9j)):
        with pytest.raises(JaxposeError, match="intrinsics: expected 4 finite numbers"):
            walk().with_root(intrinsics=wrong)
    with pytest.raises(JaxposeError, match="field of view 0: expected 1 to 170"):
        walk().with_root(fov=0)
    with pytest.raises(JaxposeError, match="call with_root before upright"):
        standing_pose().upright().with_root()


def seen_from_above(pitch, roll=0.0, length=20):
    """A standing person in the axes of a camera that looks up by `pitch` degrees."""
    pitch, roll = np.radians([pitch, roll])
    # World axes: x right, y down, z forward, level. The camera turns about x and z.
    about_x = [
        [1, 0, 0],
        [0, np.cos(pitch), np.sin(pitch)],
        [0, -np.sin(pitch), np.cos(pitch)],
    ]
    about_z = [
        [np.cos(roll), np.sin(roll), 0],
        [-np.sin(roll), np.cos(roll), 0],
        [0, 0, 1],
    ]
    rotation = np.array(about_z) @ np.array(about_x)
    root = rotation @ [0.3, 0.5, 4.0]
    positions = np.repeat(to_camera(person())[None], length, axis=0) @ rotation.T
    return make_pose(positions, root=root)


def test_upright_by_pitch_stands_on_the_floor():
    pose = seen_from_above(-20).with_root().upright(pitch=-20)
    assert pose.frame_of_reference == FrameOfReference.UPRIGHT
    # The ankles are 8 cm above the floor; the hip is 84 cm above them.
    expected = person() + np.array([0.3, 0.84 + 0.08, -4.0])
    np.testing.assert_allclose(pose.positions_3d[5], expected, atol=1e-6)
    assert pose.remarks == ("up is that of the stated camera pitch of -20 degrees",)
    np.testing.assert_allclose(pose.joint_angles()["trunk_flexion"], 0, atol=1e-6)


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (-30, 0), (20, 0), (-10, 8)])
def test_upright_is_estimated_from_the_frames_that_stand(pitch, roll):
    pose = seen_from_above(pitch, roll).upright()
    assert pose.frame_of_reference == FrameOfReference.UPRIGHT_FROM_HIP
    np.testing.assert_allclose(pose.positions_3d[0, :9], person()[:9], atol=1e-9)
    expected = (
        "up is estimated from 20 frames in which the person stands: camera pitch "
        f"{pitch:.1f} and roll {roll:.1f} degrees"
    )
    assert pose.remarks == (expected,)


def test_frames_that_do_not_stand_do_not_tilt_the_estimate():
    crouching = person(
        left_knee=(0.1, 0.1, 0.41),
        left_ankle=(0.1, -0.3, 0.41),
        right_knee=(-0.1, 0.1, 0.41),
        right_ankle=(-0.1, -0.3, 0.41),
    )
    lying = person()[:, [1, 0, 2]]
    positions = np.stack([person(), *[crouching] * 5, *[lying] * 5])
    upright = make_pose(to_camera(positions)).upright()
    np.testing.assert_allclose(upright.positions_3d, positions, atol=1e-9)
    assert "from 1 frame in" in upright.remarks[0]


def test_somebody_who_never_stands_needs_a_stated_pitch():
    lying = make_pose(to_camera(person()[None, :, [1, 0, 2]]))
    with pytest.raises(JaxposeError, match=r"stands in no frame.* state the pitch"):
        lying.upright()
    # The floor is then where the lowest ankles are.
    upright = lying.with_root().upright(pitch=0)
    lower = upright.positions_3d[0, [joint("left_ankle"), joint("right_ankle")], 1]
    assert lower.min() == pytest.approx(0.08)


def test_upright_twice_or_vertical_is_refused():
    with pytest.raises(JaxposeError, match="is upright already"):
        standing_pose().upright().upright()
    with pytest.raises(JaxposeError, match="pitch 90: expected degrees above -90"):
        standing_pose().upright(pitch=90)
