"""Folders of OpenPose, and of those who write as it does, however they are named."""

import numpy as np
import pytest

from jaxpose.recordings.files import read_detections
from tests.recordings.writers import (
    alphapose_cmu,
    openpose_frame,
    walking,
    write_json,
    write_openpose,
)


def read_one(path):
    files = read_detections(path)
    assert files.refused == []
    (detections,) = files.detections
    return detections


@pytest.mark.parametrize(
    "name",
    [
        "walk_{:012d}_keypoints.json",
        "{}_keypoints.json",
        "cam02_{:06d}.json",
        "cam02.{:04d}.json",
        "frame{:d}.JSON",
        "{:d}.json",
        "2024-05-01_walk_{:05d}_2d.json",
    ],
)
def test_frames_are_in_the_order_of_their_numbers(tmp_path, name):
    keypoints = walking(frames=12, joints=25)
    write_openpose(tmp_path / "walk", keypoints, name)
    found = read_one(tmp_path / "walk")
    assert found.format == "openpose"
    assert found.name == "walk"
    assert found.frames.tolist() == list(range(12))
    assert (found.first_frame, found.num_frames, found.missing_frames) == (0, 12, ())
    np.testing.assert_array_equal(found.keypoints, keypoints[:, 0])
    assert found.ids.tolist() == [-1] * 12
    assert found.layout is None


def test_a_frame_without_a_file_is_missing_and_one_without_people_is_not(tmp_path):
    keypoints = walking(frames=8)
    keypoints[[0, 5, 7]] = np.nan  # nobody in 10, 15 and 17
    write_openpose(tmp_path, keypoints, first=10, leave_out=(12, 13))
    found = read_one(tmp_path)
    assert found.frames.tolist() == [11, 14, 16]
    assert (found.first_frame, found.num_frames) == (10, 8)
    assert found.missing_frames == (12, 13)


def test_person_ids_are_kept(tmp_path):
    keypoints = walking(frames=3, people=2)
    keypoints[1, 0] = np.nan
    write_openpose(tmp_path, keypoints, ids=True)
    found = read_one(tmp_path)
    assert found.frames.tolist() == [0, 0, 1, 2, 2]
    assert found.ids.tolist() == [0, 1, 1, 0, 1]
    assert found.keypoints[:, 0, 0].tolist() == [100, 200, 201, 102, 202]


def test_several_videos_in_a_folder_are_told_apart_by_their_names(tmp_path):
    write_openpose(tmp_path, walking(frames=3), "walk_{:012d}_keypoints.json")
    write_openpose(tmp_path, walking(frames=2), "run_{:012d}_keypoints.json", first=5)
    found = read_detections(tmp_path).detections
    assert [(d.name, d.first_frame, d.num_frames) for d in found] == [
        ("run", 5, 2),
        ("walk", 0, 3),
    ]
    assert found[0].where == str(tmp_path / "run_*_keypoints.json")


def test_cameras_and_frames_are_both_numbers(tmp_path):
    for camera in (1, 2, 10):
        write_openpose(tmp_path, walking(frames=4), f"cam{camera}_{{:06d}}.json")
    found = read_detections(tmp_path).detections
    assert [(d.name, d.num_frames) for d in found] == [
        ("cam1", 4),
        ("cam2", 4),
        ("cam10", 4),
    ]


def test_a_time_behind_the_frame_number_makes_no_video_of_each_frame(tmp_path):
    for frame in range(6):
        person = openpose_frame(walking(frames=6)[frame])
        write_json(
            tmp_path / f"frame_{frame:04d}_{1623400000 + 33 * frame}.json", person
        )
    assert read_one(tmp_path).frames.tolist() == list(range(6))


def test_a_folder_named_after_its_content_takes_the_name_of_the_video(tmp_path):
    write_openpose(tmp_path / "json", walking(), "jump_{:06d}.json")
    assert read_one(tmp_path / "json").name == "jump"


@pytest.mark.parametrize("joints", [15, 18, 25, 26, 133, 135, 136])
def test_any_number_of_joints(tmp_path, joints):
    write_openpose(tmp_path, walking(joints=joints))
    assert read_one(tmp_path).keypoints.shape == (4, joints, 3)


def test_the_key_of_openpose_1_0(tmp_path):
    person = {"pose_keypoints": walking(joints=18)[0, 0].ravel().tolist()}
    write_json(tmp_path / "a_000000000000_keypoints.json", {"people": [person]})
    assert read_one(tmp_path).keypoints.shape == (1, 18, 3)


def test_a_single_file_is_a_video_of_one_frame(tmp_path):
    write_openpose(tmp_path, walking(frames=1), first=7)
    found = read_one(tmp_path / "walk_000000000007_keypoints.json")
    assert (found.first_frame, found.num_frames) == (7, 1)


def test_all_frames_in_one_file(tmp_path):
    frames = [openpose_frame(frame) for frame in walking(frames=3)]
    assert read_one(write_json(tmp_path / "a.json", frames)).num_frames == 3
    by_image = alphapose_cmu(walking(frames=3, joints=18), key="people")
    found = read_one(write_json(tmp_path / "b.json", by_image))
    assert found.format == "alphapose"
    assert found.frames.tolist() == [0, 1, 2]


def test_a_broken_file_costs_one_frame(tmp_path):
    write_openpose(tmp_path, walking(frames=5))
    broken = tmp_path / "walk_000000000002_keypoints.json"
    broken.write_text(broken.read_text()[:100])
    files = read_detections(tmp_path)
    (found,) = files.detections
    assert found.missing_frames == (2,)
    ((where, reason),) = files.refused
    assert where == str(broken)
    assert "cut short" in reason


def test_nobody_in_any_frame(tmp_path):
    write_openpose(tmp_path, np.full((3, 1, 25, 3), np.nan))
    files = read_detections(tmp_path)
    assert files.detections == []
    ((where, reason),) = files.refused
    assert where == str(tmp_path)
    assert "nobody was detected in 3 frames" in reason


def test_another_number_of_joints_names_both_files(tmp_path):
    write_openpose(tmp_path, walking(frames=2, joints=25))
    write_openpose(tmp_path, walking(frames=1, joints=18), first=2)
    ((_, reason),) = read_detections(tmp_path).refused
    assert "walk_000000000002_keypoints.json: 18 joints of 3 numbers" in reason
    assert "walk_000000000000_keypoints.json has 25 of 3" in reason


@pytest.mark.parametrize(
    "people", [[{"pose_keypoints_2d": "abc"}], [{"pose_keypoints_2d": [1, 2, "x"]}]]
)
def test_values_that_are_no_numbers(tmp_path, people):
    write_json(tmp_path / "a_000000.json", {"people": people})
    ((_, reason),) = read_detections(tmp_path).refused
    assert "a_000000.json" in reason
    assert "expected" in reason
