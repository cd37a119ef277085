"""Confidences and names of joints that stand beside keypoints, in lists and arrays."""

import numpy as np
import pytest

from jaxpose.body.skeletons import SKELETONS
from jaxpose.recordings.files import read_detections
from tests.recordings.writers import walking, write_json

COCO = SKELETONS["coco_17"].joints
POSES = walking(frames=4)[:, 0]
BACKWARDS = POSES[:, ::-1]
SEEN = np.ones((4, 17))
SEEN[1, 3] = 0
KEYS = ["valid", "vis", "detected", "seen", "mask", "keypoints_visible", "visible"]


def read_both(folder, arrays):
    """Returns the detections of the arrays in an npz, and as lists in JSON."""
    np.savez(folder / "a.npz", **arrays)
    lists = {key: np.asarray(value).tolist() for key, value in arrays.items()}
    write_json(folder / "b.json", lists)
    return read_detections(folder).detections


def read_npz(folder, arrays):
    """Returns the detections of the arrays in an npz."""
    np.savez(folder / "a.npz", **arrays)
    (found,) = read_detections(folder / "a.npz").detections
    return found


def refusal_of(folder, arrays):
    """Returns why the arrays in an npz are refused."""
    np.savez(folder / "a.npz", **arrays)
    ((_, reason),) = read_detections(folder / "a.npz").refused
    return reason


def read_records(folder, **keys):
    """Returns the detections of a record per frame with a value of each key."""
    records = []
    for frame, pose in enumerate(POSES):
        record = {"frame": frame, "keypoints": pose[:, :2].tolist()}
        for key, values in keys.items():
            record[key] = values[frame]
        records.append(record)
    (found,) = read_detections(write_json(folder / "r.json", records)).detections
    return found


@pytest.mark.parametrize("key", [*KEYS, "occluded", "invisible"])
@pytest.mark.parametrize("type", [bool, int, float])
def test_flags_of_joints_are_confidences(tmp_path, key, type):
    flags = (1 - SEEN if key in ("occluded", "invisible") else SEEN).astype(type)
    found = read_both(tmp_path, {"keypoints": POSES[..., :2], key: flags})
    found.append(read_records(tmp_path, **{key: flags.tolist()}))
    frames = []
    for pose, own in zip(POSES, flags, strict=True):
        person = {"keypoints": pose[:, :2].tolist(), key: own.tolist()}
        frames.append({"people": [person]})
    found += read_detections(write_json(tmp_path / "p.json", frames)).detections
    assert [each.format for each in found] == ["plain", "plain", "records", "mmpose"]
    for each in found:
        np.testing.assert_allclose(each.keypoints[..., 2], SEEN)


def test_flags_beside_confidences_are_said_to_be_unread(tmp_path):
    records = []
    for frame, pose in enumerate(POSES):
        valid = SEEN[frame].tolist()
        records.append({"frame": frame, "keypoints": pose.tolist(), "valid": valid})
    (found,) = read_detections(write_json(tmp_path / "r.json", records)).detections
    np.testing.assert_allclose(found.keypoints, POSES)
    assert found.remarks == ("not read beside the confidences: valid",)


def test_flags_of_whole_frames_are_no_confidences(tmp_path):
    assert read_records(tmp_path, valid=[True] * 4).keypoints.shape == (4, 17, 2)
    found = read_npz(tmp_path, {"keypoints": POSES[..., :2], "valid": np.ones(4)})
    assert found.keypoints.shape == (4, 17, 2)
    assert found.remarks == ("not read: valid",)


@pytest.mark.parametrize(
    "key", ["keypoint_names", "joint_names", "bodyparts", "node_names"]
)
def test_joints_are_those_that_the_file_names(tmp_path, key):
    names = list(COCO[::-1])
    found = read_both(tmp_path, {"keypoints": BACKWARDS, key: np.array(names)})
    records = []
    for frame, pose in enumerate(BACKWARDS):
        records.append({"frame": frame, "keypoints": pose.tolist()})
    named = [{**record, key: names} for record in records]
    people = [{"id": 3, "frames": records}]
    unnumbered = [{"keypoints": pose.tolist()} for pose in BACKWARDS]
    files = (
        *(named, {key: names, "frames": records}, {key: names, "people": people}),
        *(
            {"meta": {key: names}, "frames": records},
            {key: names, "frames": unnumbered},
        ),
    )
    for number, value in enumerate(files):
        path = write_json(tmp_path / f"r{number}.json", value)
        found += read_detections(path).detections
    formats = ["plain", "plain", "records", "records", "by person", "records", "mmpose"]
    assert [each.format for each in found] == formats
    for each in found:
        assert each.layout == "coco_17"
        np.testing.assert_allclose(each.keypoints, POSES)


def test_names_that_are_no_joints_are_refused(tmp_path):
    names = [f"{'abcdefghijklmnopq'[joint]}_part" for joint in range(17)]
    arrays = {"keypoints": POSES, "joint_names": np.array(names)}
    assert "joint_names: a_part, b_part" in refusal_of(tmp_path, arrays)
    arrays["joint_names"] = np.array(COCO[:16])
    message = "joint_names has 16 names for 17 joints"
    assert message in refusal_of(tmp_path, arrays)
    # Numbers say nothing about the order.
    arrays["joint_names"] = np.array([f"kp_{joint}" for joint in range(17)])
    assert read_npz(tmp_path, arrays).layout is None
