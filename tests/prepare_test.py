"""The prepare command: what it prints, its exit status, and nothing half-written."""

import contextlib
import os
import pathlib

import numpy as np
import pytest

from jaxpose import prepare
from jaxpose.datasets import get_builder
from jaxpose.datasets.builders import BUILDERS
from jaxpose.datasets.prepared import load_clips
from jaxpose.datasets.synthetic import synthetic_dataset_builder
from jaxpose.errors import JaxposeError
from tests import fabricate_custom, fabricate_human36m
from tests.datasets.small_cmu import write_archive


@pytest.fixture
def small_synthetic(monkeypatch):
    monkeypatch.setattr(
        synthetic_dataset_builder, "STATURES", {"train": (1.6,), "test": (1.7,)}
    )
    monkeypatch.setattr(synthetic_dataset_builder, "FRAMES", 40)


def test_command_prints_what_it_found(tmp_path, capsys):
    source = write_archive(tmp_path / "allasfamc.zip")
    flags = ["cmu_mocap", f"--source={source}", f"--data_dir={tmp_path / 'data'}"]
    assert prepare.main(flags) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith(f"cmu_mocap/gt from {source} (1 file, ")
    rows = [line.split() for line in lines]
    assert ["subject", "takes", "clips", "frames", "invalid", "fps"] in rows
    assert ["01", "2", "8", "48", "0", "50"] in rows
    assert ["total", "4", "16"] in [row[:3] for row in rows]
    assert lines[-2] == "note: one pose throughout, kept: 01_01, 01_02, 33_01, 88_01"
    assert (
        lines[-1] == f"prepared in {tmp_path / 'data' / 'cmu_mocap' / 'gt' / '1.1.0'}"
    )
    assert "clips" in printed.err  # the progress bar
    assert prepare.main(flags) == 0  # a second time: the same table, nothing done
    assert capsys.readouterr().out == printed.out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["cmu"], "error: unknown data set 'cmu'; known: synthetic, cmu_mocap"),
        (
            ["cmu_mocap/gt", "--source=/does/not/exist"],
            "/does/not/exist does not exist. The archive",
        ),
    ],
)
def test_command_fails_with_one_message(flags, message, tmp_path, capsys):
    assert prepare.main([*flags, f"--data_dir={tmp_path / 'data'}"]) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""
    assert not (tmp_path / "data").exists()


