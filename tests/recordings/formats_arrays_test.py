"""Arrays: npz of tools, and npz, npy and JSON of anybody."""

import gzip

import numpy as np
import pytest

from jaxpose.recordings.files import read_detections
from tests.recordings.writers import (
    walking,
    write_csv,
    write_detectron2,
    write_json,
    write_videopose3d,
    write_yolo_labels,
)

SIZE = (640, 480)
POSES = walking(frames=5)[:, 0]


def read_one(path):
    files = read_detections(path)
    assert files.refused == []
    (detections,) = files.detections
    return detections


def refusal(path):
    files = read_detections(path)
    assert files.detections == []
    ((_, reason),) = files.refused
    assert str(path) in reason
    return reason


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


# Detectron2, VideoPose3D, the MHFormer family.


def test_detectron2(tmp_path):
    keypoints = walking(frames=3, people=2)
    keypoints[1] = np.nan
    found = read_one(write_detectron2(tmp_path / "walk.mp4.npz", keypoints, SIZE))
    assert (found.format, found.name, found.layout) == ("detectron2", "walk", "coco_17")
    assert found.image_size == SIZE
    assert found.frames.tolist() == [0, 0, 2, 2]
    assert found.num_frames == 3
    assert found.keypoints[1, 2].tolist() == [206, 54, 0.9]
    assert found.boxes[0].tolist() == [100, 50, 48, 32]


def test_videopose3d_custom(tmp_path):
    videos = {"walk.mp4": POSES[:, :, :2], "run.mp4": POSES[:3, :, :2]}
    path = write_videopose3d(tmp_path / "data_2d_custom_x.npz", videos, SIZE)
    found = read_detections(path).detections
    assert [(d.name, d.num_frames, d.layout) for d in found] == [
        ("walk.mp4", 5, "coco_17"),
        ("run.mp4", 3, "coco_17"),
    ]
    assert found[0].image_size == SIZE


def test_mhformer_input(tmp_path):
    poses = POSES[np.newaxis, :, :, :2]
    found = read_one(save(tmp_path / "keypoints.npz", reconstruction=poses))
    assert (found.format, found.layout) == ("mhformer", "h36m_17")
    assert found.keypoints.shape == (5, 17, 2)
    assert found.ids.tolist() == [0] * 5
    scored = POSES[np.newaxis]
    found = read_one(save(tmp_path / "scored.npz", reconstruction=scored))
    assert found.keypoints.shape == (5, 17, 3)


def test_mhformer_output_is_refused(tmp_path):
    metres = np.random.default_rng(0).normal(0, 0.4, (5, 17, 3))
    reason = refusal(save(tmp_path / "out.npz", reconstruction=metres))
    assert "holds 3D poses" in reason


def test_kpts_of_several_people(tmp_path):
    keypoints = walking(frames=6, people=2)[..., :2]
    keypoints[4, 1] = np.nan
    by_person = keypoints.swapaxes(0, 1)
    found = read_one(save(tmp_path / "a.npz", kpts=by_person))
    assert found.frames.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 5, 5]
    assert found.ids.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1]
    # With frames first a place is no person.
    found = read_one(save(tmp_path / "b.npz", kpts=keypoints))
    assert found.ids.tolist() == [-1] * 11
    assert found.keypoints[1, 0].tolist() == [200, 50]


# Anybody's arrays.


@pytest.mark.parametrize(
    "arrays",
    [
        {"keypoints_2d": POSES},
        {"keypoints": POSES[..., :2], "scores": POSES[..., 2]},
        {"kpts": POSES[..., :2], "confidence": POSES[..., 2:]},
        {"positions_2d": POSES},
        {"arr_0": POSES.astype(np.float32)},
        {"whatever": POSES, "fps_list": np.zeros(3)},
    ],
)
def test_npz_by_key_or_by_shape(tmp_path, arrays):
    found = read_one(save(tmp_path / "a.npz", **arrays))
    np.testing.assert_allclose(found.keypoints, POSES, rtol=1e-6)
    assert found.ids.tolist() == [0] * 5


