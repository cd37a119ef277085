"""Figures and animations of poses: what is drawn, from where, and how fast it moves."""

import dataclasses
import itertools

import numpy as np
import pytest
from matplotlib.collections import LineCollection

import jaxpose
from jaxpose.errors import JaxposeError
from tests.pose.made_pose import waving


def lines_of(axis):
    """The floor and the person of an axis."""
    return [one for one in axis.collections if isinstance(one, LineCollection)]


def test_a_frame_is_drawn_from_each_side_beside_its_keypoints():
    pose = waving()
    figure = jaxpose.plot(pose, frame=20, azimuths=(0, 90, 180))
    flat, front, _, back = figure.axes
    (keypoints,) = lines_of(flat)
    assert len(keypoints.get_segments()) == 16
    # From the camera x goes to the right, from behind to the left.
    _, person = lines_of(front)
    _, from_behind = lines_of(back)
    spans = []
    for lines in (person, from_behind):
        ends = np.concatenate(lines.get_segments())
        spans.append((ends[:, 0].min(), ends[:, 0].max()))
    assert spans[1] == pytest.approx((-spans[0][1], -spans[0][0]))
    # The feet stand on the floor, at height 0.
    lowest = min(segment[:, 1].min() for segment in person.get_segments())
    assert lowest == pytest.approx(0, abs=0.05)
    words = [text.get_text() for text in figure.texts]
    assert words[:2] == ["left", "right"]
    assert "wave   0.80 s" in figure.get_suptitle()


def test_a_pose_without_keypoints_is_drawn_alone():
    figure = jaxpose.plot(waving(unseen=range(17)), azimuths=(0,))
    assert len(figure.axes) == 1


def test_a_frame_that_is_not_there_is_named():
    with pytest.raises(JaxposeError, match="frame=40: pose 'wave' has 40 frames"):
        jaxpose.plot(waving(40), frame=40)


def test_an_animation_goes_round_once_at_true_speed(tmp_path):
    animation = jaxpose.animate(waving(8), azimuths=())
    path = tmp_path / "wave.gif"
    animation.save(path, writer="pillow")
    from PIL import Image

    with Image.open(path) as gif:
        assert gif.n_frames == 8
        assert gif.info["duration"] == pytest.approx(40, abs=10)
        pages = []
        for k in range(8):
            gif.seek(k)
            pages.append(np.asarray(gif.convert("L"), float))
    # The person turns: neighbouring pictures differ.
    assert min(abs(a - b).mean() for a, b in itertools.pairwise(pages)) > 0.05


def test_several_poses_move_side_by_side_at_one_scale(tmp_path):
    pose, small = waving(2), waving(2)
    small = dataclasses.replace(small, positions_3d=small.positions_3d / 2)
    animation = jaxpose.animate(pose, small, pose, labels=("a", "half", "truth"))
    animation.save(tmp_path / "side_by_side.gif", writer="pillow")
    figure = animation._fig
    # The keypoints, and per pose the view of the camera and the turn.
    flat, *solid = figure.axes
    assert len(solid) == 3 * 2
    titles = [axis.get_title() for axis in solid]
    assert titles == ["a", "", "half", "", "truth", ""]
    heights = []
    for axis in solid[::2]:
        assert axis.get_xlim() == solid[0].get_xlim()
        assert axis.get_ylim() == solid[0].get_ylim()
        _, person = lines_of(axis)
        heights.append(np.ptp(np.concatenate(person.get_segments())[:, 1]))
    assert heights[1] == pytest.approx(heights[0] / 2)
    assert heights[2] == heights[0]
    # Views of one pose lie below each other.
    places = [axis.get_position() for axis in solid]
    assert places[0].x0 == pytest.approx(places[1].x0)
    assert places[1].y1 <= places[0].y0
    assert flat.get_position().x1 <= places[0].x0


@pytest.mark.parametrize(
    ("poses", "labels", "message"),
    [
        (
            (waving(8), waving(9)),
            (),
            "'wave' has 9 frames from 0 on, pose 'wave' 8 fro",
        ),
        ((waving(8), waving(8)), ("a",), r"labels=\('a',\): expected 2, one for each"),
        ((), (), "animate needs a pose"),
    ],
)
def test_poses_that_do_not_fit_together_are_named(poses, labels, message):
    with pytest.raises(JaxposeError, match=message):
        jaxpose.animate(*poses, labels=labels)


def test_a_person_who_walks_stays_in_the_middle_and_keeps_heights():
    pose = waving(4).with_root(fov=55)
    figure = jaxpose.plot(pose, azimuths=(0,))
    _, person = lines_of(figure.axes[-1])
    ends = np.concatenate(person.get_segments())
    assert abs(ends[:, 0].mean()) < 0.3
