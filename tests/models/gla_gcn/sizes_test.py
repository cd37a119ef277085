"""GLA-GCN has the parameters of the paper; torch names cover all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.body.skeletons import get_skeleton
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.models.refinement import Refinement
from jaxpose.torch_weights import gla_gcn as weights
from jaxpose.torch_weights import layouts
from tests.models.gla_gcn.small_model import (
    RELEASED,
    SMALL,
    random_variables,
    shapes,
    window,
)


def count(model, x):
    return sum(leaf.size for leaf in jax.tree.leaves(shapes(model, x)["params"]))


@pytest.mark.parametrize(
    "fields, expected",
    [
        ({"filter_widths": (3,) * 3}, 844_076),
        ({"filter_widths": (3,) * 4}, 1_096_466),
        ({"filter_widths": (3,) * 5}, 1_348_856),
        ({"filter_widths": (3,) * 3, "skeleton": "humaneva_15"}, 842_724),
        ({"filter_widths": (3,) * 3, "channels": 256}, 5_927_036),
        ({"filter_widths": (3,) * 4, "channels": 256}, 7_703_106),
    ],
)
def test_parameters_of_the_released_model(fields, expected):
    model = GLAGCN(**{**RELEASED, **fields})
    x = window(model.receptive_field, get_skeleton(model.skeleton).num_joints)
    assert count(model, x) == expected


@pytest.mark.parametrize("channels, expected", [(96, 1_876_886), (512, 48_641_526)])
def test_parameters_of_the_paper_with_its_refinement(channels, expected):
    model = GLAGCN(channels=channels)
    refinement = Refinement("h36m_17")
    total = count(model, window(243)) + count(refinement, jnp.zeros((1, 1, 17, 6)))
    assert total == expected


def test_parameters_of_the_ablations():
    def count_of(**fields):
        return count(GLAGCN(**RELEASED | fields), window(27))

    released = count_of()
    adaptive_parts = 3 * 17 * 17 * 7 + 6 * 24 * (6 * (96 + 1) + (2 + 1))
    assert count_of(adaptive=False) == released - adaptive_parts
    assert count_of(strided=False) == released
    assert count_of(swap_input=True) == released
    head, dense_head = 96 * 3 + 3, (17 * 96 + 1) * 17 * 3
    assert count_of(head="dense") == released - head + dense_head
    paper = {"sequence_layers": 3, "head": "individual"}
    without = count_of(**paper, sequence_head_residual=False)
    assert count_of(**paper) - without == 297


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"sequence_layers": 2, "head": "individual", "sequence_head_residual": False},
        {"head": "dense", "adaptive": False},
        {"skeleton": "humaneva_15", "input_norm": False},
    ],
)
def test_torch_names_cover_every_variable(fields):
    model = GLAGCN(**{**SMALL, **fields})
    x = window(3, get_skeleton(model.skeleton).num_joints)
    variables = random_variables(model, x)
    entries, leftovers = weights.entries(model), weights.leftovers(model)
    state_dict = layouts.to_torch(entries, variables, leftovers)
    assert state_dict["data_bn.weight"].shape == (2 * x.shape[2],)
    again = layouts.from_torch(entries, state_dict, variables, leftovers=leftovers)
    jax.tree.map(np.testing.assert_array_equal, again, variables)
