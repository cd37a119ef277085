"""Every model, and every choice in it, for a number of windows that is not known."""

import functools

import jax
import jax.numpy as jnp
import pytest

from configs import ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d
from jaxpose.models import build_model
from jaxpose.models.ampose import BLOCKS, ORDERS
from jaxpose.models.cost import variable_shapes
from tests.models.small_models import small_config

# Each ablation of a paper that takes another path through its model.
CHOICES = {
    ampose: [
        {},
        *({"block": block} for block in BLOCKS[1:]),
        *({"order": order} for order in ORDERS[1:]),
        {"graph_norm": "layer"},
    ],
    crossformer: [
        {},
        {"cross_joint": False, "cross_frame": "none"},
        {"cross_frame": "gated", "zeroed_frames": (1, 2)},
        {"block": "equations", "attention_scale": "tokens"},
    ],
    gast_net: [{}, {"strided": False}, {"dense": True, "strided": False}],
    gla_gcn: [{}, {"adaptive": False}, {"sequence_layers": 0, "head": "shared"}],
    poseformer: [{}],
    videopose3d: [{}, {"strided": False}, {"dense": True, "strided": False}],
}
CASES = [
    pytest.param(file, changes, id=f"{file.__name__}{changes or ''}")
    for file, choices in CHOICES.items()
    for changes in choices
]


@functools.cache
def any_number():
    (batch,) = jax.export.symbolic_shape("batch")
    return batch


@pytest.mark.parametrize(("file", "changes"), CASES)
def test_a_model_is_traced_for_any_number_of_windows(file, changes):
    model = build_model(small_config(file)).clone(**changes)
    example = model.example_inputs()[0]
    windows = jax.ShapeDtypeStruct((any_number(), *example.shape[1:]), jnp.float32)
    positions_3d = jax.eval_shape(model.predict, variable_shapes(model), windows)
    assert positions_3d.shape == (any_number(), 17, 3)
