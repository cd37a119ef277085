"""JSON of AlphaPose, COCO, MMPose, ultralytics, MediaPipe and GAST-Net."""

import json

import numpy as np
import pytest

from jaxpose.body.skeletons import SKELETONS
from jaxpose.recordings.files import read_detections
from tests.recordings.writers import (
    alphapose_cmu,
    alphapose_list,
    coco_annotations,
    coco_results,
    gast_net,
    mediapipe_frames,
    mmpose_demo,
    mmpose_people,
    mmpose_video,
    ultralytics_people,
    walking,
    write_json,
)

SIZE = (640, 480)


def read_all(tmp_path, value, name="a.json"):
    files = read_detections(write_json(tmp_path / name, value))
    assert files.refused == []
    return files.detections


def read_one(tmp_path, value, name="a.json"):
    (detections,) = read_all(tmp_path, value, name)
    return detections


def refusal(tmp_path, value, name="a.json"):
    files = read_detections(write_json(tmp_path / name, value))
    assert files.detections == []
    ((_, reason),) = files.refused
    return reason


def two_people():
    """The first person is in frames 0 and 2, the second in all three."""
    keypoints = walking(frames=3, people=2)
    keypoints[1, 0] = np.nan
    return keypoints


# AlphaPose.


def test_alphapose_list(tmp_path):
    found = read_one(tmp_path, alphapose_list(two_people()))
    assert found.format == "alphapose"
    assert found.name == "a"
    assert found.frames.tolist() == [0, 0, 1, 2, 2]
    assert found.ids.tolist() == [1, 2, 2, 1, 2]
    assert found.keypoints[:, 0, 0].tolist() == [100, 200, 201, 102, 202]
    # Joint 0 is leftmost and topmost, joint 16 is 48 right and 32 below.
    assert found.boxes[0].tolist() == [100, 50, 48, 32]


def test_alphapose_without_tracking_has_no_ids(tmp_path):
    found = read_one(tmp_path, alphapose_list(two_people(), ids=False))
    assert found.ids.tolist() == [-1] * 5


def test_alphapose_merged_ids_and_names_as_ids(tmp_path):
    entries = alphapose_list(two_people())
    for entry, number in zip(entries, [[[3.0], [7.0]], 9, "b", "b", None], strict=True):
        entry["idx"] = number
    assert read_one(tmp_path, entries).ids.tolist() == [3, 9, 1, 1, -1]


def test_ids_that_repeat_within_frames_are_not_used(tmp_path):
    entries = alphapose_list(two_people())
    for entry in entries:
        entry["idx"] = 4
    found = read_one(tmp_path, entries)
    assert found.ids.tolist() == [-1] * 5
    assert "person numbers repeat" in found.remarks[0]


def test_alphapose_of_several_videos_is_split_by_image_name(tmp_path):
    walk = alphapose_list(walking(frames=3), image="walk_{:04d}.jpg")
    run = alphapose_list(walking(frames=2), image="run_{:04d}.jpg", first=8)
    found = read_all(tmp_path, [*walk, *run])
    assert [(d.name, d.first_frame, d.num_frames) for d in found] == [
        ("run", 8, 2),
        ("walk", 0, 3),
    ]


def test_alphapose_cmu_and_its_copies(tmp_path):
    images = alphapose_cmu(walking(frames=3, joints=18))
    write_json(tmp_path / "alphapose-results.json", images)
    for name, frame in images.items():
        write_json(tmp_path / "sep-json" / f"{name[:-4]}.json", frame)
    files = read_detections(tmp_path)
    (found,) = files.detections
    assert found.keypoints.shape == (3, 18, 3)
    assert files.unread == ["sep-json: 3 files, copies of what lies above them"]
    # The copies alone are read as well.
    (found,) = read_detections(tmp_path / "sep-json").detections
    assert found.frames.tolist() == [0, 1, 2]


def test_poseflow_dict_of_lists(tmp_path):
    images: dict[str, list] = {"0.jpg": [], "1.jpg": [], "2.jpg": []}
    for entry in alphapose_list(two_people()):
        images[entry.pop("image_id")].append(entry)
    found = read_one(tmp_path, images)
    assert found.ids.tolist() == [1, 2, 2, 1, 2]


# COCO.


def test_coco_results(tmp_path):
    found = read_one(tmp_path, coco_results(walking(frames=3), first=4))
    assert found.format == "coco results"
    assert found.frames.tolist() == [4, 5, 6]
    assert found.ids.tolist() == [-1, -1, -1]


def test_numbers_of_photos_are_no_frame_numbers(tmp_path):
    entries = coco_results(walking(frames=3))
    for entry, number in zip(entries, [397133, 37777, 252219], strict=True):
        entry["image_id"] = number
    found = read_one(tmp_path, entries)
    # In the order of the numbers: the second, the third, the first entry.
    assert found.frames.tolist() == [0, 1, 2]
    assert found.keypoints[:, 0, 0].tolist() == [101, 102, 100]
    assert "no frame numbers" in found.remarks[0]


