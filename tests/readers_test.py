"""Readers of foreign files read a damaged one, or refuse it in one line, in seconds.

`MUTATIONS=1000 SEED=0 python -m pytest -m slow tests/readers_test.py`. The readers of
recordings have tests of their own, `tests/recordings/damage_test.py`.
"""

import os
import time

import numpy as np
import pytest

from jaxpose.datasets.acclaim.archives import Archive
from jaxpose.errors import JaxposeError
from jaxpose.run import Run
from jaxpose.weights import load_weights, save_weights
from tests.datasets.small_cmu import write_archive
from tests.hostile_files import READERS
from tests.recordings.damage_test import damaged_bytes
from tests.torch_files import write_checkpoint

pytestmark = pytest.mark.xdist_group("train")

MUTATIONS = int(os.environ.get("MUTATIONS", "1000"))
SEED = int(os.environ.get("SEED", "0"))
MANY = pytest.param(MUTATIONS, marks=pytest.mark.slow)
SECONDS = 10
NUMBERS = np.random.default_rng(0).normal(size=(5, 17, 3))


def write_mat(path):
    scipy_io = pytest.importorskip("scipy.io")
    scipy_io.savemat(path, {"poses_3d": NUMBERS}, do_compression=True)


def write_pickle(path):
    content = {"S1": {"Walking": NUMBERS}, "names": ["a", "b"], "fps": 50}
    np.array(content, dtype=object).dump(path)


def write_hdf5(path):
    h5py = pytest.importorskip("h5py", reason="the extra `mpi_inf_3dhp`")
    with h5py.File(path, "w") as file:
        file["annot3"] = np.zeros((6, 1, 17, 3))


def write_cdf(path):
    pytest.importorskip("cdflib", reason="the extra `human36m`")
    from tests.fabricate_human36m import write_cdf

    write_cdf(path, np.random.default_rng(0).normal(size=(9, 32, 3)))


def write_xml(path):
    from tests.fabricate_human36m import write_metadata

    write_metadata(path)


def write_opencv(path):
    path.write_text(
        "%YAML:1.0\nK: !!opencv-matrix\n   rows: 3\n   cols: 3\n   dt: d\n"
        "   data: [ 1000., 0., 500., 0., 1000., 500., 0., 0., 1. ]\n"
        "image_width: 1000\nimage_height: 1000\n"
    )


def read_archive(path):
    """Reads the files that the archive lists, as the builders do."""
    archive = Archive(path)
    for name in archive.names:
        archive.read(name)


WRITERS = {
    "npz": lambda path: np.savez(path, positions_3d=NUMBERS, names=np.array(["a"])),
    "pkl": write_pickle,
    "mat": write_mat,
    "zip": write_archive,
    "pt": lambda path: write_checkpoint(path, {"model": {"a": NUMBERS, "b": NUMBERS}}),
    "xml": write_xml,
    "yml": write_opencv,
    "h5": write_hdf5,
    "cdf": write_cdf,
}


def check(path, read, mutations):
    """Damages a file so often; returns how often it was read and refused."""
    before = path.read_bytes()
    rng = np.random.default_rng(SEED)
    was_read = refused = 0
    for trial in range(mutations):
        content = damaged_bytes(before, rng)
        if content == before:
            continue
        path.write_bytes(content)
        begun, said = time.perf_counter(), ""
        try:
            read(path)
            was_read += 1
        except JaxposeError as error:
            said = str(error)
            refused += 1
        assert "\n" not in said, trial
        assert len(said) < 1000 + len(str(path)), (trial, said)
        assert time.perf_counter() - begun < SECONDS, trial
    path.write_bytes(before)
    return was_read, refused


@pytest.mark.parametrize("mutations", [20, MANY])
@pytest.mark.parametrize("ending", WRITERS)
def test_a_damaged_file_is_read_or_refused(tmp_path, ending, mutations):
    path = tmp_path / f"file.{ending}"
    WRITERS[ending](path)
    read = read_archive
    if ending != "zip":
        code = compile(READERS[ending], ending, "exec")
        read = lambda path: exec(code, {"path": path})  # noqa: E731
    was_read, refused = check(path, read, mutations)
    print(f"{ending}: {was_read} times read, {refused} times refused")
    assert refused


@pytest.mark.parametrize("mutations", [5, MANY])
def test_damaged_weights_are_refused(finished_run, tmp_path, mutations):
    path = tmp_path / "weights.safetensors"
    save_weights(path, Run.open(finished_run[0]).weights, "float32")
    assert check(path, load_weights, mutations)[0] == 0
