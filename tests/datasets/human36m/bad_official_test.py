"""Human3.6M: what is wrong with its official files is named."""

import io
import sys
import tarfile

import numpy as np
import pytest

from jaxpose.datasets.human36m.cdf import read_pose
from jaxpose.errors import JaxposeError
from tests import fabricate_human36m
from tests.datasets.human36m.clips import (
    examples,
)


def test_a_missing_camera_is_named(official):
    (official / "S1/MyPoseFeatures/D2_Positions/Directions 1.58860488.cdf").unlink()
    with pytest.raises(
        JaxposeError,
        match=r"D2_Positions of S1, take 'Directions 1', lacks camera 58860488",
    ):
        examples(official, "d2_17")


def test_official_2d_that_is_shorter_is_refused(official):
    path = official / "S1/MyPoseFeatures/D2_Positions/Directions 1.58860488.cdf"
    values = read_pose(path, "", 2)
    fabricate_human36m.write_cdf(path, values[:-1])
    with pytest.raises(JaxposeError, match="must not be shorter"):
        examples(official, "d2_17")
    fabricate_human36m.write_cdf(path, np.concatenate([values, values]))
    assert len(
        examples(official, "d2_17")["S1", "Directions 1", "58860488"]["valid"]
    ) == len(values)


def test_a_strange_file_name_is_refused(official):
    folder = official / "S1/MyPoseFeatures/D3_Positions"
    (folder / "Directions 1.cdf").rename(folder / "Directions 1.54138969.cdf")
    with pytest.raises(
        JaxposeError, match=r"'Directions 1.54138969.cdf' is named unlike"
    ):
        examples(official, "gt_17")


def test_a_cdf_of_another_width_is_refused(official):
    path = official / "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf"
    fabricate_human36m.write_cdf(path, np.ones((9, 64)))
    with pytest.raises(
        JaxposeError,
        match=r"Directions 1\.cdf.*\(1, 9, 64\); expected floats \(1, frames, 96\)",
    ):
        examples(official, "gt_17")


def test_a_take_that_breaks_off_in_zeros_is_refused(official):
    path = official / "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf"
    values = read_pose(path, "", 3)
    values[6:] = 0
    fabricate_human36m.write_cdf(path, values)
    with pytest.raises(JaxposeError, match=r"frame 6 .* holds only zeros"):
        examples(official, "gt_17")


def test_a_take_in_another_byte_order_than_it_says_is_refused(official):
    path = official / "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf"
    content = bytearray(path.read_bytes())
    content[39] = 1  # the encoding: big endian
    path.write_bytes(content)
    with pytest.raises(JaxposeError, match=r"frame 0 .* numbers beyond 100000 mm"):
        examples(official, "gt_17")


def test_without_cdflib_the_extra_is_named(official, monkeypatch):
    monkeypatch.setitem(sys.modules, "cdflib", None)
    with pytest.raises(JaxposeError, match=r"cdflib.*human36m"):
        examples(official, "gt_17")


@pytest.mark.parametrize(
    "name", ["../outside.cdf", "/outside.cdf", "S1/../../outside.cdf"]
)
def test_an_archive_that_leads_outside_is_refused(tmp_path, name):
    path = tmp_path / "Poses_D3_Positions_S1.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    with pytest.raises(JaxposeError, match="refused: member"):
        examples(tmp_path, "gt_17")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_link_in_an_archive_is_refused(tmp_path):
    with tarfile.open(tmp_path / "Poses_D3_Positions_S1.tgz", "w:gz") as archive:
        link = tarfile.TarInfo("S1/MyPoseFeatures/D3_Positions/Directions.cdf")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(JaxposeError, match="refused: member"):
        examples(tmp_path, "gt_17")
