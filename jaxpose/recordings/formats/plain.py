"""Reads arrays and lists of keypoints, with or without this project's own keys.

This project's own format is an npz file or a JSON object with `keypoints_2d` [F, J, 2
or 3] and the keys of `settings.KEYS`, `positions_3d` [F, J, 3], and `frames`, the frame
numbers. An npy file, an npz file with another usual key, and nested lists are the array
alone: [F, J, 2 or 3], of several people [P, F, J, 2 or 3] or [F, P, J, 2 or 3], flat
[F, 2 J or 3 J], or an object array with the people of each frame, as callers of rtmlib
save them.
"""

import dataclasses
import math
from typing import Any

import numpy as np

from jaxpose.datasets.arrays import require_array
from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, detections_of_array
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VIDEO_KEYS, VideoFormat, depth
from jaxpose.recordings.formats.beside import (
    FRAME_KEYS,
    frame_key_of,
    frame_numbers_of,
    in_named_order,
    names_key_of,
    score_key_of,
    scores_under,
    time_key_of,
)
from jaxpose.recordings.formats.stated import stated
from jaxpose.recordings.frame_times import plain_key
from jaxpose.recordings.joint_names import joint_counts
from jaxpose.recordings.poses import Person, stack
from jaxpose.recordings.settings import KEYS
from jaxpose.wording import cut, shown

# Keys under which people save keypoints; `kpts` is GAST-Net's.
_ARRAY_KEYS = (
    *("keypoints_2d", "keypoints2d", "positions_2d", "kpts", "keypoints", "kps"),
    *("kpts_2d", "kp2d", "joints_2d", "joints2d", "pose_2d", "pose2d", "poses_2d"),
    *("poses", "pose", "joints", "landmarks", "skeletons"),
)
_MEDIAPIPE_SHAPE = (33, 4)  # x, y, z and visibility of each landmark
_MAX_PEOPLE = 50  # on the shorter one of two axes


def _key_of(content: Content) -> str | None:
    """Returns the key of the keypoints in a content, "" for a list alone, or None."""
    value = content.value
    if content.kind == "json" and isinstance(value, list):
        return "" if depth(value) >= 3 or _is_pose(value) else None
    if content.kind == "text" or not isinstance(value, dict):
        return None
    keys = [key for key in _ARRAY_KEYS if _is_array(value.get(key))]
    if keys or content.kind == "json":
        return keys[0] if keys else None
    # The only array of the right shape, whatever its key.
    fitting = []
    for key, array in value.items():
        is_array = isinstance(array, np.ndarray) and array.dtype.kind in "fiuO"
        if is_array and (array.ndim >= 3 or key == ""):
            fitting.append(key)
    return fitting[0] if len(fitting) == 1 else None


def _is_pose(value: list[Any]) -> bool:
    """Returns whether a list is one pose: as many joints as a known order has."""
    widths = {len(joint) if isinstance(joint, list) else 0 for joint in value}
    return len(value) in joint_counts() and len(widths) == 1 and widths <= {2, 3}


def _is_array(value: Any) -> bool:
    """Returns whether a value is an array, or nested lists of numbers."""
    if isinstance(value, np.ndarray):
        return value.ndim >= 1 and value.dtype.kind in "fiubO"
    return isinstance(value, list) and depth(value) >= 2


def _read(content: Content) -> list[Detections]:
    """Returns the recording in a file, or the videos of several people.

    Raises:
      JaxposeError: an array has another shape, or a value is not as documented.
    """
    key = _key_of(content) or ""
    if isinstance(content.value, list):
        return read_array(content.value, content, "", "plain")
    mapping = content.value
    fields = stated(mapping, content.where)
    score_key = score_key_of(mapping, mapping[key])
    frame_key = frame_key_of(mapping, len(mapping[key]))
    format = "own" if key == "keypoints_2d" else "plain"
    (detections,) = read_array(
        mapping[key],
        content,
        key,
        format,
        scores=scores_under(mapping, score_key),
        numbers=frame_numbers_of(mapping, frame_key, content.where),
        **fields,
    )
    detections = _with_positions(detections, mapping, content.where)
    detections = in_named_order(detections, mapping)

    # A misspelt key would be ignored silently.
    known = {*KEYS, *FRAME_KEYS, key, frame_key, score_key, "positions_3d"}
    known.update((time_key_of(mapping), names_key_of(mapping)))
    unread = []
    for name in mapping:
        if name not in known and plain_key(str(name)) not in VIDEO_KEYS:
            unread.append(name)
    if unread:
        names = cut(", ".join(map(str, unread[:10])))
        remarks = (*detections.remarks, f"not read: {names}")
        detections = dataclasses.replace(detections, remarks=remarks)
    return [detections]


