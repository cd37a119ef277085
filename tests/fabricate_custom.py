"""Writes a folder of recordings in every layout that the `custom` data set reads."""

import json
import pathlib

import numpy as np

from jaxpose.body.skeletons import COCO_17, H36M_17, get_skeleton
from tests.fabricated_motion import camera_around, positions_world, seen_by

FPS = 30.0
IMAGE_SIZE = (1280, 720)
KEYS = [
    "keypoints",
    "keypoints_2d",
    "image_size",
    "fps",
    "positions_3d",
    "skeleton",
    "intrinsics",
    "take",
]
CAMERA = camera_around("front", 20.0, IMAGE_SIZE, 900.0)


def fabricate_folder(folder: pathlib.Path, num_frames: int = 40) -> None:
    """One recording per layout, each in a folder of the person's name."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"keypoints": "coco_17", "image_size": IMAGE_SIZE, "fps": FPS}
    (folder / "dataset.json").write_text(json.dumps(settings))
    write_npz(folder / "anna" / "with_3d.npz", num_frames)
    write_json(folder / "ben" / "mpii.json", "mpii_16", num_frames)
    write_openpose(folder / "carla" / "jump", num_frames)
    write_alphapose(folder / "dave" / "alphapose-results.json", num_frames)
    write_videopose3d(folder / "erin" / "data_2d_custom_dance.npz", num_frames)


def write_npz(path: pathlib.Path, num_frames: int, **changes: object) -> None:
    """2D and 3D in H36M-17 order, with every key."""
    keypoints_2d, positions_3d = recording("h36m_17", num_frames)
    contents = {
        "keypoints": "h36m_17",
        "keypoints_2d": keypoints_2d,
        "positions_3d": positions_3d,
        "skeleton": "h36m_17",
        "image_size": np.array(IMAGE_SIZE),
        "fps": FPS,
        "intrinsics": np.array(CAMERA.intrinsics),
        "subject": "anna",
        "action": "turning",
        "take": "turning 1",
        "camera": "front",
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path, **{key: value for key, value in contents.items() if value is not None}
    )


def write_json(
    path: pathlib.Path, layout: str, num_frames: int, **changes: object
) -> None:
    """2D only."""
    contents = {
        "keypoints": layout,
        "keypoints_2d": recording(layout, num_frames)[0].tolist(),
        **changes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(contents))


def write_openpose(folder: pathlib.Path, num_frames: int) -> None:
    """Writes one file per frame.

    The person is lost in frame 5; a fainter second one appears in frame 7.
    """
    keypoints_2d, _ = recording("body_25", num_frames)
    folder.mkdir(parents=True, exist_ok=True)
    for frame, pose in enumerate(keypoints_2d):
        person = {
            "pose_keypoints_2d": np.column_stack([pose, np.full(25, 0.9)])
            .ravel()
            .tolist()
        }
        stranger = {
            "pose_keypoints_2d": np.column_stack([pose + 300, np.full(25, 0.3)])
            .ravel()
            .tolist()
        }
        people = {5: [], 7: [stranger, person]}.get(frame, [person])
        name = f"jump_{frame:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": people}))


def write_alphapose(path: pathlib.Path, num_frames: int) -> None:
    """Halpe-26 results; a joint count of 26 tells. Frame 3 has no detection."""
    keypoints_2d, _ = recording("halpe_26", num_frames)
    results = [
        {
            "image_id": f"{frame}.jpg",
            "category_id": 1,
            "keypoints": np.column_stack([pose, np.full(26, 0.8)]).ravel().tolist(),
            "score": 2.5,
        }
        for frame, pose in enumerate(keypoints_2d)
        if frame != 3
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results))


def write_videopose3d(path: pathlib.Path, num_frames: int) -> None:
    """What VideoPose3D's prepare_data_2d_custom.py writes."""
    metadata = {
        "layout_name": "coco",
        "num_joints": 17,
        "keypoints_symmetry": [list(COCO_17.left), list(COCO_17.right)],
        "video_metadata": {"dance.mp4": {"w": IMAGE_SIZE[0], "h": IMAGE_SIZE[1]}},
    }
    keypoints = {"dance.mp4": {"custom": [recording("coco_17", num_frames)[0]]}}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, positions_2d=keypoints, metadata=metadata)


def recording(layout: str, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns pixels and positions in metres in the camera frame.

    The pixels are in the joint order `layout`, the positions in that of Human3.6M.
    """
    keypoints_2d, _ = seen_by(
        positions_world(get_skeleton(layout), num_frames, FPS, 3), CAMERA
    )
    _, positions_3d = seen_by(positions_world(H36M_17, num_frames, FPS, 3), CAMERA)
    return keypoints_2d, positions_3d
