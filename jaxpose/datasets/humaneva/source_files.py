"""Reads HumanEva-I from VideoPose3D's npz pair or from the .mat files that it is made of.

Both give {subject: {take: ...}} with subjects `Train/S1` and takes `Walking 1 chunk0`. Motion
capture fails now and then; a take is cut into maximal runs of finite and of non-finite frames,
all runs are numbered, and only the finite ones are kept, so numbers may be skipped.
"""

import itertools
import pathlib
import re
from collections.abc import Iterator

import numpy as np

from jaxpose.body.cameras import world_to_camera
from jaxpose.body.skeletons import Skeleton
from jaxpose.datasets import schema
from jaxpose.datasets.arrays import require_array
from jaxpose.datasets.humaneva import facts
from jaxpose.datasets.mat_file import load_mat
from jaxpose.datasets.videopose3d_npz import (
    Keypoints,
    Positions,
    load_keypoints_2d,
    load_positions_3d,
)
from jaxpose.errors import JaxposeError

_TAKE = re.compile(rf"({'|'.join(facts.ACTIONS)}) 1 chunk\d+")


def load(
    source: pathlib.Path,
    skeleton: Skeleton,
    keypoints_skeleton: Skeleton,
    keypoints_source: str,
) -> tuple[Positions, Keypoints]:
    """3D in the world, metres, and 2D in pixels, from whichever files `source`, or its folder, holds.

    The 3D comes from `data_3d_humaneva15.npz` (or 20) where it is there, else from the folder
    `converted_15j` (or 20); detections always come from their npz.

    Raises:
      JaxposeError: a file is missing or bad.
    """
    name = f"humaneva{skeleton.num_joints}"
    source = source if source.is_dir() else source.parent
    positions_file = source / f"data_3d_{name}.npz"
    keypoints_file = source / f"data_2d_{name}_{keypoints_source}.npz"
    converted = source / f"converted_{skeleton.num_joints}j"
    if positions_file.is_file():
        positions, keypoints = load_positions_3d(positions_file, skeleton), None
    elif converted.is_dir():
        positions, keypoints = load_converted(converted, skeleton)
    else:
        raise JaxposeError(
            f"{source} holds neither {positions_file.name} nor the folder {converted.name}: "
            f"one of them is needed for the 3D. {facts.HOW_TO_GET}"
        )
    if keypoints is None or keypoints_source != "gt":
        keypoints = load_keypoints_2d(
            keypoints_file, keypoints_skeleton, len(facts.CAMERA_NAMES)
        )
    return positions, keypoints


def load_converted(
    folder: pathlib.Path, skeleton: Skeleton
) -> tuple[Positions, Keypoints]:
    """As the npz pair holds them, from `folder/Train/S1/Walking_1.mat` and so on.

    Each file has `poses_3d [F, J, 3]`, mm in the world, and `poses_2d [3, F, J, 2]`, pixels.

    Raises:
      JaxposeError: a file is bad, or its length is not that of protocol P.4. A file may be
        absent; the check of the builder tells of it.
    """
    positions: Positions = {}
    keypoints: Keypoints = {}
    for subject in facts.SUBJECTS:
        for action in facts.ACTIONS:
            path = folder / subject / f"{action}_1.mat"
            if not path.is_file():
                continue
            poses_3d, poses_2d = _read_mat(
                path, skeleton, facts.num_frames(subject, action)
            )
            for index, frames in _finite_runs(path, poses_3d, poses_2d):
                take = f"{action} 1 chunk{index}"
                positions.setdefault(subject, {})[take] = poses_3d[frames] / 1000
                keypoints.setdefault(subject, {})[take] = list(poses_2d[:, frames])
    return positions, keypoints


def _read_mat(
    path: pathlib.Path, skeleton: Skeleton, num_frames: int
) -> tuple[np.ndarray, np.ndarray]:
    held = load_mat(path, ("poses_3d", "poses_2d"))
    joints = skeleton.num_joints
    poses_3d = require_array(
        held["poses_3d"], f"{path}: poses_3d", (None, joints, 3), finite=False
    )
    if len(poses_3d) != num_frames:
        raise JaxposeError(
            f"{path}: poses_3d has {len(poses_3d)} frames, the published split has {num_frames}; "
            "convert with HumanEva-I release 1.1 and its OFS update"
        )
    shape = (len(facts.CAMERA_NAMES), num_frames, joints, 2)
    return poses_3d, require_array(
        held["poses_2d"], f"{path}: poses_2d", shape, finite=False
    )


def _finite_runs(
    path: pathlib.Path, poses_3d: np.ndarray, poses_2d: np.ndarray
) -> Iterator[tuple[int, slice]]:
    """Runs of finite frames with their number among all runs."""
    finite = np.isfinite(poses_3d).all(axis=(1, 2))
    finite_2d = np.isfinite(poses_2d).all(axis=(0, 2, 3))
    if (finite != finite_2d).any():
        raise JaxposeError(
            f"{path}: poses_3d and poses_2d are not finite in the same frames; they differ first in "
            f"frame {int((finite != finite_2d).argmax())}, so they were not written together"
        )
    bounds = [0, *(np.flatnonzero(np.diff(finite)) + 1), len(finite)]
    for index, (start, end) in enumerate(itertools.pairwise(bounds)):
        if finite[start]:
            yield index, slice(int(start), int(end))


def examples(
    positions: Positions,
    keypoints: Keypoints,
    subject: str,
    skeleton: Skeleton,
    keypoints_skeleton: Skeleton,
    keypoints_source: str,
) -> Iterator[dict]:
    """Examples of `schema.clip_features` of one subject: 3D moved to each camera's frame.

    Raises:
      JaxposeError: a name is unknown, 2D is missing or shorter than 3D, or a number is not finite.
    """
    for take, world in positions.get(subject, {}).items():
        if _TAKE.fullmatch(take) is None:
            raise JaxposeError(
                f"{subject}: unknown take {take!r}; expected names like 'Walking 1 chunk0'"
            )
        action = take.split()[0]
        if (subject.partition("/")[2], action) == facts.SKIPPED:
            continue
        if take not in keypoints.get(subject, {}):
            known = ", ".join(keypoints.get(subject, ())) or "nothing"
            raise JaxposeError(
                f"the 2D file lacks {subject}/{take}, which the 3D has; it has {known}"
            )
        for camera, view in zip(
            facts.cameras_of(subject), keypoints[subject][take], strict=True
        ):
            if len(view) < len(world):
                raise JaxposeError(
                    f"{subject}/{take}/{camera.name}: 2D has {len(view)} frames, fewer than the "
                    f"{len(world)} of 3D; the files do not belong together"
                )
            yield schema.clip_example(
                subject=subject,
                action=action,
                take=take,
                camera=camera,
                skeleton=skeleton,
                keypoints_skeleton=keypoints_skeleton,
                keypoints_source=keypoints_source,
                keypoints_2d=view[: len(world)],
                positions_3d=world_to_camera(
                    world, np.array(camera.orientation), np.array(camera.translation)
                ),
                fps=facts.FPS,
            )
