"""Image size, frame rate and names from dataset.json, and from videos and images."""

import json
import pathlib
import sys
import types

import pytest
from PIL import Image

from jaxpose.errors import JaxposeError
from jaxpose.recordings.media import read_media
from jaxpose.recordings.settings import SettingsFinder
from tests.recordings.media_files import write_avi, write_mp4


def write(path: pathlib.Path, **settings: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))


def test_the_nearest_value_of_each_key_counts(tmp_path):
    write(tmp_path / "dataset.json", keypoints="coco_17", image_size=[100, 50], fps=50)
    write(tmp_path / "phone" / "dataset.json", image_size=[1080, 1920], subject="ann")
    finder = SettingsFinder(tmp_path)
    assert finder.settings_of(str(tmp_path / "phone" / "clip.npz")).values == {
        "image_size": (1080, 1920),
        "subject": "ann",
        "keypoints": "coco_17",
        "fps": 50.0,
    }
    assert finder.settings_of(str(tmp_path / "other.npz")).values["fps"] == 50
    # A file or a folder of frames alone finds them as well.
    (tmp_path / "phone" / "walk").mkdir()
    alone = SettingsFinder(tmp_path / "phone" / "walk")
    assert alone.settings_of(str(tmp_path / "phone" / "walk")).values["fps"] == 50


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_any_encoding_and_case(tmp_path, encoding):
    (tmp_path / "Dataset.JSON").write_text('{"fps": 30}\r\n', encoding=encoding)
    values = SettingsFinder(tmp_path).settings_of(str(tmp_path / "a.npz")).values
    assert values == {"fps": 30}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"frame_rate": 3}', r"keys out of keypoints, image_size, fps.*'frame_rate'$"),
        ("[3]", "found a list"),
        ("{", "not a JSON file, or damaged"),
        ('{"fps": 0}', "fps is 0.0; expected frames per second, from 0.1 to 100,000"),
        # Forty frames would become two hundred million.
        ('{"fps": 1e-5}', "fps is 1e-05; expected frames per second, from 0.1 to"),
        ('{"fps": "fast"}', "fps: expected 1 finite numbers, found"),
        ('{"image_size": [1280]}', "image_size: expected 2 finite numbers"),
        ('{"image_size": [1280, -720]}', r"expected \[width, height\] in pixels"),
        ('{"image_size": [1280.5, 720]}', r"expected \[width, height\] in pixels"),
        ('{"intrinsics": [1, 2, 3]}', "intrinsics: expected 4 finite numbers"),
        (
            '{"intrinsics": [0, 9, 5, 5]}',
            r"lengths above 0; found \[0, 9, 5, 5\]",
        ),
        ('{"subject": 7}', "subject is 7; expected a name"),
    ],
)
def test_bad_settings_are_named(tmp_path, content, message):
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(JaxposeError, match=r"dataset\.json: .*" + message):
        SettingsFinder(tmp_path).settings_of(str(tmp_path / "a.npz"))


def test_another_programs_dataset_json_above_is_ignored(tmp_path):
    write(tmp_path / "dataset.json", name="papers", rows=3)
    (tmp_path / "poses").mkdir()
    finder = SettingsFinder(tmp_path / "poses")
    assert finder.settings_of(str(tmp_path / "poses" / "a.npz")).values == {}
    # One that has a key of ours is meant for us, so a misspelt one is an error.
    write(tmp_path / "dataset.json", fps=30, imagesize=[3, 4])
    with pytest.raises(JaxposeError, match="'imagesize'"):
        SettingsFinder(tmp_path / "poses").settings_of(
            str(tmp_path / "poses" / "a.npz")
        )


def test_headers_of_images(tmp_path):
    for name in ("a.png", "b.jpg"):
        Image.new("RGB", (31, 17)).save(tmp_path / name)
        assert read_media(tmp_path / name) == (tmp_path / name, (31, 17), None)
    Image.new("RGB", (31, 17)).save(tmp_path / "p.jpeg", progressive=True)
    assert read_media(tmp_path / "p.jpeg").image_size == (31, 17)


