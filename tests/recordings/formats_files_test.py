"""What is not read, and why: one broken file never stops the others."""

import gzip
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.recordings.files import read_detections
from jaxpose.recordings.frame_names import natural_key, split_into_videos
from tests.recordings.writers import alphapose_list, walking, write_json
from tests.shared import shared_path

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = "<!DOCTYPE html>\n<html><head><title>404</title></head></html>"
GOOD = {"keypoints_2d": walking(frames=2)[:, 0].tolist()}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", PAGE, "a web page (HTML)"),
        ("a.npz", PAGE, "a web page (HTML)"),
        ("a.npz", POINTER, "run `git lfs pull`"),
        ("a.json", "", "the file is empty"),
        ("a.json", '{"keypoints_2d": [[1, 2', "the file is cut short"),
        ("a.json", '{"keypoints_2d": [[1, 2]], }', "line 1, column 28"),
        ("a.json", "[" * 100_000, "too deep"),
        ("a.json", "[" * 900 + "1" + "]" * 900, "too deep"),
        ("a.json", '{"a": 1' + "0" * 5000 + "}", "not JSON"),
        ("a.json", b"\x00\x01\x02\x03" * 20, "binary data"),
        ("a.json", "[]", "nobody was detected"),
        ("a.json", "{}", "nobody was detected"),
        ("a.json", "[[], [], []]", "nobody was detected"),
        ("a.npz", b"PK\x03\x04 cut short", "cut short"),
        ("a.npy", b"\x93NUMPY\x01\x00", "damaged"),
        ("a.csv", "", "nobody was detected"),
        ("a.json.gz", gzip.compress(b"[1, 2, 3]", mtime=0)[:-9], "gzip"),
        ("a.json", '[{"image_id": "0.jpg", "keypoints": "abc"}]', "not read"),
        ("a.json", '[{"image_id": 1, "keypoints": [1, 2]}]', "3 numbers per joint"),
        ("a.json", '{"keypoints_2d": {"a": 1}}', "not read"),
    ],
)
def test_broken_files_are_refused_in_one_line_and_others_read(
    tmp_path, name, content, words
):
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / name).write_bytes(data)
    write_json(tmp_path / "good.json", GOOD)
    files = read_detections(tmp_path)
    assert [found.name for found in files.detections] == ["good"]
    # A file alone is always answered.
    alone = read_detections(tmp_path / name)
    ((where, reason),) = alone.refused
    assert where == str(tmp_path / name)
    assert words in reason
    assert where in reason
    assert "\n" not in reason
    assert len(reason) < len(where) + 320
    if words != "not read":
        assert files.refused == alone.refused


