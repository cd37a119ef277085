"""MPI-INF-3DHP from its own files and from P-STMO's npz pair, whole and damaged."""

import pathlib
import shutil
import sys

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose.body import cameras
from jaxpose.body.joint_rules import convert_joints
from jaxpose.datasets import get_builder
from jaxpose.datasets.mpi_inf_3dhp import facts, source_files
from jaxpose.datasets.prepared import load_clips
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests import fabricate_mpi_inf_3dhp as fabricate

FRAMES = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """Both layouts of the same motion."""
    folder = tmp_path_factory.mktemp("mpi_inf_3dhp")
    fabricate.fabricate_official(folder / "official", FRAMES)
    fabricate.fabricate_npz(folder / "p_stmo", FRAMES)
    return folder


def examples(
    source: pathlib.Path, config: str = "univ_annot3"
) -> dict[tuple[str, str, str], dict]:
    builder = get_builder(f"mpi_inf_3dhp/{config}", source=source, data_dir="unused")
    clips = [
        clip for split in builder.splits(source, Report("")).values() for clip in split
    ]
    return {(clip["subject"], clip["take"], clip["camera"]): clip for clip in clips}


def test_published_numbers():
    train = [sequence for takes in facts.TRAIN.values() for sequence in takes.values()]
    assert sum(frames for frames, _ in train) * len(facts.CAMERAS) == 1_052_736
    assert {fps for _, fps in train} == {25, 50}
    assert sum(valid for _, valid in facts.TEST.values()) == 2929
    valid = dict.fromkeys(facts.SCENES.values(), 0)
    for sequence, (_, count) in facts.TEST.items():
        valid[facts.SCENES[sequence]] += count
    assert valid == {"GS": 603 + 540, "noGS": 505 + 553, "Outdoor": 276 + 452}
    sizes = [facts.image_size(sequence) for sequence in facts.TEST]
    assert sizes == [(2048, 2048)] * 4 + [(1920, 1080)] * 2


def test_both_formats_give_the_same_clips(folder):
    official, p_stmo = examples(folder / "official"), examples(folder / "p_stmo")
    assert len(official) == 8 * 2 * 8 + 6
    assert list(official) == list(p_stmo)
    for key, clip in official.items():
        other = p_stmo[key]
        np.testing.assert_allclose(
            clip["positions_3d"], other["positions_3d"], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            clip["keypoints_2d"], other["keypoints_2d"], rtol=0, atol=1e-3
        )
        np.testing.assert_array_equal(clip["valid"], other["valid"])
        assert (clip["fps"], clip["action"]) == (other["fps"], other["action"])
        assert clip["image_size"].tolist() == other["image_size"].tolist()


def test_training_clips(folder):
    clips = examples(folder / "official")
    clip = clips["S3", "Seq2", "4"]
    annot2, annot3 = (
        convert_joints(array, "mpi_inf_3dhp_28", "mpi_inf_3dhp_17")
        for array in fabricate.training_view("S3", "Seq2", 4, FRAMES)
    )
    np.testing.assert_allclose(clip["keypoints_2d"], annot2, atol=1e-3)
    np.testing.assert_allclose(
        clip["positions_3d"], fabricate.UNIVERSAL * annot3 / 1000, atol=1e-6
    )
    assert (clip["fps"], clip["action"], clip["camera"]) == (50, "Seq2", "4")
    assert clip["valid"].all()
    assert not clip["activity"].any()
    assert clips["S1", "Seq1", "0"]["fps"] == 25
    assert {camera for _, take, camera in clips if take.startswith("Seq")} == set(
        "01245678"
    )


