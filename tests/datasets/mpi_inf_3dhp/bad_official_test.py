"""Errors name what is wrong with MPI-INF-3DHP's official files."""

import h5py
import numpy as np
import pytest

from jaxpose.datasets.mpi_inf_3dhp import source_files
from jaxpose.errors import JaxposeError
from tests import fabricate_mpi_inf_3dhp as fabricate
from tests.datasets.mpi_inf_3dhp.clips import FRAMES


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
