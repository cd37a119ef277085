"""The picture of the joint sets shows what the conversions do."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.joint_sets import LAYOUTS as DRAWN
from jaxpose.body.joint_sets import computed_joints, draw_joint_sets, pose
from jaxpose.body.layouts import LAYOUTS
from jaxpose.body.skeletons import H36M_17


@pytest.mark.parametrize(
    "layout, joints",
    [
        ("coco_17", {"hip", "spine", "thorax", "head"}),
        ("halpe_26", {"spine"}),
        ("body_25", {"spine", "head"}),
        ("mpii_16", {"spine"}),
    ],
)
def test_computed_joints_are_those_of_the_documented_rules(layout, joints):
    assert {H36M_17.joints[joint] for joint in computed_joints(layout)} == joints


def test_every_layout_shows_the_same_person():
    assert {*DRAWN} <= {*LAYOUTS}
    limbs = [*H36M_17.left, *H36M_17.right]
    first = convert_joints(pose("coco_17"), "coco_17", "h36m_17")
    for layout in DRAWN:
        converted = convert_joints(pose(layout), layout, "h36m_17")
        np.testing.assert_array_equal(converted[limbs], first[limbs])


def test_the_picture_is_drawn(tmp_path):
    draw_joint_sets(tmp_path / "joint_sets.png")
    height, width, _ = plt.imread(tmp_path / "joint_sets.png").shape
    assert width > 800
    assert height > 600
