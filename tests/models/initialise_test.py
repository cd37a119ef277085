"""Initial variables are those of one program, and cost few small ones."""

import types

import jax
import numpy as np
import pytest

from configs import ampose, gla_gcn
from jaxpose.models import build_model, initialise
from jaxpose.models.initialise import init_variables
from tests.models.small_models import SMALL, small_config


@pytest.mark.parametrize("file", SMALL, ids=lambda file: file.__name__)
def test_the_numbers_are_those_of_one_program_bit_for_bit(file):
    check(build_model(small_config(file)), None)


def test_the_numbers_are_those_of_full_optimisation(monkeypatch):
    # The suite compiles at level 0; for users it is 3, and 1 where it makes no
    # difference.
    monkeypatch.setenv("XLA_FLAGS", "")
    check(build_model(small_config(gla_gcn)), {initialise.LEVEL: 3})


def check(model, options):
    """Compares the variables with those of one program, compiled with `options`."""
    key = jax.random.key(7)

    def init():
        return model.init(key, *model.example_inputs(), train=False)

    expected = jax.jit(init, compiler_options=options)()
    found = init_variables(model, key)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(
        jax.tree.leaves(found), jax.tree.leaves(expected), strict=True
    ):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other, strict=True)


def test_parameters_of_one_shape_and_initialiser_share_a_program(monkeypatch):
    # Biases and scales need no program of their own shape twice, nor do kernels: two
    # blocks make as many programs as one.
    found = []
    for depth in (2, 3):
        config = small_config(ampose)
        config.model.depth = depth
        texts = set()
        program = initialise._Pieces._program

        def counted(pieces, *piece, texts=texts, program=program):
            run = program(pieces, *piece)
            texts.update(pieces._programs)
            return run

        monkeypatch.setattr(initialise._Pieces, "_program", counted)
        init_variables(build_model(config), jax.random.key(0))
        found.append(texts)
    assert found[0] == found[1]
    assert 5 < len(found[0]) < 20


def test_compiled_initialisers_of_other_arrays_share_no_program():
    def times(array):
        return jax.jit(lambda key: jax.random.uniform(key, array.shape) * array)

    # One text for both: it does not show what a compiled function has closed over.
    low, high = times(np.array([1.0, 2.0])), times(np.array([10.0, 20.0]))

    def init(key, train):
        keys = jax.random.split(key)
        return {"low": low(keys[0]), "high": high(keys[1])}

    model = types.SimpleNamespace(init=init, example_inputs=tuple)
    found = init_variables(model, jax.random.key(0))
    expected = jax.jit(init, static_argnums=1)(jax.random.key(0), False)
    np.testing.assert_array_equal(found["low"], expected["low"])
    np.testing.assert_array_equal(found["high"], expected["high"])
