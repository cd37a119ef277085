"""Reads users' recordings: npz, JSON, and files of OpenPose, AlphaPose and VideoPose3D.

A recording is one person seen by one camera, as an npz file or a JSON object with the
keys

    keypoints_2d   [F, J, 2] pixels, or [F, J, 3] with a confidence (0: not seen)
    keypoints      joint order of keypoints_2d: coco_17, halpe_26, body_25, mpii_16 or
                   h36m_17
    image_size     [width, height]
    fps            frames per second
    positions_3d   optional [F, J, 3], metres, camera frame (x right, y down, z forward)
    skeleton       joint order of positions_3d, h36m_17 unless given
    intrinsics     optional [fx, fy, cx, cy], pixels
    subject, action, take, camera   optional names

`keypoints`, `image_size` and `fps` may be given once for the whole folder in
`dataset.json`. Without names, the subject is the folder's name, the take the file's,
and the action the take. Three other formats are read as they are, with `image_size` and
`fps` from `dataset.json`: a folder of OpenPose's `*_keypoints.json` (BODY_25, one file
per frame), AlphaPose's result list (Halpe-26 or COCO-17, by its joint count), and
VideoPose3D's `data_2d_custom_*.npz` (COCO-17). Where a frame shows several people, the
most confident one is taken.
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
from jaxpose.datasets.camera import Camera
from jaxpose.datasets.restricted import load_npz
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

_MAX_FRAMES = 1_000_000  # of AlphaPose; more means that names are no frame numbers
_MAX_IMAGE_LENGTH = 100_000  # pixels


@dataclasses.dataclass(frozen=True)
class Recording:
    """One person seen by one camera.

    Attributes:
      subject: name of the person.
      action: name that per-action tables group by.
      take: name of the recording, unique within its subject.
      camera: the camera.
      fps: frames per second.
      keypoints: name of the skeleton of `keypoints_2d`.
      keypoints_2d: `[F, J, 2]`, pixels, NaN where a joint was not seen.
      skeleton: name of the skeleton of `positions_3d`.
      positions_3d: `[F, J, 3]`, metres, camera frame, or None.
      where: the file, for messages.
      not_read: keys of the file that have no meaning here: other content, or misspelt.
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
    """Yields all recordings below `folder`, by path.

    Raises:
      JaxposeError: there is none, or a file is bad.
    """
    if not folder.is_dir():
        raise JaxposeError(
            f"{folder} is not a folder; recordings are given as a folder of npz or "
            "JSON files"
        )
    settings_path = folder / SETTINGS_FILE
    defaults = _load_settings(settings_path)

    # A folder of OpenPose is one recording; every other file is one by itself.
    files = []
    openpose_folders = set()
    for path in sorted(folder.rglob("*")):
        if path.name.endswith("_keypoints.json"):
            openpose_folders.add(path.parent)
        elif path.suffix in (".npz", ".json") and path != settings_path:
            files.append(path)
    files = [path for path in files if path.parent not in openpose_folders]
    if not files and not openpose_folders:
        raise JaxposeError(
            f"{folder} holds no recording: no npz or JSON file other than "
            f"{SETTINGS_FILE}"
        )

    # What a file states has priority over the folder's settings, and both over paths.
    for path in sorted([*files, *openpose_folders]):
        for take, contents in _load_contents(path):
            names = {"subject": path.parent.name, "take": take, "camera": "0"}
            yield _recording(names | defaults | contents, str(path))


def _load_settings(path: pathlib.Path) -> dict[str, Any]:
    """Returns the settings of a folder, empty where it has none.

    Raises:
      JaxposeError: the file is damaged, or has other keys.
    """
    # A misspelt setting would be ignored silently, so unknown keys are errors.
    if not path.is_file():
        return {}
    settings = _load_json(path)
    is_dict = isinstance(settings, dict)
    if not is_dict or not set(settings) <= set(_SETTINGS):
        found = ", ".join(settings) if is_dict else f"a {type(settings).__name__}"
        raise JaxposeError(
            f"{path}: expected an object with keys out of {', '.join(_SETTINGS)}; "
            f"found {found}"
        )
    return settings


def _load_json(path: pathlib.Path) -> Any:
    """Returns the content of a JSON file; raises JaxposeError if it is damaged."""
    try:
        # Bytes: json finds out the encoding by itself.
        return json.loads(path.read_bytes())
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise JaxposeError(f"{path}: not a JSON file, or damaged: {error}") from None


