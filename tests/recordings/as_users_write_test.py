"""Files that no tool writes by itself: what users make of the results of tools."""

import csv
import json
import pathlib

import numpy as np
import pytest

from jaxpose import recordings
from jaxpose.body.skeletons import SKELETONS
from tests.recordings import writers
from tests.recordings.walker import FPS, SIZE, person

FRAMES = 8


def poses(layout: str) -> np.ndarray:
    """`[F, 1, J, 3]`: the walk, each joint with the confidence 0.9."""
    keypoints = np.full((FRAMES, 1, person(layout, 1).shape[1], 3), 0.9)
    keypoints[:, 0, :, :2] = person(layout, FRAMES)
    return keypoints


COCO, MEDIAPIPE = poses("coco_17"), poses("mediapipe_33")
# MediaPipe's x, y, z and visibility, `[F, 33, 4]`.
FRACTIONS = MEDIAPIPE[:, 0] / (*SIZE, 1)
LANDMARKS = np.insert(FRACTIONS, 2, np.linspace(-0.4, 0.3, 33), axis=-1)


def write_columns(path: pathlib.Path, axes: str, first: int) -> None:
    """Writes a table with the columns x0, y0, ..., or from x1."""
    head = [f"{axis}{first + k}" for k in range(33) for axis in axes]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *LANDMARKS.reshape(FRAMES, -1).tolist()])


def write_long(path: pathlib.Path) -> None:
    """Writes a table with a row per landmark."""
    rows = [("frame", "landmark_id", "x", "y", "z", "visibility")]
    for frame, landmarks in enumerate(LANDMARKS.tolist()):
        rows += [(frame, number, *point) for number, point in enumerate(landmarks)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


MEDIAPIPE_FILES = {
    "x y z visibility.npy": lambda path: np.save(path, LANDMARKS),
    "132 numbers per frame.npy": lambda path: np.save(
        path, LANDMARKS.reshape(FRAMES, 132)
    ),
    "x y z.npy": lambda path: np.save(path, LANDMARKS[..., :3]),
    "x y.npy": lambda path: np.save(path, LANDMARKS[..., :2]),
    "numbered from 0.csv": lambda path: write_columns(path, "xyzv", 0),
    "numbered from 1.csv": lambda path: write_columns(path, "xyzv", 1),
    "a row per landmark.csv": write_long,
}


@pytest.mark.parametrize("name", MEDIAPIPE_FILES)
def test_landmarks_are_fractions_of_the_image_in_any_file(tmp_path, name):
    MEDIAPIPE_FILES[name](tmp_path / name)
    expect(read(tmp_path), "mediapipe_33", person("mediapipe_33", FRAMES))


YOLO = [writers.ultralytics_people(frame) for frame in COCO]
MMPOSE = [writers.mmpose_people(frame) for frame in COCO]
RECORDS = [
    {"frame": k, "keypoints": COCO[k, ..., :2].tolist(), "scores": [[0.9] * 17]}
    for k in range(FRAMES)
]
COCO_NAMES = SKELETONS["coco_17"].joints
ABOUT = {"fps": FPS, "width": SIZE[0], "height": SIZE[1]}
JSON_FILES = {
    "YOLO by frame": {str(k): people for k, people in enumerate(YOLO)},
    "YOLO in texts": [json.dumps(people) for people in YOLO],
    "YOLO in texts by frame": {str(k): json.dumps(p) for k, p in enumerate(YOLO)},
    "YOLO in one text": json.dumps(YOLO),
    "YOLO beside the size": {**ABOUT, "frames": YOLO},
    "MMPose, the call's results": {"predictions": [[people] for people in MMPOSE]},
    "MMPose, one result per frame": [
        {"visualization": [], "predictions": [people]} for people in MMPOSE
    ],
    "records beside the size": {**ABOUT, "frames": RECORDS},
    "arrays of YOLO's results": [
        {
            "path": f"walk_{k}.jpg",
            "keypoints": {"xy": COCO[k, ..., :2].tolist(), "conf": [[0.9] * 17]},
        }
        for k in range(FRAMES)
    ],
    "x and y by the name of the joint": [
        dict(zip(COCO_NAMES, pose[0, :, :2].tolist(), strict=True)) for pose in COCO
    ],
    "x, y and score by the name of the joint": [
        {"keypoints": dict(zip(COCO_NAMES, pose[0].tolist(), strict=True))}
        for pose in COCO
    ],
}


@pytest.mark.parametrize("name", JSON_FILES)
def test_results_in_lists_dicts_and_texts(tmp_path, name):
    (tmp_path / "walk.json").write_text(json.dumps(JSON_FILES[name]))
    expect(read(tmp_path), "coco_17", person("coco_17", FRAMES))


def test_size_and_rate_beside_the_frames_count(tmp_path):
    for name in ("YOLO beside the size", "records beside the size"):
        (tmp_path / "walk.json").write_text(json.dumps(JSON_FILES[name]))
        (found,) = recordings.read(tmp_path).recordings
        assert (found.camera.image_size, found.rate) == (SIZE, FPS)


def test_one_pose_in_a_list(tmp_path):
    (tmp_path / "pose.json").write_text(json.dumps(COCO[0, 0].tolist()))
    expect(read(tmp_path), "coco_17", person("coco_17", 1))


def test_labels_in_pixels(tmp_path):
    for frame, pose in enumerate(COCO[:, 0]):
        (left, top), (right, bottom) = pose[:, :2].min(axis=0), pose[:, :2].max(axis=0)
        numbers = [0, left, top, right - left, bottom - top, *pose.ravel()]
        text = " ".join(f"{number:.6f}" for number in numbers)
        (tmp_path / f"{frame}.txt").write_text(text + "\n")
    expect(read(tmp_path), "coco_17", person("coco_17", FRAMES))


def test_object_arrays_of_keypoints_and_scores(tmp_path):
    keypoints, scores = np.empty(FRAMES, object), np.empty(FRAMES, object)
    for frame, people in enumerate(COCO):
        keypoints[frame], scores[frame] = people[..., :2], people[..., 2]
    np.savez(tmp_path / "walk.npz", keypoints=keypoints, scores=scores)
    expect(read(tmp_path), "coco_17", person("coco_17", FRAMES))


def test_null_instead_of_people_is_a_frame_without_any(tmp_path):
    writers.write_openpose(tmp_path, poses("body_25"))
    path = sorted(tmp_path.iterdir())[3]
    path.write_text('{"version": 1.3, "people": null}')
    found = read(tmp_path)
    assert found.detected.tolist() == [True] * 3 + [False] + [True] * (FRAMES - 4)


def read(path: pathlib.Path) -> recordings.Recording:
    """Returns the only recording in a folder, in which nothing is refused."""
    reading = recordings.read(path, image_size=SIZE, fps=FPS)
    assert reading.refused == []
    (found,) = reading.recordings
    return found


def expect(found: recordings.Recording, layout: str, walk: np.ndarray) -> None:
    """Asserts that a recording is the walk, seen in every frame."""
    assert found.layout == layout
    assert found.frames.tolist() == list(range(len(walk)))
    np.testing.assert_allclose(found.keypoints_2d, walk, atol=1e-3)
    assert found.seen.all()
