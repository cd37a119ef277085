"""A finished run of each format, made when a test first asks for it."""

import functools
import pathlib
from collections.abc import Callable

import pytest

import jaxpose
from jaxpose import prepare
from tests.end_to_end.formats import FORMATS, Run, small
from tests.small_run import without_pictures


@pytest.fixture(autouse=True)
def no_pictures():
    """Drawing takes longer than all else; loop_test.py looks at the pictures."""
    with without_pictures():
        yield


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """`(format, dataset) -> (source, data_dir)`; each is written and prepared once."""

    @functools.cache
    def fabricated(fabricate: Callable[[pathlib.Path], None]) -> pathlib.Path:
        folder = tmp_path_factory.mktemp("source")
        fabricate(folder)
        return folder

    @functools.cache
    def made(name: str, dataset: str) -> tuple[pathlib.Path, pathlib.Path]:
        source, data_dir = fabricated(FORMATS[name][0]), tmp_path_factory.mktemp(name)
        assert (
            prepare.main([dataset, f"--source={source}", f"--data_dir={data_dir}"]) == 0
        )
        return source, data_dir

    return made


@pytest.fixture(scope="session")
def run(prepared, tmp_path_factory):
    """`format -> Run`: trained once."""

    @functools.cache
    def finished(name: str) -> Run:
        config = small(FORMATS[name][1]())
        source, data_dir = prepared(name, config.dataset.name)
        config.dataset.data_dir = str(data_dir)
        workdir = tmp_path_factory.mktemp("run")
        return Run(source, workdir, config, jaxpose.Run.create(config, workdir).train())

    return finished