def _load_contents(path: pathlib.Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields name and contents of each recording in a file or OpenPose folder."""
    if path.is_dir():
        yield path.name, {"keypoints": "body_25", "keypoints_2d": _load_openpose(path)}
    elif path.suffix == ".npz":
        yield from _load_npz_contents(path)
    else:
        yield path.stem, _load_json_contents(path)


def _load_npz_contents(path: pathlib.Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the recording in an npz file, or the several of VideoPose3D."""
    contents = load_npz(path)
    if "positions_2d" in contents:
        yield from _load_videopose3d(path, contents)
        return
    # numpy stores a name or a number as an array without axes.
    for key, value in contents.items():
        if isinstance(value, np.ndarray | np.generic) and value.ndim == 0:
            contents[key] = value.item()
    yield path.stem, contents


def _load_json_contents(path: pathlib.Path) -> dict[str, Any]:
    """Returns the contents of a recording in a JSON file, or of AlphaPose's list."""
    contents = _load_json(path)
    if isinstance(contents, list):
        keypoints_2d = _load_alphapose(path, contents)
        layout = "halpe_26" if keypoints_2d.shape[1] == 26 else "coco_17"
        return {"keypoints": layout, "keypoints_2d": keypoints_2d}
    if not isinstance(contents, dict):
        raise JaxposeError(
            f"{path}: expected an object or a list, found a {type(contents).__name__}"
        )
    for key in _ARRAYS:
        if key in contents:
            contents[key] = _require_numbers(contents[key], f"{path}: {key}")
    return contents


def _require_numbers(value: Any, where: str) -> np.ndarray:
    """Returns nested lists as float64, null as NaN.

    Raises:
      JaxposeError: the lists hold something else, or have different lengths.
    """
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise JaxposeError(
            f"{where}: expected lists of numbers, all of the same length"
        ) from None


def _load_openpose(folder: pathlib.Path) -> np.ndarray:
    """Returns `[F, 25, 3]` of the most confident person of each frame.

    A frame without people is all zeros: no joint is seen.
    """
    num_joints = get_skeleton("body_25").num_joints
    frames = []
    for path in sorted(folder.glob("*_keypoints.json")):
        people = require_key(_load_json(path), "people", str(path))
        if not isinstance(people, list):
            raise JaxposeError(
                f"{path}: people is a {type(people).__name__}, expected a list"
            )
        # The person of the recording is the one the detector is surest of.
        best = np.zeros((num_joints, 3))
        for index, person in enumerate(people):
            values = require_key(person, "pose_keypoints_2d", f"{path}: people")
            pose = _pose(values, num_joints, path)
            if index == 0 or _confidence(pose) > _confidence(best):
                best = pose
        frames.append(best)
    return np.stack(frames)


def _load_alphapose(path: pathlib.Path, detections: list) -> np.ndarray:
    """Returns `[F, J, 3]` of the most confident person of each frame.

    Frames are numbered by `image_id`, such as `17.jpg`; frames between the first and
    the last one without a detection are all zeros.

    Raises:
      JaxposeError: an entry is not as documented, or joint counts differ.
    """
    poses: dict[int, np.ndarray] = {}
    for detection in detections:
        image = require_key(detection, "image_id", str(path))
        digits = re.search(r"(\d{1,9})\D*$", str(image))
        if digits is None:
            raise JaxposeError(
                f"{path}: image_id {image!r} does not end in a frame number"
            )
        # One detection per person: keep the best of each frame.
        pose = _pose(require_key(detection, "keypoints", str(path)), None, path)
        number = int(digits[1])
        if number not in poses or _confidence(pose) > _confidence(poses[number]):
            poses[number] = pose

    # A sparse list of huge numbers must not fill the memory.
    shapes = {pose.shape for pose in poses.values()}
    first, last = min(poses, default=0), max(poses, default=0)
    if len(shapes) != 1 or last - first >= _MAX_FRAMES:
        raise JaxposeError(
            f"{path}: expected detections of one joint count in at most "
            f"{_MAX_FRAMES:,} frames"
        )
    frames = np.zeros((last - first + 1, *shapes.pop()))
    for number, pose in poses.items():
        frames[number - first] = pose
    return frames


def _pose(values: Any, num_joints: int | None, path: pathlib.Path) -> np.ndarray:
    """Returns `[J, 3]` of the flat list of one person; None means any number of joints.

    Raises:
      JaxposeError: it is no list of numbers of that length.
    """
    numbers = _require_numbers(values, str(path))
    # OpenPose and AlphaPose both write x, y and confidence of one joint after another.
    is_flat = numbers.ndim == 1 and len(numbers) > 0 and len(numbers) % 3 == 0
    if not is_flat or num_joints not in (None, len(numbers) // 3):
        expected = "a multiple of 3" if num_joints is None else f"{3 * num_joints}"
        raise JaxposeError(
            f"{path}: a pose is {expected} numbers (x, y, confidence), "
            f"found {list(numbers.shape)}"
        )
    return numbers.reshape(-1, 3)


def _confidence(pose: np.ndarray) -> float:
    """Returns the total confidence of a pose `[J, 3]`."""
    return float(np.nansum(pose[:, 2]))


def _load_videopose3d(
    path: pathlib.Path, contents: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields name and contents of each video in VideoPose3D's file.

    Raises:
      JaxposeError: the file is not as VideoPose3D writes it.
    """
    # One camera per video; the sizes of the images are in the metadata.
    keypoints = load_keypoints_2d(path, COCO_17, 1)
    metadata = require_key(contents["metadata"], "video_metadata", f"{path}: metadata")
    where = f"{path}: metadata['video_metadata']"
    for video, actions in keypoints.items():
        size = require_key(metadata, video, where)
        width = require_key(size, "w", f"{where}[{video!r}]")
        height = require_key(size, "h", f"{where}[{video!r}]")
        views = require_key(actions, "custom", f"{path}: positions_2d[{video!r}]")
        recording = {
            "keypoints": "coco_17",
            "image_size": [width, height],
            "keypoints_2d": views[0],
        }
        yield video, recording


def _recording(contents: dict[str, Any], where: str) -> Recording:
    """Returns the recording that the contents of a file and its defaults describe.

    Raises:
      JaxposeError: a key is missing, or its value is not as documented.
    """
    # Keys that may come from the folder's settings say so in their errors.
    with_defaults = f"{where} (with the defaults of {SETTINGS_FILE})"
    layout, keypoints_2d = _keypoints(contents, where, with_defaults)
    skeleton, positions_3d = _positions(contents, len(keypoints_2d), where)

    # A name that is not given is the take's.
    names = {}
    for key in ("subject", "action", "take", "camera"):
        name = contents.get(key, contents["take"])
        if not isinstance(name, str) or not name:
            raise JaxposeError(f"{where}: {key} is {name!r}; expected a name")
        names[key] = name

    # The camera: no pose, as recordings are in the camera frame already.
    image_size = require_key(contents, "image_size", with_defaults)
    (fps,) = _row([require_key(contents, "fps", with_defaults)], 1, f"{where}: fps")
    intrinsics = None
    if contents.get("intrinsics") is not None:
        fx, fy, cx, cy = _row(contents["intrinsics"], 4, f"{where}: intrinsics")
        intrinsics = (fx, fy, cx, cy)
    camera = Camera(
        name=names["camera"],
        image_size=_image_size(image_size, where),
        intrinsics=intrinsics,
    )
    known = (*_SETTINGS, *_ARRAYS)
    return Recording(
        subject=names["subject"],
        action=names["action"],
        take=names["take"],
        camera=camera,
        fps=fps,
        keypoints=layout,
        keypoints_2d=keypoints_2d,
        skeleton=skeleton,
        positions_3d=positions_3d,
        where=where,
        not_read=tuple(key for key in contents if key not in known),
    )


def _keypoints(
    contents: dict[str, Any], where: str, with_defaults: str
) -> tuple[str, np.ndarray]:
    """Returns the joint order and `[F, J, 2]`, NaN where a joint was not seen.

    Raises:
      JaxposeError: the joint order is unknown, or the array has another shape.
    """
    layout = require_key(contents, "keypoints", with_defaults)
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise JaxposeError(
            f"{where}: keypoints is {layout!r}; known joint orders are "
            f"{', '.join(LAYOUTS)}"
        )
    value = require_key(contents, "keypoints_2d", where)
    has_confidence = np.ndim(value) == 3 and value.shape[2] == 3
    channels = 3 if has_confidence else 2
    shape = (None, get_skeleton(layout).num_joints, channels)
    keypoints_2d = require_array(
        value, f"{where}: keypoints_2d ({layout})", shape, finite=False
    )
    # A detector writes zeros for a joint that it does not see.
    if has_confidence:
        is_seen = keypoints_2d[..., 2:] > 0
        keypoints_2d = np.where(is_seen, keypoints_2d[..., :2], np.nan)
    return layout, keypoints_2d


def _positions(
    contents: dict[str, Any], num_frames: int, where: str
) -> tuple[str, np.ndarray | None]:
    """Returns the joint order and `[F, J, 3]` of the 3D, None where there is none.

    Raises:
      JaxposeError: the joint order is unknown, or the array has another shape.
    """
    # The joint order has no meaning, and is not checked, where there is no 3D.
    skeleton = contents.get("skeleton", "h36m_17")
    positions_3d = contents.get("positions_3d")
    if positions_3d is None:
        return skeleton, None
    if not isinstance(skeleton, str) or skeleton not in SKELETONS:
        raise JaxposeError(
            f"{where}: skeleton is {skeleton!r}; known are {', '.join(SKELETONS)}"
        )
    shape = (num_frames, get_skeleton(skeleton).num_joints, 3)
    name = f"{where}: positions_3d ({skeleton})"
    return skeleton, require_array(positions_3d, name, shape)


def _image_size(value: Any, where: str) -> tuple[int, int]:
    """Returns (width, height); raises JaxposeError unless they are whole pixels."""
    width, height = _row(value, 2, f"{where}: image_size")
    is_whole = width % 1 == height % 1 == 0
    is_plausible = 1 <= width <= _MAX_IMAGE_LENGTH and 1 <= height <= _MAX_IMAGE_LENGTH
    if not is_whole or not is_plausible:
        raise JaxposeError(
            f"{where}: image_size is {value}; expected [width, height] in pixels"
        )
    return int(width), int(height)


def _row(value: Any, size: int, where: str) -> tuple[float, ...]:
    """Returns `size` finite numbers; raises JaxposeError for anything else."""
    array = _require_numbers(value, where)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise JaxposeError(f"{where}: expected {size} finite numbers, found {value}")
    return tuple(array.tolist())


def positions_as(recording: Recording, skeleton: str) -> np.ndarray | None:
    """Returns the 3D in the joints of `skeleton`, `[F, J, 3]` metres, or None.

    Raises:
      JaxposeError: there is no conversion.
    """
    if recording.positions_3d is None:
        return None
    return _convert(recording, recording.positions_3d, recording.skeleton, skeleton)


def keypoints_as(recording: Recording, skeleton: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the 2D in the joints of `skeleton`, without gaps.

    A joint that was not seen is interpolated linearly over time, and at both ends takes
    its nearest known place, so that its frames can serve as neighbours.

    Returns:
      keypoints_2d `[F, J, 2]` pixels, and `[F]` bool: whether every joint of the frame
      was seen.

    Raises:
      JaxposeError: there is no conversion, or a joint was never seen.
    """
    converted = _convert(
        recording, recording.keypoints_2d, recording.keypoints, skeleton
    )
    keypoints_2d = np.array(converted)  # a copy, to fill in
    seen = np.isfinite(keypoints_2d).all(axis=-1)
    frame_numbers = np.arange(len(keypoints_2d))
    for joint, name in enumerate(get_skeleton(skeleton).joints):
        known = np.flatnonzero(seen[:, joint])
        if len(known) == 0:
            raise JaxposeError(
                f"{recording.where}: {name} is seen in no frame, and joints are only "
                "filled in between frames that show them; choose a part of the "
                "recording that shows the whole person"
            )
        for axis in range(2):
            places = keypoints_2d[known, joint, axis]
            keypoints_2d[:, joint, axis] = np.interp(frame_numbers, known, places)
    return keypoints_2d, seen.all(axis=1)


def _convert(
    recording: Recording, array: np.ndarray, source: str, target: str
) -> np.ndarray:
    """Converts the joints of an array; the error names the file."""
    try:
        return np.asarray(convert_joints(array, source, target))
    except JaxposeError as error:
        raise JaxposeError(f"{recording.where}: {error}") from None
