"""Reads from a trained model what it has learnt: graphs, attention and features."""

from collections.abc import Callable, Mapping
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
    """Returns the attention weights by path of the layer, sorted by path.

    Args:
      model: any model.
      variables: its variables.
      keypoints_2d: `[B, T, J2, 2]`, screen-normalised.

    Returns:
      `[..., H, tokens, tokens]` per layer, as it sowed them; empty where none does.
    """
    # Layers sow their weights under this name; nothing else of the pass is needed.
    _, sown = model.apply(
        variables, keypoints_2d, train=False, mutable=["intermediates"]
    )
    leaves = jax.tree_util.tree_leaves_with_path(sown.get("intermediates", {}))
    maps = {}
    for path, leaf in leaves:
        # Sown values are tuples: their index ends the path and is no key.
        keys = [entry.key for entry in path if isinstance(entry, jax.tree_util.DictKey)]
        if keys[-1] == "weights":
            maps["/".join(keys[:-1])] = np.asarray(leaf)
    return dict(sorted(maps.items()))


def head_features(
    model: nn.Module, variables: Any, keypoints_2d: jax.Array
) -> np.ndarray:
    """Returns GLA-GCN's features before its last layer, `[B, J, C]`.

    The last layer may be of any kind: its input is caught on the way in.
    """
    heads = ("head_shared", "head_dense")
    seen = []

    def listen(
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        if context.method_name == "__call__" and context.module.name in heads:
            seen.append(args[0])
        return call(*args, **kwargs)

    with nn.intercept_methods(listen):
        model.apply(variables, keypoints_2d, train=False)
    joints = get_skeleton(model.skeleton).num_joints
    return np.asarray(seen[0]).reshape(len(keypoints_2d), joints, -1)


def cosine_similarity(features: np.ndarray) -> np.ndarray:
    """Returns the mean cosine between the features of two joints.

    Args:
      features: `[B, J, C]`.

    Returns:
      `[J, J]`, averaged over samples.
    """
    # A feature of zeros has no direction: it counts as 0.
    lengths = np.linalg.norm(features, axis=-1, keepdims=True)
    unit = features / np.maximum(lengths, 1e-12)
    return np.einsum("bic,bjc->ij", unit, unit) / len(features)


def local_graphs(
    model: nn.Module, params: Mapping[str, Any]
) -> dict[str, list[np.ndarray]]:
    """Returns GAST-Net's local graphs by name, `[J, J]` per attention block (Fig. 5).

    A graph is the mean over channels of the softmax of its learnt edges.
    """
    skeleton = get_skeleton(model.skeleton)
    masks = {
        "connection": graphs.connection_mask(skeleton),
        "symmetric": graphs.symmetric_mask(skeleton),
    }
    found: dict[str, list[np.ndarray]] = {}
    for block in range(len(model.filter_widths)):
        local = params[f"attention_{block}"]["local"]
        for name, mask in masks.items():
            # Ablations leave graphs out.
            if name not in local:
                continue
            edges = local[name]["edges"]
            # Only the mask's entries are parameters; the others have no weight.
            absent = jnp.full((len(edges), *mask.shape), -jnp.inf)
            logits = absent.at[:, mask].set(edges)
            graph = np.asarray(nn.softmax(logits).mean(0))
            found.setdefault(name, []).append(graph)
    return found


def adaptive_graphs(model: nn.Module, params: Mapping[str, Any]) -> list[np.ndarray]:
    """Returns GAST-Net's matrices C_k, `[J, J]` per attention block (Fig. 8).

    Means over heads; empty for a model without them.
    """
    found = []
    for block in range(len(model.filter_widths)):
        heads = []
        for name, head in params[f"attention_{block}"]["global"].items():
            if "head_" in name and "adaptive" in head:
                heads.append(np.asarray(head["adaptive"]))
        if heads:
            found.append(np.mean(heads, axis=0))
    return found