def test_coco_annotations(tmp_path):
    keypoints = two_people()
    keypoints[0, 0, 3] = 0  # not labelled
    found = read_one(tmp_path, coco_annotations(keypoints, SIZE))
    assert found.frames.tolist() == [0, 0, 1, 2, 2]
    assert found.ids.tolist() == [5, 6, 6, 5, 6]
    assert found.image_size == SIZE
    assert found.layout == "coco_17"
    assert found.keypoints[0, 2].tolist() == [106, 54, 2]  # a flag: visible
    assert found.keypoints[0, 3].tolist() == [0, 0, 0]


def test_coco_annotations_in_another_order_of_joints(tmp_path):
    joints = SKELETONS["coco_17"].joints
    annotations = coco_annotations(walking(frames=1), names=joints[::-1])
    found = read_one(tmp_path, annotations)
    assert found.layout == "coco_17"
    # The nose is the last one in the file: 100 + 3 * 16.
    assert found.keypoints[0, 0].tolist() == [148, 82, 2]


def test_coco_annotations_by_video_and_frame_id(tmp_path):
    content = coco_annotations(walking(frames=4))
    for index, image in enumerate(content["images"]):
        image["video_id"], image["frame_id"] = index // 2, 10 + index
    found = read_all(tmp_path, content)
    assert [(d.name, d.first_frame) for d in found] == [("a 0", 10), ("a 1", 12)]


# MMPose.


def test_mmpose_demo_counts_from_one_and_names_its_joints(tmp_path):
    found = read_one(tmp_path, mmpose_demo(two_people()))
    assert found.format == "mmpose"
    assert found.frames.tolist() == [1, 1, 2, 3, 3]
    assert found.layout == "coco_17"
    assert found.keypoints[0, 1].tolist() == [103, 52, 0.9]
    assert found.boxes[0].tolist() == [100, 50, 48, 32]


def test_mmpose_inferencer_counts_from_zero(tmp_path):
    found = read_one(tmp_path, mmpose_video(two_people()))
    assert found.frames.tolist() == [0, 0, 1, 2, 2]
    assert found.layout is None


def test_mmpose_lists_of_people(tmp_path):
    frames = [mmpose_people(frame) for frame in two_people()]
    assert read_one(tmp_path, frames).frames.tolist() == [0, 0, 1, 2, 2]
    assert read_one(tmp_path, {"predictions": frames}).num_frames == 3


def test_mmpose_file_per_image_with_an_empty_one(tmp_path):
    for index, frame in enumerate(walking(frames=4)):
        people = mmpose_people(frame) if index != 1 else []
        write_json(tmp_path / f"{index:06d}.json", people)
    files = read_detections(tmp_path)
    (found,) = files.detections
    assert files.refused == []
    assert found.frames.tolist() == [0, 2, 3]
    assert (found.num_frames, found.missing_frames) == (4, ())


def test_mmpose_frames_by_name(tmp_path):
    frames = {}
    for index, frame in enumerate(walking(frames=3)):
        frames[str(index + 7)] = {"bodies": mmpose_people(frame)}
    assert read_one(tmp_path, frames).frames.tolist() == [7, 8, 9]


def test_mmpose_people_of_an_image_and_frames_of_one_person(tmp_path):
    people = mmpose_people(walking(frames=1, people=3)[0])
    assert read_one(tmp_path, {"instance_info": people}).frames.tolist() == [0, 0, 0]
    assert read_one(tmp_path, {"frames": people}, "b.json").frames.tolist() == [0, 1, 2]


def test_records_of_people(tmp_path):
    records = []
    for index, frame in enumerate(two_people()):
        for number, person in enumerate(mmpose_people(frame)):
            records.append({"frame_idx": index + 3, "track_id": number, **person})
    found = read_one(tmp_path, records)
    assert found.format == "records"
    assert found.frames.tolist() == [3, 3, 4, 5, 5]
    assert found.keypoints[1, 1].tolist() == [203, 52, 0.9]


def test_records_of_frames(tmp_path):
    records = []
    for index, frame in enumerate(walking(frames=3, people=2)):
        people = frame if index != 1 else frame[:0]
        points, scores = people[..., :2].tolist(), people[..., 2].tolist()
        records.append({"frame": index, "keypoints": points, "scores": scores})
    found = read_one(tmp_path, records)
    assert found.frames.tolist() == [0, 0, 2, 2]
    assert found.num_frames == 3
    assert found.keypoints[3, 1].tolist() == [205, 52, 0.9]
    # The same without frame numbers, all in one.
    lists = {key: [record[key] for record in records] for key in records[0]}
    lists.pop("frame")
    again = read_one(tmp_path, lists, "b.json")
    np.testing.assert_array_equal(again.keypoints, found.keypoints)


