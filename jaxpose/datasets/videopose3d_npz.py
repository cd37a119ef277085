"""Reads the npz pair of VideoPose3D, in which most of the field exchanges its data.

`data_3d_<name>.npz` holds `positions_3d`: {subject: {action: [F, J, 3]}}, metres, world
frame. `data_2d_<name>_<source>.npz` holds `positions_2d`: {subject: {action: [per
camera [F, J, 2]]}}, pixels, and `metadata` with the left and right joints of its
skeleton.
"""

import pathlib
from typing import Any

import numpy as np

from jaxpose.body.skeletons import Skeleton
from jaxpose.datasets.arrays import require_array, require_key
from jaxpose.datasets.restricted import load_npz
from jaxpose.errors import JaxposeError
from jaxpose.wording import shown

Positions = dict[str, dict[str, np.ndarray]]
Keypoints = dict[str, dict[str, list[np.ndarray]]]


def load_positions_3d(
    path: pathlib.Path, skeleton: Skeleton, *, finite: bool = True
) -> Positions:
    """Returns {subject: {action: [F, J, 3]}}, metres, world frame.

    Args:
      path: the npz file.
      skeleton: joints of the file.
      finite: whether infinities and NaN are an error.

    Raises:
      JaxposeError: the file is missing or damaged, or an entry is not of `skeleton` or
        not finite.
    """
    subjects = require_key(load_npz(path), "positions_3d", str(path))
    shape = (None, skeleton.num_joints, 3)
    positions: Positions = {}
    for subject, actions in _named_items(subjects, f"{path}: positions_3d"):
        positions[subject] = {}
        where = f"{path}: positions_3d[{shown(subject)}]"
        for action, array in _named_items(actions, where):
            positions[subject][action] = require_array(
                array, f"{where}[{shown(action)}]", shape, finite=finite
            )
    return positions


def load_keypoints_2d(
    path: pathlib.Path, skeleton: Skeleton, num_cameras: int, *, finite: bool = True
) -> Keypoints:
    """Returns {subject: {action: [per camera [F, J, 2]]}}, pixels.

    Args:
      path: the npz file.
      skeleton: joints of the file.
      num_cameras: number of cameras to read; further ones are ignored.
      finite: whether infinities and NaN are an error.

    Raises:
      JaxposeError: the file is missing or damaged, an entry is not of `skeleton`, has
        fewer cameras or is not finite, or the file's left and right joints are those of
        another joint order.
    """
    contents = load_npz(path)
    subjects = require_key(contents, "positions_2d", str(path))
    metadata = require_key(contents, "metadata", str(path))
    _require_skeleton(metadata, skeleton, f"{path}: metadata")

    keypoints: Keypoints = {}
    for subject, actions in _named_items(subjects, f"{path}: positions_2d"):
        keypoints[subject] = {}
        where = f"{path}: positions_2d[{shown(subject)}]"
        for action, views in _named_items(actions, where):
            keypoints[subject][action] = _views(
                views, skeleton, num_cameras, f"{where}[{shown(action)}]", finite
            )
    return keypoints


def _views(
    views: Any, skeleton: Skeleton, num_cameras: int, where: str, finite: bool
) -> list[np.ndarray]:
    """Returns the `[F, J, 2]` of the first `num_cameras` cameras of one recording."""
    # numpy saves a list of cameras with equal lengths as one array.
    is_list = isinstance(views, list | tuple)
    is_array = isinstance(views, np.ndarray) and views.ndim > 0
    if not is_list and not is_array:
        raise JaxposeError(f"{where}: expected a list of {num_cameras} cameras")
    if len(views) < num_cameras:
        raise JaxposeError(
            f"{where}: expected {num_cameras} cameras, found {len(views)}"
        )
    shape = (None, skeleton.num_joints, 2)
    arrays = []
    for camera, view in enumerate(views[:num_cameras]):
        arrays.append(require_array(view, f"{where}[{camera}]", shape, finite=finite))
    return arrays


def _named_items(mapping: Any, where: str) -> list[tuple[str, Any]]:
    """Returns the items of a dict whose keys are names.

    Raises:
      JaxposeError: the file holds something else in its place.
    """
    if not isinstance(mapping, dict) or not all(
        isinstance(key, str) for key in mapping
    ):
        raise JaxposeError(
            f"{where}: expected a dict with names as keys, "
            f"found a {type(mapping).__name__}"
        )
    return list(mapping.items())


def _require_skeleton(metadata: Any, skeleton: Skeleton, where: str) -> None:
    """Raises JaxposeError if the file's left and right joints are not `skeleton`'s."""
    symmetry = require_key(metadata, "keypoints_symmetry", where)
    # Sides are compared as sets: the published MPII files list the two sides in
    # different orders, which pairs a left hip with a right ankle.
    expected = [sorted(skeleton.left), sorted(skeleton.right)]
    try:
        found = [sorted(int(joint) for joint in side) for side in symmetry]
    except (TypeError, ValueError, OverflowError):
        found = symmetry  # not two lists of numbers; the message shows what it is
    if found != expected:
        raise JaxposeError(
            f"{where}['keypoints_symmetry'] is {found}, but {skeleton.name} has "
            f"{expected}: the file holds other joints"
        )
