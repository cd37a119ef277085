"""Figures and animations of poses: what is drawn, from where, and how fast it moves."""

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


def test_a_person_who_walks_stays_in_the_middle_and_keeps_heights():
    pose = waving(4).with_root(fov=55)
    figure = jaxpose.plot(pose, azimuths=(0,))
    _, person = lines_of(figure.axes[-1])
    ends = np.concatenate(person.get_segments())
    assert abs(ends[:, 0].mean()) < 0.3
