"""Several runs beside the truth: what is chosen, marked, drawn and refused."""

import shutil

import numpy as np
import pytest
from PIL import Image

from experiments import compare_poses, figures
from experiments.compare_poses import Compared
from jaxpose.data.clips import select_subjects
from tests.lifter.small_lifter import small_run
from tests.small_run import in_memory, small_clips

pytestmark = pytest.mark.xdist_group("train")

TESTED = ["test_0", "test_1"]


@pytest.fixture(scope="module")
def workdirs(finished_run, tmp_path_factory):
    """A run of AMPose, and one of VideoPose3D that was never trained."""
    other = tmp_path_factory.mktemp("compared") / "videopose3d"
    small_run(other, dataset={"test_subjects": TESTED})
    return str(finished_run[0]), str(other)


def command(*arguments):
    with in_memory(small_clips()):
        return compare_poses.main([*map(str, arguments)])


def test_the_picture_has_the_models_as_titles_and_the_frames_asked_for(
    workdirs, tmp_path, monkeypatch, capsys
):
    drawn = {}
    monkeypatch.setattr(
        figures,
        "draw_comparison",
        lambda rows, names, *rest: drawn.update(rows=rows, names=names),
    )
    out = tmp_path / "poses.png"
    assert command(*workdirs, f"--out={out}", "--frames=130,10") == 0
    assert drawn["names"] == ["AMPose", "VideoPose3D"]
    assert "--frames=130,10" in capsys.readouterr().out
    # Frame 130 of the test set is frame 10 of the second subject's first take.
    clips = select_subjects(small_clips(), TESTED)
    first, second = drawn["rows"]
    assert first.caption == "test_1  Walk 1  front\nframe 10 (--frames=130)"
    assert second.caption == "test_0  Walk 1  front\nframe 10 (--frames=10)"
    np.testing.assert_array_equal(first.keypoints, clips.keypoints_2d[130])
    truth = clips.positions_3d[130] - clips.positions_3d[130, 0]
    np.testing.assert_allclose(first.truth, truth, atol=1e-6)
    assert first.poses.shape == (2, 17, 3)


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_ending_says_the_format(workdirs, tmp_path, ending):
    out = tmp_path / f"poses.{ending}"
    assert command(*workdirs, f"--out={out}", "--count=2") == 0
    if ending == "svg":
        assert "<svg" in out.read_text()
        return
    with Image.open(out) as image:
        assert image.width > 800
        assert np.asarray(image.convert("L")).std() > 5


def test_runs_of_one_model_are_told_apart_by_their_workdirs(workdirs, tmp_path):
    copy = shutil.copytree(workdirs[1], tmp_path / "copy")
    runs = compare_poses.open_runs([workdirs[1], str(copy)], None)
    assert compare_poses.titles(runs) == [
        "VideoPose3D\nvideopose3d",
        "VideoPose3D\ncopy",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"test_subjects": ["test_0"]},
            "test subjects test_0 there, test_0, test_1 here",
        ),
        (
            {"skeleton": "h36m_16", "keypoints_skeleton": "h36m_16"},
            "joints h36m_16 there",
        ),
        ({"frame_stride": 5}, "number of test frames 48 there, 240 here"),
    ],
)
def test_runs_on_other_data_are_refused(workdirs, tmp_path, capsys, fields, message):
    other = tmp_path / "other"
    small_run(other, dataset={"test_subjects": TESTED} | fields)
    assert command(workdirs[0], other, f"--out={tmp_path / 'a.png'}") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {other} and {workdirs[0]} cannot be compared: ")
    assert message in line


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--out=a.gif"], "the ending must be .png, .pdf, .svg"),
        (["--out=absent/a.png"], "there is no folder absent"),
        (["--out=a.png", "--count=0"], "--count=0 must be at least 1"),
        (["--out=a.png", "--frames=1,x"], "--frames=1,x must be numbers"),
        # Frame 3 of a take of sitting is invalid: 63 of the test set.
        (["--out=a.png", "--frames=2,63"], "--frames: 63 is no scored frame"),
    ],
)
def test_flags_that_do_not_fit_end_in_one_line(workdirs, capsys, flags, message):
    assert command(*workdirs, *flags) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_one_run_is_not_compared(workdirs, capsys):
    for runs in (workdirs[:1], (workdirs[0], workdirs[0])):
        assert command(*runs, "--out=a.png") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert "name at least two different workdirs" in line


def test_frames_that_differ_most_are_chosen_from_all_takes_a_second_apart():
    clips = select_subjects(small_clips(), TESTED)
    frames = np.arange(clips.num_frames)
    truth = np.zeros((len(frames), 17, 3))
    poses = np.zeros((2, *truth.shape))
    # The second run is off by so many metres in x: most in the first clip (0 to 59).
    for frame, metres in ((5, 0.9), (6, 0.8), (58, 0.7), (70, 0.3), (200, 0.2)):
        poses[1, frame, :, 0] = metres
    compared = Compared(["a", "b"], clips, frames, poses, truth)
    # One of each of three takes; the fourth, without a difference, gives its first.
    assert compare_poses.differing(compared, 3).tolist() == [5, 70, 200]
    assert compare_poses.differing(compared, 4).tolist() == [5, 70, 120, 200]
    # Frame 6 is too near to 5; 58 is more than the 50 frames of a second away.
    assert 58 in compare_poses.differing(compared, 5)
    assert 6 not in compare_poses.differing(compared, 5)


def test_joints_are_marked_where_the_errors_of_the_methods_differ():
    # Millimetres of two methods; the differences are 0, 30, 19, 100, 40 and 25.
    errors = np.array([[50, 60, 0, 10, 90, 25], [50, 30, 19, 110, 50, 0]])
    assert figures.differing_joints(errors) == [3, 4, 1]
    assert figures.differing_joints(errors[:, :3]) == [1]
