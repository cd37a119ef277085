"""The models, in one dict from the name in a config to the module."""

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


def build_model(config: ml_collections.ConfigDict) -> nn.Module:
    """The module that `config.model` describes, refined or not, computing in `config.precision`.

    Raises:
      JaxposeError: unknown model, or a field the model does not have.
    """
    fields = config.model.to_dict()
    name = fields.pop("name")
    if name not in MODELS:
        raise JaxposeError(f"config.model.name {name!r} is unknown; known: {', '.join(MODELS)}")
    module = MODELS[name]
    known = [field for field in module.__dataclass_fields__ if field not in ("parent", "name", "dtype")]
    if unknown := sorted(set(fields) - set(known)):
        raise JaxposeError(
            f"config.model has no field {', '.join(unknown)} in model {name!r}; it has {', '.join(known)}"
        )
    # A config cannot hold None in a field that an override may set: empty stands for it.
    fields = {key: None if value in ("", ()) else value for key, value in fields.items()}
    dtype = jnp.bfloat16 if config.precision == "bfloat16" else None
    model = module(**fields, dtype=dtype)
    if not config.refinement:
        return model
    return RefinedLifting(model, target_scale=config.target_scale, dtype=dtype)
