"""Clips of a folder of Human3.6M by recording, and changes of its npz files."""

import pathlib

import numpy as np

from jaxpose.datasets import get_builder
from jaxpose.datasets.report import Report

CPN = "data_2d_h36m_cpn_ft_h36m_dbb.npz"
POSITIONS = "data_3d_h36m.npz"

Examples = dict[tuple[str, str, str], dict]


def examples(source: pathlib.Path, config: str) -> Examples:
    builder = get_builder(f"human36m/{config}", source=source, data_dir="unused")
    clips = [
        clip for split in builder.splits(source, Report("")).values() for clip in split
    ]
    return {(clip["subject"], clip["take"], clip["camera"]): clip for clip in clips}


def assert_same_clips(found: Examples, expected: Examples, pixels: float) -> None:
    assert list(found) == list(expected)
    for key, clip in found.items():
        other = expected[key]
        np.testing.assert_allclose(
            clip["positions_3d"], other["positions_3d"], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            clip["keypoints_2d"], other["keypoints_2d"], rtol=0, atol=pixels
        )
        np.testing.assert_allclose(
            clip["translation"], other["translation"], rtol=0, atol=1e-6
        )
        for field in (
            "action",
            "skeleton",
            "keypoints_skeleton",
            "keypoints_source",
            "fps",
        ):
            assert clip[field] == other[field]


def edit(path: pathlib.Path, change) -> None:
    """Applies `change` to the dictionary of subjects in an npz."""
    with np.load(path, allow_pickle=True) as file:
        entries = {key: file[key].item() for key in file.files}
    change(entries[next(key for key in entries if key.startswith("positions"))])
    np.savez_compressed(path, **entries)
