"""MPI-INF-3DHP is prepared and read back, whole or one part of it."""

import shutil
import sys

import pytest

from jaxpose.datasets import get_builder
from jaxpose.datasets.mpi_inf_3dhp import facts, source_files
from jaxpose.datasets.prepared import load_clips
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests.datasets.mpi_inf_3dhp.clips import FRAMES, examples


def test_prepares_reads_back_and_reports(folder, tmp_path):
    report = prepare("mpi_inf_3dhp", source=folder / "official", data_dir=tmp_path)
    clips = load_clips("mpi_inf_3dhp/univ_annot3", tmp_path)
    assert clips.subjects == (*facts.TRAIN, *facts.TEST)
    assert clips.num_frames == (128 + 6) * FRAMES
    assert sorted(set(clips.activity[clips.valid].tolist())) == [0, 1, 3, 4, 6]
    found = {
        (row.subject, row.take): (row.status, row.frames, row.detail)
        for row in report.findings
    }
    assert found["S1", ""] == ("suspicious", 2 * FRAMES, "2 of 2 takes")
    assert found["S1", "Seq1"] == ("suspicious", FRAMES, "expected 6,416 frames")
    assert found["TS6", ""] == (
        "suspicious",
        FRAMES,
        "expected 492 frames; 4 valid frames, expected 452",
    )


def test_either_part_alone(folder, tmp_path):
    shutil.copytree(
        folder / "official" / "mpi_inf_3dhp_test_set", tmp_path / "only_test"
    )
    assert {subject for subject, _, _ in examples(tmp_path / "only_test")} == set(
        facts.TEST
    )
    (tmp_path / "mixed").mkdir()
    shutil.copy(folder / "p_stmo" / source_files.TRAIN_NPZ, tmp_path / "mixed")
    assert {subject for subject, _, _ in examples(tmp_path / "mixed")} == set(
        facts.TRAIN
    )
    shutil.copytree(tmp_path / "only_test", tmp_path / "mixed" / "test")
    assert len(examples(tmp_path / "mixed")) == 134


def test_an_incomplete_part_is_refused_and_listed_by_the_check(folder, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(folder / "official", source)
    shutil.rmtree(source / "mpi_inf_3dhp" / "S7")
    (source / "mpi_inf_3dhp_test_set" / "TS4" / "annot_data.mat").unlink()
    (source / "mpi_inf_3dhp" / "S3" / "Seq2" / "annot.mat").unlink()
    with pytest.raises(
        JaxposeError,
        match=r"lacks S7, S3 Seq2 of the split 'train'.*S1/Seq1/annot\.mat",
    ):
        prepare("mpi_inf_3dhp", source=source, data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()
    builder = get_builder("mpi_inf_3dhp", source=source, data_dir=tmp_path / "data")
    missing = [
        (row.subject, row.take)
        for row in builder.inspect_source(source)
        if row.status == "missing"
    ]
    assert missing == [("S3", ""), ("S3", "Seq2"), ("S7", ""), ("TS4", "")]
    report = prepare(
        "mpi_inf_3dhp", source=source, data_dir=tmp_path / "data", partial=True
    )
    assert len(report.subjects) == 7 + 5
    assert "without TS4 of the split 'test'" in report.notes[1]


def test_p_stmo_has_no_annot3(folder):
    with pytest.raises(JaxposeError, match="hold univ_annot3 only"):
        examples(folder / "p_stmo", "annot3")


def test_nothing_of_the_data_set(tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(JaxposeError, match="holds no file of MPI-INF-3DHP"):
        examples(tmp_path)


def test_a_missing_package_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = folder / "official" / "mpi_inf_3dhp_test_set" / "TS1" / "annot_data.mat"
    with pytest.raises(
        JaxposeError,
        match=r"needs the package h5py: pip install h5py, .*\[mpi_inf_3dhp\]",
    ):
        source_files.load_annot_data(path, "annot3")