def test_empty_source(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.zip").write_bytes(b"")
    for source in ("folder", "a.zip"):
        with pytest.raises(JaxposeError, match="is empty"):
            prepare.prepare(
                "cmu_mocap", source=tmp_path / source, data_dir=tmp_path / "data"
            )
    assert not (tmp_path / "data").exists()


def test_another_source_needs_overwrite_and_a_bad_one_keeps_the_old(tmp_path):
    source, data = write_archive(tmp_path / "a.zip"), tmp_path / "data"
    prepare.prepare("cmu_mocap", source=source, data_dir=data)
    (tmp_path / "bad.zip").write_bytes(b"not an archive")
    with pytest.raises(JaxposeError, match=r"already prepared .* add --overwrite"):
        prepare.prepare("cmu_mocap", source=tmp_path / "bad.zip", data_dir=data)
    with pytest.raises(JaxposeError, match="not a readable zip"):
        prepare.prepare(
            "cmu_mocap", source=tmp_path / "bad.zip", data_dir=data, overwrite=True
        )
    before = load_clips("cmu_mocap", data)
    prepare.prepare("cmu_mocap", source=source, data_dir=data, overwrite=True)
    np.testing.assert_array_equal(
        load_clips("cmu_mocap", data).keypoints_2d, before.keypoints_2d
    )
    assert [path.name for path in (data / "cmu_mocap" / "gt").iterdir()] == ["1.1.0"]
    moved = source.rename(tmp_path / "moved.zip")
    prepare.prepare(
        "cmu_mocap", source=moved, data_dir=data
    )  # the same content elsewhere


def test_a_failure_leaves_other_data_alone(tmp_path, small_synthetic):
    prepare.prepare("synthetic", data_dir=tmp_path)
    before = sorted(tmp_path.rglob("*"))
    (tmp_path.parent / "bad.zip").write_bytes(b"not an archive")
    with pytest.raises(JaxposeError, match="not a readable zip"):
        prepare.prepare(
            "cmu_mocap", source=tmp_path.parent / "bad.zip", data_dir=tmp_path
        )
    assert sorted(tmp_path.rglob("*")) == before


def test_ensure_prepared(tmp_path, small_synthetic):
    prepare.ensure_prepared("synthetic/gt", tmp_path)
    written = (
        (tmp_path / "synthetic" / "gt" / "1.0.0" / "dataset_info.json")
        .stat()
        .st_mtime_ns
    )
    prepare.ensure_prepared("synthetic/gt", tmp_path)
    assert (
        tmp_path / "synthetic" / "gt" / "1.0.0" / "dataset_info.json"
    ).stat().st_mtime_ns == written
    with pytest.raises(
        JaxposeError, match=r"python -m jaxpose\.prepare cmu_mocap/gt --source=PATH"
    ):
        prepare.ensure_prepared("cmu_mocap", tmp_path)


def test_synthetic_is_the_same_every_time_and_noise_changes_only_the_2d(
    tmp_path, small_synthetic
):
    for name, dataset in (
        ("a", "synthetic/gt"),
        ("b", "synthetic/gt"),
        ("c", "synthetic/noisy"),
    ):
        prepare.prepare(dataset, data_dir=tmp_path / name)
    a, b, c = (
        load_clips(f"synthetic/{config}", tmp_path / name)
        for name, config in zip("abc", ("gt", "gt", "noisy"), strict=True)
    )
    np.testing.assert_array_equal(a.keypoints_2d, b.keypoints_2d)
    np.testing.assert_array_equal(a.positions_3d, b.positions_3d)
    np.testing.assert_array_equal(a.positions_3d, c.positions_3d)
    difference = np.abs(a.keypoints_2d - c.keypoints_2d) * 500  # pixels
    assert 1 < np.median(difference) < 6
    assert a.subjects == ("train_0", "test_0")
    assert {clip.camera for clip in a.index} == {
        "54138969",
        "55011271",
        "58860488",
        "60457274",
    }
    assert a.valid.mean() > 0.98


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(tmp_path, small_synthetic):
    tmp_path.chmod(0o500)
    with pytest.raises(JaxposeError, match="cannot prepare synthetic/gt"):
        prepare.prepare("synthetic", data_dir=tmp_path / "data")


def test_data_folder_that_is_a_file(tmp_path, small_synthetic):
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(JaxposeError, match=r"cannot prepare synthetic/gt in .*data"):
        prepare.prepare("synthetic", data_dir=tmp_path / "data")
    assert (tmp_path / "data").read_text() == "in the way"


def test_interrupt_leaves_nothing(tmp_path, monkeypatch, small_synthetic):
    monkeypatch.setattr(synthetic_dataset_builder, "render", _interrupt)
    with contextlib.suppress(KeyboardInterrupt):
        prepare.prepare("synthetic", data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_what_a_killed_program_set_aside_comes_back(
    tmp_path, monkeypatch, small_synthetic
):
    prepare.prepare("synthetic", data_dir=tmp_path)
    folder = pathlib.Path(get_builder("synthetic", data_dir=tmp_path).data_dir)
    files = sorted(path.name for path in folder.iterdir())
    folder.rename(folder.with_name(f"previous.{folder.name}"))
    (folder.parent / f"incomplete.XYZ_{folder.name}").mkdir()
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(synthetic_dataset_builder, "render", _interrupt)
        prepare.prepare("synthetic", data_dir=tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == files
    assert [path.name for path in folder.parent.iterdir() if "." in path.name] == [
        folder.name
    ]


def _interrupt(*_):
    raise KeyboardInterrupt


def test_every_builder_says_how_to_get_its_files(tmp_path):
    for name, builder in BUILDERS.items():
        assert builder.DESCRIPTION
        if builder.NEEDS_SOURCE:
            assert "--source" in builder.HOW_TO_GET, name
        assert pathlib.Path(
            get_builder(name, data_dir=tmp_path).data_dir
        ).is_relative_to(tmp_path)


def test_check_prints_a_table_writes_nothing_and_its_status_says_if_all_is_there(
    tmp_path, capsys
):
    fabricate_custom.fabricate_folder(tmp_path / "files", 12)
    flags = [f"--source={tmp_path / 'files'}", f"--data_dir={tmp_path / 'data'}"]
    assert prepare.main(["custom", *flags, "--check"]) == 0
    checked = capsys.readouterr().out
    rows = [line.split() for line in checked.splitlines()]
    assert [
        "anna",
        "turning",
        "1",
        "12",
        "-",
        "0.245",
        "0.0%",
        "0.0",
        "complete",
    ] in rows
    assert checked.splitlines()[-1] == "5 complete, 0 missing, 0 suspicious"
    assert not (tmp_path / "data").exists()
    assert prepare.main(["custom", *flags]) == 0
    assert checked.strip() in capsys.readouterr().out  # the same table after preparing


def test_check_of_human36m_states_the_published_totals(tmp_path, capsys):
    fabricate_human36m.fabricate_npz(tmp_path / "files", ("S1",), most_takes=1)
    flags = [f"--source={tmp_path / 'files'}", f"--data_dir={tmp_path / 'data'}"]
    assert prepare.main(["human36m/gt_17", *flags, "--check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (train,), (test,) = (
        [line.split() for line in lines if line.split()[:1] == [split]]
        for split in SPLITS
    )
    assert train[:3] == ["train", "36", "1,559,752"]
    assert test[:3] == ["test", "0", "543,344"]
    assert "suspicious" in train
    assert lines[-1] == "0 complete, 36 missing, 3 suspicious"
    assert not (tmp_path / "data").exists()
    assert prepare.main(["human36m/gt_17", *flags]) == 1
    assert "--partial" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()
    assert prepare.main(["human36m/gt_17", *flags, "--partial"]) == 0
    assert "note: without S5, S6, S7, S8, S1 Directions," in capsys.readouterr().out


SPLITS = ("train", "test")


def test_flags_that_make_no_sense(tmp_path, capsys):
    for flags, message in (
        (
            ["synthetic", f"--source={tmp_path}"],
            "synthetic/gt is generated and reads no files",
        ),
        (
            ["custom", f"--source={tmp_path}", f"--source={tmp_path}"],
            "custom/h36m_17 is read from one archive or folder, and --source names 2",
        ),
        (
            ["cmu_mocap", f"--source={tmp_path / 'a'}", f"--source={tmp_path}"],
            "cmu_mocap/gt: " + str(tmp_path / "a") + " does not exist.",
        ),
        (
            ["custom", "--source="],
            "--source and --data_dir are paths; one of them is empty",
        ),
        (
            ["custom", f"--source={tmp_path / 'a' / 'b'}"],
            "b does not exist. Give the file",
        ),
        (
            ["human36m"],
            "downloads/manual/human36m does not exist. "
            "Human3.6M needs a licence and a login",
        ),
    ):
        assert prepare.main([*flags, f"--data_dir={tmp_path / 'data'}"]) == 1
        assert message in capsys.readouterr().err
        assert not (tmp_path / "data").exists()
