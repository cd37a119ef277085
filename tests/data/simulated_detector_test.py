"""The simulated detector: points of the head, cameras, errors, joint rules, resume."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body import joint_rules
from jaxpose.body.detector_rules import convert_seen
from jaxpose.body.skeletons import H36M_17, get_skeleton
from jaxpose.data import detector_points as head
from jaxpose.data import (
    random_cameras,
    simulated_detector,
    simulation,
    virtual_views,
    windows,
)
from jaxpose.data.detector_points import POINTS, behind_the_head
from jaxpose.data.detectors import DETECTORS
from jaxpose.data.simulated_detector import error_factors
from jaxpose.errors import JaxposeError
from tests.small_run import small_clips

# One program each compiles faster than its operations one by one.
disturb = jax.jit(simulated_detector.disturb, static_argnames="detector")
simulate = jax.jit(simulated_detector.simulate, static_argnames="detector")
smooth_noise = jax.jit(simulated_detector.smooth_noise, static_argnames="shape")
stretches = jax.jit(simulated_detector.stretches, static_argnames="frames")
random_view = jax.jit(random_cameras.random_view, static_argnames="skeleton")
detector_points = jax.jit(head.detector_points)

# A person who stands upright and looks along -z; y points down, left is +x. Metres.
STANDING = {
    "hip": (0, 0, 0),
    "right_hip": (-0.1, 0, 0),
    "right_knee": (-0.1, 0.4, 0),
    "right_ankle": (-0.1, 0.8, 0),
    "left_hip": (0.1, 0, 0),
    "left_knee": (0.1, 0.4, 0),
    "left_ankle": (0.1, 0.8, 0),
    "spine": (0, -0.2, 0),
    "thorax": (0, -0.45, 0),
    "neck_nose": (0, -0.55, 0),
    "head": (0, -0.65, 0),
    "left_shoulder": (0.2, -0.45, 0),
    "left_elbow": (0.2, -0.15, 0),
    "left_wrist": (0.2, 0.1, 0),
    "right_shoulder": (-0.2, -0.45, 0),
    "right_elbow": (-0.2, -0.15, 0),
    "right_wrist": (-0.2, 0.1, 0),
}


def standing(frames: int = 1, batch: int = 1) -> jax.Array:
    pose = np.array([STANDING[name] for name in H36M_17.joints], np.float32)
    return jnp.broadcast_to(pose, (batch, frames, 17, 3))


def points_of(head_turn: float) -> dict[str, np.ndarray]:
    points = detector_points(standing()[0], jnp.full(1, head_turn), jnp.zeros(1))
    return dict(zip(POINTS, np.asarray(points)[0], strict=True))


def test_points_of_the_head_follow_its_rotation():
    point = points_of(0.0)
    # Ears lie six tenths of the way from neck to head, 14.5 cm apart.
    np.testing.assert_allclose(point["left_ear"], [0.0725, -0.61, 0], atol=1e-6)
    np.testing.assert_allclose(point["right_ear"], [-0.0725, -0.61, 0], atol=1e-6)
    # The bone leans forward where the head is upright: this one looks up by 12.
    cos, sin = np.cos(np.deg2rad(12)), np.sin(np.deg2rad(12))
    up, forward = np.array([0, -cos, sin]), np.array([0, -sin, -cos])
    ears = np.array([0, -0.61, 0])
    nose = ears - 0.03 * up + 0.115 * forward
    np.testing.assert_allclose(point["nose"], nose, atol=1e-6)
    np.testing.assert_allclose(point["head"], ears + 0.13 * up, atol=1e-6)
    assert point["left_eye"][0] == pytest.approx(0.0325)


def test_a_turned_head_looks_to_the_left():
    point = points_of(np.pi / 2)
    assert point["nose"][0] == pytest.approx(0.115, abs=1e-6)
    assert point["left_ear"][2] == pytest.approx(0.0725 * np.cos(np.deg2rad(12)))


def test_the_head_hides_the_far_side_of_the_face():
    # Seen from the front, from behind, and with the left side towards the camera.
    found = detector_points(standing()[0], jnp.zeros(1), jnp.zeros(1))
    points = np.asarray(found[0])
    far = np.array([0.0, 0.6, 5.0], np.float32)
    behind = points * np.array([-1.0, 1.0, -1.0])
    left = points[:, [2, 1, 0]] * np.array([1.0, 1.0, -1.0])
    hidden = []
    for view in (points, behind, left):
        found = np.asarray(behind_the_head(jnp.asarray(view + far)))
        hidden.append(
            {name for name, is_hidden in zip(POINTS, found, strict=True) if is_hidden}
        )
    assert hidden == [set(), {"nose", "left_eye", "right_eye"}, {"right_ear"}]


def test_a_camera_that_follows_keeps_the_root_in_its_place():
    up = jnp.tile(jnp.array([[0.0, -1.0, 0.0]]), (2, 1))
    walk = standing(5, 2) + jnp.linspace(0, 1, 5)[None, :, None, None]
    view = random_view(jax.random.key(0), walk, up, H36M_17)
    view = view._replace(follows=jnp.array([True, False]))
    keypoints = np.asarray(random_cameras.project(view, view.positions_3d))
    moves = np.ptp(keypoints[:, :, 0], axis=1)
    assert moves[0].max() < 1e-5
    assert moves[1].max() > 0.02
    # The joints keep their places around the root.
    still = view._replace(follows=jnp.zeros(2, bool))
    fixed = np.asarray(random_cameras.project(still, view.positions_3d))
    np.testing.assert_allclose(
        keypoints - keypoints[:, :, :1], fixed - fixed[:, :, :1], atol=1e-6
    )


def test_convert_seen_takes_the_best_rule_of_each_frame():
    rng = np.random.default_rng(0)
    keypoints = rng.uniform(0.3, 1, (4, 17, 3))
    everything = convert_seen(keypoints, "coco_17", "h36m_17")
    xy = joint_rules.convert_joints(keypoints[..., :2], "coco_17", "h36m_17")
    np.testing.assert_allclose(everything[..., :2], xy)
    names = list(get_skeleton("coco_17").joints)
    shoulders = [names.index("left_shoulder"), names.index("right_shoulder")]
    thorax = H36M_17.joints.index("thorax")
    np.testing.assert_array_equal(
        everything[:, thorax, 2], keypoints[:, shoulders, 2].min(-1)
    )
    # Without nose and an eye, the ears give the joint; without a shoulder there is no
    # thorax.
    hidden = keypoints.copy()
    hidden[1, [names.index("nose"), names.index("left_eye")]] = 0
    hidden[2, shoulders[0]] = 0
    found = convert_seen(jnp.asarray(hidden), "coco_17", "h36m_17")
    ears = keypoints[1, [names.index("left_ear"), names.index("right_ear")]]
    neck = H36M_17.joints.index("neck_nose")
    np.testing.assert_allclose(found[1, neck, :2], ears[:, :2].mean(0), rtol=1e-6)
    np.testing.assert_array_equal(found[2, thorax], np.zeros(3))


def test_random_cameras_keep_the_body_and_their_limits():
    up = jnp.tile(jnp.array([[0.0, -1.0, 0.0]]), (500, 1))
    poses = standing(batch=500)
    view = random_view(jax.random.key(0), poses, up, H36M_17)
    # The camera moves around the person, who does not change.
    before = poses[:, :, :, None] - poses[:, :, None]
    after = view.positions_3d[:, :, :, None] - view.positions_3d[:, :, None]
    np.testing.assert_allclose(
        jnp.square(after).sum(-1), jnp.square(before).sum(-1), atol=1e-3
    )
    # Pitch: how far the person's vertical points at the camera or away from it.
    trunk = np.asarray(view.positions_3d[:, 0, 8] - view.positions_3d[:, 0, 0]) / 0.45
    pitch = np.rad2deg(np.arcsin(trunk[:, 2]))
    assert pitch.max() < 20.1
    assert pitch.min() > -30.1
    assert pitch.max() - pitch.min() > 40
    # Fields of view over the longer side, and sizes in the image.
    longer = np.maximum(view.half_height, 1)
    field = 2 * np.rad2deg(np.arctan(longer / np.asarray(view.camera[:, 0])))
    assert 35 <= field.min() < 40 < 75 < field.max() <= 80.01
    height = random_cameras.standing_height(poses, H36M_17)[:, 0]
    assert height[0] == pytest.approx(0.8 + 0.65 + 0.15)
    depth = view.positions_3d[:, 0, 0, 2]
    fills = np.asarray(height * view.camera[:, 0] / depth / (2 * view.half_height))
    assert 0.09 < fills.min() < 0.12
    assert 0.9 < fills.max() < 1.11


def test_a_camera_that_looks_down_sees_the_far_side_higher():
    up = jnp.tile(jnp.array([[0.0, -1.0, 0.0]]), (200, 1))
    view = random_view(jax.random.key(1), standing(1, 200), up, H36M_17)
    trunk = np.asarray(view.positions_3d[:, 0, 8] - view.positions_3d[:, 0, 0])
    # Looking down, the head is nearer than the hip; that is the wider side of PITCH.
    assert trunk[:, 2].min() < -0.45 * np.sin(np.deg2rad(25))
    assert trunk[:, 2].max() < 0.45 * np.sin(np.deg2rad(21))


def test_smooth_noise_has_its_correlation():
    correlation = jnp.array([[0.0, 0.9]])
    shape = (1, 20000, 2)
    noise = np.asarray(smooth_noise(jax.random.key(0), shape, correlation))[0]
    np.testing.assert_allclose(noise.std(0), 1, atol=0.08)
    found = (noise[1:] * noise[:-1]).mean(0) / noise.var(0)
    np.testing.assert_allclose(found, [0, 0.9], atol=0.03)


def test_stretches_have_their_share_and_their_length():
    shares = jnp.array([[0.2, 0.0]])
    happens = stretches(jax.random.key(0), 20000, shares, jnp.array([10.0]))
    happens = np.asarray(happens)[0]
    assert happens.mean(0) == pytest.approx([0.2, 0], abs=0.03)
    begins = happens[1:, 0] & ~happens[:-1, 0]
    assert happens[:, 0].sum() / begins.sum() == pytest.approx(10, rel=0.15)


@pytest.mark.parametrize(
    ("name", "median", "nine_tenths"),
    [("openpose", (0.013, 0.033), (0.023, 0.09)), ("blazepose", (0.026, 0.048), None)],
)
def test_errors_have_the_measured_size(name, median, nine_tenths):
    detector = DETECTORS[name]._replace(swaps=0.0, outliers=0.0)
    shape = (300, 20, len(POINTS), 2)
    found = disturb(
        jax.random.key(0), jnp.zeros(shape), jnp.ones((300, 20)), jnp.full(300, 30.0),
        detector,
    )  # fmt: skip
    errors = np.linalg.norm(np.asarray(found[:, :, :17, :2]), axis=-1)
    assert median[0] < np.median(errors) < median[1]
    low, high = nine_tenths or (0.05, 0.1)
    assert low < np.quantile(errors, 0.9) < high
    # Wrists err most, and what errs less is trusted more.
    by_joint = np.median(errors, axis=(0, 1))
    assert by_joint.argmax() in (9, 10)
    certain = np.asarray(found[:, :, :17, 2])
    stated = (certain > 0) & (certain < 1)
    far = errors > 0.05
    assert certain[stated & far].mean() < certain[stated & ~far].mean() - 0.1
    assert error_factors()[:17].mean() == pytest.approx(1, abs=0.01)


def test_sides_are_swapped_for_stretches():
    detector = DETECTORS["none"]._replace(clean=0.0, swaps=1.0, swapped=0.5)
    points = np.zeros((40, 60, len(POINTS), 2), np.float32)
    left = POINTS.index("left_ankle"), POINTS.index("right_ankle")
    points[:, :, left[0], 0], points[:, :, left[1], 0] = 1, -1
    found = disturb(
        jax.random.key(0), jnp.asarray(points), jnp.ones((40, 60)),
        jnp.full(40, 30.0), detector,
    )  # fmt: skip
    swapped = np.asarray(found[:, :, left[0], 0]) < 0
    changes = (swapped[:, 1:] != swapped[:, :-1]).sum()
    assert 0.05 < swapped.mean() < 0.45
    # A stretch lasts about 24 frames, and changes sides twice.
    assert changes < swapped.sum() / 4


def test_points_far_aside_and_of_other_layouts_are_not_seen():
    # A wide, distorting lens: points beyond 45 degrees would seem to be in the image.
    camera = jnp.tile(jnp.array([1.2, 1.2, 0, 0, -0.3, 0, 0, 0, 0]), (400, 1))
    thorax = H36M_17.joints.index("thorax")
    poses = np.array(standing(1, 400))
    poses[:, :, thorax, 1] -= 0.1
    poses = jnp.asarray(3 * poses + np.array([0.0, 0.0, 2.0], np.float32))
    view = random_cameras.View(poses, camera, jnp.ones(400), jnp.zeros(400, bool))
    keypoints = np.asarray(
        simulate(jax.random.key(0), view, jnp.full(400, 30.0), DETECTORS["none"])
    )[:, 0]
    ankle, wrist = (
        H36M_17.joints.index("left_ankle"),
        H36M_17.joints.index("left_wrist"),
    )
    assert not keypoints[:, ankle].any()
    assert keypoints[:, wrist, 2].all()
    # Two fifths of the detectors make the thorax of the shoulders.
    shoulders = [H36M_17.joints.index(f"{side}_shoulder") for side in ("left", "right")]
    middle = keypoints[:, shoulders, :2].mean(1)
    assert np.isclose(keypoints[:, thorax, :2], middle, atol=1e-6).all(
        -1
    ).mean() == pytest.approx(0.4, abs=0.08)


@pytest.fixture(scope="module")
def film():
    clips = small_clips()
    table = jax.tree.map(jnp.asarray, windows.frame_table(clips))
    up = jnp.tile(jnp.array([[0.0, -1.0, 0.0]]), (len(clips.index), 1))
    table = table._replace(up=up)

    def simulate(key, detector, frame_rates=()):
        return simulation.simulated_windows(
            key,
            table,
            jnp.arange(0, 700, 7),
            detector=detector,
            length=9,
            target=4,
            frame_rates=frame_rates,
            bones=0.1,
        )

    return jax.jit(simulate, static_argnames=("detector", "frame_rates"))


def test_everything_follows_from_the_key(film):
    first = film(jax.random.key(0), "mixed", (20.0, 60.0))
    again = film(jax.random.key(0), "mixed", (20.0, 60.0))
    other = film(jax.random.key(1), "mixed", (20.0, 60.0))
    for a, b, c in zip(first, again, other, strict=True):
        assert np.isfinite(a).all()
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


def test_without_errors_keypoints_are_the_projection_of_the_pose(film):
    keypoints, positions = map(np.asarray, film(jax.random.key(2), "none"))
    assert set(np.unique(keypoints[..., 2])) <= {0, 1}
    # Limbs are the joints themselves: of two on one ray, the ratio of x and y is kept,
    # but by the cameras that follow the person.
    knee = H36M_17.joints.index("left_knee")
    ratio = keypoints[:, :, knee, 0] * positions[:, :, knee, 1]
    expected = positions[:, :, knee, 0] * keypoints[:, :, knee, 1]
    is_fixed = np.isclose(ratio, expected, atol=1e-4).all(axis=1)
    assert is_fixed.mean() == pytest.approx(0.8, abs=0.12)


def test_windows_at_another_rate_are_interpolated():
    table = windows.frame_table(small_clips())
    frames = np.array([30, 59])
    read = windows.resampled_positions(table, frames, 5, 2, np.array([1.0, 0.5]))
    np.testing.assert_array_equal(read[0], table.positions_3d[28:33])
    # The second clip ends at its target: later frames repeat it.
    middle = table.positions_3d[58:60].mean(0)
    np.testing.assert_allclose(read[1, 1], middle, rtol=1e-6)
    np.testing.assert_array_equal(read[1, 4], table.positions_3d[59])


def test_bones_change_alike_on_both_sides():
    poses = np.asarray(
        virtual_views.random_bones(jax.random.key(0), standing(), H36M_17, 0.1)
    )[0, 0]
    lengths = np.linalg.norm(poses - poses[np.maximum(H36M_17.parents, 0)], axis=-1)
    np.testing.assert_allclose(
        lengths[list(H36M_17.left)], lengths[list(H36M_17.right)], rtol=1e-4
    )


def test_data_without_a_vertical_is_refused():
    with pytest.raises(JaxposeError, match=r"small/gt.*leave config\.simulated_det"):
        simulation.check_simulation(small_clips())
