"""Layouts: joint orders, their names, and which of them keypoints have."""

import numpy as np
import pytest

from jaxpose.body.layouts import LAYOUT_JOINTS, layout_name
from jaxpose.errors import JaxposeError
from jaxpose.recordings.layouts import choose_layout
from tests.recordings.walker import person


@pytest.mark.parametrize("name, count, some_joints", [
    ("coco_17", 17, {0: "nose", 5: "left_shoulder", 16: "right_ankle"}),
    ("coco_18", 18, {1: "neck", 2: "right_shoulder", 11: "left_hip", 17: "left_ear"}),
    ("coco_25", 25, {5: "neck", 6: "left_shoulder", 14: "mid_hip", 24: "right_heel"}),
    ("coco_wholebody_133", 133, {
        17: "left_big_toe", 22: "right_heel", 23: "face_0", 91: "left_hand_root",
        112: "right_hand_root", 132: "right_pinky_4",
    }),
    ("openpose_134", 134, {14: "right_eye", 18: "left_big_toe", 24: "face_0"}),
    ("halpe_26", 26, {17: "head", 18: "neck", 19: "hip", 21: "right_big_toe"}),
    ("halpe_68", 68, {26: "left_hand_root", 67: "right_pinky_4"}),
    ("halpe_136", 136, {26: "face_0", 94: "left_hand_root", 115: "right_hand_root"}),
    ("body_25", 25, {1: "neck", 8: "mid_hip", 9: "right_hip", 19: "left_big_toe"}),
    ("body_25b", 25, {1: "left_eye", 17: "upper_neck", 18: "head_top"}),
    ("body_135", 135, {25: "left_thumb_1", 45: "right_thumb_1", 65: "face_0"}),
    ("mpii_16", 16, {0: "right_ankle", 6: "pelvis", 9: "head_top", 15: "left_wrist"}),
    ("mpi_15", 15, {0: "head_top", 1: "upper_neck", 13: "left_ankle", 14: "chest"}),
    ("crowdpose_14", 14, {0: "left_shoulder", 6: "left_hip", 12: "head_top"}),
    ("aic_14", 14, {0: "right_shoulder", 3: "left_shoulder", 13: "neck"}),
    ("mediapipe_33", 33, {7: "left_ear", 11: "left_shoulder", 32: "right_foot_index"}),
])  # fmt: skip
def test_joint_orders_are_those_of_the_released_packages(name, count, some_joints):
    joints = LAYOUT_JOINTS[name]
    assert len(joints) == count
    for index, joint in some_joints.items():
        assert joints[index] == joint


@pytest.mark.parametrize("spelling, name", [
    ("COCO_17", "coco_17"), ("coco17", "coco_17"), ("coco", "coco_17"),
    ("COCO_WholeBody_133", "coco_wholebody_133"), ("coco133", "coco_wholebody_133"),
    ("HALPE_26", "halpe_26"), ("halpe26", "halpe_26"), ("body_with_feet", "halpe_26"),
    ("BODY_25B", "body_25b"), ("openpose18", "coco_18"), ("h36m", "h36m_17"),
    ("openpose134", "openpose_134"), ("blazepose", "mediapipe_33"), ("aic", "aic_14"),
    ("blazepose_33", "mediapipe_33"), ("CrowdPose", "crowdpose_14"),
    ("MPII", "mpii_16"),
])  # fmt: skip
def test_names_in_other_spellings(spelling, name):
    assert layout_name(spelling) == name


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(JaxposeError, match=r"'smpl' .* known are coco_17, coco_18"):
        layout_name("smpl")


@pytest.mark.parametrize("name", LAYOUT_JOINTS)
def test_every_layout_is_recognised_by_its_bones(name):
    choice = choose_layout(person(name))
    assert choice.name == name
    assert choice.num_joints == len(LAYOUT_JOINTS[name])
    assert choice.better is None


def test_the_choice_among_several_is_said():
    choice = choose_layout(person("body_25b"))
    assert choice.reason == (
        "25 joints are body_25 or body_25b or coco_25: read as body_25b, whose bones "
        "make a body; --layout=NAME states another"
    )
    assert choice.candidates[:3] == ("body_25", "body_25b", "coco_25")
    assert choose_layout(person("h36m_17")).name == "h36m_17"


def test_two_d_of_a_few_joints_has_the_usual_order():
    keypoints = np.full((4, 25, 3), 0.0)
    keypoints[:, :3] = [100.0, 100.0, 0.9]
    choice = choose_layout(keypoints)
    assert choice.name == "body_25"
    assert "too few joints are seen to tell" in choice.reason


def test_more_joints_with_those_of_coco_first():
    coco = person("coco_17")
    more = np.concatenate([coco, coco[:, :3] + 5.0], axis=1)
    choice = choose_layout(more)
    assert (choice.name, choice.num_joints) == ("coco_17", 17)
    assert choice.reason == (
        "20 joints are no joint order known here, but the first 17 make a body as "
        "coco_17: read as these"
    )
    # WholeBody that is said to be COCO is both.
    choice = choose_layout(person("coco_wholebody_133"), stated="COCO_17")
    assert choice.name == "coco_wholebody_133"


def test_joints_that_make_no_body_need_a_layout():
    shuffled = np.random.default_rng(0).permutation(20)
    coco = person("coco_17")
    more = np.concatenate([coco, coco[:, :3] + 5.0], axis=1)[:, shuffled]
    with pytest.raises(JaxposeError, match=r"20 joints are no joint order .* --layout"):
        choose_layout(more)
    with pytest.raises(JaxposeError, match=r"there are 20, and the first 17 are no bo"):
        choose_layout(more, override="coco_17")


def test_a_stated_order_counts_and_a_better_one_is_named():
    choice = choose_layout(person("coco_17"), stated="h36m_17")
    assert (choice.name, choice.better) == ("h36m_17", "coco_17")
    choice = choose_layout(person("body_25b"), stated="BODY_25")
    assert (choice.name, choice.better) == ("body_25", "body_25b")
    choice = choose_layout(person("body_25b"), stated="BODY_25", override="body_25b")
    assert (choice.name, choice.better) == ("body_25b", None)


def test_a_stated_order_with_too_many_joints_is_refused():
    with pytest.raises(JaxposeError, match=r"the file states halpe_26, which has 26 "):
        choose_layout(person("coco_17"), stated="halpe26")
    message = r"--layout states halpe_26, which has 26 .*; give --layout=coco_17 or "
    with pytest.raises(JaxposeError, match=message):
        choose_layout(person("coco_17"), override="halpe26")
