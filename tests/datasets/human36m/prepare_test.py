"""Human3.6M: what `--check` tells, and what is prepared."""

import numpy as np
import pytest

from jaxpose.datasets import get_builder
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.prepare import inspect_source, prepare
from tests import fabricate, fabricate_human36m
from tests.datasets.human36m.clips import POSITIONS, edit


def test_check_compares_counts_and_totals(small):
    findings = inspect_source(
        "human36m/cpn_ft_h36m_dbb_17", source=small, data_dir="unused"
    )
    frames = {
        take: fabricate_human36m.num_frames("S1", take)
        for take in ("Directions", "Directions 1")
    }
    found = {
        (row.subject, row.take): (row.status, row.frames, row.published, row.detail)
        for row in findings
    }
    assert found["S1", ""] == ("missing", sum(frames.values()), 62094, "2 of 30 takes")
    assert found["S1", "Directions"] == (
        "suspicious",
        frames["Directions"],
        1612,
        "expected 1,612 frames",
    )
    assert found["S1", "Eating 2"] == ("missing", None, 2357, "no such take")
    assert found["S9", ""] == ("missing", None, 79417, "nothing of its 30 takes")
    everything = "over all takes and cameras"
    assert found["train", ""] == (
        "suspicious",
        4 * sum(frames.values()),
        1_559_752,
        everything,
    )
    assert found["test", ""] == ("suspicious", 0, 543_344, everything)


def test_check_calls_the_published_counts_complete(npz, monkeypatch):
    table = {
        subject: {
            take: fabricate_human36m.num_frames(subject, take)
            for take in facts.FRAMES[subject]
        }
        for subject in ("S1", "S9", "S11")
    }
    monkeypatch.setattr(facts, "FRAMES", table)
    monkeypatch.setattr(facts, "TRAIN_FRAMES", 4 * sum(table["S1"].values()))
    monkeypatch.setattr(
        facts,
        "TEST_FRAMES",
        4 * sum(sum(table[name].values()) for name in ("S9", "S11")),
    )
    findings = inspect_source("human36m/sh_ft_h36m_17", source=npz, data_dir="unused")
    assert {finding.status for finding in findings} == {"complete"}
    rows = [(finding.subject, finding.take) for finding in findings]
    drifting = [
        ("S9", take)
        for take in facts.FRAMES["S9"]
        if ("S9", take) in facts.DRIFTING_TAKES
    ]
    assert rows == [
        ("S1", ""),
        ("S9", ""),
        *drifting,
        ("S11", ""),
        ("train", ""),
        ("test", ""),
    ]


def test_check_goes_on_behind_a_bad_clip(small):
    edit(
        small / "data_3d_h36m.npz",
        lambda data: data["S1"]["Directions"].__setitem__((3, 2, 1), np.nan),
    )
    findings = inspect_source("human36m/gt_17", source=small, data_dir="unused")
    bad = [finding for finding in findings if "not finite" in finding.detail]
    assert [(finding.status, finding.take) for finding in bad] == [
        ("suspicious", "Directions")
    ]
    assert any(
        finding.take == "Directions 1" and finding.reprojection < 1e-3
        for finding in findings
    )


@pytest.mark.parametrize(
    "name, config",
    [("human36m", "cpn_ft_h36m_dbb_16"), ("human36m_motionbert", "motionbert_sh_17")],
)
def test_fabricated_files_are_prepared(tmp_path, name, config, capsys, monkeypatch):
    monkeypatch.setattr(
        facts, "FRAMES", {name: first_takes(name) for name in facts.SUBJECTS}
    )
    assert fabricate.main([name, str(tmp_path / "files")]) == 0
    report = prepare(
        f"human36m/{config}", source=tmp_path / "files", data_dir=tmp_path / "data"
    )
    assert list(report.subjects) == list(facts.SUBJECTS)
    assert {count.clips for count in report.subjects.values()} == {8}
    assert report.notes == [
        "3D is in image space (half image widths), not in metres"
    ] * ("motionbert" in name)


def first_takes(subject: str) -> dict[str, int]:
    return dict(list(facts.FRAMES[subject].items())[:2])


def test_a_split_is_whole_or_absent_unless_partial_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(
        facts, "FRAMES", {name: first_takes(name) for name in facts.SUBJECTS}
    )
    source, data = tmp_path / "files", tmp_path / "data"
    fabricate_human36m.fabricate_npz(source, ("S9", "S11"))
    report = prepare("human36m/gt_17", source=source, data_dir=data)
    assert list(report.subjects) == ["S9", "S11"]
    assert report.notes == ["nothing of the split 'train' is there"]
    # A take less, and one that is not S11's corrupt one, which is no loss.
    edit(source / POSITIONS, lambda d: d["S11"].pop("Discussion 1"))
    with pytest.raises(
        JaxposeError,
        match=r"lacks S11 Discussion 1 of the split 'test'.*--partial\. Human",
    ):
        prepare("human36m/gt_17", source=source, data_dir=data, overwrite=True)
    assert (
        get_builder("human36m/gt_17", data_dir=data).report.subjects["S11"].clips == 8
    )
    report = prepare(
        "human36m/gt_17", source=source, data_dir=data, overwrite=True, partial=True
    )
    assert report.subjects["S11"].clips == 4
    assert report.notes[1] == (
        "without S11 Discussion 1 of the split 'test': "
        "scores are not those of the published protocol"
    )
    # Subjects less.
    fabricate_human36m.fabricate_npz(source, ("S1", "S7", "S9"))
    with pytest.raises(
        JaxposeError, match=r"files lacks S5, S6, S8 of the split 'train'"
    ):
        prepare("human36m/gt_17", source=source, data_dir=tmp_path / "other")
    assert not (tmp_path / "other").exists()
    report = prepare(
        "human36m/gt_17", source=source, data_dir=tmp_path / "other", partial=True
    )
    assert [note.split(":")[0] for note in report.notes] == [
        "without S5, S6, S8 of the split 'train'", "without S11 of the split 'test'",
    ]  # fmt: skip
    assert Report.from_json(report.to_json()) == report
