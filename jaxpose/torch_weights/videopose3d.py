"""State-dict names of the released VideoPose3D."""

from jaxpose.models.videopose3d import VideoPose3D
from jaxpose.torch_weights.layouts import (
    CONV1D,
    POINTWISE_1D,
    Entry,
    batch_norm,
    linear,
)


def entries(model: VideoPose3D) -> list[Entry]:
    """Names of the dilated and the strided form, which share them."""
    found = [Entry("expand_conv.weight", ("params", "expand", "kernel"), CONV1D)]
    found += batch_norm("expand_bn", ("expand_norm",))
    for block in range(1, len(model.filter_widths)):
        first, second = 2 * (block - 1), 2 * block - 1
        found.append(
            Entry(
                f"layers_conv.{first}.weight",
                ("params", f"temporal_{block}", "kernel"),
                CONV1D,
            )
        )
        found += batch_norm(f"layers_bn.{first}", (f"temporal_norm_{block}",))
        found += linear(
            f"layers_conv.{second}",
            (f"pointwise_{block}",),
            bias=False,
            layout=POINTWISE_1D,
        )
        found += batch_norm(f"layers_bn.{second}", (f"pointwise_norm_{block}",))
    return found + linear("shrink", ("shrink",), layout=POINTWISE_1D)


def leftovers(model: VideoPose3D) -> dict[str, tuple[int, ...]]:
    """The release saves nothing that it does not use."""
    return {}
