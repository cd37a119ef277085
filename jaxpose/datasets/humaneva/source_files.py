"""Reads HumanEva-I from VideoPose3D's npz pair or from the .mat files it is made of.

Both give {subject: {take: ...}} with subjects `Train/S1` and takes `Walking 1 chunk0`.
Motion capture sometimes fails. A take is cut into maximal runs of finite and of
non-finite frames; all runs are numbered and only the finite ones are kept, so numbers
may be skipped.
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
from jaxpose.wording import cut, shown

_TAKE = re.compile(rf"({'|'.join(facts.ACTIONS)}) 1 chunk\d+")


def load(
    source: pathlib.Path,
    skeleton: Skeleton,
    keypoints_skeleton: Skeleton,
    keypoints_source: str,
) -> tuple[Positions, Keypoints]:
    """Returns 3D in the world, metres, and 2D in pixels.

    The 3D comes from `data_3d_humaneva15.npz` (or 20) where it is there, else from the
    folder `converted_15j` (or 20). Detections always come from their npz.

    Args:
      source: the folder of the files, or one of them.
      skeleton: joints of the 3D, 15 or 20.
      keypoints_skeleton: joints of the 2D.
      keypoints_source: `gt`, or the detector in the name of the 2D file.

    Raises:
      JaxposeError: a file is missing or bad.
    """
    name = f"humaneva{skeleton.num_joints}"
    source = source if source.is_dir() else source.parent
    positions_file = source / f"data_3d_{name}.npz"
    keypoints_file = source / f"data_2d_{name}_{keypoints_source}.npz"
    converted = source / f"converted_{skeleton.num_joints}j"

    # The .mat files hold both 3D and its projections, the npz files one each.
    keypoints = None
    if positions_file.is_file():
        positions = load_positions_3d(positions_file, skeleton)
    elif converted.is_dir():
        positions, keypoints = load_converted(converted, skeleton)
    else:
        raise JaxposeError(
            f"{source} holds neither {positions_file.name} nor the folder "
            f"{converted.name}: one of them is needed for the 3D. {facts.HOW_TO_GET}"
        )
    if keypoints is None or keypoints_source != "gt":
        keypoints = load_keypoints_2d(
            keypoints_file, keypoints_skeleton, len(facts.CAMERA_NAMES)
        )
    return positions, keypoints


def load_converted(
    folder: pathlib.Path, skeleton: Skeleton
) -> tuple[Positions, Keypoints]:
    """Returns what the npz pair holds, from `folder/Train/S1/Walking_1.mat` and so on.

    Each file has `poses_3d [F, J, 3]`, millimetres in the world, and `poses_2d [3, F,
    J, 2]`, pixels. A file may be absent; the builder's inspection reports it.

    Raises:
      JaxposeError: a file is bad, or its length is not that of protocol P.4.
    """
    # Take names are those of the npz pair, so that the rest of the program sees no
    # difference.
    positions: Positions = {}
    keypoints: Keypoints = {}
    for subject, action in itertools.product(facts.SUBJECTS, facts.ACTIONS):
        path = folder / subject / f"{action}_1.mat"
        if not path.is_file():
            continue
        num_frames = facts.num_frames(subject, action)
        poses_3d, poses_2d = _read_mat(path, skeleton, num_frames)
        for index, run in _finite_runs(path, poses_3d, poses_2d):
            take = f"{action} 1 chunk{index}"
            positions.setdefault(subject, {})[take] = poses_3d[run] / 1000
            keypoints.setdefault(subject, {})[take] = list(poses_2d[:, run])
    return positions, keypoints


def _read_mat(
    path: pathlib.Path, skeleton: Skeleton, num_frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns `poses_3d [F, J, 3]` and `poses_2d [3, F, J, 2]` of one file.

    Raises:
      JaxposeError: the file is damaged, or has another shape or length.
    """
    held = load_mat(path, ("poses_3d", "poses_2d"))
    joints = skeleton.num_joints
    # Frames without motion capture are NaN; `_finite_runs` cuts them out.
    poses_3d = require_array(
        held["poses_3d"], f"{path}: poses_3d", (None, joints, 3), finite=False
    )
    if len(poses_3d) != num_frames:
        raise JaxposeError(
            f"{path}: poses_3d has {len(poses_3d)} frames, the published split has "
            f"{num_frames}; convert with HumanEva-I release 1.1 and its OFS update"
        )
    shape = (len(facts.CAMERA_NAMES), num_frames, joints, 2)
    poses_2d = require_array(held["poses_2d"], f"{path}: poses_2d", shape, finite=False)
    return poses_3d, poses_2d


