"""VideoPose3D's npz files of Human3.6M: `data_3d_h36m.npz` and `data_2d_h36m_<source>.npz`."""

import pathlib
from typing import TypeVar

import numpy as np

from jaxpose.body.skeletons import H36M_32, Skeleton
from jaxpose.datasets.h36m_cameras import CAMERA_NAMES
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.videopose3d_npz import load_keypoints_2d, load_positions_3d
from jaxpose.errors import JaxposeError

POSITIONS_FILE = "data_3d_h36m.npz"

Value = TypeVar("Value")


def keypoints_file(source: str) -> str:
    """File name of the 2D keypoints from `source` (`gt`, `cpn_ft_h36m_dbb`, ...)."""
    return f"data_2d_h36m_{source}.npz"


def read_positions(path: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    """`[F, 32, 3]` by subject and canonical take; metres, world frame.

    Raises:
      JaxposeError: the file is missing, damaged, of another layout, or holds an unknown subject.
    """
    positions = load_positions_3d(path, H36M_32, finite=False)  # told of by clip
    if unknown := [subject for subject in positions if subject not in facts.SUBJECTS]:
        raise JaxposeError(
            f"{path}: subject {unknown[0]!r} is not of {', '.join(facts.SUBJECTS)}"
        )
    if not any(positions.values()):
        raise JaxposeError(f"{path}: positions_3d holds no take; get the file again")
    return _canonical(positions, path)


def read_keypoints(
    path: pathlib.Path, skeleton: Skeleton
) -> dict[str, dict[str, list[np.ndarray]]]:
    """Four `[F, J, 2]` by subject and canonical take, in camera order; pixels.

    Unlabelled subjects (S2, S3, S4) of detection files are left out.

    Raises:
      JaxposeError: the file is missing, damaged, of another layout or with other joints.
    """
    keypoints = load_keypoints_2d(path, skeleton, len(CAMERA_NAMES), finite=False)
    labelled = {
        subject: takes
        for subject, takes in keypoints.items()
        if subject in facts.SUBJECTS
    }
    return _canonical(labelled, path)


def _canonical(
    subjects: dict[str, dict[str, Value]], path: pathlib.Path
) -> dict[str, dict[str, Value]]:
    renamed: dict[str, dict[str, Value]] = {}
    for subject, takes in subjects.items():
        renamed[subject] = {}
        for name, value in takes.items():
            try:
                take = facts.canonical_take(name)
            except JaxposeError as error:
                raise JaxposeError(f"{path}: {subject}: {error}") from None
            if take in renamed[subject]:
                raise JaxposeError(
                    f"{path}: {subject} has take {take!r} under two names; keep one of them"
                )
            renamed[subject][take] = value
    return renamed
