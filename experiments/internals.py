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
    collection = "intermediates"
    _, sown = model.apply(
        variables,
        keypoints_2d,
        train=False,
        mutable=[collection],
    )
    layers = sown.get(collection, {})
    maps = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(layers):
        # Sown values are tuples: their index ends the path and is no key.
        keys = []
        for entry in path:
            if isinstance(entry, jax.tree_util.DictKey):
                keys.append(entry.key)
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
        # Layers have other methods, such as `setup`, which get no features.
        is_call = context.method_name == "__call__"
        if is_call and context.module.name in heads:
            features, *_ = args
            seen.append(features)
        return call(*args, **kwargs)

    with nn.intercept_methods(listen):
        model.apply(variables, keypoints_2d, train=False)
    # A dense head gets the features of all joints as one vector.
    joints = get_skeleton(model.skeleton).num_joints
    batch_size = len(keypoints_2d)
    return np.asarray(seen[0]).reshape(batch_size, joints, -1)


def cosine_similarity(features: np.ndarray) -> np.ndarray:
    """Returns the mean cosine between the features of two joints.

    Args:
      features: `[B, J, C]`.

    Returns:
      `[J, J]`, averaged over samples.
    """
    # A feature of zeros has no direction: it counts as 0.
    lengths = np.linalg.norm(
        features,
        axis=-1,
        keepdims=True,
    )
    unit = features / np.maximum(lengths, 1e-12)
    sums = np.einsum("bic,bjc->ij", unit, unit)
    return sums / len(features)


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
    # Blocks of one name are compared side by side.
    found: dict[str, list[np.ndarray]] = {}
    for block in range(len(model.filter_widths)):
        local = params[f"attention_{block}"]["local"]
        for name, mask in masks.items():
            # Ablations leave graphs out.
            if name not in local:
                continue
            edges = local[name]["edges"]
            # Only the mask's entries are parameters; the others have no weight.
            shape = (len(edges), *mask.shape)
            absent = jnp.full(shape, -jnp.inf)
            logits = absent.at[:, mask].set(edges)
            weights = nn.softmax(logits)
            graph = np.asarray(weights.mean(0))
            found.setdefault(name, []).append(graph)
    return found


def adaptive_graphs(model: nn.Module, params: Mapping[str, Any]) -> list[np.ndarray]:
    """Returns GAST-Net's matrices C_k, `[J, J]` per attention block (Fig. 8).

    Means over heads; empty for a model without them.
    """
    found = []
    for block in range(len(model.filter_widths)):
        layers = params[f"attention_{block}"]["global"]
        heads = []
        for name, head in layers.items():
            # Beside the heads lie the layers that join them.
            if "head_" in name and "adaptive" in head:
                matrix = np.asarray(head["adaptive"])
                heads.append(matrix)
        if heads:
            found.append(np.mean(heads, axis=0))
    return found
