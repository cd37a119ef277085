"""Small parameters as one vector: packed and unpacked, nothing has changed."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxpose.training import optimizers
from jaxpose.training.packing import Packing

PARAMS = {
    "bias": np.arange(3.0, dtype=np.float32),
    "inner": {
        "kernel": np.ones((400, 400), np.float32),
        "scale": np.full((), 7.0, np.float32),
    },
    "half": np.ones(4, jnp.bfloat16),
}


def test_only_small_arrays_of_one_type_are_packed():
    packed = Packing(PARAMS).pack(PARAMS)
    np.testing.assert_array_equal(packed.small, [0, 1, 2, 7])
    assert [leaf.shape for leaf in packed.large] == [(4,), (400, 400)]


def test_what_is_packed_comes_back():
    packing = Packing(PARAMS)
    back = packing.unpack(packing.pack(PARAMS))
    assert jax.tree.structure(back) == jax.tree.structure(PARAMS)
    for leaf, expected in zip(
        jax.tree.leaves(back), jax.tree.leaves(PARAMS), strict=True
    ):
        assert leaf.dtype == expected.dtype
        np.testing.assert_array_equal(leaf, expected, strict=True)


def test_a_tree_of_large_arrays_alone_has_an_empty_vector():
    params = {"kernel": np.ones((400, 400), np.float32)}
    packing = Packing(params)
    packed = packing.pack(params)
    assert (packed.small.size, len(packed.large)) == (0, 1)
    np.testing.assert_array_equal(packing.unpack(packed)["kernel"], params["kernel"])


@pytest.mark.parametrize(
    "optimizer",
    [
        optax.adamw(1e-2, weight_decay=0.1),
        optax.chain(optimizers.scale_by_amsgrad(), optax.scale(-1e-2)),
        optimizers.ranger(1e-2),
    ],
    ids=["adamw", "amsgrad", "ranger"],
)
def test_an_optimiser_makes_the_same_updates_of_packed_parameters(optimizer):
    params = jax.tree.map(jnp.float32, PARAMS)
    grads = jax.tree.map(lambda leaf: jnp.cos(leaf), params)
    packing = Packing(params)
    state, packed = optimizer.init(params), packing.pack(params)
    packed_state = packing.pack_inside(state)
    for _ in range(7):
        updates, state = optimizer.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        updates, packed_state = optimizer.update(
            packing.pack(grads), packed_state, packed
        )
        packed = optax.apply_updates(packed, updates)
    found = packing.unpack(packed), packing.unpack_inside(packed_state)
    assert jax.tree.structure(found) == jax.tree.structure((params, state))
    jax.tree.map(np.testing.assert_array_equal, found, (params, state))
