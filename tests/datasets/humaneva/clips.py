"""Clips of a folder of HumanEva-I by recording, and contents of an npz pair."""

import pathlib

import numpy as np

from jaxpose.datasets import get_builder
from jaxpose.datasets.report import Report


def examples(
    source: pathlib.Path, config: str = "gt"
) -> dict[tuple[str, str, str], dict]:
    builder = get_builder(f"humaneva/{config}", source=source, data_dir="unused")
    clips = [
        clip for split in builder.splits(source, Report("")).values() for clip in split
    ]
    return {(clip["subject"], clip["take"], clip["camera"]): clip for clip in clips}


def npz_contents(folder: pathlib.Path) -> dict:
    """A copy of the ground-truth pair that a test may change."""
    contents = {}
    for name in ("data_3d_humaneva15", "data_2d_humaneva15_gt"):
        with np.load(folder / f"{name}.npz", allow_pickle=True) as arrays:
            contents |= {key: arrays[key].item() for key in arrays}
    return contents


def write_pair(folder: pathlib.Path, contents: dict) -> None:
    keypoints = {
        key: contents[key] for key in ("positions_2d", "metadata") if key in contents
    }
    np.savez(folder / "data_2d_humaneva15_gt.npz", **keypoints)
    np.savez(
        folder / "data_3d_humaneva15.npz",
        **{k: v for k, v in contents.items() if k not in keypoints},
    )