def test_headers_of_videos(tmp_path):
    write_mp4(tmp_path / "a.mp4", (1920, 1080), 30)
    assert read_media(tmp_path / "a.mp4") == (tmp_path / "a.mp4", (1920, 1080), 30.0)
    write_mp4(tmp_path / "phone.MOV", (1920, 1080), 60, turned=True)
    assert read_media(tmp_path / "phone.MOV")[1:] == ((1080, 1920), 60.0)
    write_avi(tmp_path / "a.avi", (640, 480), 25)
    assert read_media(tmp_path / "a.avi")[1:] == ((640, 480), 25.0)


def test_a_damaged_file_says_nothing(tmp_path):
    write_mp4(tmp_path / "a.mp4", (64, 48), 30)
    Image.new("RGB", (31, 17)).save(tmp_path / "a.png")
    Image.new("RGB", (31, 17)).save(tmp_path / "a.jpg")
    write_avi(tmp_path / "a.avi", (640, 480), 25)
    for path in list(tmp_path.iterdir()):
        whole = path.read_bytes()
        for length in range(0, 24):
            path.write_bytes(whole[:length])
            assert read_media(path) is None
            path.write_bytes(bytes(length) + whole[length + 1 :])
            read_media(path)


def test_other_videos_are_read_where_pyav_is_installed(tmp_path, monkeypatch):
    path = tmp_path / "a.webm"
    path.write_bytes(b"webm")
    monkeypatch.setitem(sys.modules, "av", None)
    assert read_media(path) is None

    class Container:
        codec = types.SimpleNamespace(width=640, height=480)
        stream = types.SimpleNamespace(average_rate=30000 / 1001, codec_context=codec)
        streams = types.SimpleNamespace(video=[stream])

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

    monkeypatch.setitem(
        sys.modules, "av", types.SimpleNamespace(open=lambda name: Container())
    )
    assert read_media(path)[1:] == ((640, 480), 30000 / 1001)


def found(folder: pathlib.Path, where: str, name: str = "", is_alone: bool = False):
    media = SettingsFinder(folder).media_of(str(folder / where), name, is_alone)
    return [each.path.name for each in media]


def test_the_video_of_the_same_name_is_found(tmp_path):
    for name in ("walk", "walk_1", "jump"):
        write_mp4(tmp_path / f"{name}.mp4", (64, 48), 30)
    (tmp_path / "walk_json").mkdir()
    for where, video in (
        ("walk.json", "walk.mp4"),
        ("walk_1.npz", "walk_1.mp4"),
        ("walk.mp4.npz", "walk.mp4"),
        ("walk_json", "walk.mp4"),
        ("results_jump.json", "jump.mp4"),
    ):
        assert found(tmp_path, where) == [video]
    assert found(tmp_path, "other.json") == []
    assert found(tmp_path, "walk_2.json") == []  # another recording, without a video
    assert found(tmp_path, "poses.npz", name="jump.mp4") == ["jump.mp4"]


def test_the_only_video_beside_the_only_recording_is_its_video(tmp_path):
    write_mp4(tmp_path / "holiday.mp4", (64, 48), 30)
    assert found(tmp_path, "alphapose-results.json", is_alone=True) == ["holiday.mp4"]
    assert found(tmp_path, "alphapose-results.json", is_alone=False) == []


def test_images_of_frames_give_the_size_if_they_agree(tmp_path):
    folder = tmp_path / "walk"
    folder.mkdir()
    Image.new("RGB", (31, 17)).save(folder / "plot.png")
    assert found(tmp_path, "walk") == []
    for frame in range(2):
        Image.new("RGB", (64, 48)).save(folder / f"walk_{frame:012d}_rendered.png")
    assert found(tmp_path, "walk") == ["walk_000000000000_rendered.png"]
    assert found(tmp_path, "walk.json") == ["walk_000000000000_rendered.png"]
    Image.new("RGB", (32, 48)).save(folder / "walk_000000000002_rendered.png")
    assert found(tmp_path, "walk") == []
