"""Writes keypoints as the tools do, from arrays `[F, P, J, 3]` of x, y, confidence.

Every writer is written from the tool's documentation or source, which the module of
`jaxpose.recordings.formats` of that name cites. A person whose numbers are all NaN is
not there in that frame.
"""

import csv
import json
import pathlib
from typing import Any

import numpy as np

from jaxpose.body.skeletons import SKELETONS


def walking(
    frames: int = 4,
    people: int = 1,
    joints: int = 17,
    size: tuple[int, int] = (640, 480),
) -> np.ndarray:
    """Returns `[F, P, J, 3]`: numbers that tell frame, person and joint, no bodies.

    x is 100 times the person plus 3 times the joint plus the frame, y is 50 plus twice
    the joint, and the confidence is 0.9, so that expectations are computed by hand.
    """
    people_axis = np.arange(people)[:, None]
    joint_axis = np.arange(joints)
    keypoints = np.zeros((frames, people, joints, 3))
    for frame in range(frames):
        keypoints[frame, ..., 0] = 100 * (people_axis + 1) + 3 * joint_axis + frame
    keypoints[..., 1] = 50 + 2 * joint_axis
    keypoints[..., 2] = 0.9
    assert keypoints[..., 0].max() < size[0] or joints > 17
    return keypoints


