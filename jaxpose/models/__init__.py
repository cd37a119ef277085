"""Names the models in one dict, and builds the one that a config describes."""

from typing import Any

import jax.numpy as jnp
import ml_collections

from jaxpose.errors import JaxposeError
from jaxpose.models.ampose import AMPose
from jaxpose.models.base import LiftingModel, check_contract
from jaxpose.models.crossformer import CrossFormer
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.gla_gcn import GlaGcn
from jaxpose.models.poseformer import PoseFormer
from jaxpose.models.refinement import RefinedLifting
from jaxpose.models.videopose3d import VideoPose3D

MODELS: dict[str, type[LiftingModel]] = {
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


# Fields of a run that a model has too: its unit, and where its second loss stage begins.
_OF_THE_RUN = ("target_scale", "stage_two_epoch")


def build_model(config: ml_collections.ConfigDict) -> LiftingModel:
    """Returns the model that `config.model` describes, refined or not, in `config.precision`.

    A field that is None or absent in the config keeps the model's default.

    Raises:
      JaxposeError: unknown model, a field the model does not have, a size that no model has, or
        a model that breaks the contract (`base.LiftingModel`).
    """
    fields = config.model.to_dict()
    name = fields.pop("name", "")
    if name not in MODELS:
        raise JaxposeError(
            f"config.model.name {name!r} is unknown; known: {', '.join(MODELS)}"
        )
    module = MODELS[name]
    if not issubclass(module, LiftingModel):
        raise JaxposeError(
            f"model {name!r}: {module.__name__} is no LiftingModel (jaxpose/models/base.py)"
        )
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
    fields = {key: value for key, value in fields.items() if value is not None}
    fields |= {key: config[key] for key in _OF_THE_RUN if key in known}
    dtype = jnp.bfloat16 if config.precision == "bfloat16" else None
    model = module(**fields, dtype=dtype)
    if config.refinement:
        model = RefinedLifting(lifting=model, dtype=dtype)
    check_contract(model)
    return model


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
