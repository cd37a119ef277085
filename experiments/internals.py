"""What a trained model has learnt to look at: its graphs, attention and features, as arrays."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body import graphs
from jaxpose.body.skeletons import get_skeleton


def attention_maps(
    model: nn.Module, variables: Any, keypoints_2d: jax.Array
) -> dict[str, np.ndarray]:
    """Attention weights by path of the layer, in the order of the forward pass.

    `keypoints_2d [B, T, J2, 2]`; each map is `[..., H, tokens, tokens]` as the layer sowed it.
    """
    _, sown = model.apply(
        variables, keypoints_2d, train=False, mutable=["intermediates"]
    )
    maps = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(
        sown.get("intermediates", {})
    ):
        keys = [entry.key for entry in path if isinstance(entry, jax.tree_util.DictKey)]
        if keys[-1] == "weights":
            maps["/".join(keys[:-1])] = np.asarray(leaf)
    return dict(sorted(maps.items()))


def head_features(
    model: nn.Module, variables: Any, keypoints_2d: jax.Array
) -> np.ndarray:
    """GLA-GCN's features before its last layer, `[B, J, C]`, whatever that layer is."""
    seen = []

    def listen(call, args, kwargs, context):
        if (context.module.name or "") in (
            "head_shared",
            "head_dense",
        ) and context.method_name == "__call__":
            seen.append(args[0])
        return call(*args, **kwargs)

    with nn.intercept_methods(listen):
        model.apply(variables, keypoints_2d, train=False)
    joints = get_skeleton(model.skeleton).num_joints
    return np.asarray(seen[0]).reshape(len(keypoints_2d), joints, -1)


def cosine_similarity(features: np.ndarray) -> np.ndarray:
    """Mean over samples of the cosine between the features of two joints, `[B, J, C]` to `[J, J]`."""
    unit = features / np.maximum(
        np.linalg.norm(features, axis=-1, keepdims=True), 1e-12
    )
    return np.einsum("bic,bjc->ij", unit, unit) / len(features)


def local_graphs(
    model: nn.Module, params: Mapping[str, Any]
) -> dict[str, list[np.ndarray]]:
    """GAST-Net's local graphs, mean over channels, one `[J, J]` an attention block (Fig. 5)."""
    skeleton = get_skeleton(model.skeleton)
    masks = {
        "connection": graphs.connection_mask(skeleton),
        "symmetric": graphs.symmetric_mask(skeleton),
    }
    found: dict[str, list[np.ndarray]] = {}
    for block in range(len(model.filter_widths)):
        local = params[f"attention_{block}"]["local"]
        for name, mask in masks.items():
            if name in local:
                edges = local[name]["edges"]
                logits = (
                    jnp.full((len(edges), *mask.shape), -jnp.inf).at[:, mask].set(edges)
                )
                found.setdefault(name, []).append(
                    np.asarray(nn.softmax(logits).mean(0))
                )
    return found


def adaptive_graphs(model: nn.Module, params: Mapping[str, Any]) -> list[np.ndarray]:
    """GAST-Net's matrices C_k, mean over heads, one `[J, J]` an attention block (Fig. 8); empty without."""
    blocks = [
        params[f"attention_{block}"]["global"]
        for block in range(len(model.filter_widths))
    ]
    heads = [[head["adaptive"] for name, head in block.items() if "head_" in name and "adaptive" in head]
             for block in blocks]  # fmt: skip
    return [
        np.mean([np.asarray(head) for head in block], axis=0)
        for block in heads
        if block
    ]
