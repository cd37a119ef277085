"""Map of the PoseFormer implementation `zczcwh/PoseFormer`."""

from jaxpose.models.poseformer import PoseFormer
from jaxpose.torch_weights.layouts import POINTWISE_1D, Entry, layer_norm, linear


def entries(model: PoseFormer) -> list[Entry]:
    """Returns the map of the model's variables."""
    found = [Entry("Temporal_pos_embed", ("params", "temporal_positions"))]
    found += embedding_and_head()
    found += layer_norm("Spatial_norm", "spatial_norm")
    found += layer_norm("Temporal_norm", "temporal_norm")
    # Blocks over joints and blocks over frames.
    for i in range(model.depth):
        for torch_name, path in (
            (f"Spatial_blocks.{i}", f"spatial_block_{i}"),
            (f"blocks.{i}", f"temporal_block_{i}"),
        ):
            found += attention_and_mlp(torch_name, path, qkv_bias=model.qkv_bias)
    return found


def leftovers(model: PoseFormer) -> dict[str, tuple[int, ...]]:
    """Returns the arrays that the reference saves and never uses: none."""
    del model
    return {}


def embedding_and_head(*, positions: bool = True) -> list[Entry]:
    """Returns the entries of `JointEmbedding` and `FrameMixingHead`.

    CrossFormer has the same names.

    Args:
      positions: whether the joint embedding has position vectors.
    """
    found = linear("Spatial_patch_to_embedding", "joint_embedding", "linear")
    if positions:
        path = ("params", "joint_embedding", "positions")
        found.append(Entry("Spatial_pos_embed", path))
    # The reference writes the weighted mean over frames as a convolution.
    found += linear("weighted_mean", "head", "frame_mixing", layout=POINTWISE_1D)
    found += layer_norm("head.0", "head", "norm")
    found += linear("head.1", "head", "linear")
    return found


def attention_and_mlp(torch_name: str, path: str, *, qkv_bias: bool) -> list[Entry]:
    """Returns the entries of a block's attention and MLP, with their LayerNorms.

    CrossFormer has the same names.
    """
    attention = f"{torch_name}.attn"
    found = layer_norm(f"{torch_name}.norm1", path, "attention_norm")
    found += linear(f"{attention}.qkv", path, "attention", "qkv", bias=qkv_bias)
    found += linear(f"{attention}.proj", path, "attention", "proj")
    found += layer_norm(f"{torch_name}.norm2", path, "mlp_norm")
    found += linear(f"{torch_name}.mlp.fc1", path, "mlp", "fc1")
    found += linear(f"{torch_name}.mlp.fc2", path, "mlp", "fc2")
    return found
