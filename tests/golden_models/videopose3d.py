"""Golden files of VideoPose3D: dilated and strided, causal, dense, trajectory head."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxpose.body import skeletons
from jaxpose.body.skeletons import Skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.torch_weights import videopose3d as weights
from tests.golden_models.base import GoldenModel

_STRIDED = {"TemporalModel": False, "TemporalModelOptimized1f": True}


def _chain(num_joints: int) -> str:
    """Name of a skeleton of that size, of which the model reads only the size."""
    name = f"chain_{num_joints}"
    joints = tuple(f"joint_{k}" for k in range(num_joints))
    skeletons.SKELETONS[name] = Skeleton(
        name, joints, tuple(range(-1, num_joints - 1)), (), ()
    )
    return name


def build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel:
    """The model of `config`, with any numbers of joints in and out."""
    joints_in, joints_out = config["num_joints_in"], config["num_joints_out"]
    if config["cls"] not in _STRIDED:
        raise JaxposeError(f"VideoPose3D golden: unknown class {config['cls']!r}")
    trajectory = joints_out == 1
    model = VideoPose3D(
        skeleton=_chain(joints_in if trajectory else joints_out),
        keypoints_skeleton=_chain(joints_in),
        keypoint_features=config["in_features"],
        filter_widths=tuple(config["filter_widths"]),
        channels=config["channels"],
        causal=config["causal"],
        dense=config.get("dense", False),
        strided=_STRIDED[config["cls"]],
        trajectory=trajectory,
        dropout_rate=0.0,
    )
    return GoldenModel(
        module=model,
        entries=weights.entries(model),
        leftovers=tuple(weights.leftovers(model)),
    )
