"""Files of poses, each read back by a reader that is not ours."""

import csv
import dataclasses
import json
import sys

import c3d
import ezc3d
import numpy as np
import pytest
import trc
from PIL import Image

from jaxpose.errors import JaxposeError
from jaxpose.pose.pose import FrameOfReference, Pose
from jaxpose.pose.writers import ENCODERS, animation
from tests.pose.people import (
    CAMERA,
    Y_UP,
    Z_UP,
    check_standing,
    standing_pose,
    walk,
)


def half_seen():
    pose = walk(remarks=("one", "two"), person=2)
    seen, keypoints_2d = pose.seen.copy(), pose.keypoints_2d.copy()
    seen[2, 5], keypoints_2d[2, 5] = False, np.nan
    return dataclasses.replace(pose, seen=seen, keypoints_2d=keypoints_2d)


def test_npz_holds_what_is_documented_and_loads_back(tmp_path):
    pose = half_seen()
    path = pose.save(tmp_path / "walk.npz")
    with np.load(path) as arrays:
        assert set(arrays) == {
            *("positions_3d", "joints", "seen", "frames", "times"),
            *("frame_of_reference", "keypoints_2d", "model", "fps", "skeleton"),
            *("name", "person", "image_size", "intrinsics", "distortion", "remarks"),
        }
        assert arrays["joints"].tolist() == list(pose.joints)
        assert arrays["frame_of_reference"] == "camera axes, relative to the hip"
        assert arrays["fps"] == pytest.approx(30)
    loaded = Pose.load(path)
    for field in dataclasses.fields(Pose):
        saved, found = getattr(pose, field.name), getattr(loaded, field.name)
        if isinstance(saved, np.ndarray):
            np.testing.assert_array_equal(found, saved)
            assert found.dtype.kind == saved.dtype.kind
        else:
            assert found == saved
    # What was loaded is as good as what was saved.
    first, second = pose.with_root(), loaded.with_root()
    np.testing.assert_array_equal(first.positions_3d, second.positions_3d)


def test_a_file_that_is_no_pose_is_refused(tmp_path):
    with pytest.raises(JaxposeError, match=r"missing\.npz"):
        Pose.load(tmp_path / "missing.npz")
    np.savez(tmp_path / "other.npz", positions_3d=np.zeros((2, 17, 3)))
    with pytest.raises(JaxposeError, match=r"other\.npz.*'frame_of_reference'"):
        Pose.load(tmp_path / "other.npz")
    path = walk().save(tmp_path / "walk.npz")
    with np.load(path) as arrays:
        changed = dict(arrays) | {"times": np.arange(7.0)}
    np.savez(path, **changed)
    with pytest.raises(JaxposeError, match=r"walk\.npz: .*times has shape \[7\]"):
        Pose.load(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(JaxposeError, match=r"walk\.npz"):
        Pose.load(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("frames", 1e300, "frames: expected whole numbers up to"),
        ("image_size", [0.0, 1080.0], r"image_size is \[0, 1080\]; expected pixels"),
        ("intrinsics", [-9.0, 9.0, 5.0, 5.0], "intrinsics: expected 4 finite numbers"),
        ("person", 1.5, "person: expected whole numbers"),
        ("positions_3d", 1e200, "not all finite and within"),
        ("frame_of_reference", "x" * 300, r"unknown frame_of_reference 'x{,90}\."),
    ],
)
def test_a_number_that_no_pose_has_is_named(tmp_path, key, value, message):
    path = walk(camera=CAMERA).save(tmp_path / "walk.npz")
    with np.load(path) as arrays:
        wrong = np.broadcast_to(value, arrays[key].shape)
        np.savez(path, **dict(arrays) | {key: wrong})
    with pytest.raises(JaxposeError, match=rf"walk\.npz: .*{message}") as caught:
        Pose.load(path)
    assert len(str(caught.value)) < 400 + len(str(path))


def test_names_that_no_file_has_are_refused(tmp_path):
    with pytest.raises(JaxposeError, match="File name too long"):
        walk().save(tmp_path / f"{'n' * 300}.npz")
    with pytest.raises(JaxposeError, match="cannot be written: embedded null byte"):
        walk().save(tmp_path / "\0.npz")
    assert not list(tmp_path.iterdir())


