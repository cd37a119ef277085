"""Map of the released GAST-Net, `fabro66/GAST-Net-3DPoseEstimation`."""

from jaxpose.models.gast_net import GASTNet
from jaxpose.models.graph_attention import (
    HEADS,
    GlobalGraph,
    GraphAttentionBlock,
    LocalGraph,
)
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

# A joint's own weights and its neighbours': (2, C, out) <-> (C, 2 out), side by side.
_PAIR = Layout(
    to_linen=lambda a: a.transpose(1, 0, 2).reshape(a.shape[1], -1),
    to_torch=lambda a: a.reshape(a.shape[0], 2, -1).transpose(1, 0, 2),
)


def entries(model: GASTNet) -> list[Entry]:
    """Returns the map of the dilated and of the strided form, which have one."""
    found = batch_norm("init_bn", "input_norm")
    found.append(
        Entry("expand_conv.weight", ("params", "expand", "kernel"), CONV2D_TIME)
    )
    found += batch_norm("expand_bn", "expand_norm")

    # Each block has a temporal and a pointwise convolution: layers 0, 1, then 2, 3, ...
    for block in range(1, len(model.filter_widths)):
        temporal, pointwise = 2 * (block - 1), 2 * block - 1
        kernel = ("params", f"temporal_{block}", "kernel")
        found.append(Entry(f"layers_conv.{temporal}.weight", kernel, CONV2D_TIME))
        found += batch_norm(f"layers_bn.{temporal}", f"temporal_norm_{block}")
        found += _pointwise(f"layers_conv.{pointwise}", f"pointwise_{block}")
        found += batch_norm(f"layers_bn.{pointwise}", f"pointwise_norm_{block}")
    # A graph attention block follows each temporal layer, the first one included.
    for block in range(len(model.filter_widths)):
        prefix = f"layers_graph_conv.{block}."
        found += attention_block_entries(model, prefix, (f"attention_{block}",))
    return found + _pointwise("shrink", "shrink")


def leftovers(model: GASTNet) -> dict[str, tuple[int, ...]]:
    """Returns the arrays that the release saves and never uses: none."""
    del model
    return {}


def attention_block_entries(
    model: GASTNet | GraphAttentionBlock, prefix: str, path: Path
) -> list[Entry]:
    """Returns the entries of one attention block.

    Args:
      model: says which parts the block has.
      prefix: of the block's names in the state dict, with its dot.
      path: of the block in the variables, without the collection.
    """
    found = local_graph_entries(model, f"{prefix}local_graph_layer.", (*path, "local"))
    found += global_graph_entries(
        model, f"{prefix}global_graph_layer.", (*path, "global")
    )
    return found + _fusion(prefix, path)


def global_graph_entries(
    model: GASTNet | GraphAttentionBlock | GlobalGraph, prefix: str, path: Path
) -> list[Entry]:
    """Returns the entries of one global layer; the arguments as above."""
    found = []
    for head in range(HEADS):
        torch_name = f"{prefix}attentions.{head}"
        there = ("params", *path, f"head_{head}")
        # Without attention a head has no queries and keys.
        names = ("g", "theta", "phi") if model.attention_matrix else ("g",)
        for name in names:
            conv = f"{torch_name}.{name}"
            kernel = (*there, f"{name}_kernel")
            found.append(Entry(f"{conv}.weight", kernel, POINTWISE_1D))
            found.append(Entry(f"{conv}.bias", (*there, f"{name}_bias")))
        if model.attention_matrix:
            weight = f"{torch_name}.concat_project.0.weight"
            found.append(Entry(weight, (*there, "w"), POINTWISE_2D))
        if model.adaptive_matrix:
            found.append(Entry(f"{torch_name}.C_k", (*there, "adaptive")))
    return found + _fusion(prefix, path)


def local_graph_entries(
    model: GASTNet | GraphAttentionBlock | LocalGraph, prefix: str, path: Path
) -> list[Entry]:
    """Returns the entries of one local layer; the arguments as above."""
    found = []
    # Our name, those of the reference, and whether the model has the branch.
    branches = (
        ("symmetric", "gcn_sym", "bn_1", model.symmetric_graph),
        ("connection", "gcn_con", "bn_2", model.connection_graph),
    )
    for name, conv, norm, is_present in branches:
        if not is_present:
            continue
        there = ("params", *path, name)
        found.append(Entry(f"{prefix}{conv}.W", (*there, "kernel"), _PAIR))
        found.append(Entry(f"{prefix}{conv}.e", (*there, "edges")))
        if model.shared_edges:
            found.append(Entry(f"{prefix}{conv}.bias", (*there, "bias")))
        found += batch_norm(f"{prefix}{norm}", *path, f"{name}_norm")
    return found + _fusion(prefix, path)


def _fusion(prefix: str, path: Path) -> list[Entry]:
    """Returns the entries of the convolution that joins the branches of a layer."""
    found = _pointwise(f"{prefix}cat_conv", *path, "fuse")
    return found + batch_norm(f"{prefix}cat_bn", *path, "fuse_norm")


def _pointwise(torch_name: str, *path: str) -> list[Entry]:
    """Returns the entry of a 1 x 1 convolution without bias."""
    return linear(torch_name, *path, bias=False, layout=POINTWISE_2D)
