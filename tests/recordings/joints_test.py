"""Joints of models by what is seen, and joints that are filled in."""

import numpy as np
import pytest

from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.layouts import LAYOUT_JOINTS
from jaxpose.body.skeletons import H36M_17, SKELETONS, get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.recordings.joints import fill_in, to_model_confidence, to_model_joints
from tests.recordings.walker import person

HIP, SPINE, THORAX, NECK, HEAD = (
    H36M_17.joints.index(name)
    for name in ("hip", "spine", "thorax", "neck_nose", "head")
)


def without(layout: str, *names: str) -> np.ndarray:
    """Returns the walk with some joints that are never seen."""
    xy = person(layout, 5)
    xy[:, [get_skeleton(layout).joints.index(name) for name in names]] = np.nan
    return xy


def joint(xy, layout, name):
    return xy[:, get_skeleton(layout).joints.index(name)]


@pytest.mark.parametrize("layout", LAYOUT_JOINTS)
def test_where_all_is_seen_the_rules_are_those_of_the_body(layout):
    xy = person(layout, 5)
    converted = to_model_joints(xy, layout)
    assert np.isfinite(converted).all()
    np.testing.assert_allclose(
        converted, convert_joints(xy, layout, "h36m_17"), atol=1e-9
    )


def test_the_head_from_what_is_seen():
    face = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
    coco = person("coco_17", 5)
    thorax = (joint(coco, "coco_17", "left_shoulder") +
              joint(coco, "coco_17", "right_shoulder")) / 2  # fmt: skip
    hip = (joint(coco, "coco_17", "left_hip") + joint(coco, "coco_17", "right_hip")) / 2

    def head_of(*seen):
        hidden = [name for name in face if name not in seen]
        return to_model_joints(without("coco_17", *hidden), "coco_17")[:, HEAD]

    for ear in ("left_ear", "right_ear"):
        place = joint(coco, "coco_17", ear)
        np.testing.assert_allclose(head_of(ear), place + 0.7 * (place - thorax))
    eyes = (coco[:, 1] + coco[:, 2]) / 2
    expected = eyes + 0.7 * (eyes - thorax)
    np.testing.assert_allclose(head_of("left_eye", "right_eye", "left_ear"), expected)
    nose = joint(coco, "coco_17", "nose")
    np.testing.assert_allclose(head_of("nose"), 2 * nose - thorax)
    np.testing.assert_allclose(head_of(), thorax + 0.55 * (thorax - hip))


def test_from_behind_the_ears_stand_for_neck_and_head():
    layout = "body_25"
    xy = without(layout, "nose", "left_eye", "right_eye")
    converted = to_model_joints(xy, layout)
    ears = (joint(xy, layout, "left_ear") + joint(xy, layout, "right_ear")) / 2
    np.testing.assert_allclose(converted[:, NECK], ears)
    thorax = joint(xy, layout, "neck")
    np.testing.assert_allclose(converted[:, HEAD], ears + 0.7 * (ears - thorax))


def test_each_frame_has_its_own_rule():
    xy = person("coco_17", 2)
    xy[0, 0] = np.nan  # the nose
    converted = to_model_joints(xy, "coco_17")
    np.testing.assert_allclose(converted[0, NECK], (xy[0, 1] + xy[0, 2]) / 2)
    np.testing.assert_array_equal(converted[1, NECK], xy[1, 0])


def test_one_hip_is_no_pelvis_but_openpose_has_its_own():
    converted = to_model_joints(without("coco_17", "left_hip"), "coco_17")
    assert np.isnan(converted[:, HIP]).all()
    xy = without("body_25", "mid_hip")
    expected = (
        joint(xy, "body_25", "left_hip") + joint(xy, "body_25", "right_hip")
    ) / 2
    np.testing.assert_allclose(to_model_joints(xy, "body_25")[:, HIP], expected)
    xy = without("body_25", "left_hip")
    np.testing.assert_array_equal(
        to_model_joints(xy, "body_25")[:, HIP], joint(xy, "body_25", "mid_hip")
    )


