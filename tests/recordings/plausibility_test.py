"""Plausibility: each mistake is named, and good recordings pass."""

import numpy as np
import pytest

from jaxpose.body.skeletons import H36M_17
from jaxpose.recordings.joints import to_model_joints
from jaxpose.recordings.plausibility import Reference, check
from jaxpose.recordings.reference import body_height, default_reference
from tests.recordings.walker import FPS, SIZE, person, positions

WALK = person("h36m_17")
IN_SPACE = positions(H36M_17.joints)
SEEN = np.ones(WALK.shape[:2], bool)


def doubts(keypoints_2d=WALK, size=SIZE, seen=SEEN, **arguments):
    return check(keypoints_2d, seen, size, FPS, **arguments)


def only_doubt(*positional, **arguments):
    (doubt,) = doubts(*positional, **arguments)
    return doubt


def test_a_walk_is_plausible():
    assert doubts() == []
    assert doubts(positions_3d=IN_SPACE) == []
    relative = IN_SPACE - IN_SPACE[:, :1]
    assert doubts(positions_3d=relative) == []
    camera = (1100.0, 1100.0, 960.0, 540.0)
    assert doubts(positions_3d=IN_SPACE, intrinsics=camera) == []


def test_a_cartwheel_is_plausible():
    angles = np.linspace(0, 2 * np.pi, len(WALK))[:, None]
    centre = np.array(SIZE) / 2
    x, y = np.moveaxis(WALK - WALK[:, :1], -1, 0)
    turned = np.stack(
        [np.cos(angles) * x - np.sin(angles) * y,
         np.sin(angles) * x + np.cos(angles) * y], axis=-1
    )  # fmt: skip
    assert doubts(turned + centre) == []


@pytest.mark.parametrize("scale, shift, says", [
    (1.0, 0.0, "these look normalised to 0 to 1, and pixels are expected; "),
    (2.0, -1.0, "these look normalised to -1 to 1, and pixels are expected"),
])  # fmt: skip
def test_normalised_coordinates_are_refused(scale, shift, says):
    doubt = only_doubt(WALK / np.array(SIZE) * scale + shift)
    assert (doubt.kind, doubt.severity) == ("normalised", "refuse")
    assert says in doubt.sentence


def test_joints_at_one_place_are_refused():
    doubt = only_doubt(np.full((5, 17, 2), 300.0), seen=SEEN[:5])
    assert (doubt.kind, doubt.severity) == ("one_place", "refuse")


def test_axes_the_other_way_round_are_warned_of():
    doubt = only_doubt(WALK[..., ::-1], size=(1920, 1920))
    assert (doubt.kind, doubt.severity) == ("lying", "warn")
    assert "x and y are probably swapped" in doubt.sentence
    doubt = only_doubt(np.stack([WALK[..., 0], SIZE[1] - WALK[..., 1]], axis=-1))
    assert (doubt.kind, doubt.severity) == ("upside_down", "warn")
    assert "heads are below hips in 100 % of the frames: y pr" in doubt.sentence


def test_a_turned_image_size_is_warned_of():
    portrait = WALK[..., ::-1][..., ::-1] * 0.9 + [-300.0, 700.0]
    assert doubts(portrait, size=(1080, 1920)) == []
    doubt = only_doubt(portrait, size=(1920, 1080))
    assert (doubt.kind, doubt.severity) == ("image_size", "warn")
    assert "joints reach x" in doubt.sentence
    assert doubt.sentence.endswith("give --image_size=1080,1920")
    # (height, width) of a wide image: the person is high up in a high one.
    doubt = only_doubt(WALK * 0.5 + [100.0, 250.0], size=(1080, 1920))
    assert "the person stays in its upper 3" in doubt.sentence
    assert doubt.sentence.endswith("give --image_size=1920,1080")


def test_joints_outside_of_the_image():
    doubt = only_doubt(WALK * 2)
    assert (doubt.kind, doubt.severity) == ("image_size", "refuse")
    doubt = only_doubt(WALK - np.array(SIZE) / 2)
    assert doubt.severity == "refuse"
    assert "the origin is probably not the upper left corner" in doubt.sentence
    doubt = only_doubt(WALK + np.array([0.0, 500.0]))
    assert (doubt.kind, doubt.severity) == ("image_size", "warn")
    assert "% of the joints are outside, at x" in doubt.sentence


def test_joints_in_a_wrong_order_are_refused():
    coco = person("coco_17")
    doubt = only_doubt(coco, layout="h36m_17", better_layout="coco_17")
    assert (doubt.kind, doubt.severity) == ("layout", "refuse")
    assert doubt.sentence.startswith("the bones between h36m_17 joints cannot be a bo")
    assert doubt.sentence.endswith("is probably coco_17; give --layout=coco_17")
    wrong = to_model_joints(person("body_25b"), "body_25")
    assert only_doubt(wrong).sentence.endswith("state it with --layout=NAME")


def test_frames_without_a_body_are_warned_of():
    keypoints_2d = WALK.copy()
    keypoints_2d[::3] = person("coco_17")[::3]
    kinds = {doubt.kind: doubt for doubt in doubts(keypoints_2d)}
    assert kinds["poses"].severity == "warn"
    assert kinds["poses"].sentence.startswith("in 33 % of the frames the joints make n")


