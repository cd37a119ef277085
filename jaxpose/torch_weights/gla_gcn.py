"""Map of GLA-GCN: the released S_AGCN, and the sequence model built of its blocks."""

from jaxpose.body.skeletons import get_skeleton
from jaxpose.models.agcn import NUM_SUBSETS
from jaxpose.models.gla_gcn import GLAGCN
from jaxpose.torch_weights import layouts
from jaxpose.torch_weights.layouts import Entry


def entries(model: GLAGCN) -> list[Entry]:
    """Returns the map of the model's variables.

    The released network has one `fc`. The authors never published their sequence branch
    and individual head; the names of these are those of the recorded composite.
    """
    found = layouts.batch_norm("data_bn", "input_bn") if model.input_norm else []

    def add_block(
        torch_name: str,
        path: str,
        in_features: int,
        features: int,
        *,
        residual: bool = True,
    ) -> None:
        found.extend(
            block(
                torch_name,
                (path,),
                in_features,
                features,
                residual=residual,
                adaptive=model.adaptive,
            )
        )

    width = model.channels
    add_block("expand_gcn", "expand", model.keypoint_features, width)
    for i in range(model.sequence_layers):
        add_block(f"seq_layers.{i}", f"sequence_{i}", width, width)
    if model.sequence_layers:
        residual = model.sequence_head_residual
        add_block("seq_head", "sequence_head", width, 3, residual=residual)
    # Modules of a plain and a strided block; the reference numbers the blocks.
    for i in range(len(model.filter_widths)):
        add_block(f"layers_tcngcn.{2 * i}", f"module_{i}_plain", width, width)
        add_block(f"layers_tcngcn.{2 * i + 1}", f"module_{i}_strided", width, width)
    return found + _head(model)


def leftovers(model: GLAGCN) -> dict[str, tuple[int, ...]]:
    """Returns the unused input BatchNorm that the released HumanEva script saves."""
    if model.input_norm:
        return {}
    joints = get_skeleton(model.skeleton).num_joints
    shape = (model.keypoint_features * joints,)
    names = ("weight", "bias", "running_mean", "running_var")
    return {f"data_bn.{name}": shape for name in names}


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
    """Returns the entries of one `agcn.AGCNBlock`.

    Args:
      torch_name: of the block in the state dict; empty for a block on its own.
      path: of the block in the variables, without the collection.
      in_features: channels of its input.
      features: channels of its output.
      stride: of its temporal convolution.
      residual: whether it has a residual connection.
      adaptive: whether its graph is learned.
    """
    prefix = f"{torch_name}." if torch_name else ""
    found = _graph_conv(f"{prefix}gcn1", (*path, "graph_conv"), adaptive=adaptive)
    if in_features != features:
        graph = (*path, "graph_conv")
        found += _conv(f"{prefix}gcn1.down.0", *graph, "down")
        found += layouts.batch_norm(f"{prefix}gcn1.down.1", *graph, "down_bn")
    found += _conv(
        f"{prefix}tcn1.conv", *path, "temporal_conv", layout=layouts.CONV2D_TIME
    )
    found += layouts.batch_norm(f"{prefix}tcn1.bn", *path, "temporal_bn")

    # A residual of equal shape is the input itself and has no weights.
    if residual and (in_features != features or stride != 1):
        found += _conv(f"{prefix}residual.conv", *path, "residual")
        found += layouts.batch_norm(f"{prefix}residual.bn", *path, "residual_bn")
    return found


def _graph_conv(
    torch_name: str, path: tuple[str, ...], *, adaptive: bool
) -> list[Entry]:
    """Returns the entries of a block's graph convolution and its BatchNorm."""
    params = ("params", *path)
    found = []
    # The learned part of the adjacency, and the embeddings that compare joints.
    if adaptive:
        found.append(Entry(f"{torch_name}.PA", (*params, "adjacency")))
        for k in range(NUM_SUBSETS):
            found += _conv(f"{torch_name}.conv_a.{k}", *path, f"theta_{k}")
            found += _conv(f"{torch_name}.conv_b.{k}", *path, f"phi_{k}")
    for k in range(NUM_SUBSETS):
        conv = f"{torch_name}.conv_d.{k}"
        kernel = (*params, f"project_kernel_{k}")
        found.append(Entry(f"{conv}.weight", kernel, layouts.POINTWISE_2D))
        found.append(Entry(f"{conv}.bias", (*params, f"project_bias_{k}")))
    return found + layouts.batch_norm(f"{torch_name}.bn", *path, "graph_bn")


def _conv(
    torch_name: str, *path: str, layout: layouts.Layout = layouts.POINTWISE_2D
) -> list[Entry]:
    """Returns the entries of a convolution with bias."""
    return [
        Entry(f"{torch_name}.weight", ("params", *path, "kernel"), layout),
        Entry(f"{torch_name}.bias", ("params", *path, "bias")),
    ]


def _head(model: GLAGCN) -> list[Entry]:
    """Returns the entries of the model's kind of head."""
    if model.head == "dense":
        return layouts.linear("fc", "head_dense")
    pointwise = layouts.POINTWISE_1D
    if model.head == "shared":
        return layouts.linear("fc", "head_shared", layout=pointwise)
    # The individual head has one shared layer and one layer per joint.
    found = layouts.linear("fc_shared", "head_shared", layout=pointwise)
    for j in range(get_skeleton(model.skeleton).num_joints):
        path = ("params", "head_unshared")
        found.append(
            Entry(f"fc_unshared.{j}.weight", (*path, f"kernel_{j}"), pointwise)
        )
        found.append(Entry(f"fc_unshared.{j}.bias", (*path, f"bias_{j}")))
    return found
