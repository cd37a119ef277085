"""PoseFormer golden files."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.models.poseformer import PoseFormer
from jaxpose.torch_weights import poseformer
from tests.golden_models.base import GoldenModel

SKELETONS = {
    15: "humaneva_15",
    16: "h36m_16",
    17: "h36m_17",
    19: "h36m_19",
}  # only J matters here


def build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel:
    """The model of a `poseformer_*` file."""
    check_constants(config, {"block_norm_eps": 1e-6, "head_norm_eps": 1e-5})
    model = PoseFormer(**common_fields(config))
    return GoldenModel(
        model, poseformer.entries(model), tuple(poseformer.leftovers(model))
    )


def common_fields(config: Mapping[str, Any]) -> dict[str, Any]:
    """Model fields that PoseFormer and CrossFormer files name alike."""
    if config["num_joints"] not in SKELETONS:
        raise JaxposeError(
            f"no skeleton has num_joints={config['num_joints']}; known: "
            f"{list(SKELETONS)}"
        )
    return {
        "skeleton": SKELETONS[config["num_joints"]],
        "keypoint_features": config.get("in_chans", 2),
        "num_frames": config["num_frame"],
        "joint_width": config["embed_dim_ratio"],
        "depth": config["depth"],
        "heads": config["num_heads"],
        "mlp_ratio": config["mlp_ratio"],
        "qkv_bias": config["qkv_bias"],
        "drop_path_rate": 0.0,
    }


def check_constants(config: Mapping[str, Any], constants: Mapping[str, Any]) -> None:
    """Raises JaxposeError where a file has another fixed number of the architecture."""
    for key, value in constants.items():
        if config.get(key, value) != value:
            raise JaxposeError(f"config {key}={config[key]}, the model has {value}")