def test_json_holds_the_same(tmp_path):
    pose = half_seen().with_root()
    path = pose.save(tmp_path / "walk.json")
    content = json.loads(path.read_text())
    positions = np.array(content["positions_3d"])
    np.testing.assert_allclose(positions, pose.positions_3d, atol=6e-6)
    assert content["unit"] == "metre"
    assert content["frame_of_reference"] == "camera axes, origin at the camera"
    assert content["frames"] == list(range(6, 26))
    assert content["times"][0] == pytest.approx(0.2)
    assert content["keypoints_2d"][2][5] is None
    assert content["seen"][2][4:6] == [True, False]
    assert content["intrinsics"] == list(CAMERA.intrinsics)
    parent, child = content["bones"][0]
    assert (content["joints"][parent], content["joints"][child]) == ("hip", "right_hip")


def test_csv_has_a_row_per_frame(tmp_path):
    pose = half_seen()
    path = pose.save(tmp_path / "walk.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20
    assert (rows[2]["frame"], rows[2]["time"]) == ("8", "0.266667")
    name = pose.joints[5]
    found = [float(rows[2][f"{name}_{axis}"]) for axis in "xyz"]
    np.testing.assert_allclose(found, pose.positions_3d[2, 5], atol=1e-6)
    assert rows[2][f"{name}_seen"] == "0"
    assert rows[3][f"{name}_seen"] == "1"


def read_trc(path):
    data = trc.TRCData()
    data.load(str(path))
    return data, np.array([data[name] for name in data["Markers"]]).transpose(1, 0, 2)


def test_trc_is_metres_with_y_up(tmp_path):
    _, positions = read_trc(standing_pose().save(tmp_path / "stand.trc"))
    check_standing(positions, 1.0, **Y_UP)
    pose = walk().with_root().upright(pitch=-10)
    data, positions = read_trc(pose.save(tmp_path / "walk.trc"))
    np.testing.assert_allclose(positions, pose.positions_3d, atol=1e-6)
    assert data["Units"] == "m"
    assert (data["NumFrames"], data["NumMarkers"]) == (20, 17)
    assert data["DataRate"] == pytest.approx(30)
    assert data["Markers"] == list(pose.joints)
    np.testing.assert_allclose(data["Time"], pose.times, atol=1e-6)
    assert data["Frame#"] == list(range(6, 26))


def test_trc_has_the_rows_that_opensim_and_pose2sim_expect(tmp_path):
    lines = walk().save(tmp_path / "walk.trc").read_text().split("\n")
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\twalk.trc"
    names = lines[1].split("\t")
    assert names[:5] == ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"]
    assert names[5:] == ["OrigDataRate", "OrigDataStartFrame", "OrigNumFrames"]
    assert lines[2].split("\t") == ["30", "30", "20", "17", "m", "30", "6", "20"]
    assert lines[3].startswith("Frame#\tTime\thip\t\t\tright_hip\t\t\t")
    assert lines[4].startswith("\t\tX1\tY1\tZ1\tX2\tY2\tZ2")
    assert {line.count("\t") for line in lines[3:-1]} == {1 + 3 * 17}
    assert len(lines) == 5 + 20 + 1


def test_c3d_is_millimetres_with_z_up(tmp_path):
    content = ezc3d.c3d(str(standing_pose().save(tmp_path / "stand.c3d")))
    positions = content["data"]["points"][:3].transpose(2, 1, 0)
    check_standing(positions, 1000.0, **Z_UP)
    points = content["parameters"]["POINT"]
    assert points["UNITS"]["value"] == ["mm"]
    assert points["X_SCREEN"]["value"] == ["+X"]
    assert points["Y_SCREEN"]["value"] == ["+Z"]
    assert points["RATE"]["value"] == pytest.approx(30)
    assert points["LABELS"]["value"] == list(standing_pose().joints)


@pytest.mark.filterwarnings("ignore:No analog data found in file")
def test_c3d_is_read_by_another_library(tmp_path):
    pose = walk().with_root().upright(pitch=-10)
    with pose.save(tmp_path / "walk.c3d").open("rb") as file:
        reader = c3d.Reader(file)
        labels = [label.strip() for label in reader.point_labels]
        frames = [points for _, points, _ in reader.read_frames()]
        rate = reader.point_rate
    assert labels == list(pose.joints)
    assert rate == pytest.approx(30)
    x, y, z = np.moveaxis(np.array(frames)[..., :3] / 1000, -1, 0)
    expected = pose.positions_3d
    np.testing.assert_allclose(np.stack([x, z, -y], -1), expected, atol=1e-5)
    assert (np.array(frames)[..., 3] == 0).all()  # computed, and not missing


def test_c3d_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ezc3d", None)
    with pytest.raises(JaxposeError, match=r"pip install 'jaxpose\[c3d\]'"):
        walk().save(tmp_path / "walk.c3d")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", sorted(ENCODERS))
def test_one_frame_is_written_in_every_format(tmp_path, ending):
    if ending == ".mp4":
        pytest.importorskip("av", reason="MP4 files need av")
    path = tmp_path / f"one{ending}"
    assert standing_pose(1).save(path) == path
    assert path.stat().st_size > 300
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_gif_shows_the_liveliest_seconds(tmp_path):
    """Still for 250 frames, then 100 frames of motion."""
    pose = standing_pose(350)
    assert pose.rate == pytest.approx(30)
    positions = pose.positions_3d.copy()
    positions[250:, 16] += np.linspace(0, 0.5, 100)[:, None] * [1, -1, 0]
    pose = dataclasses.replace(pose, positions_3d=positions)
    frames = animation._liveliest(pose, 180)
    assert len(frames) == 180
    assert frames[0] <= 249
    assert frames[-1] == 349
    with Image.open(pose.save(tmp_path / "wave.gif")) as gif:
        assert gif.n_frames == 90  # every second frame
        assert gif.info["duration"] in (60, 70)  # of 67; the format knows hundredths
        first = np.asarray(gif.convert("RGB"))
        gif.seek(89)
        assert (np.asarray(gif.convert("RGB")) != first).any()


def test_an_mp4_shows_every_frame_up_to_25_per_second(tmp_path):
    av = pytest.importorskip("av", reason="MP4 files need av")
    with av.open(str(walk().save(tmp_path / "walk.mp4"))) as video:
        (stream,) = video.streams
        assert stream.codec_context.name == "h264"
        assert float(stream.average_rate) == 30
        assert sum(1 for _ in video.decode(stream)) == 20


def test_mp4_without_its_package_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(JaxposeError, match=r"pip install 'jaxpose\[video\]'"):
        walk().save(tmp_path / "walk.mp4")
    assert list(tmp_path.iterdir()) == []


def test_an_upright_pose_keeps_its_axes(tmp_path):
    pose = standing_pose().with_root().upright()
    assert pose.frame_of_reference == FrameOfReference.UPRIGHT
    _, positions = read_trc(pose.save(tmp_path / "stand.trc"))
    np.testing.assert_allclose(positions, pose.positions_3d, atol=1e-6)


def test_files_are_replaced_only_when_asked(tmp_path):
    path = str(tmp_path / "walk.csv")
    walk().save(path)
    with pytest.raises(JaxposeError, match=r"walk\.csv exists; state overwrite=True"):
        walk(5).save(path)
    assert len((tmp_path / "walk.csv").read_text().splitlines()) == 21
    walk(5).save(path, overwrite=True)
    assert len((tmp_path / "walk.csv").read_text().splitlines()) == 6


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(JaxposeError, match="cannot be written: No such file"):
        walk().save(tmp_path / "missing" / "walk.trc")
    (tmp_path / "walk.trc").mkdir()
    with pytest.raises(JaxposeError, match="cannot be written: Is a directory"):
        walk().save(tmp_path / "walk.trc", overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["walk.trc"]


def test_an_unknown_ending_lists_the_known_ones(tmp_path):
    known = r"known: \.npz, \.json, \.csv, \.trc, \.c3d, \.bvh, \.glb, \.gltf, \.html"
    with pytest.raises(JaxposeError, match=rf"unknown ending '\.fbx' .*{known}"):
        walk().save(tmp_path / "walk.fbx")