def test_other_skeletons_are_made_of_those_joints():
    xy = without("mediapipe_33", "nose", "left_ear", "left_eye")
    converted = to_model_joints(xy, "mediapipe_33", "h36m_16")
    expected = np.delete(to_model_joints(xy, "mediapipe_33"), NECK, axis=1)
    np.testing.assert_array_equal(converted, expected)
    coco = to_model_joints(xy, "mediapipe_33", "coco_17")
    assert np.flatnonzero(np.isnan(coco).any(axis=(0, 2))).tolist() == [0, 1, 3]
    humaneva = to_model_joints(person("coco_17", 3), "coco_17", "humaneva_15")
    np.testing.assert_array_equal(humaneva[:, -1], person("coco_17", 3)[:, 0])
    with pytest.raises(JaxposeError, match=r"no conversion from .* to 'humaneva_20'"):
        to_model_joints(xy, "mediapipe_33", "humaneva_20")


@pytest.mark.parametrize("skeleton", SKELETONS)
def test_joints_of_the_model_itself_stay_as_they_are(skeleton):
    rng = np.random.default_rng(0)
    xy = rng.normal(size=(4, get_skeleton(skeleton).num_joints, 2))
    confidence = rng.random(xy.shape[:2])
    np.testing.assert_array_equal(to_model_joints(xy, skeleton, skeleton), xy)
    found = to_model_confidence(xy, confidence, skeleton, skeleton)
    np.testing.assert_array_equal(found, confidence)


def test_gaps_are_filled_linearly_in_time():
    xy = np.tile(np.arange(4.0)[:, None, None], (1, 17, 2))
    xy[1:3, 4] = np.nan
    xy[3, 5] = np.nan
    xy[0, 6] = np.nan
    frames = np.array([10, 11, 14, 20])
    filled, seen = fill_in(xy, frames)
    np.testing.assert_allclose(filled[:, 4, 0], [0.0, 0.3, 1.2, 3.0])
    assert filled[3, 5].tolist() == [2.0, 2.0]  # the ends are held
    assert filled[0, 6].tolist() == [1.0, 1.0]
    assert (~seen).sum(axis=0).tolist() == [0, 0, 0, 0, 2, 1, 1] + 10 * [0]


def test_a_joint_that_is_never_seen_is_refused_or_estimated():
    whole = person("h36m_17", 10)
    half = whole.copy()
    half[:, 1:7] = np.nan  # both legs
    with pytest.raises(JaxposeError, match=r"^right_hip, right_knee, .* --estimate_mi"):
        fill_in(half, np.arange(10))
    filled, seen = fill_in(half, np.arange(10), estimate_missing=True)
    assert not seen[:, 1:7].any()
    np.testing.assert_array_equal(filled[:, 7:], half[:, 7:])

    # The person stands: the legs go on below the trunk, left ones to the left.
    height = np.ptp(whole[..., 1], axis=1)
    errors = np.linalg.norm(filled - whole, axis=-1) / height[:, None]
    assert errors.max() < 0.2
    assert (filled[:, [3, 6], 1] > filled[:, [2, 5], 1]).all()
    assert (filled[:, 2, 1] > filled[:, 0, 1]).all()


def test_an_estimate_turns_and_grows_with_the_person():
    half = person("h36m_17", 3)
    half[:, [3, 13]] = np.nan
    turned = half[..., ::-1] * [-3.0, 3.0] + 50.0
    frames = np.arange(3)
    filled, _ = fill_in(half, frames, estimate_missing=True)
    found, _ = fill_in(turned, frames, estimate_missing=True)
    np.testing.assert_allclose(found, filled[..., ::-1] * [-3.0, 3.0] + 50.0)


def test_too_little_to_estimate_from():
    xy = person("h36m_17", 3)
    xy[:, 5:] = np.nan
    with pytest.raises(JaxposeError, match=r"only 5 joints are ever seen"):
        fill_in(xy, np.arange(3), estimate_missing=True)
    coco = person("coco_17", 3)
    coco[:, 0] = np.nan
    with pytest.raises(JaxposeError, match=r"nose of coco_17 have no known prop"):
        fill_in(coco, np.arange(3), estimate_missing=True, skeleton="coco_17")
