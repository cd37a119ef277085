"""Golden files of VideoPose3D: dilated and strided, causal, dense, trajectory head."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.torch_weights import videopose3d as weights
from tests.golden_models.base import GoldenModel

_SKELETONS = {15: "humaneva_15", 16: "h36m_16", 17: "h36m_17", 19: "h36m_19"}
_STRIDED = {"TemporalModel": False, "TemporalModelOptimized1f": True}


def build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel:
    """The model of `config`; joint counts other than those of known skeletons are refused."""
    joints_in, joints_out = config["num_joints_in"], config["num_joints_out"]
    if config["cls"] not in _STRIDED or joints_in not in _SKELETONS or joints_out not in (1, *_SKELETONS):
        raise JaxposeError(
            f"VideoPose3D golden: unknown {config['cls']!r} with {joints_in} joints in, {joints_out} out"
        )
    trajectory = joints_out == 1
    model = VideoPose3D(
        skeleton=_SKELETONS[joints_in if trajectory else joints_out],
        keypoints_skeleton=_SKELETONS[joints_in],
        in_features=config["in_features"],
        filter_widths=tuple(config["filter_widths"]),
        channels=config["channels"],
        causal=config["causal"],
        dense=config.get("dense", False),
        strided=_STRIDED[config["cls"]],
        trajectory=trajectory,
        dropout_rate=0.0,
    )
    return GoldenModel(
        module=model, entries=weights.entries(model), leftovers=tuple(weights.leftovers(model))
    )
