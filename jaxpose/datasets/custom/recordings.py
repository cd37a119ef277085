"""Reads recordings that users bring: npz, JSON, and what OpenPose, AlphaPose and VideoPose3D write.

A recording is one person seen by one camera, as an npz file or a JSON object with the keys

    keypoints_2d   [F, J, 2] pixels, or [F, J, 3] with a confidence (0: not seen)
    keypoints      joint order of keypoints_2d: coco_17, halpe_26, body_25, mpii_16 or h36m_17
    image_size     [width, height]
    fps            frames per second
    positions_3d   optional [F, J, 3], metres, camera frame (x right, y down, z forward)
    skeleton       joint order of positions_3d, h36m_17 unless given
    intrinsics     optional [fx, fy, cx, cy], pixels
    subject, action, take, camera   optional names

`keypoints`, `image_size` and `fps` may be given once for the whole folder in `dataset.json`.
Without names, the subject is the folder's name, the take the file's, and the action the take.
Three other formats are read as they come, with `image_size` and `fps` from `dataset.json`: a
folder of OpenPose's `*_keypoints.json` (BODY_25, one file a frame), AlphaPose's result list
(Halpe-26 or COCO-17, by its joint count), and VideoPose3D's `data_2d_custom_*.npz` (COCO-17).
Where a frame shows several people, the most confident one is taken.
"""

import dataclasses
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import COCO_17, SKELETONS, get_skeleton
from jaxpose.datasets.arrays import require_array, require_key
from jaxpose.datasets.restricted import load_npz
from jaxpose.datasets.schema import Camera
from jaxpose.datasets.videopose3d_npz import load_keypoints_2d
from jaxpose.errors import JaxposeError

SETTINGS_FILE = "dataset.json"
LAYOUTS = ("coco_17", "halpe_26", "body_25", "mpii_16", "h36m_17")
_SETTINGS = (
    "keypoints",
    "image_size",
    "fps",
    "skeleton",
    "intrinsics",
    "subject",
    "action",
    "take",
    "camera",
)
_ARRAYS = ("keypoints_2d", "positions_3d")
_MAX_FRAMES = 1_000_000


@dataclasses.dataclass(frozen=True)
class Recording:
    """One person seen by one camera.

    Attributes:
      subject: the person.
      action: what per-action tables group by.
      take: the recording, unique within its subject.
      camera: the camera.
      fps: frames per second.
      keypoints: name of the skeleton of `keypoints_2d`.
      keypoints_2d: `[F, J, 2]`, pixels, NaN where a joint was not seen.
      skeleton: name of the skeleton of `positions_3d`.
      positions_3d: `[F, J, 3]`, metres, camera frame, or None.
      where: the file, for messages.
      not_read: keys of the file that mean nothing here: other things, or misspelt.
    """

    subject: str
    action: str
    take: str
    camera: Camera
    fps: float
    keypoints: str
    keypoints_2d: np.ndarray
    skeleton: str
    positions_3d: np.ndarray | None
    where: str
    not_read: tuple[str, ...]


def load_folder(folder: pathlib.Path) -> Iterator[Recording]:
    """All recordings below `folder`, by path.

    Raises:
      JaxposeError: there is none, or a file is bad.
    """
    if not folder.is_dir():
        raise JaxposeError(
            f"{folder} is not a folder; recordings are given as a folder of npz or JSON files"
        )
    defaults = _load_settings(folder / SETTINGS_FILE)
    paths = sorted(
        path for path in folder.rglob("*") if path.suffix in (".npz", ".json")
    )
    openpose = {
        path.parent: None for path in paths if path.name.endswith("_keypoints.json")
    }
    singles = [
        path
        for path in paths
        if path.parent not in openpose and path != folder / SETTINGS_FILE
    ]
    if not singles and not openpose:
        raise JaxposeError(
            f"{folder} holds no recording: no npz or JSON file other than {SETTINGS_FILE}"
        )
    for path in sorted([*singles, *openpose]):
        for take, contents in _load_contents(path):
            names = {"subject": path.parent.name, "take": take, "camera": "0"}
            yield _recording(names | defaults | contents, str(path))


