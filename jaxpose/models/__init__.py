"""The models, in one dict from the name in a config to the module."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import ml_collections

from jaxpose.errors import JaxposeError
from jaxpose.models.ampose import AMPose
from jaxpose.models.crossformer import CrossFormer
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.gla_gcn import GlaGcn
from jaxpose.models.poseformer import PoseFormer
from jaxpose.models.refinement import RefinedLifting
from jaxpose.models.videopose3d import VideoPose3D

MODELS: dict[str, type[nn.Module]] = {
    "ampose": AMPose,
    "gla_gcn": GlaGcn,
    "crossformer": CrossFormer,
    "gast_net": GASTNet,
    "poseformer": PoseFormer,
    "videopose3d": VideoPose3D,
}

_SIZES = (
    "channels",
    "width",
    "joint_width",
    "depth",
    "heads",
    "num_frames",
    "filter_widths",
)


def build_model(config: ml_collections.ConfigDict) -> nn.Module:
    """The module that `config.model` describes, refined or not, computing in `config.precision`.

    Raises:
      JaxposeError: unknown model, a field the model does not have, or a size that no model has.
    """
    fields = config.model.to_dict()
    name = fields.pop("name", "")
    if name not in MODELS:
        raise JaxposeError(
            f"config.model.name {name!r} is unknown; known: {', '.join(MODELS)}"
        )
    module = MODELS[name]
    known = [
        field
        for field in module.__dataclass_fields__
        if field not in ("parent", "name", "dtype")
    ]
    if unknown := sorted(set(fields) - set(known)):
        raise JaxposeError(
            f"config.model has no field {', '.join(unknown)} in model {name!r}; it has {', '.join(known)}"
        )
    _check_sizes(fields)
    # A config cannot hold None in a field that an override may set: empty stands for it.
    fields = {
        key: None if value in ("", ()) else value for key, value in fields.items()
    }
    dtype = jnp.bfloat16 if config.precision == "bfloat16" else None
    model = module(**fields, dtype=dtype)
    if not config.refinement:
        return model
    return RefinedLifting(model, target_scale=config.target_scale, dtype=dtype)


def _check_sizes(fields: dict[str, Any]) -> None:
    """Raises JaxposeError for sizes that are not whole numbers from 1 and rates that are none."""
    for name, value in fields.items():
        if name in _SIZES:
            sizes = value if name == "filter_widths" else (value,)
            whole = isinstance(sizes, list | tuple) and all(
                type(size) is int and size > 0 for size in sizes
            )
            if not whole or not sizes:
                raise JaxposeError(
                    f"config.model.{name}={value!r}: expected whole numbers from 1"
                )
        elif name.endswith("_rate") and not 0 <= value < 1:
            raise JaxposeError(
                f"config.model.{name}={value!r} must be at least 0 and below 1"
            )
