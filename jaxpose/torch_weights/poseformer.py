"""State dict of the PoseFormer implementation `zczcwh/PoseFormer`."""

from jaxpose.models.poseformer import PoseFormer
from jaxpose.torch_weights.layouts import POINTWISE_1D, Entry, layer_norm, linear


def entries(model: PoseFormer) -> list[Entry]:
    """The model's map."""
    mapped = [Entry("Temporal_pos_embed", ("params", "temporal_positions"))]
    mapped += embedding_and_head()
    mapped += layer_norm("Spatial_norm", ("spatial_norm",)) + layer_norm(
        "Temporal_norm", ("temporal_norm",)
    )
    for i in range(model.depth):
        mapped += attention_and_mlp(
            f"Spatial_blocks.{i}", f"spatial_block_{i}", qkv_bias=model.qkv_bias
        )
        mapped += attention_and_mlp(
            f"blocks.{i}", f"temporal_block_{i}", qkv_bias=model.qkv_bias
        )
    return mapped


def leftovers(model: PoseFormer) -> dict[str, tuple[int, ...]]:
    """Unused arrays of the reference: none."""
    return {}


def embedding_and_head(*, positions: bool = True) -> list[Entry]:
    """`JointEmbedding` and `FrameMixingHead`, which CrossFormer names alike."""
    mapped = linear("Spatial_patch_to_embedding", ("joint_embedding", "linear"))
    if positions:
        mapped.append(
            Entry("Spatial_pos_embed", ("params", "joint_embedding", "positions"))
        )
    mapped += linear("weighted_mean", ("head", "frame_mixing"), layout=POINTWISE_1D)
    return (
        mapped
        + layer_norm("head.0", ("head", "norm"))
        + linear("head.1", ("head", "linear"))
    )


def attention_and_mlp(torch_name: str, path: str, *, qkv_bias: bool) -> list[Entry]:
    """Attention and MLP of a block with their LayerNorms, which CrossFormer names alike."""
    mapped = layer_norm(f"{torch_name}.norm1", (path, "attention_norm"))
    mapped += linear(
        f"{torch_name}.attn.qkv", (path, "attention", "qkv"), bias=qkv_bias
    )
    mapped += linear(f"{torch_name}.attn.proj", (path, "attention", "proj"))
    mapped += layer_norm(f"{torch_name}.norm2", (path, "mlp_norm"))
    mapped += linear(f"{torch_name}.mlp.fc1", (path, "mlp", "fc1"))
    return mapped + linear(f"{torch_name}.mlp.fc2", (path, "mlp", "fc2"))
