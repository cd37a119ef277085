"""Golden files of the refinement network."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.models.refinement import Refinement
from jaxpose.torch_weights import layouts
from tests.golden_models.base import GoldenModel

_SKELETONS = {15: "humaneva_15", 16: "h36m_16", 17: "h36m_17", 19: "h36m_19"}


def build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel:
    """The network of `config`."""
    joints = config["num_joints"]
    if joints not in _SKELETONS:
        raise JaxposeError(f"refinement golden: no skeleton of {joints} joints")
    model = Refinement(
        skeleton=_SKELETONS[joints], hidden=config.get("hidden", 1024), dropout_rate=0.0
    )
    return GoldenModel(
        module=model,
        entries=entries(),
        leftovers=(),
        state_prefix=config.get("param_prefix", ""),
    )


def entries() -> list[layouts.Entry]:
    """Returns the names of the reference's refinement network (protocol P.8)."""
    first = layouts.linear("post_refine.0", "fc1")
    return first + layouts.linear("post_refine.3", "fc2")