def test_mmpose_3d_results_are_refused(tmp_path):
    frames = mmpose_video(walking(frames=2))
    for frame in frames:
        person = frame["instances"][0]
        person["keypoints"] = [[0.1, 0.2, 0.3]] * 17
    assert "these are 3D poses" in refusal(tmp_path, frames)


# ultralytics.


def test_ultralytics_json(tmp_path):
    frames = [ultralytics_people(frame) for frame in two_people()]
    found = read_one(tmp_path, frames)
    assert found.format == "ultralytics"
    assert found.ids.tolist() == [1, 2, 2, 1, 2]
    assert found.keypoints[1, 4].tolist() == [212, 58, 0.9]
    assert found.boxes[1].tolist() == [200, 50, 48, 32]
    assert not found.normalised


def test_ultralytics_json_in_fractions_of_the_image(tmp_path):
    frames = [ultralytics_people(frame, SIZE) for frame in two_people()]
    found = read_one(tmp_path, frames)
    assert found.normalised
    np.testing.assert_allclose(found.keypoints[0, 1, :2], (103 / 640, 52 / 480))


def test_ultralytics_json_per_frame(tmp_path):
    for index, frame in enumerate(walking(frames=3)):
        write_json(tmp_path / f"clip_{index}.json", ultralytics_people(frame))
    (found,) = read_detections(tmp_path).detections
    assert found.frames.tolist() == [0, 1, 2]


# MediaPipe and others with landmarks.


def mediapipe_points(frame, size=SIZE):
    (entry,) = mediapipe_frames(frame[np.newaxis], size)
    return entry["landmarks"]


def test_mediapipe_list_of_frames(tmp_path):
    keypoints = walking(frames=4, joints=33)
    keypoints[2] = np.nan
    frames = mediapipe_frames(keypoints)
    for frame in frames:
        frame["frame"] += 20
    found = read_one(tmp_path, frames)
    assert found.format == "mediapipe"
    assert found.frames.tolist() == [20, 21, 23]
    assert found.num_frames == 4
    assert found.normalised
    np.testing.assert_allclose(found.keypoints[0, 1], (103 / 640, 52 / 480, 0.9))
    assert any("world landmarks" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda points: points,
        lambda points: {"pose_landmarks": points},
        lambda points: {"poseLandmarks": points, "poseWorldLandmarks": []},
        lambda points: {"landmarks": [points]},
        lambda points: {"pose_landmarks": {"landmark": points}},
        lambda points: {"frame_index": 0, "people": [{"landmarks": points}]},
        lambda points: {"poses": [{"keypoints": points, "keypoints3D": points}]},
    ],
)
def test_mediapipe_frames_in_any_wrapping(tmp_path, wrap):
    points = [mediapipe_points(frame) for frame in walking(frames=3, joints=33)]
    frames = [wrap(entry) for entry in points]
    for frame in frames:
        if isinstance(frame, dict):
            frame.pop("frame_index", None)
    assert read_one(tmp_path, frames).keypoints.shape == (3, 33, 3)
    wrapped = {"fps": 25, "width": 640, "height": 480, "frames": frames}
    found = read_one(tmp_path, wrapped, "b.json")
    assert found.keypoints.shape == (3, 33, 3)
    assert (found.fps, found.image_size) == (25.0, SIZE)
    # A line per frame, and a file per frame.
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join(map(json.dumps, frames)))
    (found,) = read_detections(path).detections
    assert found.keypoints.shape == (3, 33, 3)
    for index, frame in enumerate(frames):
        write_json(tmp_path / "frames" / f"{index}.json", frame)
    (found,) = read_detections(tmp_path / "frames").detections
    assert found.keypoints.shape == (3, 33, 3)
    assert found.normalised


def test_mediapipe_by_frame_name(tmp_path):
    frames = {}
    for index, frame in enumerate(walking(frames=3, joints=33)):
        frames[f"frame_{index + 5}"] = {"landmarks": mediapipe_points(frame)}
    assert read_one(tmp_path, frames).frames.tolist() == [5, 6, 7]


def test_landmarks_with_names_have_the_order_of_the_names(tmp_path):
    names = SKELETONS["coco_17"].joints
    frames = []
    for frame in walking(frames=2):
        points = []
        for (x, y, score), name in zip(frame[0], names, strict=True):
            points.append({"x": x, "y": y, "score": score, "name": name})
        frames.append([{"keypoints": points[::-1], "score": 0.8}])
    found = read_one(tmp_path, frames)
    assert found.layout == "coco_17"
    assert not found.normalised
    assert found.keypoints[0, 0].tolist() == [100, 50, 0.9]