def present(frame: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Returns (number, pose) of the people who are in a frame `[P, J, 3]`."""
    return [(k, pose) for k, pose in enumerate(frame) if not np.isnan(pose).all()]


def write_json(path: pathlib.Path, value: Any) -> pathlib.Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def openpose_frame(frame: np.ndarray, ids: bool = False) -> dict[str, Any]:
    people = []
    for number, pose in present(frame):
        person = {
            "person_id": [number if ids else -1],
            "pose_keypoints_2d": pose.ravel().tolist(),
            "face_keypoints_2d": [],
            "hand_left_keypoints_2d": [],
            "hand_right_keypoints_2d": [],
            "pose_keypoints_3d": [],
        }
        people.append(person)
    return {"version": 1.3, "people": people}


def write_openpose(
    folder: pathlib.Path,
    keypoints: np.ndarray,
    name: str = "walk_{:012d}_keypoints.json",
    first: int = 0,
    ids: bool = False,
    leave_out: tuple[int, ...] = (),
) -> pathlib.Path:
    """Writes a file per frame; `leave_out` are numbers of frames without a file."""
    for index, frame in enumerate(keypoints):
        number = first + index
        if number not in leave_out:
            write_json(folder / name.format(number), openpose_frame(frame, ids))
    return folder


def alphapose_list(
    keypoints: np.ndarray, image: str = "{}.jpg", ids: bool = True, first: int = 0
) -> list[dict[str, Any]]:
    entries = []
    for index, frame in enumerate(keypoints):
        for number, pose in present(frame):
            left, top = pose[:, :2].min(axis=0)
            width, height = pose[:, :2].max(axis=0) - (left, top)
            entry = {
                "image_id": image.format(first + index),
                "category_id": 1,
                "keypoints": pose.ravel().tolist(),
                "score": 2.5,
                "box": [left, top, width, height],
                "idx": [float(number + 1) if ids else 0.0],
            }
            entries.append(entry)
    return entries


def alphapose_cmu(keypoints: np.ndarray, key: str = "bodies") -> dict[str, Any]:
    """Returns `--format cmu`, or `--format open` with the key "people"."""
    pose_key = {"bodies": "joints", "people": "pose_keypoints_2d"}[key]
    images = {}
    for index, frame in enumerate(keypoints):
        people = [{pose_key: pose.ravel().tolist()} for _, pose in present(frame)]
        images[f"{index}.jpg"] = {"version": "AlphaPose v0.3", key: people}
    return images


def coco_results(keypoints: np.ndarray, first: int = 0) -> list[dict[str, Any]]:
    entries = []
    for index, frame in enumerate(keypoints):
        for _, pose in present(frame):
            entry = {
                "image_id": first + index,
                "category_id": 1,
                "keypoints": pose.ravel().tolist(),
                "score": 0.5,
            }
            entries.append(entry)
    return entries


def coco_annotations(
    keypoints: np.ndarray, size: tuple[int, int] = (640, 480), names: Any = None
) -> dict[str, Any]:
    images, annotations = [], []
    for index, frame in enumerate(keypoints):
        image = {"id": 900 + index, "file_name": f"clip/{index:05d}.jpg"}
        images.append({**image, "width": size[0], "height": size[1]})
        for number, pose in present(frame):
            flags = np.where(pose[:, 2:] > 0, 2.0, 0.0)
            annotation = {
                "id": len(annotations) + 1,
                "image_id": 900 + index,
                "category_id": 1,
                "track_id": number + 5,
                "num_keypoints": int((flags > 0).sum()),
                "keypoints": np.hstack([pose[:, :2], flags]).ravel().tolist(),
                "bbox": [1.0, 2.0, 3.0, 4.0],
            }
            annotations.append(annotation)
    names = list(names or SKELETONS["coco_17"].joints)
    categories = [{"id": 1, "name": "person", "keypoints": names}]
    return {"images": images, "annotations": annotations, "categories": categories}


def mmpose_people(frame: np.ndarray) -> list[dict[str, Any]]:
    people = []
    for _, pose in present(frame):
        corners = [*pose[:, :2].min(axis=0), *pose[:, :2].max(axis=0)]
        person = {
            "keypoints": pose[:, :2].tolist(),
            "keypoint_scores": pose[:, 2].tolist(),
            "bbox": [corners],
            "bbox_score": 0.9,
        }
        people.append(person)
    return people


def mmpose_video(keypoints: np.ndarray, first: int = 0) -> list[dict[str, Any]]:
    frames = []
    for index, frame in enumerate(keypoints):
        people = mmpose_people(frame)
        frames.append({"frame_id": first + index, "instances": people})
    return frames


def mmpose_demo(keypoints: np.ndarray, layout: str = "coco_17") -> dict[str, Any]:
    """Returns what the demo for videos writes, with the joints of the data set."""
    names = {str(i): name for i, name in enumerate(SKELETONS[layout].joints)}
    info = {"dataset_name": "coco", "num_keypoints": 17, "keypoint_id2name": names}
    return {"meta_info": info, "instance_info": mmpose_video(keypoints, first=1)}


def ultralytics_people(
    frame: np.ndarray, size: tuple[int, int] | None = None, ids: bool = True
) -> list[dict[str, Any]]:
    """Returns a frame of `to_json`, with `size` in fractions of the image."""
    scale = np.array(size or (1, 1))
    people = []
    for number, pose in present(frame):
        xy = pose[:, :2] / scale
        left, top = xy.min(axis=0)
        right, bottom = xy.max(axis=0)
        person = {
            "name": "person",
            "class": 0,
            "confidence": 0.8,
            "box": {"x1": left, "y1": top, "x2": right, "y2": bottom},
            "keypoints": {
                "x": xy[:, 0].tolist(),
                "y": xy[:, 1].tolist(),
                "visible": pose[:, 2].tolist(),
            },
        }
        if ids:
            person["track_id"] = number + 1
        people.append(person)
    return people


def write_yolo_labels(
    folder: pathlib.Path,
    keypoints: np.ndarray,
    size: tuple[int, int] = (640, 480),
    name: str = "walk_{}.txt",
    first: int = 1,
    behind: bool = False,
) -> pathlib.Path:
    """Writes a file per frame with people; `behind` adds confidence and id."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, frame in enumerate(keypoints):
        lines = []
        for number, pose in present(frame):
            fractions = pose / (*size, 1)[: pose.shape[1]]
            low, high = fractions[:, :2].min(axis=0), fractions[:, :2].max(axis=0)
            numbers = [0, *(low + high) / 2, *(high - low), *fractions.ravel()]
            numbers += [0.875, number + 1] if behind else []
            lines.append(" ".join(f"{value:.9g}" for value in numbers))
        if lines:
            path = folder / name.format(first + index)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def mediapipe_frames(
    keypoints: np.ndarray, size: tuple[int, int] = (640, 480), key: str = "landmarks"
) -> list[dict[str, Any]]:
    """Returns a list of frames of one person each, in fractions of the image."""
    frames = []
    for index, frame in enumerate(keypoints):
        landmarks = []
        for _, pose in present(frame)[:1]:
            for x, y, score in pose:
                point = {"x": x / size[0], "y": y / size[1], "z": -0.3}
                landmarks.append({**point, "visibility": score})
        frames.append({"frame": index, key: landmarks, "world_landmarks": []})
    return frames


def movenet_frames(
    keypoints: np.ndarray, names: tuple[str, ...]
) -> list[list[dict[str, Any]]]:
    """Returns what TensorFlow.js's detectors return per frame, in pixels."""
    frames = []
    for frame in keypoints:
        poses = []
        for _, pose in present(frame):
            points = []
            for (x, y, score), name in zip(pose, names, strict=True):
                points.append({"x": x, "y": y, "score": score, "name": name})
            poses.append({"keypoints": points, "score": 0.8})
        frames.append(poses)
    return frames


def gast_net(keypoints: np.ndarray) -> dict[str, Any]:
    data = []
    for index, frame in enumerate(keypoints):
        skeletons = []
        for _, pose in present(frame):
            corners = [*pose[:, :2].min(axis=0), *pose[:, :2].max(axis=0)]
            skeleton = {
                "pose": pose[:, :2].tolist(),
                "score": pose[:, 2:].tolist(),
                "bbox": corners,
            }
            skeletons.append(skeleton)
        data.append({"frame_index": index + 1, "skeleton": skeletons})
    return {"label": "walk", "label_index": 0, "data": data}


def write_detectron2(
    path: pathlib.Path, keypoints: np.ndarray, size: tuple[int, int] = (640, 480)
) -> pathlib.Path:
    """Writes the npz of VideoPose3D's inference; `[F, P, 17, 3]`."""
    boxes, poses = [], []
    for frame in keypoints:
        people = [pose for _, pose in present(frame)]
        rows = np.zeros((len(people), 4, 17))
        corners = np.zeros((len(people), 5))
        for row, pose in enumerate(people):
            rows[row, [0, 1, 3]] = pose.T
            corners[row, :2] = pose[:, :2].min(axis=0)
            corners[row, 2:4] = pose[:, :2].max(axis=0)
        boxes.append([[], corners if people else []])
        poses.append([[], rows if people else []])
    metadata = {"w": size[0], "h": size[1]}
    # Lists of lists of unequal lengths are object arrays of lists.
    arrays = {}
    for key, values in (("boxes", boxes), ("keypoints", poses)):
        array = np.empty((len(values), 2), object)
        for row, (first, second) in enumerate(values):
            array[row, 0], array[row, 1] = first, second
        arrays[key] = array
    segments = np.array([None] * len(boxes))
    np.savez_compressed(path, segments=segments, metadata=metadata, **arrays)
    return path


def write_videopose3d(
    path: pathlib.Path,
    videos: dict[str, np.ndarray],
    size: tuple[int, int] = (640, 480),
) -> pathlib.Path:
    """Writes `data_2d_custom_*.npz` of videos `[F, 17, 2]` by name."""
    skeleton = SKELETONS["coco_17"]
    metadata = {
        "layout_name": "coco",
        "num_joints": 17,
        "keypoints_symmetry": [list(skeleton.left), list(skeleton.right)],
        "video_metadata": {video: {"w": size[0], "h": size[1]} for video in videos},
    }
    positions = {video: {"custom": [array]} for video, array in videos.items()}
    np.savez_compressed(path, positions_2d=positions, metadata=metadata)
    return path


def write_trc(
    path: pathlib.Path,
    keypoints: np.ndarray,
    names: tuple[str, ...],
    rate: float = 25.0,
    first: int = 0,
) -> pathlib.Path:
    """Writes a file of Sports2D: one person, x, y and 0 of each joint."""
    frames, joints = keypoints.shape[0], len(names)
    axes = [f"{axis}{joint + 1}" for joint in range(joints) for axis in "XYZ"]
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\t"
        "OrigDataStartFrame\tOrigNumFrames",
        f"{rate}\t{rate}\t{frames}\t{joints}\tm\t{rate}\t0\t{frames}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t\t",
        "\t\t" + "\t".join(axes) + "\t",
    ]
    for index, frame in enumerate(keypoints[:, 0]):
        cells = []
        for x, y, _ in frame:
            cells += ["", "", ""] if np.isnan(x) else [str(x), str(y), "0.0"]
        lines.append(f"{first + index}\t{index / rate}\t" + "\t".join(cells))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_csv(
    path: pathlib.Path, rows: list[list[Any]], **options: Any
) -> pathlib.Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, **options).writerows(rows)
    return path


