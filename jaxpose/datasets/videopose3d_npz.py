"""The npz pair of VideoPose3D, in which most of the field passes its data around.

`data_3d_<name>.npz` holds `positions_3d`: {subject: {action: [F, J, 3]}}, metres, world frame;
`data_2d_<name>_<source>.npz` holds `positions_2d`: {subject: {action: [per camera [F, J, 2]]}}
in pixels, and `metadata` with the mirror pairs of its joints.
"""

import pathlib

import numpy as np

from jaxpose.body.skeletons import Skeleton
from jaxpose.datasets.arrays import require_array, require_key
from jaxpose.datasets.restricted import load_npz
from jaxpose.errors import JaxposeError

Positions = dict[str, dict[str, np.ndarray]]
Keypoints = dict[str, dict[str, list[np.ndarray]]]


def load_positions_3d(
    path: pathlib.Path, skeleton: Skeleton, *, finite: bool = True
) -> Positions:
    """{subject: {action: [F, J, 3]}}, metres, world frame.

    Raises:
      JaxposeError: the file is missing or damaged, an entry is not of `skeleton` or, where
        `finite` asks for that, not finite.
    """
    held = require_key(load_npz(path), "positions_3d", str(path))
    return {
        subject: {
            action: require_array(
                array,
                f"{path}: positions_3d[{subject!r}][{action!r}]",
                (None, skeleton.num_joints, 3),
                finite=finite,
            )
            for action, array in _items(actions, f"{path}: positions_3d[{subject!r}]")
        }
        for subject, actions in _items(held, f"{path}: positions_3d")
    }


def load_keypoints_2d(
    path: pathlib.Path, skeleton: Skeleton, num_cameras: int, *, finite: bool = True
) -> Keypoints:
    """{subject: {action: [per camera [F, J, 2]]}}, pixels.

    Raises:
      JaxposeError: the file is missing or damaged, an entry is not of `skeleton`, has fewer
        cameras or, where `finite` asks for that, is not finite, or the file's mirror pairs are
        those of another joint order.
    """
    contents = load_npz(path)
    held = require_key(contents, "positions_2d", str(path))
    _check_metadata(
        require_key(contents, "metadata", str(path)), skeleton, f"{path}: metadata"
    )
    keypoints: Keypoints = {}
    for subject, actions in _items(held, f"{path}: positions_2d"):
        keypoints[subject] = {}
        for action, views in _items(actions, f"{path}: positions_2d[{subject!r}]"):
            where = f"{path}: positions_2d[{subject!r}][{action!r}]"
            if (
                not isinstance(views, list | tuple | np.ndarray)
                or getattr(views, "ndim", 1) == 0
            ):
                raise JaxposeError(f"{where}: expected a list of {num_cameras} cameras")
            if len(views) < num_cameras:
                raise JaxposeError(
                    f"{where}: expected {num_cameras} cameras, found {len(views)}"
                )
            keypoints[subject][action] = [
                require_array(
                    view,
                    f"{where}[{camera}]",
                    (None, skeleton.num_joints, 2),
                    finite=finite,
                )
                for camera, view in enumerate(views[:num_cameras])
            ]
    return keypoints


def _items(mapping: object, where: str) -> list[tuple[str, object]]:
    if not isinstance(mapping, dict) or not all(
        isinstance(key, str) for key in mapping
    ):
        raise JaxposeError(
            f"{where}: expected a dict with names as keys, found a {type(mapping).__name__}"
        )
    return list(mapping.items())


def _check_metadata(metadata: object, skeleton: Skeleton, where: str) -> None:
    symmetry = require_key(metadata, "keypoints_symmetry", where)
    # As sets: the published MPII files pair a left hip with a right ankle.
    expected = [sorted(skeleton.left), sorted(skeleton.right)]
    try:
        found = [sorted(int(joint) for joint in side) for side in symmetry]
    except (TypeError, ValueError, OverflowError):
        found = symmetry
    if found != expected:
        raise JaxposeError(
            f"{where}['keypoints_symmetry'] is {found}, but {skeleton.name} has {expected}: "
            "the file holds other joints"
        )
