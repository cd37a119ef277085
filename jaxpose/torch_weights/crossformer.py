"""Map of the CrossFormer implementation `mfawzy/CrossFormer`.

Its file fixes 81 frames and a frame width of 544. Where these stand in the shape of an
array, the model's own `num_frames` and frame width are written here. The other
constants are the file's.
"""

from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.crossformer import CrossFormer
from jaxpose.torch_weights.layouts import CONV1D, Entry, layer_norm
from jaxpose.torch_weights.poseformer import attention_and_mlp, embedding_and_head

Shapes = dict[str, tuple[int, ...]]


def entries(model: CrossFormer) -> list[Entry]:
    """Returns the map of the model; parts that its fields switch off have no entries.

    Raises:
      JaxposeError: the model has an interaction or a block that no released code has.
    """
    # Arrays of another interaction or scale would fit, by their names and shapes.
    for field, value, released in (
        ("cross_frame", model.cross_frame, ("gated", "none")),
        ("block", model.block, ("scaled",)),
        ("attention_scale", model.attention_scale, ("head",)),
    ):
        if value not in released:
            raise JaxposeError(
                f"CrossFormer with {field}={value!r} has no PyTorch counterpart, so no "
                f"checkpoint converts to or from it; use {field}={released[0]!r}"
            )
    # The outer layers; PoseFormer's file has them too.
    found = embedding_and_head(positions=model.spatial_positions)
    found += layer_norm("Spatial_norm", "spatial_norm")
    found += layer_norm("Temporal_norm1", "temporal_norm")
    if model.temporal_positions:
        found.append(Entry("Temporal_pos_embed1", ("params", "temporal_positions")))
    # Blocks over joints and blocks over frames, each with layer scales (`gamma`).
    for i in range(model.depth):
        spatial = (f"Spatial_blocks.{i}", f"spatial_block_{i}")
        temporal = (f"blocks1.{i}", f"temporal_block_{i}")
        for torch_name, path in (spatial, temporal):
            params = ("params", path)
            found += attention_and_mlp(torch_name, path, qkv_bias=model.qkv_bias)
            found.append(Entry(f"{torch_name}.gamma1", (*params, "attention_scale")))
            found.append(Entry(f"{torch_name}.gamma2", (*params, "mlp_scale")))
        if model.cross_joint:
            found += _cross_joint(*spatial)
        if model.cross_frame == "gated":
            found += _cross_frame(*temporal)
    return found


def _cross_joint(torch_name: str, path: str) -> list[Entry]:
    """Returns the entries of the cross-joint interaction of a spatial block."""
    found = _interaction(torch_name, path, "local_mp.gn")
    for conv in ("conv1", "conv2"):
        theirs = f"{torch_name}.local_mp.{conv}"
        module = ("params", path, "interaction", conv)
        found.append(Entry(f"{theirs}.weight", (*module, "kernel"), CONV1D))
        found.append(Entry(f"{theirs}.bias", (*module, "bias")))
    return found


def _cross_frame(torch_name: str, path: str) -> list[Entry]:
    """Returns the entries of the cross-frame interaction of a temporal block."""
    found = _interaction(torch_name, path, "local.gn")
    names = {"t": "value", "p": "key", "g": "query", "z": "conv"}
    for theirs, ours in names.items():
        kernel = ("params", path, "interaction", ours, "kernel")
        found.append(Entry(f"{torch_name}.local.{theirs}.weight", kernel, CONV1D))
    return found


def _interaction(torch_name: str, path: str, group_norm: str) -> list[Entry]:
    """Returns the entries of both interactions: two norms and the layer scale."""
    norm = ("params", path, "interaction", "norm")
    return [
        *layer_norm(f"{torch_name}.norm3", path, "interaction_norm"),
        Entry(f"{torch_name}.gamma3", ("params", path, "interaction_scale")),
        Entry(f"{torch_name}.{group_norm}.weight", (*norm, "scale")),
        Entry(f"{torch_name}.{group_norm}.bias", (*norm, "bias")),
    ]


def leftovers(model: CrossFormer) -> dict[str, tuple[int, ...]]:
    """Returns the shapes of the arrays that the reference saves and never uses."""
    width = get_skeleton(model.skeleton).num_joints * model.joint_width
    # Single parameters.
    shapes: Shapes = {
        "Temporal_pos_embed": (1, width),
        "chennels_pos_embed": (32, 17),
        "top_pos_embed": (1, width),
        "outer_tokens": (1, 17, 32),
        "outer_pos": (1, 17, 32),
        "outer_temp": (1, 1, width),
        "inner_pos": (1, 17, 16),
        "inner_temp": (1, 1, 136),
        "spatial_embed": (1, 11, model.joint_width),
        "Temporal_embed": (1, 352),
    }

    # Linear layers, by (output, input).
    for name, shape in (
        ("Spatial_patch_to_embedding1", (model.joint_width // 2, 2)),
        ("temporal_patch_to_embedding1", (width // 4, width)),
        ("proj", (32, 16)),
        ("proj12", (width, 136)),
        ("lins", (32, 2)),
        ("weighted_mean1", (17, 17, 1)),
        ("weighted_mean2", (11, 11, 1)),
    ):
        shapes |= _weight_and_bias(name, shape)

    # Normalisations, by their number of features.
    for name, size in (
        ("proj_norm1", 16),
        ("proj_norm2", 32),
        ("proj_norm12", 136),
        ("proj_norm13", width),
        ("Temporal_norm", width),
        ("channels_norm", 17),
        ("Temporal", 352),
        ("channels", 11),
    ):
        shapes |= _weight_and_bias(name, (size,))
    for i in range(model.depth):
        shapes |= _leftovers_of_blocks(model, i)
    return shapes


def _leftovers_of_blocks(model: CrossFormer, i: int) -> Shapes:
    """Returns the unused shapes of the spatial and temporal block `i`."""
    shapes: Shapes = {}
    for block in (f"Spatial_blocks.{i}", f"blocks1.{i}"):
        shapes[f"{block}.gamma4"] = (model.num_frames,)
        shapes |= _weight_and_bias(f"{block}.norm4", (model.num_frames,))
    # Layers of the cross-joint interaction that its forward pass leaves out.
    module = f"Spatial_blocks.{i}.local_mp"
    features = (model.joint_width,)
    shapes |= _weight_and_bias(f"{module}.bn", features)
    shapes |= _weight_and_bias(f"{module}.gn1", features)
    shapes |= _weight_and_bias(f"{module}.conv3", (17, 17, 5))
    shapes[f"{module}.bn.running_mean"] = features
    shapes[f"{module}.bn.running_var"] = features
    return shapes


def _weight_and_bias(name: str, shape: tuple[int, ...]) -> Shapes:
    """Returns the shapes of a module's weight and of its bias, one per output."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