def _with_positions(
    detections: Detections, mapping: dict[str, Any], where: str
) -> Detections:
    """Returns the detections with the user's own 3D, where there is any.

    Raises:
      JaxposeError: it is no array of that many frames, or not finite.
    """
    value = mapping.get("positions_3d")
    if value is None:
        return detections
    place = f"{where}: positions_3d"
    if isinstance(value, list):
        value = stack(value, 3, lambda row: f"{place}[{row}]")
    array = require_array(value, place, (None, None, 3))
    if len(array) != len(detections.frames) or len(array) != detections.num_frames:
        raise JaxposeError(
            f"{place}: {len(array)} frames beside {len(detections.frames)} of 2D "
            f"keypoints, numbered from {detections.first_frame} over "
            f"{detections.num_frames}; expected the same frames, without a gap"
        )
    return dataclasses.replace(detections, positions_3d=array)


def read_array(
    value: Any,
    content: Content,
    key: str,
    format: str,
    scores: Any = None,
    numbers: np.ndarray | None = None,
    **fields: Any,
) -> list[Detections]:
    """Returns the detections of an array, as a list of one.

    Args:
      value: array or nested lists, of the shapes that this module documents.
      content: the file.
      key: of the array, empty if the file holds nothing else.
      format: name of the format.
      scores: confidences apart from the coordinates, `[..., J]` or `[..., J, 1]`.
      numbers: `[F]` frame numbers, or None for 0, 1, 2.
      **fields: further fields of `Detections`.

    Raises:
      JaxposeError: the array has another shape.
    """
    where = f"{content.where}: {cut(key)}" if key else content.where
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = [_listed(entry) for entry in value]
    if isinstance(value, list):
        value = _array_of_lists(value, where)
    if isinstance(value, list):
        return [_read_ragged(value, scores, content, format, numbers, fields)]
    array = _shaped(value, where)
    if scores is not None:
        array = _with_scores(array, scores, where)
    if array.ndim == 3 and numbers is None:
        found = detections_of_array(
            array, content.stem, content.where, format, **fields
        )
        return [found]
    frames, is_by_person = _frames_first(array, key, where)
    if numbers is not None and len(numbers) != len(frames):
        raise JaxposeError(
            f"{where}: {len(frames)} frames, and {len(numbers)} frame numbers; "
            "expected as many"
        )
    return [_read_people(frames, is_by_person, content, format, numbers, fields)]


