"""Errors name what is wrong with an npz pair of HumanEva-I."""

import numpy as np
import pytest

from jaxpose.body.skeletons import COCO_17
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests.datasets.humaneva.clips import npz_contents, write_pair


def remove_subject(contents):
    del contents["positions_3d"]["Train/S2"]


def remove_action(contents):
    del contents["positions_3d"]["Validate/S1"]["Jog 1 chunk0"]


def remove_2d(contents):
    del contents["positions_2d"]["Train/S1"]["Jog 1 chunk0"]


def remove_camera(contents):
    contents["positions_2d"]["Train/S1"]["Jog 1 chunk0"].pop()


def shorten_2d(contents):
    views = contents["positions_2d"]["Train/S1"]["Jog 1 chunk0"]
    views[1] = views[1][:-1]


def other_joints(contents):
    contents["positions_3d"]["Train/S1"]["Jog 1 chunk0"] = np.zeros((373, 17, 3))


def other_layout(contents):
    contents["metadata"]["keypoints_symmetry"] = [
        list(COCO_17.left),
        list(COCO_17.right),
    ]


def text(contents):
    contents["positions_3d"]["Train/S1"]["Jog 1 chunk0"] = "positions"


def not_finite(contents):
    contents["positions_3d"]["Train/S1"]["Jog 1 chunk0"][7, 3, 1] = np.nan


def other_name(contents):
    contents["positions_3d"]["Train/S1"]["Jogging 1 chunk0"] = np.zeros((5, 15, 3))


def list_of_subjects(contents):
    contents["positions_3d"] = [1, 2]


def no_positions(contents):
    contents["poses"] = contents.pop("positions_3d")


def no_metadata(contents):
    del contents["metadata"]


@pytest.mark.parametrize("damage, message", [
    (remove_subject, "lacks Train/S2 of the split 'train'"),
    (remove_action, "lacks Validate/S1 Jog of the split 'validation'"),
    (remove_2d, "2D file lacks Train/S1/Jog 1 chunk0"),
    (remove_camera, "expected 3 cameras, found 2"),
    (
        shorten_2d,
        "Train/S1/Jog 1 chunk0/C2: 2D has 372 frames, fewer than the 373 of 3D",
    ),
    (other_joints, r"expected shape \[F, 15, 3\], found \[373, 17, 3\]"),
    (other_layout, "the file holds other joints"),
    (text, r"expected an array \[F, 15, 3\] of numbers, found a str"),
    (not_finite, r"1 numbers are not finite, the first at \[7, 3, 1\]"),
    (other_name, "unknown take 'Jogging 1 chunk0'"),
    (list_of_subjects, "expected a dict with names as keys, found a ndarray"),
    (
        no_positions,
        "data_3d_humaneva15.npz: key 'positions_3d' is missing; the file holds 'poses'",
    ),
    (no_metadata, "data_2d_humaneva15_gt.npz: key 'metadata' is missing"),
])  # fmt: skip
def test_bad_npz(folder, tmp_path, damage, message):
    contents = npz_contents(folder / "npz")
    damage(contents)
    source = tmp_path / "source"
    source.mkdir()
    write_pair(source, contents)
    with pytest.raises(JaxposeError, match=message):
        prepare("humaneva/gt", source=source, data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()