def wide_rows(
    keypoints: np.ndarray,
    names: tuple[str, ...],
    axes: tuple[str, ...] = ("_x", "_y", "_score"),
    first: int = 0,
) -> list[list[Any]]:
    """Returns head and rows of a table with a column per joint and axis."""
    head = ["frame"]
    for name in names:
        head += [name + axis for axis in axes]
    rows: list[list[Any]] = [head]
    for index, frame in enumerate(keypoints):
        for _, pose in present(frame):
            rows.append([first + index, *pose[:, : len(axes)].ravel().tolist()])
    return rows


def deeplabcut_rows(
    keypoints: np.ndarray, names: tuple[str, ...], individuals: bool = False
) -> list[list[Any]]:
    """Returns the head rows of DeepLabCut and its rows, all people side by side."""
    people = keypoints.shape[1]
    scorer, whose, parts, axes = ["scorer"], ["individuals"], ["bodyparts"], ["coords"]
    for person in range(people):
        for name in names:
            scorer += ["DLC_resnet50"] * 3
            whose += [f"individual{person + 1}"] * 3
            parts += [name] * 3
            axes += ["x", "y", "likelihood"]
    rows: list[list[Any]] = [scorer, *([whose] if individuals else []), parts, axes]
    for index, frame in enumerate(keypoints):
        cells = ["" if np.isnan(v) else v for v in frame.ravel().tolist()]
        rows.append([index, *cells])
    return rows
