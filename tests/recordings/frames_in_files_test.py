"""Frames by the name of their camera in one file, and a file for each frame."""

import numpy as np
import pytest

from jaxpose.recordings.files import read_detections
from tests.recordings.writers import walking, write_json

POSES = walking(frames=6)[:, 0]
MOVED = POSES + np.array([100.0, 0.0, 0.0])


def frames_of(poses, tool="records"):
    """Returns what a tool writes for `[F, J, 3]` poses, frames from 7."""
    frames = []
    for number, pose in enumerate(poses.tolist(), start=7):
        points = [{"x": x, "y": y, "score": score} for x, y, score in pose]
        person = {"keypoints": [joint[:2] for joint in pose]}
        own = {
            "records": {"keypoints": pose},
            "mmpose": {"instances": [person]},
            "mediapipe": {"landmarks": points},
        }[tool]
        frames.append({"frame": number, **own})
    return frames


@pytest.mark.parametrize("tool", ["records", "mmpose", "mediapipe"])
def test_lists_of_frames_by_camera_are_a_video_each(tmp_path, tool):
    value = {"cam0": frames_of(POSES, tool), "cam1": frames_of(MOVED, tool), "fps": 30}
    found = read_detections(write_json(tmp_path / "a.json", value)).detections
    assert [each.name for each in found] == ["a cam0", "a cam1"]
    assert [(each.format, each.fps) for each in found] == [(tool, 30)] * 2
    for each, poses in zip(found, (POSES, MOVED), strict=True):
        assert each.frames.tolist() == [7, 8, 9, 10, 11, 12]
        np.testing.assert_array_equal(each.keypoints[..., :2], poses[..., :2])


def test_cameras_that_see_nobody_are_said(tmp_path):
    nobody = [{"frame": number, "keypoints": None} for number in range(4)]
    value = {"cam0": [], "cam1": nobody, "cam2": frames_of(POSES), "about": {"day": 3}}
    value["cam3"] = frames_of(MOVED)
    found = read_detections(write_json(tmp_path / "a.json", value)).detections
    assert [each.name for each in found] == ["a cam2", "a cam3"]
    assert found[0].remarks == ("without anybody, and left out: cam0, cam1",)
    np.testing.assert_array_equal(found[1].keypoints, MOVED)


def test_the_only_list_below_an_unknown_key_is_the_video(tmp_path):
    value = {"walk": frames_of(POSES), "about": "a walk"}
    (found,) = read_detections(write_json(tmp_path / "a.json", value)).detections
    assert (found.name, found.frames.tolist()) == ("a", [7, 8, 9, 10, 11, 12])


def test_lists_of_frames_by_person_are_one_video(tmp_path):
    value = {"person_1": frames_of(POSES), "person_2": frames_of(MOVED)[2:]}
    (found,) = read_detections(write_json(tmp_path / "a.json", value)).detections
    assert found.frames.tolist() == [7, 8, 9, 9, 10, 10, 11, 11, 12, 12]
    assert found.ids.tolist() == [1, 1, 1, 2, 1, 2, 1, 2, 1, 2]


def test_lists_of_frames_by_other_names_are_refused(tmp_path):
    value = {"0": frames_of(POSES), "1": frames_of(MOVED)}
    files = read_detections(write_json(tmp_path / "a.json", value))
    assert files.detections == []
    ((_, reason),) = files.refused
    assert "the keys '0', '1'" in reason
    assert "write one file per camera" in reason


def test_people_by_image_who_repeat_its_number_stay_people_of_an_image(tmp_path):
    value = {}
    for number, pair in enumerate(zip(POSES, MOVED, strict=True)):
        people = [{"frame": number, "keypoints": pose.tolist()} for pose in pair]
        value[f"img_{number:04d}.jpg"] = people
    (found,) = read_detections(write_json(tmp_path / "a.json", value)).detections
    assert found.frames.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def save_npz(path, pose):
    np.savez(path, keypoints=pose[:, :2], scores=pose[:, 2])


WRITERS = {
    "a pose.npy": np.save,
    "a frame of one.npy": lambda path, pose: np.save(path, pose[np.newaxis]),
    "keypoints and scores.npz": save_npz,
    "mmpose.json": lambda path, pose: write_json(
        path,
        {
            "instance_info": [
                {
                    "keypoints": pose[:, :2].tolist(),
                    "keypoint_scores": pose[:, 2].tolist(),
                }
            ]
        },
    ),
    "own.json": lambda path, pose: write_json(
        path, {"keypoints_2d": [pose.tolist()], "fps": 30, "image_size": [640, 480]}
    ),
}


@pytest.mark.parametrize("form", WRITERS)
def test_a_file_per_frame_is_one_video(tmp_path, form):
    folder = tmp_path / "jump"
    folder.mkdir()
    ending = form.rpartition(".")[2]
    for number, pose in zip((8, 9, 10, 12, 13, 14), POSES, strict=True):
        WRITERS[form](folder / f"frame_{number}.{ending}", pose)
    files = read_detections(tmp_path)
    (found,) = files.detections
    assert (files.refused, files.unread) == ([], [])
    assert (found.name, found.where) == ("jump", str(folder))
    assert found.frames.tolist() == [8, 9, 10, 12, 13, 14]
    assert (found.first_frame, found.num_frames) == (8, 7)
    assert found.missing_frames == (11,)
    np.testing.assert_array_equal(found.keypoints, POSES)


