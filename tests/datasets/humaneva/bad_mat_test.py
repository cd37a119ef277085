"""Errors name what is wrong with a .mat file of HumanEva-I."""

import pathlib

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxpose.body.skeletons import HUMANEVA_15
from jaxpose.datasets.humaneva import source_files
from jaxpose.errors import JaxposeError


def change_length(arrays):
    arrays["poses_3d"] = arrays["poses_3d"][:-1]


def change_joints(arrays):
    arrays["poses_3d"] = arrays["poses_3d"][:, :14]


def change_cameras(arrays):
    arrays["poses_2d"] = arrays["poses_2d"][:2]


def change_mask(arrays):
    arrays["poses_2d"][:, 11] = np.nan


def drop_key(arrays):
    del arrays["poses_2d"]


def cells(arrays):
    arrays["poses_3d"] = np.array([["a", "b"]], object)


@pytest.mark.parametrize("damage, message", [
    (change_length, "poses_3d has 372 frames, the published split has 373"),
    (change_joints, r"poses_3d: expected shape \[F, 15, 3\], found \[373, 14, 3\]"),
    (
        change_cameras,
        r"poses_2d: expected shape \[3, 373, 15, 2\], found \[2, 373, 15, 2\]",
    ),
    (change_mask, "not finite in the same frames; they differ first in frame 11"),
    (drop_key, "key 'poses_2d' is missing"),
    (cells, "of numbers, found an array of object"),
])  # fmt: skip
def test_bad_mat(folder, tmp_path, damage, message):
    path = pathlib.Path("Train/S1/Jog_1.mat")
    arrays = scipy.io.loadmat(folder / "mat" / "converted_15j" / path)
    damage(arrays)
    (tmp_path / path.parent).mkdir(parents=True)
    scipy.io.savemat(
        tmp_path / path, {k: v for k, v in arrays.items() if k.startswith("poses")}
    )
    with pytest.raises(JaxposeError, match=r"Jog_1\.mat: .*" + message):
        source_files.load_converted(tmp_path, HUMANEVA_15)


@pytest.fixture(scope="module")
def small_mat(tmp_path_factory) -> pathlib.Path:
    """One take, uncompressed so that damage reaches the arrays."""
    path = tmp_path_factory.mktemp("fuzz") / "Train" / "S1" / "Jog_1.mat"
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    arrays = {
        "poses_3d": rng.normal(size=(373, 15, 3)),
        "poses_2d": rng.normal(size=(3, 373, 15, 2)),
    }
    scipy.io.savemat(path, arrays)
    return path


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
)
def test_damaged_mat_files_end_in_the_projects_error(small_mat, cut, flips):
    whole = small_mat.read_bytes()
    damaged = bytearray(whole[: round(cut * len(whole))] if cut < 0.9 else whole)
    for place, value in flips:
        if place < len(damaged):
            damaged[place] = value
    small_mat.write_bytes(damaged)
    try:
        positions, _ = source_files.load_converted(small_mat.parents[2], HUMANEVA_15)
        assert positions["Train/S1"]["Jog 1 chunk0"].shape == (373, 15, 3)
    except JaxposeError:
        pass
    finally:
        small_mat.write_bytes(whole)
