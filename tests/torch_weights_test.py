"""Maps of state dicts: complete, one to one, exact both ways, clear if they misfit."""

import math

import jax
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.models.cost import variable_shapes
from jaxpose.models.crossformer import CrossFormer
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.models.poseformer import PoseFormer
from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.torch_weights import STATE_DICTS, get_state_dict_map, layouts

_TRANSFORMER = {"num_frames": 9, "joint_width": 4, "depth": 2, "heads": 2}
MODELS = {
    "crossformer": [
        CrossFormer(**_TRANSFORMER, cross_frame="gated"),
        CrossFormer(
            **_TRANSFORMER,
            cross_frame="gated",
            qkv_bias=False,
            mlp_ratio=4.0,
            frame_groups=3,
            zeroed_frames=(10, 16),
        ),
        CrossFormer(
            **_TRANSFORMER,
            cross_joint=False,
            cross_frame="gated",
            spatial_positions=False,
        ),
        CrossFormer(**_TRANSFORMER, cross_frame="none", temporal_positions=False),
    ],
    "gast_net": [GASTNet(channels=8, filter_widths=(3, 3))],
    "gla_gcn": [GLAGCN(skeleton="h36m_17", channels=8, filter_widths=(3, 3))],
    "poseformer": [
        PoseFormer(**_TRANSFORMER),
        PoseFormer(**_TRANSFORMER, qkv_bias=False),
    ],
    "videopose3d": [VideoPose3D(channels=8, filter_widths=(3, 3))],
}
CASES = [(name, model) for name, models in MODELS.items() for model in models]


def random_variables(model):
    """Variables of the model's shapes, each entry another number."""
    shapes = variable_shapes(model)
    rng = np.random.default_rng(0)
    return jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(np.float32), shapes
    )


def test_every_map_is_tried_here():
    assert set(MODELS) == set(STATE_DICTS)


@pytest.mark.parametrize(("name", "model"), CASES)
def test_maps_are_one_to_one_and_complete(name, model):
    module = STATE_DICTS[name]
    entries = module.entries(model)
    torch_names = [entry.torch_name for entry in entries]
    assert len(set(torch_names)) == len(torch_names)
    assert not set(torch_names) & set(module.leftovers(model))
    leaves = jax.tree_util.tree_leaves_with_path(random_variables(model))
    paths = [tuple(k.key for k in path) for path, _ in leaves]
    assert sorted(entry.path for entry in entries) == sorted(paths)


@pytest.mark.parametrize(("name", "model"), CASES)
def test_weights_round_trip_exactly(name, model):
    module, variables = STATE_DICTS[name], random_variables(model)
    state_dict = layouts.to_torch(
        module.entries(model), variables, module.leftovers(model)
    )
    back = layouts.from_torch(
        module.entries(model), state_dict, variables, leftovers=module.leftovers(model)
    )
    assert jax.tree.structure(back) == jax.tree.structure(variables)
    jax.tree.map(np.testing.assert_array_equal, back, variables)


def test_leftovers_are_written_as_zeros_for_strict_loading():
    model = CrossFormer()
    shapes = STATE_DICTS["crossformer"].leftovers(model)
    variables = {"params": {"embedding": np.ones((2, 3))}}
    state_dict = layouts.to_torch(
        [layouts.Entry("e", ("params", "embedding"))], variables, shapes
    )
    assert not any(state_dict[name].any() for name in shapes)
    tracked = "Spatial_blocks.3.local_mp.bn.num_batches_tracked"
    assert state_dict[tracked].dtype == np.int64
    assert state_dict["blocks1.0.gamma4"].shape == (81,)
    # The parameters of the released file, without the used ones and without statistics.
    counted = 0
    for name, shape in shapes.items():
        if "running" not in name:
            counted += math.prod(shape)
    assert counted == 14_790_259 - 14_624_501


def test_all_problems_are_listed_in_one_message():
    model = PoseFormer(**_TRANSFORMER)
    entries = STATE_DICTS["poseformer"].entries(model)
    variables = random_variables(model)
    state_dict = layouts.to_torch(entries, variables)
    del state_dict["Temporal_pos_embed"]
    state_dict["head.1.weight"] = state_dict["head.1.weight"][:-3]
    state_dict["proj.weight"] = np.zeros((32, 16))
    with pytest.raises(JaxposeError) as error:
        layouts.from_torch(entries, state_dict, variables)
    message = str(error.value)
    assert "missing: Temporal_pos_embed (1, 9, 68)" in message
    assert "shape: head.1.weight is (48, 68), the model wants (51, 68)" in message
    assert "left over: proj.weight (32, 16)" in message


def test_weights_that_are_not_finite_are_refused():
    model = PoseFormer(**_TRANSFORMER)
    entries = STATE_DICTS["poseformer"].entries(model)
    variables = random_variables(model)
    state_dict = layouts.to_torch(entries, variables)
    state_dict["head.1.bias"] = state_dict["head.1.bias"].copy()
    state_dict["head.1.bias"][:2] = np.nan, np.inf
    with pytest.raises(
        JaxposeError, match=r"not finite: head\.1\.bias has 2 of 51 values NaN"
    ):
        layouts.from_torch(entries, state_dict, variables)


@pytest.mark.parametrize(
    ("fields", "use"),
    [
        ({}, "use cross_frame='gated'"),
        ({"cross_frame": "gated", "block": "equations"}, "use block='scaled'"),
        (
            {"cross_frame": "none", "attention_scale": "tokens"},
            "use attention_scale='head'",
        ),
    ],
)
def test_what_the_released_crossformer_has_not_takes_none_of_its_checkpoints(
    fields, use
):
    with pytest.raises(JaxposeError, match=f"no PyTorch counterpart.*{use}"):
        STATE_DICTS["crossformer"].entries(CrossFormer(**fields))


def test_models_without_a_reference_do_not_convert():
    message = "'ampose' has no published PyTorch implementation"
    with pytest.raises(JaxposeError, match=message):
        get_state_dict_map("ampose")
