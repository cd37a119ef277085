"""Maps from the references' PyTorch state dicts to linen variables, one file per model.

Each module has `entries(model) -> list[Entry]`, the map of the model's variables, and
`leftovers(model) -> dict[str, tuple[int, ...]]`, names and PyTorch shapes of the arrays
that the reference saves and never uses.
"""

from types import ModuleType

from jaxpose.errors import JaxposeError
from jaxpose.torch_weights import (
    crossformer,
    gast_net,
    gla_gcn,
    poseformer,
    videopose3d,
)

# By `config.model.name`.
STATE_DICTS: dict[str, ModuleType] = {
    "crossformer": crossformer,
    "gast_net": gast_net,
    "gla_gcn": gla_gcn,
    "poseformer": poseformer,
    "videopose3d": videopose3d,
}


def get_state_dict_map(model_name: str) -> ModuleType:
    """Returns the module with the map of a model.

    Args:
      model_name: `config.model.name`.

    Raises:
      JaxposeError: the model has no published PyTorch implementation.
    """
    if model_name not in STATE_DICTS:
        raise JaxposeError(
            f"model {model_name!r} has no published PyTorch implementation, so nothing "
            f"converts to or from it; these do: {', '.join(STATE_DICTS)}"
        )
    return STATE_DICTS[model_name]
