"""Fabricated files of Human3.6M in each layout."""

import pathlib

import pytest

from tests import fabricate_human36m


@pytest.fixture(scope="session")
def npz(tmp_path_factory) -> pathlib.Path:
    """The npz files of one subject to train on and both to test."""
    folder = tmp_path_factory.mktemp("npz")
    fabricate_human36m.fabricate_npz(folder, ("S1", "S9", "S11"))
    return folder


@pytest.fixture(scope="session")
def extracted(tmp_path_factory) -> pathlib.Path:
    """The official files, extracted, of two subjects."""
    folder = tmp_path_factory.mktemp("extracted")
    fabricate_human36m.fabricate_extracted(
        folder, ("S1", "S11"), kinds=("D3_Positions",)
    )
    return folder


@pytest.fixture(scope="session")
def pickled(tmp_path_factory) -> pathlib.Path:
    """The pickle of one subject to train on and one to test."""
    folder = tmp_path_factory.mktemp("motionbert")
    fabricate_human36m.fabricate_motionbert(folder, ("S1", "S9"))
    return folder


@pytest.fixture
def small(tmp_path) -> pathlib.Path:
    """A npz pair of two takes of S1, to be spoilt."""
    fabricate_human36m.fabricate_npz(tmp_path / "small", ("S1",), most_takes=2)
    return tmp_path / "small"


@pytest.fixture
def official(tmp_path) -> pathlib.Path:
    """One take of S1 in every official file, to be spoilt."""
    fabricate_human36m.fabricate_extracted(tmp_path / "files", ("S1",), 1)
    return tmp_path / "files"
