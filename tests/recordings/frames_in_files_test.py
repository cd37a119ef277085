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