def _load_settings(path: pathlib.Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    settings = _load_json(path)
    if not isinstance(settings, dict) or not set(settings) <= set(_SETTINGS):
        found = (
            ", ".join(settings)
            if isinstance(settings, dict)
            else f"a {type(settings).__name__}"
        )
        raise JaxposeError(
            f"{path}: expected an object with keys out of {', '.join(_SETTINGS)}; found {found}"
        )
    return settings


def _load_json(path: pathlib.Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise JaxposeError(f"{path}: not a JSON file, or damaged: {error}") from None


def _load_contents(path: pathlib.Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and contents of each recording in a file or OpenPose folder."""
    if path.is_dir():
        yield path.name, {"keypoints": "body_25", "keypoints_2d": _load_openpose(path)}
    elif path.suffix == ".npz":
        contents = load_npz(path)
        if "positions_2d" in contents:
            yield from _load_videopose3d(path, contents)
        else:
            yield path.stem, {key: _plain(value) for key, value in contents.items()}
    else:
        contents = _load_json(path)
        if isinstance(contents, list):
            keypoints_2d = _load_alphapose(path, contents)
            layout = "halpe_26" if keypoints_2d.shape[1] == 26 else "coco_17"
            yield path.stem, {"keypoints": layout, "keypoints_2d": keypoints_2d}
        elif isinstance(contents, dict):
            converted = {
                key: _numbers(contents[key], f"{path}: {key}")
                for key in _ARRAYS
                if key in contents
            }
            yield path.stem, contents | converted
        else:
            raise JaxposeError(
                f"{path}: expected an object or a list, found a {type(contents).__name__}"
            )


def _plain(value: Any) -> Any:
    return (
        value.item()
        if isinstance(value, np.ndarray | np.generic) and value.ndim == 0
        else value
    )


def _numbers(value: Any, where: str) -> np.ndarray:
    """Nested lists as float64; null becomes NaN."""
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise JaxposeError(
            f"{where}: expected lists of numbers, all of the same length"
        ) from None


def _load_openpose(folder: pathlib.Path) -> np.ndarray:
    """`[F, 25, 3]` of the most confident person of each frame; a frame without people is unseen."""
    joints = get_skeleton("body_25").num_joints
    frames = []
    for path in sorted(folder.glob("*_keypoints.json")):
        people = require_key(_load_json(path), "people", str(path))
        if not isinstance(people, list):
            raise JaxposeError(
                f"{path}: people is a {type(people).__name__}, expected a list"
            )
        poses = [
            _pose(
                require_key(person, "pose_keypoints_2d", f"{path}: people"),
                joints,
                path,
            )
            for person in people
        ]
        frames.append(max(poses, key=_confidence, default=np.zeros((joints, 3))))
    return np.stack(frames)


def _load_alphapose(path: pathlib.Path, detections: list) -> np.ndarray:
    """`[F, J, 3]` of the most confident person of each frame; frames are numbered by `image_id`."""
    poses: dict[int, np.ndarray] = {}
    for detection in detections:
        image = require_key(detection, "image_id", str(path))
        number = re.search(r"(\d{1,9})\D*$", str(image))
        if number is None:
            raise JaxposeError(
                f"{path}: image_id {image!r} does not end in a frame number"
            )
        pose = _pose(require_key(detection, "keypoints", str(path)), None, path)
        frame = int(number[1])
        poses[frame] = max(poses.get(frame, pose), pose, key=_confidence)
    shapes = {pose.shape for pose in poses.values()}
    first, last = min(poses, default=0), max(poses, default=0)
    if len(shapes) != 1 or last - first >= _MAX_FRAMES:
        raise JaxposeError(
            f"{path}: expected detections of one joint count in at most {_MAX_FRAMES:,} frames"
        )
    frames = np.zeros((last - first + 1, *shapes.pop()))
    for frame, pose in poses.items():
        frames[frame - first] = pose
    return frames


def _pose(values: Any, joints: int | None, path: pathlib.Path) -> np.ndarray:
    numbers = _numbers(values, str(path))
    if (
        numbers.ndim != 1
        or len(numbers) == 0
        or len(numbers) % 3
        or joints not in (None, len(numbers) // 3)
    ):
        expected = "a multiple of 3" if joints is None else f"{3 * joints}"
        raise JaxposeError(
            f"{path}: a pose is {expected} numbers (x, y, confidence), found {list(numbers.shape)}"
        )
    return numbers.reshape(-1, 3)


def _confidence(pose: np.ndarray) -> float:
    return float(np.nansum(pose[:, 2]))


def _load_videopose3d(
    path: pathlib.Path, contents: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    keypoints = load_keypoints_2d(path, COCO_17, 1)
    metadata = require_key(contents["metadata"], "video_metadata", f"{path}: metadata")
    for video, actions in keypoints.items():
        size = require_key(metadata, video, f"{path}: metadata['video_metadata']")
        image_size = [
            require_key(size, side, f"{path}: metadata['video_metadata'][{video!r}]")
            for side in "wh"
        ]
        views = require_key(actions, "custom", f"{path}: positions_2d[{video!r}]")
        yield (
            video,
            {
                "keypoints": "coco_17",
                "image_size": image_size,
                "keypoints_2d": views[0],
            },
        )


def _recording(contents: dict[str, Any], where: str) -> Recording:
    """Checks the contents of one recording."""
    layout = require_key(contents, "keypoints", _hint(where))
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise JaxposeError(
            f"{where}: keypoints is {layout!r}; known joint orders are {', '.join(LAYOUTS)}"
        )
    keypoints_2d = require_key(contents, "keypoints_2d", where)
    dims = 3 if np.ndim(keypoints_2d) == 3 and keypoints_2d.shape[2] == 3 else 2
    joints = get_skeleton(layout).num_joints
    keypoints_2d = require_array(
        keypoints_2d,
        f"{where}: keypoints_2d ({layout})",
        (None, joints, dims),
        finite=False,
    )
    if dims == 3:
        seen = keypoints_2d[..., 2:] > 0
        keypoints_2d = np.where(seen, keypoints_2d[..., :2], np.nan)
    skeleton = contents.get("skeleton", "h36m_17")
    positions_3d = contents.get("positions_3d")
    if positions_3d is not None:
        if not isinstance(skeleton, str) or skeleton not in SKELETONS:
            raise JaxposeError(
                f"{where}: skeleton is {skeleton!r}; known are {', '.join(SKELETONS)}"
            )
        shape = (len(keypoints_2d), get_skeleton(skeleton).num_joints, 3)
        positions_3d = require_array(
            positions_3d, f"{where}: positions_3d ({skeleton})", shape
        )
    names = {
        key: contents.get(key, contents["take"])
        for key in ("subject", "action", "take", "camera")
    }
    for key, name in names.items():
        if not isinstance(name, str) or not name:
            raise JaxposeError(f"{where}: {key} is {name!r}; expected a name")
    intrinsics = contents.get("intrinsics")
    return Recording(
        subject=names["subject"],
        action=names["action"],
        take=names["take"],
        camera=Camera(
            name=names["camera"],
            image_size=_image_size(
                require_key(contents, "image_size", _hint(where)), where
            ),
            intrinsics=None
            if intrinsics is None
            else _row(intrinsics, 4, f"{where}: intrinsics"),
        ),
        fps=_row([require_key(contents, "fps", _hint(where))], 1, f"{where}: fps")[0],
        keypoints=layout,
        keypoints_2d=keypoints_2d,
        skeleton=skeleton,
        positions_3d=positions_3d,
        where=where,
        not_read=tuple(key for key in contents if key not in (*_SETTINGS, *_ARRAYS)),
    )


def _hint(where: str) -> str:
    return f"{where} (with the defaults of {SETTINGS_FILE})"


def _image_size(value: Any, where: str) -> tuple[int, int]:
    width, height = _row(value, 2, f"{where}: image_size")
    if not (
        1 <= width <= 100_000
        and 1 <= height <= 100_000
        and width % 1 == height % 1 == 0
    ):
        raise JaxposeError(
            f"{where}: image_size is {value}; expected [width, height] in pixels"
        )
    return int(width), int(height)


def _row(value: Any, size: int, where: str) -> tuple[float, ...]:
    array = _numbers(value, where)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise JaxposeError(f"{where}: expected {size} finite numbers, found {value}")
    return tuple(array.tolist())


def positions_as(recording: Recording, skeleton: str) -> np.ndarray | None:
    """3D of a recording in the joints of `skeleton`, `[F, J, 3]`, or None.

    Raises:
      JaxposeError: there is no conversion.
    """
    if recording.positions_3d is None:
        return None
    return _convert(
        recording.positions_3d, recording.skeleton, skeleton, recording.where
    )


def _convert(array: np.ndarray, source: str, target: str, where: str) -> np.ndarray:
    try:
        return convert_joints(array, source, target)
    except JaxposeError as error:
        raise JaxposeError(f"{where}: {error}") from None


def keypoints_as(recording: Recording, skeleton: str) -> tuple[np.ndarray, np.ndarray]:
    """2D of a recording in the joints of `skeleton`, without gaps.

    Joints that were not seen are filled in linearly over time, and by the nearest sight at both
    ends, so that their frames can serve as neighbours.

    Returns:
      keypoints_2d `[F, J, 2]` and seen `[F]`: every joint of the frame was seen.

    Raises:
      JaxposeError: there is no conversion, or a joint was never seen.
    """
    keypoints_2d = np.array(
        _convert(recording.keypoints_2d, recording.keypoints, skeleton, recording.where)
    )
    seen = np.isfinite(keypoints_2d).all(axis=-1)
    frames = np.arange(len(keypoints_2d))
    for joint, name in enumerate(get_skeleton(skeleton).joints):
        known = np.flatnonzero(seen[:, joint])
        if len(known) == 0:
            raise JaxposeError(
                f"{recording.where}: {name} is seen in no frame, and joints are only filled in between "
                "frames that show them; choose a part of the recording that shows the whole person"
            )
        for axis in range(2):
            keypoints_2d[:, joint, axis] = np.interp(
                frames, known, keypoints_2d[known, joint, axis]
            )
    return keypoints_2d, seen.all(axis=1)