@pytest.mark.parametrize("pack", [False, True])
def test_the_same_recording_in_every_plain_form(tmp_path, pack):
    np.save(tmp_path / "a.npy", POSES)
    np.save(tmp_path / "flat.npy", POSES.reshape(5, 51))
    np.savez_compressed(tmp_path / "b.npz", keypoints_2d=POSES)
    write_json(tmp_path / "c.json", {"keypoints_2d": POSES.tolist()})
    write_json(tmp_path / "d.json", POSES.tolist())
    write_json(tmp_path / "e.json", POSES[:, np.newaxis].tolist())
    write_csv(tmp_path / "f.csv", POSES.reshape(5, 51).tolist())
    for path in sorted(tmp_path.iterdir()):
        if pack:
            packed = path.with_name(path.name + ".gz")
            packed.write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
    files = read_detections(tmp_path)
    assert (files.refused, files.unread) == ([], [])
    assert [found.name for found in files.detections] == [*"abcdef", "flat"]
    for found in files.detections:
        np.testing.assert_array_equal(found.keypoints, POSES)
        assert found.frames.tolist() == [0, 1, 2, 3, 4]


def test_own_format_with_everything(tmp_path):
    positions = np.random.default_rng(0).normal(size=(5, 17, 3))
    content = {
        "keypoints_2d": POSES.tolist(),
        "keypoints": "halpe_26",
        "image_size": [640, 480],
        "fps": 29.97,
        "positions_3d": positions.tolist(),
        "skeleton": "coco_17",
        "intrinsics": [600, 601, 320, 240],
        "subject": "s",
        "action": "jump",
        "take": "3",
        "camera": None,
        "key_points": 1,
    }
    path = write_json(tmp_path / "a.json", content)
    arrays = {key: value for key, value in content.items() if value is not None}
    for found in (read_one(path), read_one(save(tmp_path / "a.npz", **arrays))):
        assert found.format == "own"
        assert found.layout == "halpe_26"
        assert (found.image_size, found.fps) == ((640, 480), 29.97)
        np.testing.assert_array_equal(found.positions_3d, positions)
        assert found.skeleton == "coco_17"
        assert found.intrinsics == (600.0, 601.0, 320.0, 240.0)
        assert found.names == {"subject": "s", "action": "jump", "take": "3"}
        assert found.remarks == ("not read: key_points",)


def test_null_joints_and_null_frames_are_nan(tmp_path):
    poses = POSES[..., :2].tolist()
    poses[1][3] = None
    poses[2] = None
    poses[3][4] = [None, None]
    found = read_one(write_json(tmp_path / "a.json", {"keypoints_2d": poses}))
    missing = np.isnan(found.keypoints).all(axis=-1)
    assert np.argwhere(missing[[1, 3]]).tolist() == [[0, 3], [1, 4]]
    assert missing[2].all()
    assert not missing[[0, 4]].any()


def test_frame_numbers(tmp_path):
    path = save(tmp_path / "a.npz", keypoints_2d=POSES, frames=[3, 4, 5, 9, 10])
    found = read_one(path)
    assert found.frames.tolist() == [3, 4, 5, 9, 10]
    assert (found.first_frame, found.num_frames) == (3, 8)
    assert found.missing_frames == (6, 7, 8)
    assert found.ids.tolist() == [0] * 5


def test_object_arrays_with_the_people_of_each_frame(tmp_path):
    frames = np.empty(3, object)
    frames[:] = [POSES[:2], np.zeros((0, 17, 3)), POSES[2:3]]
    np.save(tmp_path / "a.npy", frames)
    found = read_one(tmp_path / "a.npy")
    assert found.frames.tolist() == [0, 0, 2]
    assert found.ids.tolist() == [-1, -1, -1]
    np.testing.assert_array_equal(found.keypoints, POSES[:3])


def test_a_dict_inside_an_npy_file(tmp_path):
    np.save(tmp_path / "a.npy", {"kpts": POSES[..., :2], "scores": POSES[..., 2]})
    np.testing.assert_array_equal(read_one(tmp_path / "a.npy").keypoints, POSES)


