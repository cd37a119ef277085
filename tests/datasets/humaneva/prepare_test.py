"""HumanEva-I is prepared and read back; missing files are named."""

import shutil

import pytest

from jaxpose.datasets import get_builder
from jaxpose.datasets.humaneva import facts
from jaxpose.datasets.prepared import load_clips
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests.datasets.humaneva.clips import npz_contents, write_pair


def test_prepares_and_reads_back(folder, tmp_path):
    report = prepare("humaneva/gt", source=folder / "npz", data_dir=tmp_path)
    clips = load_clips("humaneva/gt", tmp_path)
    assert clips.subjects == facts.SUBJECTS
    assert report.subjects["Train/S1"].takes == [
        "Walking 1 chunk0",
        "Jog 1 chunk0",
        "ThrowCatch 1 chunk0",
        "Gestures 1 chunk0",
        "Box 1 chunk1",
    ]
    assert not [finding for finding in report.findings if finding.status == "missing"]
    found = {(row.subject, row.take): row for row in report.findings}
    assert {row.status for row in found.values()} == {"complete"}
    assert (found["Train/S1", ""].frames, found["Train/S1", ""].published) == (
        2268 - 25,
        2268,
    )
    jog = found["Train/S2", "Jog"]
    assert (jog.frames, jog.published, jog.detail) == (397 - 10 - 7, 397, "2 chunks")
    assert found["Train/S3", ""].detail == "4 of 4 takes"  # ThrowCatch is none of them


def test_throw_catch_of_s3_is_skipped_with_a_note(folder, tmp_path):
    contents = npz_contents(folder / "npz")
    for name in ("positions_3d", "positions_2d"):
        subject = contents[name]["Train/S3"]
        subject["ThrowCatch 1 chunk0"] = subject["Box 1 chunk0"]
    write_pair(tmp_path, contents)
    builder = get_builder("humaneva/gt", source=tmp_path, data_dir="unused")
    report = Report("")
    clips = [
        clip for split in builder.splits(tmp_path, report).values() for clip in split
    ]
    assert not any(
        clip["subject"] == "Train/S3" and clip["action"] == "ThrowCatch"
        for clip in clips
    )
    assert report.notes == [
        "ThrowCatch of S3 is skipped: its motion capture is damaged"
    ]


def test_missing_files(folder, tmp_path):
    with pytest.raises(JaxposeError, match="does not exist"):
        prepare("humaneva", source=tmp_path / "nowhere", data_dir=tmp_path / "data")
    (tmp_path / "other.txt").write_text("nothing")
    with pytest.raises(
        JaxposeError,
        match=r"neither data_3d_humaneva15\.npz nor the folder converted_15j",
    ):
        prepare("humaneva", source=tmp_path, data_dir=tmp_path / "data")
    shutil.copy(folder / "npz" / "data_3d_humaneva15.npz", tmp_path)
    with pytest.raises(
        JaxposeError, match=r"data_2d_humaneva15_gt\.npz does not exist"
    ):
        prepare("humaneva", source=tmp_path, data_dir=tmp_path / "data")