def test_what_is_not_read_is_listed(tmp_path):
    write_json(tmp_path / "walk.json", GOOD)
    write_json(tmp_path / "dataset.json", {"fps": 30})
    write_json(tmp_path / "config.json", {"lr": 1e-3, "epochs": 3})
    for name in ("a.mp4", "b.MOV", "c.jpg", "d.png", "e.jpeg", ".DS_Store"):
        (tmp_path / name).write_bytes(b"\x00\x01")
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "notes.md").write_text("two takes")
    (tmp_path / "poses.pkl").write_bytes(pickle.dumps([1]))
    (tmp_path / "all.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("a.json", "[]")
    (tmp_path / "pose.yml").write_text("%YAML:1.0\npose_0: 1\n")
    for number in range(5):
        (tmp_path / f"{number}.xml").write_text("<?xml version='1.0'?><a/>")
    files = read_detections(tmp_path)
    assert files.refused == []
    assert len(files.detections) == 1
    assert sorted(files.unread) == [
        ".: 5 files such as 0.xml: XML; export JSON or CSV",
        "1 hidden file",
        "2 videos",
        "3 images",
        "all.h5: HDF5; export it as CSV, JSON or npz",
        "config.json: JSON without keypoints that are known, with the keys 'lr', "
        "'epochs'",
        "index.html: a web page (HTML), not the file itself; download the file again",
        "more.zip: a zip archive; unpack it",
        "notes.md: text without keypoints",
        "pose.yml: YAML; export JSON or CSV",
        "poses.pkl: a pickle, which can run code; save its arrays as npz or JSON",
    ]


def test_only_regular_files_are_opened(tmp_path):
    write_json(tmp_path / "a.json", GOOD)
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self.json").symlink_to(tmp_path / "self.json")
    files = read_detections(tmp_path)
    assert len(files.detections) == 1
    assert sorted(files.unread) == [
        "gone.json: not a regular file",
        "pipe.json: not a regular file",
        "self.json: not a regular file",
    ]
    for path in (tmp_path / "pipe.json", tmp_path / "none"):
        with pytest.raises(JaxposeError, match=path.name):
            read_detections(path)


def test_encodings(tmp_path):
    text = json.dumps(GOOD, indent=1).replace("\n", "\r\n")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
        (tmp_path / f"{encoding}.json").write_bytes(text.encode(encoding))
    files = read_detections(tmp_path)
    assert files.refused == []
    assert len(files.detections) == 5


def test_a_reader_that_fails_unexpectedly_names_the_file(tmp_path):
    entries = alphapose_list(walking(frames=2))
    entries[1]["image_id"] = {"a": 1}
    entries[1]["keypoints"] = None
    ((_, reason),) = read_detections(write_json(tmp_path / "a.json", entries)).refused
    assert "a.json: entry 1: expected a person" in reason


def test_files_are_in_natural_order(tmp_path):
    for number in (10, 9, 1):
        write_json(tmp_path / f"take{number}" / "a.json", GOOD)
    files = read_detections(tmp_path)
    names = [os.path.basename(os.path.dirname(d.where)) for d in files.detections]
    assert names == ["take1", "take9", "take10"]
    assert natural_key("b2") < natural_key("b10") < natural_key("c")


@pytest.mark.parametrize(
    ("names", "videos"),
    [
        (["9.jpg", "10.jpg"], [("", [9, 10])]),
        (["a_1.png", "b_1.png"], [("a", [1]), ("b", [1])]),
        (["cam1/000001.jpg", "cam2/000001.jpg"], [("cam1", [1]), ("cam2", [1])]),
        (["take2_frame_3", "take2_frame_11"], [("take2", [3, 11])]),
        (["a_00000007_keypoints.json"], [("a", [7])]),
        (["nose.json", "tail.json"], [("nose", [0]), ("tail", [0])]),
        (["1.0.json", "1.1.json"], [("1", [0, 1])]),
        # A camera behind the frame, with a word or without one.
        (["000007_cam1", "000007_cam2"], [("cam1", [7]), ("cam2", [7])]),
        (
            [f"{frame}_{camera}" for frame in range(3, 9) for camera in (1, 2)],
            [("1", [3, 4, 5, 6, 7, 8]), ("2", [3, 4, 5, 6, 7, 8])],
        ),
        # The time of the frame makes no other video, nor does a take two frames.
        (["f_0029_0.967.png", "f_0030_1.000.png"], [("f", [29, 30])]),
        (
            ["P01_0001", "P01_0002", "P02_0003", "P02_0004"],
            [("P01", [1, 2]), ("P02", [3, 4])],
        ),
        # Times alone: 25 frames per second, of which one is missing.
        (["f_0.92", "f_0.96", "f_1.00", "f_1.08", "f_1.12"], [("f", [0, 1, 2, 4, 5])]),
        (
            ["a 13-59-59-960", "a 14-00-00-000", "a 14-00-00-040", "a 14-00-00-120"],
            [("a", [0, 1, 2, 4])],
        ),
        (
            ["cam01.0000", "cam01.0001", "cam02.0000", "cam02.0001"],
            [("cam01", [0, 1]), ("cam02", [0, 1])],
        ),
    ],
)
def test_videos_and_frames_in_names(names, videos):
    found = split_into_videos(names)
    assert [(video.video, list(video.numbers)) for video in found] == videos


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("03-openpose-unpadded", [("walk", "openpose", 25, 150, 0, ())]),
        ("04-openpose-files-missing", [("walk", "openpose", 25, 150, 60, ())]),
        ("15-mmpose-video", [("results_walk", "mmpose", 17, 150, 0, ())]),
        ("16-detectron2-npz", [("walk", "detectron2", 17, 150, 0, (1000, 1002))]),
        ("17a-kpts-npz", [("keypoints", "plain", 17, 150, 0, ())]),
        ("17d-csv", [("walk", "csv", 17, 150, 0, ())]),
        ("18-openpose-coco18", [("walk", "openpose", 18, 30, 0, ())]),
        ("32-coco-results", [("r", "coco results", 17, 40, 0, ())]),
        ("36b-null-joint", [("null_joint", "own", 17, 60, 0, ())]),
        (
            "27-windows",
            [
                ("UPPER2", "own", 17, 20, 0, ()),
                ("UPPER", "own", 17, 20, 0, ()),
                ("größe π", "own", 17, 20, 0, ()),
            ],
        ),
    ],
)
def test_handed_cases(case, expected):
    files = read_detections(shared_path(f"recordings/cases/{case}"))
    assert (files.refused, files.unread) == ([], [])
    found = []
    for detections in files.detections:
        joints, missing = detections.keypoints.shape[1], len(detections.missing_frames)
        size = detections.image_size or ()
        frames = detections.num_frames
        kind = detections.format
        found.append((detections.name, kind, joints, frames, missing, size))
    assert found == expected


def test_handed_two_people_and_nobody():
    path = shared_path("recordings/cases/01-two-people-alphapose")
    (found,) = read_detections(path).detections
    assert np.unique(found.ids, return_counts=True)[1].tolist() == [150, 150]
    path = shared_path("recordings/cases/21-nobody-alphapose")
    ((where, reason),) = read_detections(path).refused
    assert where.endswith("empty.json")
    assert "nobody was detected" in reason


def test_many_files_of_one_kind_that_are_refused_take_one_line(tmp_path):
    for number in range(5):
        (tmp_path / f"{number}.json").write_text('{"people":')
    (tmp_path / "last.json").write_text("[1,")
    files = read_detections(tmp_path)
    where = [where for where, _ in files.refused]
    assert where == [str(tmp_path), str(tmp_path / "last.json")]
    assert files.refused[0][1].startswith(
        f"{tmp_path}: 5 files such as 0.json: not JSON, or damaged"
    )
