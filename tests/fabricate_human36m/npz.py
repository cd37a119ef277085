"""The npz files of VideoPose3D."""

import pathlib

import numpy as np

from jaxpose.datasets.h36m_cameras import SUBJECTS, h36m_cameras
from tests.fabricate_human36m.world import (
    BODY_17,
    detect,
    motion,
    num_frames,
    pixels,
    takes_of,
    video_frames,
)


def fabricate_npz(
    folder: pathlib.Path,
    subjects: tuple[str, ...] = SUBJECTS,
    most_takes: int | None = None,
) -> None:
    """Writes `data_3d_h36m.npz` and `data_2d_h36m_*.npz`.

    The 2D is ground truth, CPN, Detectron (fine-tuned and of COCO) and hourglass.
    """
    folder.mkdir(parents=True, exist_ok=True)
    positions: dict = {}
    keypoints: dict = {
        "gt": {},
        "cpn_ft_h36m_dbb": {},
        "detectron_ft_h36m": {},
        "detectron_pt_coco": {},
        "sh_ft_h36m": {},
        "sh_pt_mpii": {},
    }
    for subject in subjects:
        positions[subject] = {}
        for take in takes_of(subject, most_takes):
            lengths = video_frames(subject, take)
            world = motion(subject, take, max(lengths))
            frames = num_frames(subject, take)
            positions[subject][take] = world[:frames].astype(np.float32)
            for source, detected in keypoints.items():
                views = []
                for camera, length in zip(h36m_cameras(subject), lengths, strict=True):
                    if source == "gt":
                        exact = pixels(world[:frames, BODY_17], camera)
                        views.append(exact.astype(np.float32))
                    else:
                        seed = f"{source} {subject} {take} {camera.name}"
                        views.append(
                            detect(world[:length], camera, _layout(source), seed)
                        )
                detected.setdefault(subject, {})[take] = views
    unlabelled = [np.zeros((5, 17, 2), np.float32)] * 4
    keypoints["cpn_ft_h36m_dbb"]["S2"] = {"Directions": unlabelled}
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=positions)
    for source, detected in keypoints.items():
        np.savez_compressed(
            folder / f"data_2d_h36m_{source}.npz",
            positions_2d=detected,
            metadata=_metadata(_layout(source)),
        )


def _layout(source: str) -> str:
    return {"sh": "mpii_16"}.get(
        source[:2], "coco_17" if source.endswith("coco") else "h36m_17"
    )


def _metadata(joints: str) -> dict:
    symmetry = {
        "h36m_17": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]],
        "coco_17": [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]],
        "mpii_16": [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]],
    }[joints]
    name, _, number = joints.rpartition("_")
    return {
        "layout_name": name,
        "num_joints": int(number),
        "keypoints_symmetry": symmetry,
    }
