"""Acclaim files: parsing, kinematics of hand-made and real motion, and bad input."""

import functools
import gzip
import http.server
import pathlib
import threading
import zipfile

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow_datasets as tfds

from jaxpose.body import cameras
from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets import get_builder
from jaxpose.datasets.cmu_mocap import asf_amc
from jaxpose.datasets.cmu_mocap import cmu_mocap_dataset_builder as cmu
from jaxpose.datasets.prepared import load_clips
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests.datasets.small_cmu import AMC_FRAMES, amc_text, asf_text, write_archive
from tests.shared import shared_path

INCH = 0.0254


@pytest.fixture(scope="module")
def archive() -> cmu.Archive:
    return cmu.Archive(shared_path("data/cmu/allasfamc.zip"))


def _read(
    archive: cmu.Archive, take: str
) -> tuple[asf_amc.AcclaimSkeleton, np.ndarray]:
    subject = take.partition("_")[0]
    skeleton = asf_amc.parse_asf(
        archive.read(archive.skeletons[subject]), f"{subject}.asf"
    )
    name = archive.trials[subject][take]
    return skeleton, cmu.joints(
        skeleton, asf_amc.parse_amc(archive.read(name), skeleton, name)
    )


def test_euler_rotation_turns_about_x_then_y_then_z():
    def about(axis: int, degrees: float) -> np.ndarray:
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        matrix = np.eye(3)
        matrix[i, i], matrix[j, j], matrix[j, i], matrix[i, j] = c, c, s, -s
        return matrix

    expected = about(2, 70) @ about(1, -20) @ about(0, 35)
    np.testing.assert_allclose(
        asf_amc.euler_rotation(np.array([35.0, -20.0, 70.0])), expected, atol=1e-12
    )


def test_kinematics_of_two_bones_by_hand():
    text = asf_text()
    skeleton = asf_amc.parse_asf(text, "x.asf")
    motion = asf_amc.parse_amc(
        amc_text(1, {"lfemur": (0.0, 0.0, 90.0)}), skeleton, "x.amc"
    )
    ends = asf_amc.bone_ends(skeleton, motion, ("lhipjoint", "lfemur", "ltibia"))
    unit = INCH / 0.45
    root = np.array([1.0, 17.0, 3.0])
    hip = root + np.array([2.0, 0, 0])
    # lfemur points down and its axis is turned by 20 degrees about z: a turn about z
    # stays what it is.
    knee = hip + 7 * np.array([1.0, 0, 0])
    ankle = knee + 8 * np.array([1.0, 0, 0])
    np.testing.assert_allclose(ends["lhipjoint"][0], hip * unit, atol=1e-9)
    np.testing.assert_allclose(ends["lfemur"][0], knee * unit, atol=1e-9)
    np.testing.assert_allclose(ends["ltibia"][0], ankle * unit, atol=1e-9)


def test_a_bones_own_axis_conjugates_its_rotation():
    skeleton = asf_amc.parse_asf(asf_text(), "x.asf")
    motion = asf_amc.parse_amc(
        amc_text(1, {"lfemur": (30.0, 0.0, 0.0)}), skeleton, "x.amc"
    )
    ends = asf_amc.bone_ends(skeleton, motion, ("lhipjoint", "lfemur"))
    axis, turn = (
        asf_amc.euler_rotation(np.array([0, 0, 20.0])),
        asf_amc.euler_rotation(np.array([30.0, 0, 0])),
    )
    expected = axis @ turn @ np.linalg.inv(axis) @ np.array([0, -7.0, 0]) * INCH / 0.45
    np.testing.assert_allclose(
        ends["lfemur"][0] - ends["lhipjoint"][0], expected, atol=1e-12
    )


def test_carriage_returns_and_tiny_numbers_are_read():
    skeleton = asf_amc.parse_asf(asf_text().replace("\n", "\r\n"), "x.asf")
    text = amc_text(3, {"rclavicle": (1.39149e-15, -2e-15)}).replace("\n", "\r\n")
    motion = asf_amc.parse_amc(text, skeleton, "x.amc")
    assert motion["rclavicle"].shape == (3, 2)
    assert motion["root"].shape == (3, 6)


@pytest.mark.parametrize("take", ["01_01", "07_01", "49_08", "135_04"])
def test_real_bones_keep_their_length_and_the_person_is_upright(archive, take):
    skeleton, positions = _read(archive, take)
    child, parent = np.array(H36M_17.bones).T
    lengths = np.linalg.norm(positions[:, child] - positions[:, parent], axis=-1)
    single = [
        H36M_17.joints[joint].endswith(("knee", "ankle", "elbow")) for joint in child
    ]
    assert np.ptp(lengths[:, single], axis=0).max() < 1e-9
    spine = lengths[
        :, H36M_17.joints.index("spine") - 1
    ]  # from the middle of the hips: two bones
    assert 0 < spine.std() < 0.010
    knee = np.linalg.norm(skeleton.bones["lfemur"].offset)
    np.testing.assert_allclose(lengths[:, [list(child).index(5)]], knee, rtol=1e-9)


