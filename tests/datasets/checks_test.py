"""Each check finds the fault it is for, and nothing in sound data."""

import numpy as np
import pytest

from jaxpose.datasets.checks import check_clip, check_counts
from jaxpose.datasets.h36m_cameras import h36m_cameras
from jaxpose.datasets.rendering import render
from jaxpose.datasets.report import Finding
from jaxpose.datasets.schema import clip_example
from jaxpose.skeletons import H36M_17
from tests.fabricate_human36m import motion

JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
CAMERAS = h36m_cameras("S1")


def example(camera=CAMERAS[0], edit_2d=lambda x: x, edit_3d=lambda x: x, source="gt"):
    keypoints_2d, positions_3d, _ = render(motion("S1", "Walking", 20)[:, JOINTS], camera)
    return clip_example(
        subject="S1",
        action="Walking",
        take="Walking",
        camera=camera,
        skeleton=H36M_17,
        keypoints_2d=edit_2d(keypoints_2d),
        positions_3d=edit_3d(positions_3d),
        fps=50,
        keypoints_source=source,
    )


@pytest.mark.parametrize("camera", CAMERAS)
def test_sound_clips_have_no_findings(camera):
    assert not list(check_clip(example(camera)))


def noisy(keypoints_2d):
    return keypoints_2d + np.random.default_rng(0).normal(0, 10, keypoints_2d.shape)


def test_a_detector_may_be_off_where_a_projection_may_not():
    assert not list(check_clip(example(edit_2d=noisy, source="cpn_ft_h36m_dbb")))
    (finding,) = check_clip(example(edit_2d=noisy))
    assert finding.status == "suspicious"
    assert finding.what == "S1/Walking/54138969"
    assert "from the keypoints" in finding.detail


def test_two_cameras_taken_for_each_other_are_noticed():
    other = render(motion("S1", "Walking", 20)[:, JOINTS], CAMERAS[1])[0]
    (finding,) = check_clip(example(edit_2d=lambda _: other, source="cpn_ft_h36m_dbb"))
    assert "px (median) from the keypoints" in finding.detail


def stretched(positions_3d):
    """A left shin half a metre too long."""
    moved = positions_3d.copy()
    moved[:, 6, 1] += 0.5
    return moved


def jumping(positions_3d):
    moved = positions_3d.copy()
    moved[7, 6, 1] += 0.3
    return moved


@pytest.mark.parametrize(
    "edit, message",
    [
        (lambda x: 1000 * x, "wrong unit"),
        (lambda x: x / 1000, "wrong unit"),
        (stretched, "bone to left_ankle is 0.87 m"),
        (jumping, "bone to left_ankle changes its length"),
    ],
)
def test_implausible_bones_are_noticed(edit, message):
    details = [finding.detail for finding in check_clip(example(edit_3d=edit))]
    assert any(message in detail for detail in details), details


def test_keypoints_outside_the_image_are_noticed():
    details = [finding.detail for finding in check_clip(example(edit_2d=lambda x: x + 900))]
    assert any("outside the 1000x1002 image" in detail for detail in details), details


def test_frames_that_are_not_valid_are_not_checked():
    clip = example(edit_3d=jumping)
    clip["valid"][7] = False
    assert not list(check_clip(clip))


def test_counts_are_compared_by_take():
    expected = {("S1", "A"): 10, ("S1", "B"): 20, ("S5", "A"): 30, ("S6", "A"): 40}
    found = {("S1", "A"): 10, ("S1", "B"): 20, ("S5", "A"): 31, ("S5", "C"): 5}
    assert list(check_counts(found, expected)) == [
        Finding("complete", "S1", "2 takes, 30 frames"),
        Finding("suspicious", "S5/A", "31 frames; expected 30"),
        Finding("suspicious", "S5/C", "not a take of the published data set"),
        Finding("missing", "S6", "no take; expected 1"),
    ]
    assert Finding("missing", "S1/B", "no such take; expected 20 frames") in list(
        check_counts({("S1", "A"): 10}, expected)
    )
