"""Weights with the program of their model, which runs without the model's code."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import jaxpose
from jaxpose import lifter as lifter_module
from jaxpose.errors import JaxposeError
from jaxpose.inference import exported
from jaxpose.weights import load_weights
from tests.lifter.small_lifter import small_run
from tests.recordings import walker

SETTINGS = {"image_size": walker.SIZE, "fps": 25.0}


@pytest.fixture(scope="module")
def lifter(tmp_path_factory):
    return jaxpose.load(small_run(tmp_path_factory.mktemp("run"), causal=True).workdir)


@pytest.fixture(scope="module")
def file(lifter, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "own.safetensors"
    lifter.export(path)
    return path


@pytest.fixture
def loaded(file, monkeypatch):
    """The program, loaded where the code of no model is at hand."""
    monkeypatch.setattr(lifter_module, "build_model", None)
    return jaxpose.load(file)


def test_a_program_lifts_as_its_model_does(lifter, loaded):
    assert loaded.model.receptive_field == 9
    # Any number of frames: the batch is free.
    for frames in (1, 20, 70):
        keypoints = walker.person("coco_17", 70)[:frames]
        expected = lifter(keypoints, **SETTINGS).positions_3d
        found = loaded(keypoints, **SETTINGS).positions_3d
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_program_streams(lifter, loaded):
    live, same = loaded.stream(**SETTINGS), lifter.stream(**SETTINGS)
    for frame in walker.person("coco_17", 12):
        np.testing.assert_allclose(live(frame), same(frame), atol=1e-6)


def test_a_program_is_for_all_platforms_and_can_be_written_again(
    file, loaded, tmp_path
):
    assert loaded.model.program.platforms == ("cpu", "cuda", "tpu")
    loaded.export(tmp_path / "own.safetensors")
    assert (tmp_path / "own.safetensors").read_bytes() == file.read_bytes()


def test_a_program_of_another_jax_is_named(file):
    weights = load_weights(file)
    program = exported.Program(weights.program.code[:100], weights.program.facts)
    with pytest.raises(JaxposeError, match=r"own .*cannot read this program"):
        exported.ExportedModel.of(program, weights.name)


def test_a_program_that_calls_other_code_is_refused(file):
    weights = load_weights(file)
    solve = jax.jit(lambda variables, x: jnp.linalg.cholesky(x))  # a library's code
    shapes = ({}, jax.ShapeDtypeStruct((3, 3), jnp.float32))
    code = jax.export.export(solve, platforms=["cpu"])(*shapes).serialize()
    program = exported.Program(bytes(code), weights.program.facts)
    with pytest.raises(JaxposeError, match=r"own .*program calls 'lapack_spotrf"):
        exported.ExportedModel.of(program, weights.name)


@pytest.mark.parametrize(("name", "value"), [("num_frames", "9"), ("skeleton", None)])
def test_facts_of_a_program_have_their_types(file, name, value):
    weights = load_weights(file)
    facts = weights.program.facts | {name: value, "another": 1}
    program = exported.Program(weights.program.code, facts)
    with pytest.raises(JaxposeError, match=rf"own .*: {name} of its program is"):
        exported.ExportedModel.of(program, weights.name)