def test_test_clips(folder):
    clip = examples(folder / "official")["TS5", "TS5", "0"]
    assert (clip["action"], clip["image_size"].tolist()) == ("Outdoor", [1920, 1080])
    assert np.flatnonzero(clip["valid"]).tolist() == [1, 4, 7, 10]
    assert clip["activity"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert not examples(folder / "p_stmo")["TS5", "TS5", "0"]["activity"].any()


def test_annot3_projects_and_univ_annot3_says_that_it_does_not(folder):
    clip = examples(folder / "official", "annot3")["S2", "Seq1", "8"]
    camera = cameras.normalized_intrinsics(clip["intrinsics"], None, (2048, 2048))
    projected = cameras.project(clip["positions_3d"].astype(np.float64), camera)
    pixels = cameras.image_coordinates(projected, (2048, 2048))
    np.testing.assert_allclose(pixels, clip["keypoints_2d"], atol=1e-2)
    assert clip["has_absolute_root"]
    universal = examples(folder / "official")["S2", "Seq1", "8"]
    assert not universal["has_absolute_root"]
    np.testing.assert_allclose(
        universal["positions_3d"], 0.9 * clip["positions_3d"], rtol=1e-5
    )


def test_calibration_is_found_by_keywords(tmp_path):
    path = tmp_path / "camera.calibration"
    fabricate.write_calibration(
        path, [fabricate.camera_of(number) for number in range(14)]
    )
    lines = path.read_text().splitlines()
    shuffled = [
        lines[0],
        "",
        "  unknown 3",
        *(line for line in lines[1:] if "animated" not in line),
    ]
    path.write_text("\n".join(shuffled))
    found = source_files.load_calibration(path)
    assert list(found) == list(range(14))
    expected = fabricate.camera_of(7)
    np.testing.assert_allclose(found[7].intrinsics, expected.intrinsics)
    np.testing.assert_allclose(found[7].translation, expected.translation, atol=1e-6)
    point = np.array([[0.3, -0.2, 1.1]])
    np.testing.assert_allclose(
        cameras.world_to_camera(
            point, np.array(found[7].orientation), np.array(found[7].translation)
        ),
        cameras.world_to_camera(
            point, np.array(expected.orientation), np.array(expected.translation)
        ),
        atol=1e-6,
    )


def test_cameras_are_found_by_their_number(tmp_path):
    views = [fabricate.training_view("S1", "Seq1", camera, 3) for camera in range(14)]
    order = np.roll(np.arange(14), 5)
    fabricate.write_annot_mat(
        tmp_path / "annot.mat", [views[c] for c in order], cameras=order[None]
    )
    found = source_files.load_annot_mat(tmp_path / "annot.mat", "annot3")
    for camera in facts.CAMERAS:
        expected = convert_joints(
            views[camera][0], "mpi_inf_3dhp_28", "mpi_inf_3dhp_17"
        )
        np.testing.assert_array_equal(found[camera].keypoints_2d, expected)


def test_only_the_usable_rows_are_taken(folder, monkeypatch):
    monkeypatch.setitem(facts.TRAIN, "S1", {"Seq1": (5, 25), "Seq2": (FRAMES, 50)})
    clips = examples(folder / "official")
    assert len(clips["S1", "Seq1", "0"]["valid"]) == 5
    assert len(clips["S1", "Seq2", "0"]["valid"]) == FRAMES


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


def matrix_instead_of_cells(_):
    return {"annot2": np.zeros((14, 56))}


def missing_annot3(_):
    return {"univ_annot3": None}


def one_camera_short(_):
    return {"cameras": np.array([[0, 1, 2, 3, 4, 5, 6, 7, 9, 9, 10, 11, 12, 13]])}


def other_columns(cells):
    cells[4, 0] = np.zeros((3, 57))
    return {"annot2": cells}


def other_length(cells):
    cells[4, 0] = np.zeros((2, 56))
    return {"annot2": cells}


def words(cells):
    cells[4, 0] = "none"
    return {"annot2": cells}


@pytest.mark.parametrize("change, message", [
    (
        matrix_instead_of_cells,
        r"annot2 is an array \[14, 56\] of float64; expected a 14 x 1 cell array",
    ),
    (missing_annot3, "key 'univ_annot3' is missing"),
    (one_camera_short, "camera 8 is missing"),
    (other_columns, r"annot2\{5\}: expected shape \[F, 56\], found \[3, 57\]"),
    (other_length, "camera 4: 2D has 2 frames and 3D 3"),
    (words, r"annot2\{5\}: expected an array \[F, 56\] of numbers"),
])  # fmt: skip
def test_bad_training_annotation(tmp_path, change, message):
    views = [fabricate.training_view("S1", "Seq1", camera, 3) for camera in range(14)]
    cells = np.empty((14, 1), object)
    for camera, (annot2, _) in enumerate(views):
        cells[camera, 0] = annot2.reshape(3, 56)
    path = tmp_path / "annot.mat"
    fabricate.write_annot_mat(path, views, **change(cells))
    with pytest.raises(JaxposeError, match=r"annot\.mat: .*" + message):
        source_files.load_annot_mat(path, "univ_annot3")


@pytest.mark.parametrize("changes, message", [
    ({"valid_frame": None}, "key 'valid_frame' is missing"),
    ({"activity_annotation": np.full((FRAMES, 1), 8.0)}, "other numbers than 1 to 7"),
    ({"valid_frame": np.full((FRAMES, 1), 2.0)}, "marked by 0 and 1"),
    ({"valid_frame": np.zeros((FRAMES, 1))}, "at least one is valid"),
    (
        {"valid_frame": np.ones((FRAMES - 1, 1))},
        r"valid_frame: expected shape \[12, 1\], found \[11, 1\]",
    ),
    (
        {"annot2": np.zeros((FRAMES, 1, 28, 2))},
        r"annot2: expected shape \[F, 1, 17, 2\]",
    ),
    ({"annot2": np.zeros((FRAMES - 1, 1, 17, 2))}, "2D has 11 frames and 3D 12"),
    ({"univ_annot3": np.full((FRAMES, 1, 17, 3), np.nan)}, "numbers are not finite"),
])  # fmt: skip
def test_bad_test_annotation(tmp_path, changes, message):
    path = tmp_path / "annot_data.mat"
    fabricate.write_annot_data(
        path, **(fabricate.testing_view("TS1", FRAMES) | changes)
    )
    with pytest.raises(JaxposeError, match=r"annot_data\.mat.*" + message):
        source_files.load_annot_data(path, "univ_annot3")


def test_one_frame_keeps_its_axis(tmp_path):
    arrays = {
        key: array[1:2] for key, array in fabricate.testing_view("TS1", FRAMES).items()
    }
    fabricate.write_annot_data(tmp_path / "annot_data.mat", **arrays)
    assert source_files.load_annot_data(
        tmp_path / "annot_data.mat", "annot3"
    ).positions_3d.shape == (1, 17, 3)


def test_files_of_the_other_kind(folder, tmp_path):
    training = folder / "official" / "mpi_inf_3dhp" / "S1" / "Seq1" / "annot.mat"
    testing = folder / "official" / "mpi_inf_3dhp_test_set" / "TS1" / "annot_data.mat"
    with pytest.raises(
        JaxposeError, match=r"not an HDF5 file.*the training set's annot\.mat is not"
    ):
        source_files.load_annot_data(training, "univ_annot3")
    with pytest.raises(JaxposeError, match=r"damaged: it is of version 7\.3 \(HDF5\)"):
        source_files.load_annot_mat(testing, "univ_annot3")
    with h5py.File(tmp_path / "v73.mat", "w", userblock_size=512) as file:
        file["annot2"] = np.zeros(3)
    header = b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM"
    content = (tmp_path / "v73.mat").read_bytes()
    (tmp_path / "v73.mat").write_bytes(header + content[len(header) :])
    with pytest.raises(JaxposeError, match=r"it is of version 7\.3 \(HDF5\)"):
        source_files.load_annot_mat(tmp_path / "v73.mat", "univ_annot3")


@pytest.mark.parametrize("old, new, message", [
    ("name          8", "nom           8", "camera 8 is missing"),
    ("  size        2048 2048", "  size        1920 1080", r"size is \(1920, 1080\)"),
    ("  intrinsic   1500", "  intrinsic   fx", "intrinsic needs 16 numbers"),
    ("  extrinsic   -0", "  extrinsic   -9", "extrinsic holds no rotation"),
    ("  intrinsic   1500 0", "  intrinsic   1500", "intrinsic needs 16 numbers"),
])  # fmt: skip
def test_bad_calibration(tmp_path, old, new, message):
    path = tmp_path / "camera.calibration"
    fabricate.write_calibration(
        path, [fabricate.camera_of(number) for number in range(14)]
    )
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(JaxposeError, match=rf"camera\.calibration.*{message}"):
        source_files.load_calibration(path)


def npz_contents(path: pathlib.Path) -> dict:
    with np.load(path, allow_pickle=True) as arrays:
        return arrays["data"].item()


def no_sequence(train, test):
    del train["S4 Seq2"]


def no_camera(train, test):
    del train["S4 Seq2"][0]["5"]


def no_cameras(train, test):
    train["S4 Seq2"] = []


def no_2d(train, test):
    del train["S4 Seq2"][0]["5"]["data_2d"]


def no_test_sequence(train, test):
    del test["TS4"]


def no_valid(train, test):
    del test["TS4"]["valid"]


def more_joints(train, test):
    test["TS4"]["data_3d"] = np.zeros((FRAMES, 28, 3))


@pytest.mark.parametrize("damage, message", [
    (no_sequence, "data_train_3dhp.npz: data: key 'S4 Seq2' is missing"),
    (no_camera, r"data\['S4 Seq2'\]: key '5' is missing"),
    (no_cameras, "expected a list of a dict of cameras and the frame rate"),
    (no_2d, r"data\['S4 Seq2'\]\[0\]\['5'\]: key 'data_2d' is missing"),
    (no_test_sequence, "data_test_3dhp.npz: data: key 'TS4' is missing"),
    (
        no_valid,
        r"data\['TS4'\]: key 'valid' is missing; the file holds 'data_2d', 'data_3d'",
    ),
    (
        more_joints,
        r"data\['TS4'\]\['data_3d'\]: expected shape \[F, 17, 3\], "
        r"found \[12, 28, 3\]",
    ),
])  # fmt: skip
def test_bad_npz(folder, tmp_path, damage, message):
    train, test = (
        npz_contents(folder / "p_stmo" / name)
        for name in (source_files.TRAIN_NPZ, source_files.TEST_NPZ)
    )
    damage(train, test)
    np.savez(tmp_path / source_files.TRAIN_NPZ, data=train)
    np.savez(tmp_path / source_files.TEST_NPZ, data=test)
    with pytest.raises(JaxposeError, match=message):
        examples(tmp_path)


def test_the_331_byte_npz(tmp_path):
    np.savez_compressed(tmp_path / source_files.TRAIN_NPZ, data={})
    with pytest.raises(JaxposeError, match="the file holds no data"):
        examples(tmp_path)


class RunsCode:
    """Unpickling it would call `print`."""

    def __reduce__(self):
        return print, ("code was run",)


def test_an_npz_that_tries_to_run_code(tmp_path, capsys):
    np.savez(tmp_path / source_files.TEST_NPZ, data={"TS1": RunsCode()})
    with pytest.raises(JaxposeError, match=r"builtins\.print"):
        examples(tmp_path)
    assert capsys.readouterr().out == ""


def test_a_missing_package_names_the_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    path = folder / "official" / "mpi_inf_3dhp_test_set" / "TS1" / "annot_data.mat"
    with pytest.raises(
        JaxposeError,
        match=r"needs the package h5py: pip install h5py, .*\[mpi_inf_3dhp\]",
    ):
        source_files.load_annot_data(path, "annot3")


@pytest.fixture(scope="module")
def small_files(tmp_path_factory) -> dict[str, pathlib.Path]:
    folder = tmp_path_factory.mktemp("fuzz")
    views = [fabricate.training_view("S1", "Seq1", camera, 2) for camera in range(14)]
    fabricate.write_annot_mat(folder / "annot.mat", views)
    fabricate.write_annot_data(
        folder / "annot_data.mat", **fabricate.testing_view("TS1", 4)
    )
    fabricate.write_calibration(
        folder / "camera.calibration", [fabricate.camera_of(n) for n in range(14)]
    )
    fabricate.fabricate_npz(folder, 2)
    return {path.name: path for path in folder.iterdir()}


READERS = {
    "annot.mat": lambda path: source_files.load_annot_mat(path, "univ_annot3"),
    "annot_data.mat": lambda path: source_files.load_annot_data(path, "univ_annot3"),
    "camera.calibration": source_files.load_calibration,
    "data_train_3dhp.npz": source_files.load_train_npz,
    "data_test_3dhp.npz": source_files.load_test_npz,
}


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40, deadline=None)
@given(
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
    near_the_start=st.booleans(),
)
def test_damaged_files_end_in_the_projects_error(
    small_files, name, cut, flips, near_the_start
):
    whole = small_files[name].read_bytes()
    damaged = bytearray(whole[: round(cut * len(whole))] if cut < 0.5 else whole)
    for place, value in flips:
        if damaged:
            damaged[
                int(place * min(len(damaged), 2000 if near_the_start else len(damaged)))
            ] = value
    path = small_files[name].with_name(f"damaged_{name}")
    path.write_bytes(damaged)
    try:
        assert READERS[name](path)
    except JaxposeError:
        pass
    finally:
        path.unlink()
