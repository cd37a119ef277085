"""Golden files of GAST-Net: dilated and strided, causal, dense, and its graph layers alone."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose import graphs
from jaxpose.errors import JaxposeError
from jaxpose.models.gast_net import GASTNet, GraphAttentionBlock, LocalGraph
from jaxpose.skeletons import get_skeleton
from jaxpose.torch_weights import gast_net as weights
from tests.golden_models.base import GoldenModel

_SKELETONS = {15: "humaneva_15", 16: "h36m_16", 17: "h36m_17", 19: "h36m_19"}
_STRIDED = {"SpatioTemporalModel": False, "SpatioTemporalModelOptimized1f": True}


def build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel:
    """The network or the layer of `config`."""
    if config["num_joints"] not in _SKELETONS:
        raise JaxposeError(f"GAST-Net golden: no skeleton of {config['num_joints']} joints")
    skeleton = _SKELETONS[config["num_joints"]]
    _check_graphs(arrays, skeleton)
    kind = config["cls"].split(" ")[0]
    if kind in _STRIDED:
        return _network(config, skeleton, strided=_STRIDED[kind])
    if kind == "GraphAttentionBlock":
        block = GraphAttentionBlock(skeleton, config["output_dim"])
        return GoldenModel(
            module=block,
            entries=weights.attention_block_entries(block, "", ()),
            to_input=lambda x: jnp.moveaxis(x, 1, -1),
            from_output=_channels_first,
        )
    if kind in ("local_attention.LocalGraph", "sem_graph_conv.LocalGraph"):
        layer = LocalGraph(skeleton, config["output_dim"], shared_edges=kind.startswith("sem_graph_conv"))
        return GoldenModel(module=layer, entries=weights.local_graph_entries(layer, "", ()))
    raise JaxposeError(f"GAST-Net golden: unknown class {config['cls']!r}")


def _check_graphs(arrays: Mapping[str, np.ndarray], name: str) -> None:
    """Raises JaxposeError unless the file's graphs are those the model makes of the skeleton."""
    skeleton = get_skeleton(name)
    symmetric, connection = graphs.symmetric_mask(skeleton), graphs.connection_mask(skeleton)
    expected = {
        "parents": skeleton.parents,
        "joints_left": skeleton.left,
        "joints_right": skeleton.right,
        "physical_row_normalised": graphs.physical_adjacency(skeleton).astype(np.float32),
        "symmetric_mask": symmetric,
        "connection_mask": connection,
    }
    for key, array in expected.items():
        if f"adj/{key}" in arrays and not np.array_equal(arrays[f"adj/{key}"], array):
            raise JaxposeError(f"GAST-Net golden: adj/{key} is not that of skeleton {name!r}")
    # Weighted in the file; only the pattern of non-zeros enters the network.
    for key, mask in {"symmetric": symmetric, "connection": connection}.items():
        if f"adj/{key}" in arrays and not np.array_equal(arrays[f"adj/{key}"] != 0, mask):
            raise JaxposeError(f"GAST-Net golden: adj/{key} is not that of skeleton {name!r}")


def _network(config: Mapping[str, Any], skeleton: str, *, strided: bool) -> GoldenModel:
    model = GASTNet(
        skeleton=skeleton,
        in_features=config["in_features"],
        filter_widths=tuple(config["filter_widths"]),
        channels=config["channels"],
        causal=config["causal"],
        dense=config.get("dense", False),
        strided=strided,
        dropout_rate=0.0,
    )
    return GoldenModel(
        module=model, entries=weights.entries(model), leftovers=tuple(weights.leftovers(model))
    )


def _channels_first(y: jax.Array) -> dict[str, jax.Array]:
    return {"output": jnp.moveaxis(y, -1, 1)}
