"""People are drawn as the camera sees them, far limbs behind near ones."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from jaxpose.body.skeletons import get_skeleton
from jaxpose.scoring import pose_drawing
from tests.small_run import small_clips

LEVEL = np.array([0.0, -1.0, 0.0])
H36M = get_skeleton("h36m_17")


@pytest.fixture
def axis():
    figure, axis = plt.subplots()
    yield axis
    plt.close(figure)


def test_from_the_camera_x_stays_y_turns_up_and_depth_goes_away():
    view = pose_drawing.make_view(LEVEL, azimuth=0, elevation=0)
    np.testing.assert_allclose(view, np.diag([1.0, -1.0, -1.0]), atol=1e-12)


def test_from_the_right_side_what_is_far_from_the_camera_is_on_the_right():
    view = pose_drawing.make_view(LEVEL, azimuth=90, elevation=0)
    expected = [[0, 0, 1], [0, -1, 0], [1, 0, 0]]
    np.testing.assert_allclose(view, expected, atol=1e-12)


def test_from_above_what_is_far_stands_higher_and_lengths_stay():
    view = pose_drawing.make_view(LEVEL, azimuth=0, elevation=30)
    np.testing.assert_allclose(view @ [0.0, 0.0, 1.0], [0, 0.5, -np.sqrt(0.75)])
    np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-12)


def test_a_camera_that_looks_straight_down_has_a_view():
    view = pose_drawing.make_view(np.array([0.0, 0.0, -1.0]), azimuth=0, elevation=0)
    np.testing.assert_allclose(view @ [0.0, 0.0, -1.0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(view @ [1.0, 0.0, 0.0], [1, 0, 0], atol=1e-12)


def test_the_vertical_is_the_cameras_own_or_that_of_its_orientation():
    clip = small_clips().index[0]
    np.testing.assert_array_equal(pose_drawing.upward(clip), LEVEL)
    # A level camera that looks along the world's y: a quarter turn about x takes its
    # down, y, to -z, and its forward, z, to y.
    quarter = (np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0)
    level = dataclasses.replace(clip, orientation=quarter)
    np.testing.assert_allclose(pose_drawing.upward(level), LEVEL, atol=1e-12)
    # Without a turn it looks along z, straight up: up is its forward.
    looking_up = dataclasses.replace(clip, orientation=(1.0, 0.0, 0.0, 0.0))
    np.testing.assert_allclose(pose_drawing.upward(looking_up), [0, 0, 1])


def test_the_nearest_limb_is_drawn_last_thickest_and_in_its_full_colour(axis):
    view = pose_drawing.make_view(LEVEL, azimuth=0, elevation=0)
    person = pose_drawing.SolidPerson(axis, H36M, view, width=3.0)
    rng = np.random.default_rng(0)
    pose = rng.uniform(-0.2, 0.2, (17, 3))
    pose[:, 2] = 0.5
    # The left hand and elbow come towards the camera, the right foot goes away.
    for name, depth in (("left_wrist", -1.0), ("left_elbow", -0.8)):
        pose[H36M.joints.index(name), 2] = depth
    pose[H36M.joints.index("right_ankle"), 2] = 2.0
    person.show(pose)
    (lines,) = person.artists
    nearest = pose[[H36M.joints.index(n) for n in ("left_wrist", "left_elbow")], :2]
    np.testing.assert_allclose(lines.get_segments()[-1], nearest * [1, -1])
    assert lines.get_linewidths()[-1] == 3.0
    left = pose_drawing.limb_colours(H36M)[H36M.joints.index("left_wrist") - 1]
    np.testing.assert_allclose(lines.get_colors()[-1][:3], to_rgb(left))
    # The farthest limb, of the right leg, comes first: thin and pale.
    farthest = lines.get_segments()[1]
    ankle = pose[H36M.joints.index("right_ankle"), :2] * [1, -1]
    np.testing.assert_allclose(farthest[0], ankle)
    assert lines.get_linewidths()[1] == pytest.approx(0.6 * 3.0)
    assert lines.get_colors()[1][:3].min() >= 0.5


def test_a_pose_that_is_absent_draws_nothing(axis):
    view = pose_drawing.make_view(LEVEL, azimuth=0, elevation=0)
    person = pose_drawing.SolidPerson(axis, H36M, view)
    person.show(np.full((17, 3), np.nan))
    assert not person.artists[0].get_segments()


@pytest.mark.parametrize(("layout", "lines"), [("h36m_17", 16), ("coco_17", 16)])
def test_the_input_has_lines_in_layouts_without_bones_too(axis, layout, lines):
    skeleton = get_skeleton(layout)
    keypoints = np.random.default_rng(0).uniform(-1, 1, (1, 17, 2))
    person = pose_drawing.FlatPerson(axis, skeleton, keypoints)
    person.show(keypoints[0])
    drawn, dots = person.artists
    assert len(drawn.get_segments()) == lines
    assert len(pose_drawing.limb_colours(skeleton)) == lines
    np.testing.assert_allclose(np.transpose(dots.get_data()), keypoints[0])
    # The image's y points down, and both axes have one scale.
    bottom, top = axis.get_ylim()
    left, right = axis.get_xlim()
    assert bottom > top
    assert bottom - top == pytest.approx(right - left)


def test_the_truth_stands_on_the_floor_or_else_the_prediction():
    poses, truth = np.zeros((2, 17, 3)), np.zeros((2, 17, 3))
    poses[0, 3, 1], truth[1, 3, 1] = 1.0, 0.8  # metres below the root
    stage = pose_drawing.make_stage(poses, truth, LEVEL, azimuth=0, elevation=0)
    # From 0 to 1 m below the root, with a tenth of it as a margin.
    assert (stage.floor, stage.reach) == (-0.8, pytest.approx(0.55))
    np.testing.assert_allclose(stage.centre, [0, -0.5])
    absent = np.full_like(truth, np.nan)
    stage = pose_drawing.make_stage(poses, absent, LEVEL, azimuth=0, elevation=0)
    assert stage.floor == -1.0


def test_tiles_of_the_floor_are_squares_of_half_a_metre_under_the_root(axis):
    pose = np.zeros((17, 3))
    pose[3, 1] = 1.0
    stage = pose_drawing.make_stage(pose, pose, LEVEL, azimuth=0, elevation=90)
    pose_drawing.set_up_stage(axis, stage)
    (grid,) = axis.collections
    # From above: three lines each way, at -0.5, 0 and 0.5 m.
    ends = np.array(grid.get_segments())
    assert ends.shape == (6, 2, 2)
    np.testing.assert_allclose(np.unique(ends.round(9)), [-0.5, 0, 0.5])
    assert axis.get_aspect() == 1


def test_a_turn_goes_round_once_and_shows_everything_at_one_size():
    poses = np.random.default_rng(0).uniform(-1, 1, (4, 17, 3))
    stages = pose_drawing.make_turn(poses, poses, LEVEL, elevation=0)
    assert len({stage.reach for stage in stages}) == 1
    # After half a turn, right is left and near is far.
    np.testing.assert_allclose(
        stages[2].view, stages[0].view * [[-1], [1], [-1]], atol=1e-12
    )
    for stage in stages:
        places = poses.reshape(-1, 3) @ stage.view[:2].T
        assert abs(places - stage.centre).max() < stage.reach
