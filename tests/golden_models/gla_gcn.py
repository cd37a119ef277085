"""Golden files of GLA-GCN: networks, the composite, the HumanEva script, blocks."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.models.agcn import AGCNBlock
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.torch_weights import gla_gcn as weights
from tests.golden_models.base import GoldenModel

_SKELETONS = {"h36m": "h36m_17", "humaneva15": "humaneva_15"}
_GRAPHS = {"he13_script_15": "humaneva_15_script"}
# The released model: no sequence branch, one last layer for all joints.
_RELEASED = {"sequence_layers": 0, "head": "shared"}
_HUMANEVA_SCRIPT = "HE_13.TemporalModelOptimized1f"


def build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel:
    """The model or block of `config`."""
    cls = config["cls"]
    if cls == "TCN_GCN_unit":
        return _block(config)
    if cls == _HUMANEVA_SCRIPT:
        coco = config.get("num_joints_in", 15) == 17
        return _model(
            config,
            skeleton="humaneva_15",
            keypoints_skeleton="coco_17" if coco else None,
            graph="humaneva_15_script",
            input_norm=False,
            **_RELEASED,
        )
    if cls == "S_AGCN":
        return _model(config, skeleton=_skeleton(config), **_RELEASED)
    if cls == "composite_seq":
        return _model(
            config,
            skeleton=_skeleton(config),
            sequence_layers=config["n_seq_layers"],
            head="individual",
            head_blend=config["lam"],
        )
    raise JaxposeError(f"GLA-GCN golden: unknown class {cls!r}")


def _skeleton(config: Mapping[str, Any]) -> str:
    if config["dataset"] not in _SKELETONS:
        raise JaxposeError(f"GLA-GCN golden: unknown dataset {config['dataset']!r}")
    return _SKELETONS[config["dataset"]]


def _model(config: Mapping[str, Any], **fields: Any) -> GoldenModel:
    model = GLAGCN(
        filter_widths=tuple(config["filter_widths"]),
        channels=config["channels"],
        sequence_dropout_rate=0.0,
        dropout_rate=0.0,
        graph_dropout_rate=0.0,
        **fields,
    )
    return GoldenModel(
        module=model,
        entries=weights.entries(model),
        leftovers=tuple(weights.leftovers(model)),
        from_output=_with_sequence
        if model.sequence_layers
        else lambda y: {"output": y},
    )


def _with_sequence(output: tuple[jax.Array, jax.Array]) -> dict[str, jax.Array]:
    return {"output": output[0], "seq": output[1]}


def _block(config: Mapping[str, Any]) -> GoldenModel:
    block = AGCNBlock(
        features=config["out_channels"],
        graph=_GRAPHS.get(config["dataset"]) or _skeleton(config),
        stride=config["stride"],
        residual=config["residual"],
        dropout_rate=0.0,
    )
    entries = weights.block(
        "",
        (),
        config["in_channels"],
        block.features,
        stride=block.stride,
        residual=block.residual,
    )
    return GoldenModel(
        module=block,
        entries=entries,
        to_input=lambda x: x.transpose(0, 3, 2, 1),  # B,C,T,J <-> B,J,T,C
        from_output=lambda y: {"output": y.transpose(0, 3, 2, 1)},
    )
