"""CMU motion capture: archives, frame rates, jumps, and what the cameras see."""

import functools
import http.server
import threading
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from jaxpose.body import cameras
from jaxpose.datasets import get_builder
from jaxpose.datasets.acclaim.archives import find_takes, open_archives
from jaxpose.datasets.cmu_mocap import cmu_mocap_dataset_builder as cmu
from jaxpose.datasets.cmu_mocap import frame_rates
from jaxpose.datasets.prepared import load_clips
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests.datasets.small_cmu import (
    AMC_FRAMES,
    amc_text,
    asf_text,
    member,
    write_archive,
)
from tests.shared import shared_path

AT_120 = 1 + (AMC_FRAMES - 1) * 50 // 120
AT_60 = 1 + (AMC_FRAMES - 1) * 50 // 60


@pytest.mark.parametrize("noisy", [False, True])
def test_prepare_reads_zip_and_folder_alike(tmp_path, noisy):
    dataset = "cmu_mocap/noisy" if noisy else "cmu_mocap/gt"
    path = write_archive(tmp_path / "a.zip")
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "folder")
    report = prepare(dataset, source=path, data_dir=tmp_path / "one")
    prepare(dataset, source=tmp_path / "folder", data_dir=tmp_path / "two")
    one, two = (
        load_clips(dataset, tmp_path / "one"),
        load_clips(dataset, tmp_path / "two"),
    )
    np.testing.assert_array_equal(one.keypoints_2d, two.keypoints_2d)
    assert one.index == two.index
    takes = ("01_01", "01_02", "33_01", "88_01")
    assert [clip.take for clip in one.index] == [take for take in takes for _ in "1234"]
    assert one.keypoints_source == ("noisy_projection" if noisy else "gt")
    lengths = [clip.length for clip in one.index[::4]]
    assert lengths == [AT_120, AT_120, AT_60, AT_60]
    assert all(clip.fps == 50 for clip in one.index)
    assert report.subjects["01"].frames == 2 * 4 * AT_120
    assert report.subjects["33"].frames == 4 * AT_60


def test_clips_are_what_the_cameras_see(tmp_path):
    prepare(
        "cmu_mocap/gt",
        source=write_archive(tmp_path / "a.zip"),
        data_dir=tmp_path / "d",
    )
    clips = load_clips("cmu_mocap/gt", tmp_path / "d")
    assert clips.valid.all()
    for clip in clips.index[:4]:
        vector = cameras.normalized_intrinsics(
            np.array(clip.intrinsics), np.array(clip.distortion), clip.image_size
        )
        rows = slice(clip.start, clip.end)
        projected = cameras.project(clips.positions_3d[rows].astype(np.float64), vector)
        np.testing.assert_allclose(clips.keypoints_2d[rows], projected, atol=1e-5)
        world = cameras.camera_to_world(
            clips.positions_3d[rows].astype(np.float64),
            np.array(clip.orientation),
            np.array(clip.translation),
        )
        np.testing.assert_allclose(world[:, 0, :2].mean(axis=0), 0, atol=1e-5)