def test_real_subjects_have_human_stature_and_stand_upright(archive):
    for subject, trials in archive.trials.items():
        skeleton = asf_amc.parse_asf(archive.read(archive.skeletons[subject]), subject)
        zero = {"root": np.zeros((1, 6))}
        zero |= {
            name: np.zeros((1, len(bone.dof)))
            for name, bone in skeleton.bones.items()
            if bone.dof
        }
        positions = cmu.to_z_up(cmu.joints(skeleton, zero))[0]
        stature = np.ptp(positions[:, 2]) + 0.08  # ankles to the floor
        assert 1.5 < stature < 1.85, (subject, trials)
        by_name = dict(zip(H36M_17.joints, positions, strict=True))
        assert (
            by_name["head"][2]
            > by_name["thorax"][2]
            > by_name["hip"][2]
            > by_name["left_knee"][2]
        )
        assert (
            by_name["left_hip"][0] > 0 > by_name["right_hip"][0]
        )  # facing the file's z


def test_walking_faces_the_way_it_goes(archive):
    _, positions = _read(archive, "07_01")
    positions = cmu.to_z_up(positions)
    way = positions[-1, 0, :2] - positions[0, 0, :2]
    across = positions[:, 1] - positions[:, 4]  # from the left hip to the right
    forward = np.cross([0, 0, 1.0], across)[:, :2].mean(axis=0)
    cosine = way @ forward / np.linalg.norm(way) / np.linalg.norm(forward)
    assert cosine > 0.9
    assert 0.0 < positions[:, [3, 6], 2].min() < 0.12  # ankles near the floor


def test_resampling_keeps_time_and_straight_lines():
    line = np.arange(121.0)[:, None, None] * np.ones((1, 2, 3)) / 120
    resampled = cmu.resample(line, 120, 50)
    assert len(resampled) == 51
    np.testing.assert_allclose(resampled[:, 0, 0], np.arange(51) / 50, atol=1e-12)
    np.testing.assert_array_equal(cmu.resample(line[:1], 120, 50), line[:1])
    np.testing.assert_allclose(cmu.resample(line, 120, 120), line)
    assert len(cmu.resample(line, 60, 50)) == 101


def test_world_axes_and_centre():
    np.testing.assert_array_equal(cmu.to_z_up(np.array([1.0, 2.0, 3.0])), [1, -3, 2])
    moved = cmu.centre(np.random.default_rng(0).normal(5, 1, (9, 17, 3)))
    np.testing.assert_allclose(moved[:, 0, :2].mean(axis=0), 0, atol=1e-12)
    assert moved[..., 2].mean() > 4  # heights stay


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
    assert one.subjects == ("01", "88")
    assert [clip.take for clip in one.index] == ["01_01"] * 4 + ["01_02"] * 4 + [
        "88_01"
    ] * 4
    assert one.keypoints_source == ("noisy_projection" if noisy else "gt")
    at_120, at_60 = 1 + (AMC_FRAMES - 1) * 50 // 120, 1 + (AMC_FRAMES - 1) * 50 // 60
    assert [clip.length for clip in one.index[::4]] == [at_120, at_120, at_60]
    assert all(clip.fps == 50 for clip in one.index)
    assert any("33" in note and "frame rate" in note for note in report.notes)
    assert report.subjects["01"].frames == 2 * 4 * at_120


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


@pytest.mark.parametrize(
    ("fixture", "subject", "frame"), [("07_12", "07", 245), ("64_01", "13", 444)]
)
def test_truncated_motion_names_file_and_frame(archive, fixture, subject, frame):
    path = shared_path(f"data/cmu/malformed/{fixture}_truncated.amc.gz")
    text = gzip.decompress(path.read_bytes()).decode()
    skeleton = asf_amc.parse_asf(
        archive.read(archive.skeletons[subject]), f"{subject}.asf"
    )
    with pytest.raises(
        JaxposeError, match=rf"{fixture}\.amc, frame {frame}: .*truncated"
    ):
        asf_amc.parse_amc(text, skeleton, f"{fixture}.amc")


BAD_MOTION = {
    "cut inside a number list": (
        lambda text: text[: text.rindex(" ")],
        "line .* frame 7",
    ),
    "cut inside a frame": (
        lambda text: text[: text.rindex("lfemur")],
        "frame 7: .*truncated",
    ),
    "not a number": (
        lambda text: text.replace("ltibia 0.0", "ltibia x", 1),
        "frame 1: ltibia is 'x'",
    ),
    "not finite": (
        lambda text: text.replace("ltibia 0.0", "ltibia nan", 1),
        "ltibia is 'nan'.* 1 finite",
    ),
    "a value too many": (
        lambda text: text.replace("ltibia 0.0", "ltibia 0.0 0.0", 1),
        "expected 1 finite",
    ),
    "unknown bone": (lambda text: text.replace("ltibia", "tail"), "found 'tail'"),
    "a bone is missing": (
        lambda text: text.replace("ltibia 0.0\n", "", 1),
        "lacks ltibia",
    ),
    "no bone anywhere": (lambda text: text.replace("ltibia 0.0\n", ""), "lacks ltibia"),
    "frame left out": (
        lambda text: text.replace("\n3\n", "\n4\n"),
        "frame 4 follows; expected 3",
    ),
    "no frames": (lambda text: text[: text.index("\n1\n")], "no frames"),
    "radians": (
        lambda text: text.replace(":DEGREES", ":RADIANS"),
        "no line ':DEGREES'",
    ),
    "empty": (lambda text: "", "no line ':DEGREES'"),
}


