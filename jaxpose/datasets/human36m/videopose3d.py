"""Reads VideoPose3D's npz files of Human3.6M.

`data_3d_h36m.npz` holds the 3D, `data_2d_h36m_<source>.npz` the keypoints of one
source.
"""

import pathlib
from typing import TypeVar

import numpy as np

from jaxpose.body.skeletons import H36M_32, Skeleton
from jaxpose.datasets.h36m_cameras import CAMERA_NAMES
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.videopose3d_npz import load_keypoints_2d, load_positions_3d
from jaxpose.errors import JaxposeError
from jaxpose.wording import shown

POSITIONS_FILE = "data_3d_h36m.npz"

Value = TypeVar("Value")


def keypoints_file(source: str) -> str:
    """Returns the file name of the keypoints from `source`, such as `gt`."""
    return f"data_2d_h36m_{source}.npz"


def read_positions(path: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    """Returns `[F, 32, 3]` by subject and canonical take; metres, world frame.

    Raises:
      JaxposeError: the file is missing, damaged, of another layout, or holds an unknown
        subject.
    """
    # Numbers that are not finite are reported by clip, when it is made.
    positions = load_positions_3d(path, H36M_32, finite=False)
    for subject in positions:
        if subject not in facts.SUBJECTS:
            raise JaxposeError(
                f"{path}: subject {shown(subject)} is not of "
                f"{', '.join(facts.SUBJECTS)}"
            )
    if not any(positions.values()):
        raise JaxposeError(f"{path}: positions_3d holds no take; get the file again")
    return _canonical(positions, path)


def read_keypoints(
    path: pathlib.Path, skeleton: Skeleton
) -> dict[str, dict[str, list[np.ndarray]]]:
    """Returns four `[F, J, 2]` by subject and canonical take, in camera order; pixels.

    Raises:
      JaxposeError: the file is missing, damaged, of another layout or with other
        joints.
    """
    keypoints = load_keypoints_2d(path, skeleton, len(CAMERA_NAMES), finite=False)
    # Detection files also hold S2, S3 and S4, which have no ground truth.
    labelled = {}
    for subject, takes in keypoints.items():
        if subject in facts.SUBJECTS:
            labelled[subject] = takes
    return _canonical(labelled, path)


def _canonical(
    subjects: dict[str, dict[str, Value]], path: pathlib.Path
) -> dict[str, dict[str, Value]]:
    """Returns the same by canonical take names.

    Raises:
      JaxposeError: a take is unknown, or occurs under both of its names.
    """
    renamed: dict[str, dict[str, Value]] = {}
    for subject, takes in subjects.items():
        renamed[subject] = {}
        for name, value in takes.items():
            try:
                take = facts.canonical_take(name)
            except JaxposeError as error:
                raise JaxposeError(f"{path}: {subject}: {error}") from None
            # Files of several tools merged by hand can hold both spellings.
            if take in renamed[subject]:
                raise JaxposeError(
                    f"{path}: {subject} has take {shown(take)} under two names; "
                    "keep one of them"
                )
            renamed[subject][take] = value
    return renamed
