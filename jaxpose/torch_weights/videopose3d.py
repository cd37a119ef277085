"""Map of the released VideoPose3D, `facebookresearch/VideoPose3D`."""

from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.torch_weights.layouts import (
    CONV1D,
    POINTWISE_1D,
    Entry,
    batch_norm,
    linear,
)


def entries(model: VideoPose3D) -> list[Entry]:
    """Returns the map of the dilated and of the strided form, which have one."""
    found = [Entry("expand_conv.weight", ("params", "expand", "kernel"), CONV1D)]
    found += batch_norm("expand_bn", "expand_norm")

    # Each block has a temporal and a pointwise convolution: layers 0, 1, then 2, 3, ...
    for block in range(1, len(model.filter_widths)):
        temporal, pointwise = 2 * (block - 1), 2 * block - 1
        kernel = ("params", f"temporal_{block}", "kernel")
        found.append(Entry(f"layers_conv.{temporal}.weight", kernel, CONV1D))
        found += batch_norm(f"layers_bn.{temporal}", f"temporal_norm_{block}")
        found += linear(
            f"layers_conv.{pointwise}",
            f"pointwise_{block}",
            bias=False,
            layout=POINTWISE_1D,
        )
        found += batch_norm(f"layers_bn.{pointwise}", f"pointwise_norm_{block}")
    return found + linear("shrink", "shrink", layout=POINTWISE_1D)


def leftovers(model: VideoPose3D) -> dict[str, tuple[int, ...]]:
    """Returns the arrays that the release saves and never uses: none."""
    del model
    return {}