def _no_bone(text: str) -> str:
    return text.replace("lwrist", "lpaw")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"01/01.asf": asf_text()}, "holds no .amc"),
        ({"01/01_01.amc": amc_text(3)}, r"no skeleton file \(\.asf\) of subject 01"),
        (
            {"01/01.asf": _no_bone(asf_text()), "01/01_01.amc": _no_bone(amc_text(3))},
            "bone lwrist is missing",
        ),
        (
            {"01/01.asf": asf_text(), "01/01_01.amc": amc_text(3)[:-9]},
            r"01_01\.amc.* frame 3",
        ),
        ({"readme.txt": "hello"}, "layout of allasfamc.zip"),
    ],
)
def test_bad_archive_leaves_nothing_behind(tmp_path, files, message):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    with pytest.raises(JaxposeError, match=message):
        prepare("cmu_mocap", source=tmp_path / "a.zip", data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("content", [b"not a zip", b"PK\x03\x04 cut short"])
def test_wrong_kind_of_file(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(JaxposeError, match="not a readable zip archive"):
        prepare("cmu_mocap", source=tmp_path / "a.zip", data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_damaged_member_of_the_archive(tmp_path):
    path = write_archive(tmp_path / "a.zip")
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as file:
        info = file.getinfo("all_asfamc/subjects/01/01_02.amc")
    content[info.header_offset + 120 : info.header_offset + 160] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(
        JaxposeError, match=r"cannot read all_asfamc/subjects/01/01_02\.amc"
    ):
        prepare("cmu_mocap", source=path, data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_download_through_tfds(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    write_archive(tmp_path / "site" / "allasfamc.zip")
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "site")
    )
    monkeypatch.setattr(
        http.server.SimpleHTTPRequestHandler, "log_message", lambda *_: None
    )
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(
            cmu, "URL", f"http://127.0.0.1:{server.server_address[1]}/allasfamc.zip"
        )
        report = prepare("cmu_mocap", data_dir=tmp_path / "data")
        server.shutdown()
    assert list(report.subjects) == ["01", "33", "88"]


def test_download_that_fails_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(cmu, "URL", "http://127.0.0.1:9/allasfamc.zip")
    with pytest.raises(JaxposeError, match=r"could not download .*--source=PATH"):
        prepare("cmu_mocap", data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_two_archives_are_one_data_set(tmp_path):
    one = write_archive(tmp_path / "allasfamc.zip", {"01": (1,)})
    (tmp_path / "more").mkdir()
    two = tmp_path / "more" / "allasfamc.zip"
    write_archive(two, {"61": (1,), "902": (1,), "01": (2,)}, zipfile.ZIP_BZIP2)
    report = prepare("cmu_mocap", source=[one, two], data_dir=tmp_path / "listed")
    prepare("cmu_mocap", source=tmp_path, data_dir=tmp_path / "folder")
    listed = load_clips("cmu_mocap", tmp_path / "listed")
    assert [clip.take for clip in listed.index[::4]] == [
        *("01_01", "01_02", "61_01", "902_01")
    ]
    lengths = [clip.length for clip in listed.index[::4]]
    assert lengths == [AT_120, AT_120, AT_60, AT_120]
    assert report.source.path == f"{one}, {two}"
    assert report.source.files == 2
    folder = load_clips("cmu_mocap", tmp_path / "folder")
    assert folder.index == listed.index
    np.testing.assert_array_equal(folder.positions_3d, listed.positions_3d)


def test_frame_rates_are_those_of_the_listing_beside_the_archive(tmp_path):
    (tmp_path / "a").mkdir()
    path = write_archive(tmp_path / "a" / "allasfamc.zip", {"01": (1, 2), "60": (1,)})
    listing = "subject,trial,description,frames_per_second\n"
    listing += '1,1,"walk, turn",60\n60,1,salsa,120\n'
    (tmp_path / "a" / "index.csv").write_text(listing)
    report = prepare("cmu_mocap", source=path, data_dir=tmp_path / "data")
    clips = load_clips("cmu_mocap", tmp_path / "data")
    lengths = [clip.length for clip in clips.index[::4]]
    assert lengths == [AT_60, AT_120, AT_120]  # 01_02 is not listed
    assert f"frame rates of {path}: {tmp_path / 'a' / 'index.csv'}" in report.notes
    # The listing in an extracted folder is the same.
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "a" / "tree")
    assert frame_rates.find_listing(tmp_path / "a") == tmp_path / "a" / "index.csv"
    prepare("cmu_mocap", source=tmp_path / "a" / "tree", data_dir=tmp_path / "tree")
    assert load_clips("cmu_mocap", tmp_path / "tree").index == clips.index


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,size\n", r"no column frames_per_second, subject, trial"),
        ("subject,trial,frames_per_second\n1,2,0\n", r"line 2: 0 frames per second"),
        ("subject,trial,frames_per_second\n1,2,nan\n", r"nan frames per second"),
        ("subject,trial,frames_per_second\n1\n", r"could not convert string to float"),
        ("subject,trial,frames_per_second\nx,2,120\n", r"invalid literal for int"),
    ],
)
def test_a_file_that_is_no_listing(tmp_path, text, message):
    (tmp_path / "index.csv").write_text(text)
    with pytest.raises(
        JaxposeError, match=rf"index\.csv is not the listing .*{message}.*move it away"
    ):
        frame_rates.read_listing(tmp_path / "index.csv")


def test_known_frame_rates_are_those_of_the_databases_listing():
    listing = frame_rates.read_listing(shared_path("data/cmu_more/index.csv"))
    assert len(listing) == 2435
    for (subject, trial), rate in listing.items():
        assert frame_rates.known_rate(subject, trial) == rate
    assert frame_rates.known_rate(902, 1) == 120


def test_frames_around_a_jump_are_not_valid(tmp_path):
    places = [1.0] * 60 + [1.0 + 0.2 / cmu_unit()] + [1.0] * 59
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(member("01"), asf_text())
        file.writestr(member("01", 1), amc_text(120, places=places))
    report = prepare("cmu_mocap", source=tmp_path / "a.zip", data_dir=tmp_path / "data")
    clips = load_clips("cmu_mocap", tmp_path / "data")
    # Frames 59 to 61 of 120 Hz are 24.6 to 25.4 of 50 Hz; frame 25 alone is made of
    # them, from 60.
    assert np.flatnonzero(~clips.valid[:50]).tolist() == [25]
    assert report.subjects["01"].invalid_frames == 4
    (note,) = report.notes
    assert note == (
        "not valid, a joint faster than 15 m/s: 1 frames per camera, of 01_01"
    )


def cmu_unit() -> float:
    """Metres per length unit of the small skeleton."""
    return 0.0254 / 0.45


def test_takes_of_the_real_archives(tmp_path):
    archives = [
        shared_path(f"data/{name}/allasfamc.zip") for name in ("cmu", "cmu_more")
    ]
    notes = []
    files = cmu.Builder.FILES
    takes = find_takes(open_archives(archives, files), files, notes)
    # The second archive holds the first 200 frames of 01_09 once more.
    assert len(takes) == 48 + 255 - 1
    (note,) = notes
    assert note.startswith(f"take 01_09: {archives[1]}/")
    of_first = [
        take.subject for take in takes if take.motion.archive.path == archives[0]
    ]
    assert {subject: of_first.count(subject) for subject in of_first} == {
        "01": 3, "02": 10, "05": 7, "07": 11, "09": 1, "13": 3, "135": 9, "49": 4,
    }  # fmt: skip
    assert all(take.skeleton.archive is take.motion.archive for take in takes)
    builder = get_builder("cmu_mocap", data_dir=tmp_path)
    rates = builder.frame_rates(takes, Report("cmu_mocap"))
    slow = {take.subject for take, rate in zip(takes, rates, strict=True) if rate == 60}
    assert slow == {"60", "61"}


def test_builder_is_known_to_tfds(tmp_path):
    builder = tfds.builder("cmu_mocap/noisy", data_dir=str(tmp_path))
    assert type(builder) is type(get_builder("cmu_mocap", data_dir=tmp_path))
    assert builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD
    assert "NSF EIA-0196217" in builder.info.citation
