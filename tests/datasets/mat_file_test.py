"""MATLAB files: the same arrays as scipy reads, and one error for anything damaged."""

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose.datasets.mat_file import load_mat
from jaxpose.errors import JaxposeError


def contents() -> dict:
    rng = np.random.default_rng(0)
    cells = np.empty((3, 2), object)
    for index in np.ndindex(3, 2):
        cells[index] = rng.normal(size=(index[0] + 1, 4))
    return {
        "double": rng.normal(size=(4, 5, 6)),
        "single": rng.normal(size=(2, 3)).astype(np.float32),
        "small": np.array([[1, 2, 3]], np.uint8),  # fits into the tag of its element
        "long": 70_000 * np.arange(3)[None],
        "logical": np.array([[True, False]]),
        "empty": np.zeros((0, 3)),
        "cells": cells,
        "text": "words",
        "structure": {"field": 1},
        "complex": np.array([[1 + 2j]]),
    }


@pytest.mark.parametrize("compressed", [False, True])
def test_same_arrays_as_scipy(tmp_path, compressed):
    scipy.io.savemat(tmp_path / "file.mat", contents(), do_compression=compressed)
    ours = load_mat(tmp_path / "file.mat", tuple(contents()))
    theirs = scipy.io.loadmat(tmp_path / "file.mat")
    for key in ("double", "single", "small", "long", "logical", "empty"):
        np.testing.assert_array_equal(ours[key], theirs[key])
        assert (ours[key].shape, ours[key].dtype) == (
            theirs[key].shape,
            theirs[key].dtype,
        )
    for index in np.ndindex(3, 2):
        np.testing.assert_array_equal(ours["cells"][index], theirs["cells"][index])
    assert [ours[key] for key in ("text", "structure", "complex")] == [None, None, None]


def test_missing_key_and_file(tmp_path):
    scipy.io.savemat(tmp_path / "file.mat", {"poses": np.zeros(3), "names": "x"})
    with pytest.raises(
        JaxposeError,
        match=r"key 'poses_3d' is missing; the file holds 'poses', 'names'",
    ):
        load_mat(tmp_path / "file.mat", ("poses_3d",))
    with pytest.raises(JaxposeError, match=r"other\.mat cannot be read: No such file"):
        load_mat(tmp_path / "other.mat", ("poses_3d",))


@pytest.mark.parametrize(
    "content", [b"", b"MATLAB 5.0", bytes(200), b"\x89HDF\r\n\x1a\n" + bytes(200)]
)
def test_other_files(tmp_path, content):
    (tmp_path / "file.mat").write_bytes(content)
    with pytest.raises(
        JaxposeError,
        match=r"file\.mat: not a MATLAB file of version 5 to 7, or damaged",
    ):
        load_mat(tmp_path / "file.mat", ("poses_3d",))


@settings(max_examples=150, deadline=None)
@given(
    compressed=st.booleans(),
    cut=st.floats(0, 2),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
)
def test_damaged_files_end_in_the_projects_error(
    tmp_path_factory, compressed, cut, flips
):
    path = tmp_path_factory.getbasetemp() / "damaged.mat"
    scipy.io.savemat(path, contents(), do_compression=compressed)
    damaged = bytearray(path.read_bytes())
    del damaged[round(cut * len(damaged)) :]
    for place, value in flips:
        if damaged:
            damaged[int(place * len(damaged))] = value
    path.write_bytes(damaged)
    try:
        held = load_mat(path, ("double", "cells"))
    except JaxposeError:
        return
    assert all(
        value is None or isinstance(value, np.ndarray) for value in held.values()
    )
