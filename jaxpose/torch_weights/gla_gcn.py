"""State-dict map of GLA-GCN: the released S_AGCN and the sequence model built from its blocks."""

from jaxpose.body.skeletons import get_skeleton
from jaxpose.models.gla_gcn import NUM_SUBSETS, GlaGcn
from jaxpose.torch_weights import layouts
from jaxpose.torch_weights.layouts import Entry


def entries(model: GlaGcn) -> list[Entry]:
    """The map of `model`'s variables.

    The released network has one `fc`. Names of the sequence branch and of the individual head
    are those of the recorded composite: the authors never published theirs.
    """
    found = layouts.batch_norm("data_bn", ("input_bn",)) if model.input_norm else []
    found += block(
        "expand_gcn",
        ("expand",),
        model.keypoint_features,
        model.channels,
        adaptive=model.adaptive,
    )
    for i in range(model.sequence_layers):
        found += block(
            f"seq_layers.{i}",
            (f"sequence_{i}",),
            model.channels,
            model.channels,
            adaptive=model.adaptive,
        )
    if model.sequence_layers:
        found += block(
            "seq_head",
            ("sequence_head",),
            model.channels,
            3,
            residual=model.sequence_head_residual,
            adaptive=model.adaptive,
        )
    for i in range(len(model.filter_widths)):
        for offset, kind in enumerate(("plain", "strided")):
            found += block(
                f"layers_tcngcn.{2 * i + offset}",
                (f"module_{i}_{kind}",),
                model.channels,
                model.channels,
                adaptive=model.adaptive,
            )
    return found + _head(model)


def leftovers(model: GlaGcn) -> dict[str, tuple[int, ...]]:
    """What the released HumanEva script saves and never uses: its input BatchNorm."""
    if model.input_norm:
        return {}
    shape = (model.keypoint_features * get_skeleton(model.skeleton).num_joints,)
    return {
        f"data_bn.{name}": shape
        for name in ("weight", "bias", "running_mean", "running_var")
    }


def block(
    torch_name: str,
    path: tuple[str, ...],
    in_features: int,
    features: int,
    *,
    stride: int = 1,
    residual: bool = True,
    adaptive: bool = True,
) -> list[Entry]:
    """`gla_gcn.AgcnBlock` at `path` from the block `torch_name` (empty for a block on its own)."""
    prefix = f"{torch_name}." if torch_name else ""
    graph = (*path, "graph_conv")
    found = []
    if adaptive:
        found.append(Entry(f"{prefix}gcn1.PA", ("params", *graph, "adjacency")))
        for k in range(NUM_SUBSETS):
            found += _conv(f"{prefix}gcn1.conv_a.{k}", (*graph, f"theta_{k}"))
            found += _conv(f"{prefix}gcn1.conv_b.{k}", (*graph, f"phi_{k}"))
    for k in range(NUM_SUBSETS):
        conv = f"{prefix}gcn1.conv_d.{k}"
        found.append(
            Entry(
                f"{conv}.weight",
                ("params", *graph, f"project_kernel_{k}"),
                layouts.POINTWISE_2D,
            )
        )
        found.append(Entry(f"{conv}.bias", ("params", *graph, f"project_bias_{k}")))
    found += layouts.batch_norm(f"{prefix}gcn1.bn", (*graph, "graph_bn"))
    if in_features != features:
        found += _conv(f"{prefix}gcn1.down.0", (*graph, "down"))
        found += layouts.batch_norm(f"{prefix}gcn1.down.1", (*graph, "down_bn"))
    found += _conv(f"{prefix}tcn1.conv", (*path, "temporal_conv"), layouts.CONV2D_TIME)
    found += layouts.batch_norm(f"{prefix}tcn1.bn", (*path, "temporal_bn"))
    if residual and (in_features != features or stride != 1):
        found += _conv(f"{prefix}residual.conv", (*path, "residual"))
        found += layouts.batch_norm(f"{prefix}residual.bn", (*path, "residual_bn"))
    return found


def _conv(
    torch_name: str,
    path: tuple[str, ...],
    layout: layouts.Layout = layouts.POINTWISE_2D,
) -> list[Entry]:
    return [
        Entry(f"{torch_name}.weight", ("params", *path, "kernel"), layout),
        Entry(f"{torch_name}.bias", ("params", *path, "bias")),
    ]


def _head(model: GlaGcn) -> list[Entry]:
    if model.head == "dense":
        return layouts.linear("fc", ("head_dense",))
    if model.head == "shared":
        return layouts.linear("fc", ("head_shared",), layout=layouts.POINTWISE_1D)
    found = layouts.linear("fc_shared", ("head_shared",), layout=layouts.POINTWISE_1D)
    for j in range(get_skeleton(model.skeleton).num_joints):
        path = ("params", "head_unshared")
        found.append(
            Entry(
                f"fc_unshared.{j}.weight", (*path, f"kernel_{j}"), layouts.POINTWISE_1D
            )
        )
        found.append(Entry(f"fc_unshared.{j}.bias", (*path, f"bias_{j}")))
    return found
