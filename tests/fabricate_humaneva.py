"""Writes HumanEva-I as VideoPose3D's .mat files and npz pairs hold it, quirks included.

Takes are as long as the published ones. Motion capture fails in three of them, so that
chunk numbers are skipped. S3 has no ThrowCatch. The detection file has unlabelled
chunks as well.
"""

import dataclasses
import functools
import pathlib

import numpy as np
import scipy.io

from jaxpose.body.skeletons import COCO_17, get_skeleton
from jaxpose.datasets.humaneva import facts
from tests.fabricated_motion import positions_world, seen_by

FAILURES = {  # frames [start, end) without motion capture
    ("Train/S1", "Box"): ((0, 25),),
    ("Train/S2", "Jog"): ((100, 110), (390, 397)),
    ("Validate/S1", "Walking"): ((300, 301),),
}
FOCAL = 600.0


def fabricate_mat(
    folder: pathlib.Path, joints: int = 15, subjects: tuple[str, ...] = facts.SUBJECTS
) -> None:
    """`converted_15j/Train/S1/Walking_1.mat` and so on."""
    for subject, action in _takes(subjects):
        poses_3d, poses_2d, _ = _take(subject, action, joints)
        path = folder / f"converted_{joints}j" / subject / f"{action}_1.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(
            path,
            {"poses_3d": 1000 * poses_3d, "poses_2d": poses_2d},
            do_compression=True,
        )


def fabricate_npz(
    folder: pathlib.Path, joints: int = 15, subjects: tuple[str, ...] = facts.SUBJECTS
) -> None:
    """`data_3d_humaneva15.npz`, its ground-truth 2D and its COCO detections."""
    positions_3d, positions_2d, detections = {}, {}, {}
    for subject, action in _takes(subjects):
        poses_3d, poses_2d, coco = _take(subject, action, joints)
        for index, (start, end, valid) in enumerate(_runs(subject, action)):
            take = f"{action} 1 chunk{index}"
            name = subject if valid else f"Unlabeled/{subject}"
            detections.setdefault(name, {})[take] = [
                view[start:end].astype(np.float32) for view in coco
            ]
            if valid:
                positions_3d.setdefault(subject, {})[take] = poses_3d[start:end].astype(
                    np.float32
                )
                positions_2d.setdefault(subject, {})[take] = [
                    view[start:end].astype(np.float32) for view in poses_2d
                ]
    detections["Unlabeled/S4"] = {
        "Box 2 chunk0": [view[:10].astype(np.float32) for view in coco]
    }
    folder.mkdir(parents=True, exist_ok=True)
    name = f"humaneva{joints}"
    np.savez_compressed(folder / f"data_3d_{name}.npz", positions_3d=positions_3d)
    for source, keypoints, skeleton in (
        ("gt", positions_2d, get_skeleton(f"humaneva_{joints}")),
        ("detectron_pt_coco", detections, COCO_17),
    ):
        metadata = {
            "layout_name": "coco" if skeleton is COCO_17 else name,
            "num_joints": skeleton.num_joints,
            "keypoints_symmetry": [list(skeleton.left), list(skeleton.right)],
        }
        np.savez_compressed(
            folder / f"data_2d_{name}_{source}.npz",
            positions_2d=keypoints,
            metadata=metadata,
        )


def _takes(subjects: tuple[str, ...]) -> list[tuple[str, str]]:
    takes = [(subject, action) for subject in subjects for action in facts.ACTIONS]
    return [
        (subject, action)
        for subject, action in takes
        if (subject[-2:], action) != facts.SKIPPED
    ]


def _runs(subject: str, action: str) -> list[tuple[int, int, bool]]:
    bounds, num_frames = [], facts.num_frames(subject, action)
    start = 0
    for failure in FAILURES.get((subject, action), ()):
        bounds += [(start, failure[0], True), (*failure, False)]
        start = failure[1]
    return [run for run in [*bounds, (start, num_frames, True)] if run[0] < run[1]]


@functools.cache
def _take(
    subject: str, action: str, joints: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns 3D `[F, J, 3]` in metres, 2D `[3, F, J, 2]` and COCO `[3, F, 17, 2]`."""
    num_frames = facts.num_frames(subject, action)
    seed = 10 * facts.SUBJECTS.index(subject) + facts.ACTIONS.index(action)
    skeleton = get_skeleton(f"humaneva_{joints}")
    poses_3d = positions_world(skeleton, num_frames, facts.FPS, seed)
    coco = positions_world(COCO_17, num_frames, facts.FPS, seed)
    cameras = [
        dataclasses.replace(camera, intrinsics=(FOCAL, FOCAL, 320.0, 240.0))
        for camera in facts.cameras_of(subject)
    ]
    poses_2d = np.stack([seen_by(poses_3d, camera)[0] for camera in cameras])
    detections = np.stack([seen_by(coco, camera)[0] for camera in cameras])
    for start, end in FAILURES.get((subject, action), ()):
        poses_3d[start:end, 2] = np.nan
        poses_2d[:, start:end, 2] = np.nan
    return poses_3d, poses_2d, detections
