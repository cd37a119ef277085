"""CrossFormer golden files."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxpose.models.crossformer import CrossFormer
from jaxpose.torch_weights import crossformer
from tests.golden_models.base import GoldenModel
from tests.golden_models.poseformer import check_constants, common_fields


def build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel:
    """The model of a `crossformer_*` file."""
    check_constants(config, {"norm_eps": 1e-5, "cfi_kernel": 3, "cji_kernel": 5})
    zeroed = config["zeroed_frames"]
    model = CrossFormer(
        **common_fields(config),
        cross_frame="gated",
        frame_groups=config["cfi_groups"],
        zeroed_frames=tuple(zeroed or ()),
    )
    return GoldenModel(
        model, crossformer.entries(model), tuple(crossformer.leftovers(model))
    )
