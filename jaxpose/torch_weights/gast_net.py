"""State-dict names of the released GAST-Net."""

from jaxpose.models.gast_net import GASTNet, GraphAttentionBlock, LocalGraph
from jaxpose.torch_weights.layouts import (
    CONV2D_TIME,
    POINTWISE_1D,
    POINTWISE_2D,
    Entry,
    Layout,
    batch_norm,
    linear,
)

Path = tuple[str, ...]

# (2, C, out), own and neighbours' weights <-> (C, 2 out), side by side.
_PAIR = Layout(
    lambda a: a.transpose(1, 0, 2).reshape(a.shape[1], -1),
    lambda a: a.reshape(a.shape[0], 2, -1).transpose(1, 0, 2),
)


def entries(model: GASTNet) -> list[Entry]:
    """Names of the dilated and the strided form, which share them."""
    found = batch_norm("init_bn", ("input_norm",))
    found += [Entry("expand_conv.weight", ("params", "expand", "kernel"), CONV2D_TIME)]
    found += batch_norm("expand_bn", ("expand_norm",))
    for block in range(1, len(model.filter_widths)):
        first, second = 2 * (block - 1), 2 * block - 1
        found.append(
            Entry(
                f"layers_conv.{first}.weight",
                ("params", f"temporal_{block}", "kernel"),
                CONV2D_TIME,
            )
        )
        found += batch_norm(f"layers_bn.{first}", (f"temporal_norm_{block}",))
        found += linear(
            f"layers_conv.{second}",
            (f"pointwise_{block}",),
            bias=False,
            layout=POINTWISE_2D,
        )
        found += batch_norm(f"layers_bn.{second}", (f"pointwise_norm_{block}",))
    for block in range(len(model.filter_widths)):
        found += attention_block_entries(
            model, f"layers_graph_conv.{block}.", (f"attention_{block}",)
        )
    return found + linear("shrink", ("shrink",), bias=False, layout=POINTWISE_2D)


def leftovers(model: GASTNet) -> dict[str, tuple[int, ...]]:
    """The release saves nothing that it does not use."""
    return {}


def attention_block_entries(
    model: GASTNet | GraphAttentionBlock, prefix: str, path: Path
) -> list[Entry]:
    """One attention block at `path`; `model` says which parts it has."""
    found = local_graph_entries(model, f"{prefix}local_graph_layer.", (*path, "local"))
    layer, path_global = f"{prefix}global_graph_layer.", (*path, "global")
    for head in range(4):
        names = ("g", "theta", "phi") if model.attention_matrix else ("g",)
        here, there = (
            f"{layer}attentions.{head}.",
            ("params", *path_global, f"head_{head}"),
        )
        for name in names:
            found.append(
                Entry(f"{here}{name}.weight", (*there, f"{name}_kernel"), POINTWISE_1D)
            )
            found.append(Entry(f"{here}{name}.bias", (*there, f"{name}_bias")))
        if model.attention_matrix:
            found.append(
                Entry(f"{here}concat_project.0.weight", (*there, "w"), POINTWISE_2D)
            )
        if model.adaptive_matrix:
            found.append(Entry(f"{here}C_k", (*there, "adaptive")))
    return found + _fusion(layer, path_global) + _fusion(prefix, path)


def local_graph_entries(
    model: GASTNet | GraphAttentionBlock | LocalGraph, prefix: str, path: Path
) -> list[Entry]:
    """One local layer at `path`; `model` says which parts it has."""
    found = []
    branches = (
        ("symmetric", "gcn_sym", "bn_1", model.symmetric_graph),
        ("connection", "gcn_con", "bn_2", model.connection_graph),
    )
    for name, conv, norm, present in branches:
        if present:
            there = ("params", *path, name)
            found.append(Entry(f"{prefix}{conv}.W", (*there, "kernel"), _PAIR))
            found.append(Entry(f"{prefix}{conv}.e", (*there, "edges")))
            if model.shared_edges:
                found.append(Entry(f"{prefix}{conv}.bias", (*there, "bias")))
            found += batch_norm(f"{prefix}{norm}", (*path, f"{name}_norm"))
    return found + _fusion(prefix, path)


def _fusion(prefix: str, path: Path) -> list[Entry]:
    fuse = linear(f"{prefix}cat_conv", (*path, "fuse"), bias=False, layout=POINTWISE_2D)
    return fuse + batch_norm(f"{prefix}cat_bn", (*path, "fuse_norm"))