def test_mediapipe_arrays_have_x_y_z_visibility(tmp_path):
    points = np.full((5, 33, 4), 0.25)
    points[..., 2] = -7
    points[..., 3] = 0.75
    np.save(tmp_path / "a.npy", points)
    found = read_one(tmp_path / "a.npy")
    assert found.keypoints[0, 0].tolist() == [0.25, 0.25, 0.75]


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"keypoints_2d": np.zeros((5, 17, 2))}, "nobody was detected"),
        ({"keypoints_2d": np.full((5, 17, 2), np.nan)}, "every number is NaN"),
        ({"keypoints_2d": np.zeros((0, 17, 2))}, "nobody was detected"),
        ({"keypoints_2d": np.ones((5, 2, 17))}, "swap the last two axes"),
        ({"keypoints_2d": np.ones((5, 17, 5))}, "found [5, 17, 5]"),
        ({"keypoints_2d": np.ones((60, 60, 17, 2))}, "people and frames apart"),
        ({"keypoints_2d": POSES, "fps": 0}, "fps"),
        ({"keypoints_2d": POSES, "image_size": [640]}, "image_size"),
        ({"keypoints_2d": POSES, "keypoints": 5}, "keypoints is 5; expected a name"),
        ({"keypoints_2d": POSES, "frames": [1, 2, 2, 3, 4]}, "numbers that increase"),
        ({"keypoints_2d": POSES, "frames": [1, 2]}, "2 frame numbers"),
        ({"keypoints_2d": POSES, "positions_3d": np.ones((4, 17, 3))}, "4 frames"),
        ({"keypoints_2d": POSES, "positions_3d": np.ones((5, 17, 2))}, "positions_3d"),
        ({"keypoints": POSES[..., :2], "scores": np.ones((5, 16))}, "one per joint"),
    ],
)
def test_what_is_refused(tmp_path, arrays, words):
    assert words in refusal(save(tmp_path / "a.npz", **arrays))


def test_lists_of_other_lengths_name_the_frame(tmp_path):
    poses = POSES.tolist()
    poses[3] = poses[3][:16]
    reason = refusal(write_json(tmp_path / "a.json", {"keypoints_2d": poses}))
    assert "frame 3: 16 joints of 3 numbers, where frame 0 has 17 of 3" in reason
    poses = POSES.tolist()
    poses[2][5] = [1.0, "left", 0.5]
    reason = refusal(write_json(tmp_path / "b.json", {"keypoints_2d": poses}))
    assert (
        "frame 2: expected numbers for every joint, found [1.0, 'left', 0.5]" in reason
    )


def test_pickled_code_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, ("raise SystemExit('ran')",))

    array = np.empty(1, object)
    array[0] = Bomb()
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    assert "could run code" in refusal(tmp_path / "a.npy")


# YOLO labels.


@pytest.mark.parametrize("behind", [False, True])
def test_yolo_labels(tmp_path, behind):
    keypoints = walking(frames=4, people=2)
    keypoints[1] = np.nan  # the tool writes no file for that frame
    keypoints[2, 1] = np.nan
    write_yolo_labels(tmp_path / "labels", keypoints, SIZE, behind=behind)
    found = read_one(tmp_path)
    assert (found.format, found.name) == ("ultralytics labels", "walk")
    assert found.frames.tolist() == [1, 1, 3, 4, 4]
    assert (found.num_frames, found.missing_frames) == (4, ())
    assert found.ids.tolist() == ([1, 2, 1, 1, 2] if behind else [-1] * 5)
    assert found.normalised
    np.testing.assert_allclose(found.keypoints[0, 1], (103 / 640, 52 / 480, 0.9))
    np.testing.assert_allclose(found.boxes[0] * (*SIZE, *SIZE), (100, 50, 48, 32))


def test_yolo_labels_of_training_data(tmp_path):
    keypoints = walking(frames=2)
    keypoints[..., 2] = 2  # visible
    keypoints[0, 0, 3, 2] = 1  # hidden
    write_yolo_labels(tmp_path / "xyv", keypoints, name="{}.txt")
    found = read_one(tmp_path / "xyv")
    assert found.keypoints[0, 3, 2] == 1
    assert found.keypoints[0, 4, 2] == 2
    write_yolo_labels(tmp_path / "xy", keypoints[..., :2], name="{}.txt")
    (tmp_path / "xy" / "3.txt").write_text("")  # an image without people
    files = read_detections(tmp_path / "xy")
    assert files.refused == []
    assert files.detections[0].keypoints.shape == (2, 17, 2)
    assert files.detections[0].num_frames == 3