@pytest.mark.parametrize("form", WRITERS)
def test_one_file_alone_is_a_recording_of_one_frame(tmp_path, form):
    path = tmp_path / f"frame_0008.{form.rpartition('.')[2]}"
    WRITERS[form](path, POSES[0])
    (found,) = read_detections(tmp_path).detections
    assert (found.name, found.frames.tolist()) == ("frame_0008", [0])
    np.testing.assert_array_equal(found.keypoints, POSES[:1])


def test_frames_without_people_between_others(tmp_path):
    for number, pose in enumerate(POSES):
        np.save(tmp_path / f"{number}.npy", pose if number != 2 else 0 * pose)
    info = [{"keypoints": POSES[0, :, :2].tolist()}]
    for number in range(4):
        people = info if number < 3 else []
        write_json(tmp_path / f"b_{number}.json", {"instance_info": people})
    files = read_detections(tmp_path)
    assert files.refused == []
    by_format = {found.format: found for found in files.detections}
    assert by_format["plain"].frames.tolist() == [0, 1, 3, 4, 5]
    assert by_format["plain"].missing_frames == ()
    assert by_format["mmpose"].frames.tolist() == [0, 1, 2]
    assert by_format["mmpose"].num_frames == 4


def test_arrays_of_the_people_of_each_image(tmp_path):
    both = np.stack([POSES[0], MOVED[0]])
    for number in range(6):
        np.save(tmp_path / f"f{number}.npy", both if number in (1, 4) else both[:1])
    (found,) = read_detections(tmp_path).detections
    assert found.frames.tolist() == [0, 1, 1, 2, 3, 4, 4, 5]
    assert found.ids.tolist() == [-1] * 8
    remark = "the poses in a file are read as the people of one frame"
    assert found.remarks == (remark,)
    np.testing.assert_array_equal(found.keypoints[2], MOVED[0])


def test_short_clips_and_poses_of_other_things_stay_apart(tmp_path):
    np.save(tmp_path / "clip1.npy", POSES[:3])
    np.save(tmp_path / "clip2.npy", POSES[:4])
    np.save(tmp_path / "walk1.npy", POSES[:3])
    np.save(tmp_path / "walk2.npy", POSES[:4])
    np.save(tmp_path / "cam0.npy", POSES[:1])
    np.save(tmp_path / "cam1.npy", MOVED[:1])
    found = read_detections(tmp_path).detections
    names = ["cam0", "cam1", "clip1", "clip2", "walk1", "walk2"]
    assert [each.name for each in found] == names
    assert [each.num_frames for each in found] == [1, 1, 3, 4, 3, 4]


@pytest.mark.parametrize(("rows", "videos"), [(2, 1), (6, 12)])
def test_arrays_of_a_few_people_in_many_files(tmp_path, rows, videos):
    apart = POSES[:rows] + np.arange(rows)[:, None, None] * np.array([90.0, 0, 0])
    for number in range(12):
        np.save(tmp_path / f"sample_{number}.npy", apart)
    found = read_detections(tmp_path).detections
    assert len(found) == videos
    assert {each.num_frames for each in found} == {12 if videos == 1 else rows}


def test_two_videos_in_one_folder_and_own_3d(tmp_path):
    for number, (pose, other) in enumerate(zip(POSES, MOVED, strict=True)):
        positions = np.full((1, 17, 3), number)
        arrays = {"keypoints_2d": pose[np.newaxis], "positions_3d": positions}
        np.savez(tmp_path / f"left_{number:04d}.npz", **arrays)
        np.savez(tmp_path / f"right_{number:04d}.npz", keypoints_2d=other[np.newaxis])
    left, right = read_detections(tmp_path).detections
    assert (left.name, right.name) == ("left", "right")
    np.testing.assert_array_equal(left.keypoints, POSES)
    np.testing.assert_array_equal(right.keypoints, MOVED)
    assert left.positions_3d[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


AXES = "numCams_numFrames_numTrackedPoints_pixelXY.npy"
NOTE = "read as 2 people of one video; for 2 cameras, write one file per camera"


def test_people_that_may_be_cameras_are_said(tmp_path):
    np.save(tmp_path / "a.npy", np.stack([POSES, MOVED]))
    (found,) = read_detections(tmp_path).detections
    assert found.remarks == (NOTE,)
    assert found.ids.tolist() == [0, 1] * 6
    np.save(tmp_path / "a.npy", POSES[np.newaxis])
    assert read_detections(tmp_path).detections[0].remarks == ()


def test_freemocap_states_its_cameras(tmp_path):
    views = np.full((3, 6, 553, 2), 7.0)
    views[0, :, :17] = POSES[..., :2]
    views[1] = np.nan
    views[2, :, :17] = MOVED[..., :2]
    np.save(tmp_path / f"mediapipe_2dData_{AXES}", views)
    first, third = read_detections(tmp_path).detections
    assert (first.name[-4:], third.name[-4:]) == ("cam0", "cam2")
    assert first.keypoints.shape == (6, 33, 2)
    np.testing.assert_array_equal(third.keypoints[:, :17], MOVED[..., :2])
    assert third.frames.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("name", "shape", "words"),
    [
        (AXES, (6, 33, 2), "expected [V, F, J, 2] of cameras"),
        (AXES, (1, 6, 33, 2), "every number is NaN"),
        ("3dData_numFrames_numTrackedPoints_spatialXYZ.npy", (6, 33, 3), "its 2D"),
    ],
)
def test_other_arrays_of_freemocap_are_refused(tmp_path, name, shape, words):
    np.save(tmp_path / f"mediapipe_{name}", np.full(shape, np.nan))
    files = read_detections(tmp_path)
    assert files.detections == []
    assert words in files.refused[0][1]
