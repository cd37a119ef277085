"""Damaged files of MPI-INF-3DHP raise the project's error alone."""

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose.datasets.mpi_inf_3dhp import source_files
from jaxpose.errors import JaxposeError
from tests import fabricate_mpi_inf_3dhp as fabricate


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
