"""The order of an epoch: whole passes, one after another, by seed and epoch."""

import jax
import numpy as np
import pytest

from jaxpose.data.batches import make_epoch_order
from jaxpose.parallel import sharding


def one_pass_after_another(samples, needed, seed, epoch):
    """The order as runs have had it from the beginning, pass by pass."""
    key = jax.random.fold_in(jax.random.key(seed), epoch)
    keys = jax.random.split(key, -(-needed // samples))
    passes = [np.asarray(jax.random.permutation(each, samples)) for each in keys]
    return np.concatenate(passes)[:needed]


@pytest.mark.parametrize(
    ("samples", "steps", "batch_size"), [(7, 1, 3), (50, 5, 10), (50, 23, 9), (1, 3, 2)]
)
def test_an_order_is_one_pass_after_another(samples, steps, batch_size):
    order = make_epoch_order(samples, steps, batch_size, 3, sharding.make_mesh())
    for epoch in (0, 4):
        found = np.asarray(order(epoch))
        expected = one_pass_after_another(samples, steps * batch_size, 3, epoch)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.int32


def test_a_thousand_passes_are_as_small_a_program_as_three():
    lines = []
    for steps in (6, 2000):
        order = jax.jit(make_epoch_order(50, steps, 25, 0, sharding.make_mesh()))
        lines.append(len(order.lower(0).as_text().splitlines()))
    assert lines[0] == lines[1]
