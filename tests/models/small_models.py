"""Every model with all its kinds of layers, as small as they go: most time compiles."""

import types
from typing import Any

import jax
import ml_collections
import numpy as np

from configs import ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d
from jaxpose.models.base import LiftingModel
from jaxpose.models.cost import variable_shapes

SMALL = {
    ampose: {"depth": 1, "joint_width": 32, "graph_norm": "batch", "dropout_rate": 0.1},
    crossformer: {"depth": 1, "num_frames": 3},
    gast_net: {"channels": 16, "filter_widths": (3,)},
    gla_gcn: {"channels": 16, "filter_widths": (3,), "sequence_layers": 1},
    poseformer: {"depth": 1, "num_frames": 3},
    videopose3d: {"channels": 32, "filter_widths": (3, 3)},
}


def small_config(file: types.ModuleType) -> ml_collections.ConfigDict:
    """Returns the config of a file of `configs` with a small model."""
    config = file.get_config("cmu")
    config.model.update(SMALL[file])
    return config


def random_like(tree: Any, seed: int) -> Any:
    """Draws float64 arrays of the shapes of variables, which keep activations around 1.

    The program that makes initial variables takes longer to compile than a gradient.
    """
    rng = np.random.default_rng(seed)

    def draw(path: tuple[Any, ...], leaf: Any) -> np.ndarray:
        if path[-1].key in ("var", "scale"):
            return rng.uniform(0.5, 1.5, leaf.shape)
        fan_in = np.prod(leaf.shape[:-1]) if len(leaf.shape) > 1 else 10
        return rng.normal(size=leaf.shape) * fan_in**-0.5

    return jax.tree_util.tree_map_with_path(draw, tree)


def random_variables(model: LiftingModel) -> Any:
    """Draws float32 variables of `model`."""
    return jax.tree.map(np.float32, random_like(variable_shapes(model), 0))
