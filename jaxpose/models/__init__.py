"""Names the models in one dict, and builds the one that a config describes."""

import dataclasses
import types
import typing
from typing import Any

import jax.numpy as jnp
import ml_collections

from jaxpose.errors import JaxposeError
from jaxpose.models.ampose import AMPose
from jaxpose.models.base import LiftingModel
from jaxpose.models.contract import check_declarations
from jaxpose.models.crossformer import CrossFormer
from jaxpose.models.gast_net import GASTNet
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.models.person_frame import PLACE_FEATURES, PersonFrameLifting
from jaxpose.models.poseformer import PoseFormer
from jaxpose.models.refinement import RefinedLifting
from jaxpose.models.videopose3d import VideoPose3D

MODELS: dict[str, type[LiftingModel]] = {
    "ampose": AMPose,
    "gla_gcn": GLAGCN,
    "crossformer": CrossFormer,
    "gast_net": GASTNet,
    "poseformer": PoseFormer,
    "videopose3d": VideoPose3D,
}

# Fields that `config.model` does not hold: those that follow from the rest of the
# config, Flax's own, and the forms for sequences and streams.
_NOT_IN_CONFIG = (
    "target_scale",
    "dtype",
    "parent",
    "name",
    "whole_sequence",
    "streaming",
    "cpu_forms",
)


def config_fields(name: str) -> dict[str, Any]:
    """Returns the fields of `config.model` of a model, with the model's own defaults.

    A type stands for the value of a field that is absent by default (None).

    Raises:
      JaxposeError: unknown model.
    """
    fields = {}
    for field in dataclasses.fields(_find_model(name)):
        if field.name not in _NOT_IN_CONFIG:
            is_absent = field.default is None
            fields[field.name] = _plain_type(field.type) if is_absent else field.default
    return fields


def build_model(config: ml_collections.ConfigDict) -> LiftingModel:
    """Builds the model that `config.model` describes, in `config.precision`.

    With `config.person_frame` it sees keypoints relative to the person, with
    `config.refinement` it is the refined one. A field that is None or absent in the
    config keeps the model's default.

    Raises:
      JaxposeError: unknown model, a field the model does not have, a size that no model
        has, or a model that declares what none can (`base.LiftingModel`).
    """
    # The model's own fields; a typing error is answered with those that exist.
    fields = config.model.to_dict()
    name = fields.pop("name", None)
    module = _find_model(name)
    known = config_fields(name)
    if unknown := sorted(set(fields) - set(known)):
        raise JaxposeError(
            f"config.model has no field {', '.join(unknown)} in model {name!r}; it has "
            f"{', '.join(known)}"
        )
    fields = {key: value for key, value in fields.items() if value is not None}
    # JSON has no tuples, and modules are hashed.
    for key, value in fields.items():
        if isinstance(value, list):
            fields[key] = tuple(value)
    if config.person_frame:
        features = fields.get("keypoint_features", module.keypoint_features)
        fields["keypoint_features"] = features + PLACE_FEATURES
    dtype = jnp.bfloat16 if config.precision == "bfloat16" else None
    model = module(**fields, target_scale=config.target_scale, dtype=dtype)
    if config.person_frame:
        model = PersonFrameLifting(lifting=model, dtype=dtype)
    if config.refinement:
        model = RefinedLifting(lifting=model, dtype=dtype)
    check_declarations(model)
    return model


def _find_model(name: str | None) -> type[LiftingModel]:
    """Returns the module of model `name`."""
    if name not in MODELS:
        raise JaxposeError(
            f"config.model.name {name!r} is unknown; known: {', '.join(MODELS)}"
        )
    module = MODELS[name]
    if not issubclass(module, LiftingModel):
        raise JaxposeError(
            f"model {name!r}: {module.__name__} is no LiftingModel "
            "(jaxpose/models/base.py)"
        )
    return module


def _plain_type(annotation: Any) -> type:
    """Returns the class behind an annotation: `tuple` for `tuple[int, int] | None`."""
    if isinstance(annotation, types.UnionType):
        annotation = typing.get_args(annotation)[0]
    return typing.get_origin(annotation) or annotation