def _finite_runs(
    path: pathlib.Path, poses_3d: np.ndarray, poses_2d: np.ndarray
) -> Iterator[tuple[int, slice]]:
    """Yields the runs of finite frames with their number among all runs.

    Raises:
      JaxposeError: 3D and 2D are not finite in the same frames.
    """
    # A frame counts as a whole: clips have no holes in single joints.
    finite = np.isfinite(poses_3d).all(axis=(1, 2))
    finite_2d = np.isfinite(poses_2d).all(axis=(0, 2, 3))
    differs = finite != finite_2d
    if differs.any():
        raise JaxposeError(
            f"{path}: poses_3d and poses_2d are not finite in the same frames; they "
            f"differ first in frame {int(differs.argmax())}, so they were not written "
            "together"
        )
    # Runs begin where the flag changes.
    changes = np.flatnonzero(np.diff(finite)) + 1
    bounds = [0, *changes.tolist(), len(finite)]
    for index, (start, end) in enumerate(itertools.pairwise(bounds)):
        if finite[start]:
            yield index, slice(start, end)


def subject_examples(
    positions: Positions,
    keypoints: Keypoints,
    subject: str,
    skeleton: Skeleton,
    keypoints_skeleton: Skeleton,
    keypoints_source: str,
) -> Iterator[dict]:
    """Yields examples of `schema.clip_features` of one subject, 3D in camera frames.

    Args:
      positions: 3D from `load`.
      keypoints: 2D from `load`.
      subject: the subject, such as `Train/S1`.
      skeleton: joints of the 3D.
      keypoints_skeleton: joints of the 2D.
      keypoints_source: `gt`, or the detector.

    Raises:
      JaxposeError: a name is unknown, 2D is missing or shorter than 3D, or a number is
        not finite.
    """
    # The cameras are in the order of the views in the file.
    subject_cameras = facts.cameras_of(subject)
    subject_keypoints = keypoints.get(subject, {})
    for take, world in positions.get(subject, {}).items():
        if _TAKE.fullmatch(take) is None:
            raise JaxposeError(
                f"{subject}: unknown take {shown(take)}; "
                "expected names like 'Walking 1 chunk0'"
            )
        # Damaged motion capture, which some files hold all the same.
        action = take.split()[0]
        if (subject.partition("/")[2], action) == facts.SKIPPED:
            continue
        if take not in subject_keypoints:
            known = cut(", ".join(subject_keypoints)) or "nothing"
            raise JaxposeError(
                f"the 2D file lacks {subject}/{take}, which the 3D has; it has {known}"
            )
        views = subject_keypoints[take]
        for camera, view in zip(subject_cameras, views, strict=True):
            # Detections may run on after the motion capture, but not end before it.
            num_frames = len(world)
            if len(view) < num_frames:
                raise JaxposeError(
                    f"{subject}/{take}/{camera.name}: 2D has {len(view)} frames, fewer "
                    f"than the {num_frames} of 3D; the files do not belong together"
                )
            positions_3d = world_to_camera(
                world, np.array(camera.orientation), np.array(camera.translation)
            )
            yield schema.clip_example(
                subject=subject,
                action=action,
                take=take,
                camera=camera,
                skeleton=skeleton,
                keypoints_skeleton=keypoints_skeleton,
                keypoints_source=keypoints_source,
                keypoints_2d=view[:num_frames],
                positions_3d=np.asarray(positions_3d),
                fps=facts.FPS,
            )