@pytest.mark.parametrize("name", BAD_MOTION)
def test_bad_motion(name):
    damage, message = BAD_MOTION[name]
    skeleton = asf_amc.parse_asf(asf_text(), "x.asf")
    with pytest.raises(JaxposeError, match=rf"^x\.amc.*{message}"):
        asf_amc.parse_amc(damage(amc_text(7)), skeleton, "x.amc")


BAD_SKELETON = {
    "empty": ("", "", "no section :units, :root, :bonedata, :hierarchy"),
    "radians": ("angle deg", "angle rad", "degrees"),
    "no length unit": ("length 0.45", "size 0.45", "no field 'length'"),
    "zero length unit": ("length 0.45", "length 0", "positive"),
    "direction not finite": (
        "direction 1.0 0.0 0.0",
        "direction nan 0.0 0.0",
        "direction is 'nan 0.0 0.0'",
    ),
    "length not a number": (
        "length 7.0",
        "length seven",
        "bone 'lfemur' length is 'seven'",
    ),
    "other axis order": ("axis 0 0 20 XYZ", "axis 0 0 20 ZYX", "'ZYX'"),
    "axis without order": ("axis 0 0 20 XYZ", "axis", "x y z XYZ"),
    "degree of freedom twice": (
        "dof rx ry rz",
        "dof rx ry rx",
        "expected x y z XYZ, and rx, ry, rz",
    ),
    "bone with two parents": (
        "rfemur rtibia\n",
        "rfemur rtibia ltibia\n",
        "'ltibia', twice",
    ),
    "unknown degree of freedom": (
        "dof rx ry rz",
        "dof rx ry l",
        "expected x y z XYZ, and rx, ry, rz",
    ),
    "hierarchy names a stranger": (
        "lfemur ltibia\n",
        "lfemur tail\n",
        "'tail', which :bonedata lacks",
    ),
    "child before its parent": ("root lhipjoint", "nowhere lhipjoint", "'nowhere'"),
}


_TEXTS = (asf_text(), amc_text(3))


@hypothesis.settings(max_examples=150, deadline=None, derandomize=True, database=None)
@hypothesis.given(
    which=st.integers(0, 1),
    start=st.floats(0, 1),
    length=st.integers(0, 40),
    new=st.text("0189.-:#rxyz \n\u00b2nan", max_size=6),
)
def test_damaged_text_gives_finite_joints_or_the_projects_error(
    which, start, length, new
):
    texts = list(_TEXTS)
    position = int(start * len(texts[which]))
    texts[which] = texts[which][:position] + new + texts[which][position + length :]
    try:
        skeleton = asf_amc.parse_asf(texts[0], "x.asf")
        motion = asf_amc.parse_amc(texts[1], skeleton, "x.amc")
    except JaxposeError:
        return
    if set(cmu.JOINT_BONES) <= set(skeleton.bones):
        assert np.isfinite(cmu.joints(skeleton, motion)).all()


@pytest.mark.parametrize("name", BAD_SKELETON)
def test_bad_skeleton(name):
    old, new, message = BAD_SKELETON[name]
    text = asf_text().replace(old, new) if old else new
    with pytest.raises(JaxposeError, match=rf"^x\.asf.*{message}"):
        asf_amc.parse_asf(text, "x.asf")


def _no_bone(text: str) -> str:
    return text.replace("lwrist", "lpaw")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"01/01.asf": asf_text()}, "holds no .amc"),
        ({"01/01_01.amc": amc_text(3)}, r"no skeleton file 01\.asf"),
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
    assert list(report.subjects) == ["01", "88"]


def test_download_that_fails_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(cmu, "URL", "http://127.0.0.1:9/allasfamc.zip")
    with pytest.raises(JaxposeError, match=r"could not download .*--source=PATH"):
        prepare("cmu_mocap", data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_index_of_the_real_archive(archive):
    assert {subject: len(trials) for subject, trials in archive.trials.items()} == {
        "01": 3, "02": 10, "05": 7, "07": 11, "09": 1, "13": 3, "135": 9, "49": 4,
    }  # fmt: skip
    assert pathlib.Path(archive.skeletons["135"]).name == "135.asf"


def test_builder_is_known_to_tfds(tmp_path):
    builder = tfds.builder("cmu_mocap/noisy", data_dir=str(tmp_path))
    assert type(builder) is type(get_builder("cmu_mocap", data_dir=tmp_path))
    assert builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD
    assert "NSF EIA-0196217" in builder.info.citation
