"""Fabricated files of HumanEva-I, as .mat and as npz."""

import pathlib

import pytest

from tests import fabricate_humaneva


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> pathlib.Path:
    """The .mat files and npz files with 15 joints, in folders of their own."""
    folder = tmp_path_factory.mktemp("humaneva")
    fabricate_humaneva.fabricate_mat(folder / "mat", 15)
    fabricate_humaneva.fabricate_npz(folder / "npz", 15)
    return folder
