"""Every model with all its kinds of layers, as small as they go: most time compiles."""

import types

import ml_collections

from configs import ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d

SMALL = {
    ampose: {"depth": 1, "joint_width": 32, "graph_norm": "batch", "dropout_rate": 0.1},
    crossformer: {"depth": 1, "num_frames": 3},
    gast_net: {"channels": 16, "filter_widths": (3, 3)},
    gla_gcn: {"channels": 16, "filter_widths": (3, 3), "sequence_layers": 1},
    poseformer: {"depth": 1, "num_frames": 3},
    videopose3d: {"channels": 32, "filter_widths": (3, 3)},
}


def small_config(file: types.ModuleType) -> ml_collections.ConfigDict:
    """Returns the config of a file of `configs` with a small model."""
    config = file.get_config("cmu")
    config.model.update(SMALL[file])
    return config
