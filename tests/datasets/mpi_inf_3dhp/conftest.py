"""Fabricated files of MPI-INF-3DHP, official and as P-STMO's npz pair."""

import pathlib

import pytest

from tests import fabricate_mpi_inf_3dhp as fabricate
from tests.datasets.mpi_inf_3dhp.clips import FRAMES


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> pathlib.Path:
    """Both layouts of the same motion."""
    folder = tmp_path_factory.mktemp("mpi_inf_3dhp")
    fabricate.fabricate_official(folder / "official", FRAMES)
    fabricate.fabricate_npz(folder / "p_stmo", FRAMES)
    return folder
