"""State dict of the CrossFormer implementation `mfawzy/CrossFormer`.

Its file fixes 81 frames and a frame width of 544; where these stand in an array's shape, the
model's own `num_frames` and `D` are written here. The other constants are the file's.
"""

from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.crossformer import CrossFormer
from jaxpose.torch_weights.layouts import CONV1D, Entry, layer_norm
from jaxpose.torch_weights.poseformer import attention_and_mlp, embedding_and_head


def entries(model: CrossFormer) -> list[Entry]:
    """The model's map; modules that the model's fields switch off have no entries.

    Raises:
      JaxposeError: the model has the bilinear cross-frame interaction, which no released code has.
    """
    if model.cross_frame == "bilinear":
        raise JaxposeError(
            "CrossFormer with cross_frame='bilinear' has no PyTorch counterpart, so no checkpoint "
            "converts to or from it; use cross_frame='gated'"
        )
    mapped = embedding_and_head(positions=model.spatial_positions)
    mapped += layer_norm("Spatial_norm", ("spatial_norm",)) + layer_norm(
        "Temporal_norm1", ("temporal_norm",)
    )
    if model.temporal_positions:
        mapped.append(Entry("Temporal_pos_embed1", ("params", "temporal_positions")))
    for i in range(model.depth):
        spatial = (f"Spatial_blocks.{i}", f"spatial_block_{i}")
        temporal = (f"blocks1.{i}", f"temporal_block_{i}")
        for torch_name, path in (spatial, temporal):
            mapped += attention_and_mlp(torch_name, path, qkv_bias=model.qkv_bias)
            mapped.append(
                Entry(f"{torch_name}.gamma1", ("params", path, "attention_scale"))
            )
            mapped.append(Entry(f"{torch_name}.gamma2", ("params", path, "mlp_scale")))
        if model.cross_joint:
            mapped += _cross_joint(*spatial)
        if model.cross_frame == "gated":
            mapped += _cross_frame(*temporal)
    return mapped


def _cross_joint(torch_name: str, path: str) -> list[Entry]:
    module = ("params", path, "interaction")
    mapped = _interaction(torch_name, path, "local_mp.gn")
    for conv in ("conv1", "conv2"):
        mapped.append(
            Entry(
                f"{torch_name}.local_mp.{conv}.weight",
                (*module, conv, "kernel"),
                CONV1D,
            )
        )
        mapped.append(
            Entry(f"{torch_name}.local_mp.{conv}.bias", (*module, conv, "bias"))
        )
    return mapped


def _cross_frame(torch_name: str, path: str) -> list[Entry]:
    names = {"t": "value", "p": "key", "g": "query", "z": "conv"}
    return _interaction(torch_name, path, "local.gn") + [
        Entry(
            f"{torch_name}.local.{theirs}.weight",
            ("params", path, "interaction", ours, "kernel"),
            CONV1D,
        )
        for theirs, ours in names.items()
    ]


def _interaction(torch_name: str, path: str, group_norm: str) -> list[Entry]:
    """What both interactions have: LayerNorm, layer scale, GroupNorm."""
    return [
        *layer_norm(f"{torch_name}.norm3", (path, "interaction_norm")),
        Entry(f"{torch_name}.gamma3", ("params", path, "interaction_scale")),
        Entry(
            f"{torch_name}.{group_norm}.weight",
            ("params", path, "interaction", "norm", "scale"),
        ),
        Entry(
            f"{torch_name}.{group_norm}.bias",
            ("params", path, "interaction", "norm", "bias"),
        ),
    ]


def leftovers(model: CrossFormer) -> dict[str, tuple[int, ...]]:
    """Shapes of the arrays that the reference saves and never uses."""
    frames, joint_width = model.num_frames, model.joint_width
    width = get_skeleton(model.skeleton).num_joints * joint_width
    shapes: dict[str, tuple[int, ...]] = {
        "Temporal_pos_embed": (1, width),
        "chennels_pos_embed": (32, 17),
        "top_pos_embed": (1, width),
        "outer_tokens": (1, 17, 32),
        "outer_pos": (1, 17, 32),
        "outer_temp": (1, 1, width),
        "inner_pos": (1, 17, 16),
        "inner_temp": (1, 1, 136),
        "spatial_embed": (1, 11, joint_width),
        "Temporal_embed": (1, 352),
    }
    for name, size_in, size_out in (
        ("Spatial_patch_to_embedding1", 2, joint_width // 2),
        ("temporal_patch_to_embedding1", width, width // 4),
        ("proj", 16, 32),
        ("proj12", 136, width),
        ("lins", 2, 32),
    ):
        shapes |= {f"{name}.weight": (size_out, size_in), f"{name}.bias": (size_out,)}
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
        shapes |= _scale_and_bias(name, size)
    for name, size in (("weighted_mean1", 17), ("weighted_mean2", 11)):
        shapes |= {f"{name}.weight": (size, size, 1), f"{name}.bias": (size,)}
    for i in range(model.depth):
        for block in (f"Spatial_blocks.{i}", f"blocks1.{i}"):
            shapes |= {f"{block}.gamma4": (frames,)} | _scale_and_bias(
                f"{block}.norm4", frames
            )
        module = f"Spatial_blocks.{i}.local_mp"
        shapes |= _scale_and_bias(f"{module}.bn", joint_width) | _scale_and_bias(
            f"{module}.gn1", joint_width
        )
        shapes |= {f"{module}.conv3.weight": (17, 17, 5), f"{module}.conv3.bias": (17,)}
        shapes |= {
            f"{module}.bn.running_mean": (joint_width,),
            f"{module}.bn.running_var": (joint_width,),
        }
    return shapes


def _scale_and_bias(name: str, size: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}
