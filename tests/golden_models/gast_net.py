"""Golden files of GAST-Net: networks of every form, and its graph layers alone."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.graph_attention import GlobalGraph, GraphAttentionBlock, LocalGraph
from jaxpose.torch_weights import gast_net as weights
from tests.golden_models.base import GoldenModel

_SKELETONS = {15: "humaneva_15", 16: "h36m_16", 17: "h36m_17", 19: "h36m_19"}
_STRIDED = {"SpatioTemporalModel": False, "SpatioTemporalModelOptimized1f": True}


def build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel:
    """The network or the layer of `config`."""
    kind = config["cls"].split(" ")[0]
    # The global layer knows no skeleton: any number of joints will do.
    if kind.split(".")[-1] == "MultiGlobalGraph":
        layer = GlobalGraph()
        entries = weights.global_graph_entries(layer, "", ())
        return GoldenModel(module=layer, entries=entries)
    if config["num_joints"] not in _SKELETONS:
        raise JaxposeError(
            f"GAST-Net golden: no skeleton of {config['num_joints']} joints"
        )
    skeleton = _SKELETONS[config["num_joints"]]
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
        layer = LocalGraph(
            skeleton,
            config["output_dim"],
            shared_edges=kind.startswith("sem_graph_conv"),
        )
        return GoldenModel(
            module=layer, entries=weights.local_graph_entries(layer, "", ())
        )
    raise JaxposeError(f"GAST-Net golden: unknown class {config['cls']!r}")


def _network(config: Mapping[str, Any], skeleton: str, *, strided: bool) -> GoldenModel:
    model = GASTNet(
        skeleton=skeleton,
        keypoint_features=config["in_features"],
        filter_widths=tuple(config["filter_widths"]),
        channels=config["channels"],
        causal=config["causal"],
        dense=config.get("dense", False),
        strided=strided,
        dropout_rate=0.0,
    )
    return GoldenModel(
        module=model,
        entries=weights.entries(model),
        leftovers=tuple(weights.leftovers(model)),
    )


def _channels_first(y: jax.Array) -> dict[str, jax.Array]:
    return {"output": jnp.moveaxis(y, -1, 1)}
