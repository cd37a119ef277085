"""Small GLA-GCN models, random variables and windows for them."""

import jax
import jax.numpy as jnp
import numpy as np

RELEASED = {"filter_widths": (3, 3, 3), "sequence_layers": 0, "head": "shared"}
SMALL = RELEASED | {"skeleton": "h36m_17", "filter_widths": (3,), "channels": 8}


def shapes(model, x):
    """Shapes of the variables, without computing anything."""
    return jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), x)


def random_variables(model, x, seed=0):
    """Every variable random, also those that start at 0 or 1; variances positive."""
    rng = np.random.default_rng(seed)

    def draw(path, leaf):
        if path[-1].key == "var":
            return jnp.asarray(rng.uniform(0.5, 1.5, leaf.shape), leaf.dtype)
        return jnp.asarray(rng.normal(0, 0.3, leaf.shape), leaf.dtype)

    return jax.tree_util.tree_map_with_path(draw, shapes(model, x))


def window(frames=3, joints=17, batch=2, seed=1):
    return jnp.asarray(
        np.random.default_rng(seed).normal(size=(batch, frames, joints, 2)), jnp.float32
    )


def predict(model, variables, x):
    return jax.jit(lambda v, x: model.apply(v, x, train=False))(variables, x)
