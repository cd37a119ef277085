"""Each check finds the fault it is for, and nothing in sound data."""

import io

import numpy as np
import pytest
from rich.console import Console

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets.h36m_cameras import h36m_cameras
from jaxpose.datasets.inspection import SourceInspection, inspect_clip, split_total
from jaxpose.datasets.rendering import render
from jaxpose.datasets.report import Finding, findings_table
from jaxpose.datasets.schema import clip_example
from tests.fabricate_human36m import motion

JOINTS = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
CAMERAS = h36m_cameras("S1")


def example(camera=CAMERAS[0], edit_2d=lambda x: x, edit_3d=lambda x: x, source="gt"):
    keypoints_2d, positions_3d, _ = render(
        motion("S1", "Walking", 20)[:, JOINTS], camera
    )
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
def test_sound_clips_have_no_problems(camera):
    inspection = inspect_clip(example(camera))
    assert inspection.problems == []
    assert inspection.bone_length == pytest.approx(0.254, abs=0.001)
    assert inspection.outside == 0
    assert inspection.reprojection < 1e-3


def noisy(keypoints_2d):
    return keypoints_2d + np.random.default_rng(0).normal(0, 10, keypoints_2d.shape)


def test_a_detector_may_be_off_where_a_projection_may_not():
    assert inspect_clip(example(edit_2d=noisy, source="cpn_ft_h36m_dbb")).problems == []
    inspection = inspect_clip(example(edit_2d=noisy))
    (problem,) = inspection.problems
    assert (
        problem
        == "the 3D joints project 12 px (median) from the keypoints; expected below 2"
    )
    # The median length of normal errors in two dimensions is sqrt(2 ln 2) of their
    # spread.
    assert inspection.reprojection == pytest.approx(
        10 * np.sqrt(2 * np.log(2)), rel=0.1
    )


def test_two_cameras_taken_for_each_other_are_noticed():
    other = render(motion("S1", "Walking", 20)[:, JOINTS], CAMERAS[1])[0]
    (problem,) = inspect_clip(
        example(edit_2d=lambda _: other, source="cpn_ft_h36m_dbb")
    ).problems
    assert "px (median) from the keypoints" in problem


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
    problems = inspect_clip(example(edit_3d=edit)).problems
    assert any(message in problem for problem in problems), problems


def test_keypoints_outside_the_image_are_noticed():
    inspection = inspect_clip(example(edit_2d=lambda x: x + 900))
    assert any(
        "outside the 1000x1002 image" in problem for problem in inspection.problems
    ), inspection.problems
    assert inspection.outside > 0.5


def test_frames_that_are_not_valid_are_not_checked():
    clip = example(edit_3d=jumping)
    clip["valid"][7] = False
    assert inspect_clip(clip).problems == []
    clip["valid"][:] = False
    assert inspect_clip(clip).bone_length is None


def counted(frames: dict[tuple[str, str], int]) -> SourceInspection:
    """Takes of given lengths that two cameras saw."""
    inspection = SourceInspection()
    sound = example()
    for (subject, take), count in frames.items():
        for camera in "ab":
            clip = {
                key: np.resize(sound[key], (count, *sound[key].shape[1:]))
                for key in ARRAYS
            }
            inspection.add(
                sound | clip | {"subject": subject, "take": take, "camera": camera}
            )
    return inspection


ARRAYS = ("keypoints_2d", "positions_3d", "valid")


def rows(findings: list[Finding]) -> list[tuple]:
    return [
        (f.status, f.subject, f.take, f.detail, f.frames, f.published) for f in findings
    ]


def test_counts_are_compared_by_subject_and_take():
    published = {
        ("S1", "A"): 10,
        ("S1", "B"): 20,
        ("S5", "A"): 30,
        ("S5", "B"): 5,
        ("S6", "A"): 40,
    }
    found = counted({("S1", "A"): 10, ("S1", "B"): 20, ("S5", "A"): 31, ("S5", "C"): 7})
    assert rows(found.findings(published)) == [
        ("complete", "S1", "", "2 of 2 takes", 30, 30),
        ("missing", "S5", "", "2 of 2 takes", 38, 35),
        ("suspicious", "S5", "A", "expected 30 frames", 31, 30),
        ("missing", "S5", "B", "no such take", None, 5),
        ("suspicious", "S5", "C", "not a take of the published data set", 7, None),
        ("missing", "S6", "", "not there", None, 40),
    ]


def test_frames_may_be_missing_where_motion_capture_failed():
    published = {("S1", "A"): 10, ("S2", "A"): 10}
    found = counted({("S1", "A"): 8, ("S2", "A"): 11})
    assert [row[0] for row in rows(found.findings(published, may_be_shorter=True))] == [
        "complete", "suspicious",
    ]  # fmt: skip
    assert [row[0] for row in rows(found.findings(published))] == [
        "suspicious",
        "suspicious",
    ]


def test_without_published_counts_every_take_has_a_row():
    inspection = counted({("S1", "A"): 3, ("S1", "B"): 4})
    inspection.remark("S1", "B", "2D only")
    assert rows(inspection.findings(None)) == [
        ("complete", "S1", "A", "", 3, None),
        ("complete", "S1", "B", "2D only", 4, None),
    ]


def in_millimetres(positions_3d):
    return 1000 * positions_3d


def test_a_problem_names_the_cameras_that_have_it():
    inspection = SourceInspection()
    for camera in CAMERAS:
        inspection.add(
            example(
                camera, edit_3d=in_millimetres if camera in CAMERAS[:2] else lambda x: x
            )
        )
    inspection.refuse("S1", "Posing", 7, "clip S1/Posing/x: not finite")
    walking, posing = inspection.findings(None)
    assert walking.status == posing.status == "suspicious"
    assert walking.detail.endswith("wrong unit? (camera 54138969, 55011271)")
    assert walking.bone_length == pytest.approx(
        (254 + 0.254) / 2, rel=0.01
    )  # the mean of the cameras
    assert walking.reprojection < 1e-3
    assert (posing.frames, posing.detail) == (7, "clip S1/Posing/x: not finite")


def test_the_total_of_a_split():
    assert split_total("train", 1_559_752, 1_559_752).status == "complete"
    assert split_total("train", 1_559_748, 1_559_752).status == "suspicious"


def test_the_table_has_every_column():
    console = Console(width=140, file=io.StringIO())
    findings = [
        Finding(
            "suspicious",
            "S9",
            "Greeting",
            "expected 1,447 frames",
            12,
            1447,
            0.2537,
            0.0123,
            3.71,
        ),
        Finding("missing", "S11", detail="nothing of its 29 takes", published=54616),
    ]
    console.print(findings_table(findings, "human36m/gt_17"))
    lines = console.file.getvalue().splitlines()
    assert lines[0].strip() == "human36m/gt_17"
    header, _, first, second = (line.split() for line in lines[2:6])
    assert " ".join(header) == (
        "subject take frames published bone, m outside reprojection, px status remark"
    )
    assert (
        " ".join(first)
        == "S9 Greeting 12 1,447 0.254 1.2% 3.7 suspicious expected 1,447 frames"
    )
    assert " ".join(second) == "S11 - 54,616 - - - missing nothing of its 29 takes"