def test_landmarks_by_joint(tmp_path):
    frames = []
    for frame in walking(frames=2):
        points = {}
        for (x, y, _), name in zip(frame[0], SKELETONS["coco_17"].joints, strict=True):
            points[name.upper()] = {"x": x, "y": y}
        frames.append({"landmarks": points})
    found = read_one(tmp_path, frames)
    assert found.layout == "coco_17"
    assert found.keypoints[1, 2].tolist() == [107, 54, 1]


def test_world_landmarks_alone_are_refused(tmp_path):
    points = mediapipe_points(walking(frames=1, joints=33)[0], (1, 1))
    frames = [{"pose_world_landmarks": points}] * 3
    assert "world landmarks only" in refusal(tmp_path, frames)


# GAST-Net.


def test_gast_net_sample(tmp_path):
    found = read_one(tmp_path, gast_net(walking(frames=3, people=2, joints=133)))
    assert found.format == "gast-net"
    assert found.frames.tolist() == [1, 1, 2, 2, 3, 3]
    assert found.ids.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.keypoints[0, 1].tolist() == [103, 52, 0.9]
    assert not found.normalised


def test_kinetics_skeleton_has_flat_lists_of_fractions(tmp_path):
    pose = walking(frames=1, joints=18)[0, 0]
    flat = (pose[:, :2] / SIZE).ravel().tolist()
    skeleton = {"pose": flat, "score": [0.5] * 18}
    found = read_one(tmp_path, {"data": [{"frame_index": 1, "skeleton": [skeleton]}]})
    assert found.normalised
    np.testing.assert_allclose(found.keypoints[0, 1], (103 / 640, 52 / 480, 0.5))


def numbered_records(key, values, **more):
    poses = walking(frames=len(values))[:, 0].tolist()
    records = []
    for value, pose in zip(values, poses, strict=True):
        records.append({key: value, "keypoints": pose, **more})
    return records


@pytest.mark.parametrize(
    ("key", "values", "frames"),
    [
        ("frame", [-2, -1, 0, 1], [-2, -1, 0, 1]),
        ("frame_no", [4, 5, 9, 10], [4, 5, 9, 10]),
        ("index", [0, 1, 2, 3], [0, 1, 2, 3]),
        # The step is 40 ms, and one frame is missing.
        ("time", [0.0, 0.04, 0.081, 0.16], [0, 1, 2, 4]),
        ("timestamp_ms", [1000, 1040, 1080, 1120], [0, 1, 2, 3]),
        # Numbers that are no frames of one video are counted.
        ("frame", [10**18, 10**18 + 1, 10**18 + 2, 10**18 + 3], [0, 1, 2, 3]),
    ],
)
def test_each_record_is_a_frame_of_its_own(tmp_path, key, values, frames):
    found = read_one(tmp_path, numbered_records(key, values))
    assert found.format == "records"
    assert found.frames.tolist() == frames


def test_times_without_a_step_are_counted_and_it_is_said(tmp_path):
    found = read_one(tmp_path, numbered_records("time", [0.0, 0.04, 0.06, 0.5]))
    assert found.frames.tolist() == [0, 1, 2, 3]
    assert "the times in 'time' have no constant step" in found.remarks[0]


@pytest.mark.parametrize("key", ["confidence", "conf", "visibility", "kpt_scores"])
def test_scores_beside_a_record_have_many_names(tmp_path, key):
    scores = [0.9] * 16 + [0.1]
    records = numbered_records("frame", [0, 1], **{key: scores})
    for record in records:
        record["keypoints"] = [joint[:2] for joint in record["keypoints"]]
    found = read_one(tmp_path, records)
    assert found.keypoints[0, :, 2].tolist() == scores


def test_null_in_a_record_is_nobody(tmp_path):
    records = numbered_records("frame", [0, 1, 2])
    records[0]["keypoints"] = records[2]["keypoints"] = None
    found = read_one(tmp_path, records)
    assert found.frames.tolist() == [1]


def test_a_record_without_its_frame_is_named(tmp_path):
    records = numbered_records("frame", [0, 1, 2])
    del records[0]["frame"]
    assert "record 0: expected keypoints and the number" in refusal(tmp_path, records)


def test_a_flat_list_of_ultralytics_people_with_frames(tmp_path):
    records = []
    for number, (pose,) in enumerate(walking(frames=3).tolist()):
        x, y = [list(column) for column in zip(*(p[:2] for p in pose), strict=True)]
        keypoints = {"x": x, "y": y, "visible": [0.8] * len(x)}
        records.append({"frame": number, "name": "person", "keypoints": keypoints})
    found = read_one(tmp_path, records)
    assert found.frames.tolist() == [0, 1, 2]
    assert found.keypoints[2, 3].tolist() == [x[3], y[3], 0.8]
