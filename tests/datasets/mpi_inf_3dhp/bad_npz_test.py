"""Errors name what is wrong with P-STMO's npz pair of MPI-INF-3DHP."""

import pathlib

import numpy as np
import pytest

from jaxpose.datasets.mpi_inf_3dhp import source_files
from jaxpose.errors import JaxposeError
from tests.datasets.mpi_inf_3dhp.clips import FRAMES, examples


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