def test_bodies_beyond_the_training_set_are_warned_of():
    half_width = SIZE[0] / 2
    near = WALK / half_width - [1.0, SIZE[1] / SIZE[0]]
    reference = Reference.of(near)
    assert doubts(reference=reference) == []
    far = Reference.of(near / 3)
    doubt = only_doubt(reference=far)
    assert (doubt.kind, doubt.severity) == ("large", "warn")
    length = np.quantile(body_height(WALK), 0.9) / half_width
    assert doubt.sentence.startswith(
        f"bodies are {length:.2f} half image widths long, "
    )
    assert doubt.sentence.endswith("larger; use a model that was trained on such views")
    assert only_doubt(reference=Reference.of(near * 3)).kind == "small"
    assert only_doubt(WALK / 20 + 500).kind == "small"


def test_sides_that_change_are_counted():
    mixed = WALK.copy()
    mixed[20:30] = mixed[20:30, H36M_17.mirror]
    doubt = only_doubt(mixed)
    assert (doubt.kind, doubt.severity) == ("sides_change", "warn")
    assert doubt.sentence.startswith("left and right change places 2 times")


def test_exchanged_sides_of_a_person_who_comes_nearer():
    near = np.linspace(0.5, 2.0, len(WALK))[:, None, None]
    frontal = (WALK - WALK[:, :1]) * near / 2 + np.array(SIZE) / 2
    assert doubts(frontal) == []
    doubt = only_doubt(frontal[:, H36M_17.mirror])
    assert (doubt.kind, doubt.severity) == ("sides", "warn")


def test_a_squat_and_a_bow_are_no_exchanged_sides():
    # The person faces the camera, and what bends gets shorter in the image.
    depth = np.linspace(1.0, 0.2, len(WALK))[:, None]
    upper = [H36M_17.joints.index(name) for name in ("thorax", "neck_nose", "head")]
    upper += [H36M_17.joints.index("spine"), *range(11, 17)]
    for bends, least in ((upper, 0.7), (range(1, 7), 0.0)):
        bent = WALK - WALK[:, :1]
        factor = least + (1 - least) * depth
        bent[:, bends, 1] *= factor
        others = [joint for joint in range(17) if joint not in bends]
        bent[:, others, 1] *= 0.5 + 0.5 * factor
        found = doubts(bent + np.array(SIZE) / 2)
        assert "sides" not in [doubt.kind for doubt in found]


@pytest.mark.parametrize("change, severity, says", [
    (lambda p: p * 100, "refuse", "these look like centimetres; divide by 100"),
    (lambda p: p * 1000, "refuse", "these look like millimetres; divide by 1000"),
    (lambda p: p * 9, "refuse", "the unit is probably another one"),
    (lambda p: np.stack([p[..., 0], p[..., 2], -p[..., 1]], -1), "refuse",
     "it fits if x and -z are right and down"),
    (lambda p: p * [1, -1, 1], "refuse", "it fits if x and -y are right and down"),
    (lambda p: np.roll(p, -10, axis=0)[:80], "warn",
     "it fits if it is moved in time, being 10 frames early"),
    (lambda p: p[:, H36M_17.mirror], "warn", "it fits with left and right exchanged"),
])  # fmt: skip
def test_own_3d_that_is_not_that_of_the_2d(change, severity, says):
    own = change(person_in_place())
    count = len(own)
    doubt = check(
        project(person_in_place())[:count], np.ones((count, 17), bool), SIZE, FPS,
        positions_3d=own,
    )[0]  # fmt: skip
    assert doubt.kind in ("own_3d", "units")
    assert says in doubt.sentence
    assert doubt.severity == severity


def person_in_place():
    """Returns 100 frames of the walk, `[F, 17, 3]` relative to the hip."""
    long = positions(H36M_17.joints, 100)
    return long - long[:, :1]


def project(relative):
    return relative[..., :2] * 200.0 + np.array(SIZE) / 2


def test_intrinsics_of_another_image():
    camera = (1100.0, 1100.0, 320.0, 240.0)
    doubt = only_doubt(positions_3d=IN_SPACE, intrinsics=camera)
    assert (doubt.kind, doubt.severity) == ("intrinsics", "warn")


def test_the_gravest_doubt_comes_first():
    own = person_in_place()[: len(WALK)] * 100
    lying = WALK[..., ::-1]
    kinds = [doubt.kind for doubt in doubts(lying, (1920, 1920), positions_3d=own)]
    assert kinds == ["units", "lying"]


def test_the_distance_does_not_depend_on_place_size_and_angle():
    reference = default_reference()
    poses = WALK[:10]
    expected = reference.distance(poses)
    turned = poses[..., ::-1] * [-2.0, 2.0] + [300.0, -50.0]
    np.testing.assert_allclose(reference.distance(turned), expected)
    assert (expected < 1.5).all()
    # Joints that are missing leave the distance about the same.
    partly = poses.copy()
    partly[:, [3, 6, 13]] = np.nan
    np.testing.assert_allclose(reference.distance(partly), expected, atol=0.4)
    partly[:, 5:] = np.nan
    assert np.isnan(reference.distance(partly)).all()


def test_the_distance_of_poses_like_the_reference_is_one():
    # Poses of independent joints: each adds one to the square, up to the noise.
    rng = np.random.default_rng(0)
    poses = rng.standard_normal((20_000, 17, 2))
    distances = Reference.of(poses).distance(poses[:2000])
    assert np.sqrt((distances**2).mean()) == pytest.approx(1.0, abs=0.05)