def _listed(value: Any) -> Any:
    """Returns nested arrays as lists."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_listed(entry) for entry in value]
    return value


def _array_of_lists(value: list[Any], where: str) -> Any:
    """Returns nested lists as an array, or as they are where frames differ in size."""
    try:
        return np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        pass
    # Frames with several people, or without any, are lists of another length. Null
    # joints of one person are filled with NaN.
    if depth(value) >= 4:
        return value
    return stack(value, 3, lambda row: f"{where}: frame {row}")


def _shaped(value: Any, where: str) -> np.ndarray:
    """Returns `[F, J, C]` or `[A, B, J, C]` float64, C = 2 or 3.

    Raises:
      JaxposeError: the array has another shape.
    """
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise JaxposeError(
            f"{where}: expected an array of numbers, found one of {array.dtype}"
        )
    array = array.astype(np.float64)
    # One pose, or flat rows of which the known joint orders tell the numbers per joint.
    if array.ndim == 2 and array.shape[1] in (2, 3):
        array = array[np.newaxis]
    elif array.ndim == 2:
        fitting = []
        for channels in (2, 3):
            joints, rest = divmod(array.shape[1], channels)
            if rest == 0 and joints in joint_counts():
                fitting.append(channels)
        if len(fitting) == 1:
            array = array.reshape(len(array), -1, fitting[0])
    # MediaPipe's x, y, z and visibility.
    if array.ndim == 2 and array.shape[1] == math.prod(_MEDIAPIPE_SHAPE):
        array = array.reshape(len(array), *_MEDIAPIPE_SHAPE)
    if array.ndim in (3, 4) and array.shape[-2:] == _MEDIAPIPE_SHAPE:
        array = array[..., [0, 1, 3]]
    if array.ndim not in (3, 4) or array.shape[-1] not in (2, 3) or array.shape[-2] < 2:
        turned = array.ndim == 3 and array.shape[1] in (2, 3)
        hint = "; swap the last two axes" if turned else ""
        raise JaxposeError(
            f"{where}: expected an array [F, J, 2 or 3] of frames, joints and x, y and "
            f"confidence, found {list(array.shape)}{hint}"
        )
    return array


def _with_scores(array: np.ndarray, scores: Any, where: str) -> np.ndarray:
    """Returns the array with the confidences as its last column.

    Raises:
      JaxposeError: their shape is not that of the joints.
    """
    if array.shape[-1] == 3:
        return array
    try:
        column = np.array(_listed(scores), np.float64)
    except (TypeError, ValueError, OverflowError):
        column = np.zeros(0)
    # One pose has an axis of frames by now, and its scores have none.
    if len(array) == 1 and column.shape in (array.shape[1:-1], (*array.shape[1:-1], 1)):
        column = column[np.newaxis]
    if column.shape == array.shape[:-1]:
        column = column[..., np.newaxis]
    if column.shape != (*array.shape[:-1], 1):
        raise JaxposeError(
            f"{where}: scores of shape {list(np.shape(column))} beside keypoints of "
            f"shape {list(array.shape)}; expected one per joint"
        )
    return np.concatenate([array, column], axis=-1)


def _frames_first(array: np.ndarray, key: str, where: str) -> tuple[np.ndarray, bool]:
    """Returns `[F, P, J, C]`, and whether a place on the axis P is one person.

    Where both axes are long, or equally short, the file does not say which is which.

    Raises:
      JaxposeError: the shape does not tell people and frames apart.
    """
    if array.ndim == 3:
        return array[:, np.newaxis], True
    first_axis, second_axis = array.shape[:2]
    is_by_person = first_axis < second_axis or first_axis == 1
    is_by_person = is_by_person or (first_axis == second_axis and key == "kpts")
    people = min(first_axis, second_axis)
    is_clear = first_axis != second_axis or people == 1 or key == "kpts"
    if not is_clear or people > _MAX_PEOPLE:
        raise JaxposeError(
            f"{where}: {list(array.shape)} does not tell people and frames apart; give "
            "[F, J, 2 or 3], one file per person"
        )
    return (array.swapaxes(0, 1) if is_by_person else array), is_by_person


def _read_people(
    array: np.ndarray,
    is_by_person: bool,
    content: Content,
    format: str,
    numbers: np.ndarray | None,
    fields: dict[str, Any],
) -> Detections:
    """Returns the detections of `[F, P, J, C]`; absent people are NaN or zero."""
    collector = Collector(content.stem, content.where, format)
    number = array.shape[1]
    if is_by_person and number > 1 and format in ("own", "plain"):
        collector.remarks.append(
            f"read as {number} people of one video; for {number} cameras, write one "
            "file per camera"
        )
    for frame, poses in enumerate(array):
        people = []
        for place, pose in enumerate(poses):
            is_there = (np.isfinite(pose[:, :2]) & (pose[:, :2] != 0)).any()
            if is_there:
                people.append(Person(pose, number=place if is_by_person else None))
        collector.add(frame if numbers is None else int(numbers[frame]), people)
    return collector.finish(absent_is_missing=numbers is not None, **fields)


def _read_ragged(
    frames: list[Any],
    scores: Any,
    content: Content,
    format: str,
    numbers: np.ndarray | None,
    fields: dict[str, Any],
) -> Detections:
    """Returns the detections of lists with another number of people per frame.

    Raises:
      JaxposeError: a frame is no list of people, or scores are not of as many.
    """
    scores = _listed(scores)
    if scores is not None and len(scores) != len(frames):
        raise JaxposeError(
            f"{content.where}: {len(frames)} frames, and scores of {len(scores)}; "
            "expected as many"
        )
    collector = Collector(content.stem, content.where, format)
    for frame, poses in enumerate(frames):
        if poses is None:
            poses = []
        # One person's pose has one level less than a list of people.
        if isinstance(poses, list) and depth(poses) == 2:
            poses = [poses]
        if not isinstance(poses, list):
            raise JaxposeError(
                f"{content.where}: frame {frame}: expected a list of people, found "
                f"{shown(poses)}"
            )
        number = frame if numbers is None else int(numbers[frame])
        own = scores[frame] if scores is not None else [None] * len(poses)
        if len(own) != len(poses):
            raise JaxposeError(
                f"{content.where}: frame {frame}: {len(poses)} people, and scores of "
                f"{len(own)}; expected as many"
            )
        people = [Person(*pair) for pair in zip(poses, own, strict=True)]
        collector.add(number, people)
    return collector.finish(**fields)


VIDEO = VideoFormat("plain", lambda content: _key_of(content) is not None, _read)
