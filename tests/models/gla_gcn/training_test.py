"""GLA-GCN's dropout belongs to training; bfloat16 keeps float32 parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxpose.models.agcn import AGCNBlock
from jaxpose.models.gla_gcn import GLAGCN
from tests.models.gla_gcn.small_model import SMALL, predict, random_variables, window


@pytest.mark.parametrize(("head_blend", "idle"), [(0.0, "unshared"), (1.0, "shared")])
def test_at_either_end_of_lambda_one_of_the_heads_learns_nothing(head_blend, idle):
    x = window()

    def largest_gradients(**fields):
        model = GLAGCN(**SMALL | {"head": "individual"} | fields)
        variables = random_variables(model, x)

        def loss(params):
            return jnp.sum(model.apply({**variables, "params": params}, x, train=False))

        gradients = jax.jit(jax.grad(loss))(variables["params"])
        found = {}
        for name in ("shared", "unshared"):
            leaves = jax.tree.leaves(gradients[f"head_{name}"])
            found[name] = max(float(jnp.abs(leaf).max()) for leaf in leaves)
        return found

    assert min(largest_gradients().values()) > 0.1  # the default, lambda 0.5
    one_sided = largest_gradients(head_blend=head_blend)
    assert one_sided.pop(idle) == 0
    assert min(one_sided.values()) > 0.1


def train_output(model, variables, x):
    rngs = {"dropout": jax.random.key(3)}
    return model.apply(variables, x, train=True, mutable=["batch_stats"], rngs=rngs)[0]


def largest_gradients(model, variables, x):
    """The largest gradient of the train-mode output in each part of the parameters."""
    loss = jax.jit(
        jax.grad(lambda p: train_output(model, {**variables, "params": p}, x).sum())
    )
    return jax.tree.map(
        lambda grad: float(jnp.abs(grad).max()), loss(variables["params"])
    )


def test_dropout_after_the_blocks_leaves_the_residuals():
    model = GLAGCN(**SMALL, dropout_rate=1.0, graph_dropout_rate=0.0)
    largest = largest_gradients(model, random_variables(model, window()), window())
    for name, part in largest.items():
        assert (max(jax.tree.leaves(part)) == 0) == name.startswith("module_")


def test_graph_dropout_leaves_the_way_down():
    block = AGCNBlock(8, "h36m_17", dropout_rate=1.0)
    x = window().transpose(0, 2, 1, 3)
    largest = largest_gradients(block, random_variables(block, x), x)
    assert all(largest["graph_conv"][f"project_kernel_{k}"] == 0 for k in range(3))
    assert largest["graph_conv"]["down"]["kernel"] > 0
    assert largest["temporal_conv"]["kernel"] > 0


def test_dropout_belongs_to_training():
    x = window()
    variables = random_variables(GLAGCN(**SMALL), x)
    still = GLAGCN(**SMALL, dropout_rate=0.0, graph_dropout_rate=0.0)
    np.testing.assert_array_equal(
        predict(still, variables, x), predict(GLAGCN(**SMALL), variables, x)
    )


def test_bfloat16_computes_with_float32_parameters():
    model = GLAGCN(**SMALL, dtype=jnp.bfloat16)
    variables = random_variables(model, window())
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
    output = predict(model, variables, window())
    assert output.dtype == jnp.bfloat16
    expected = predict(GLAGCN(**SMALL), variables, window())
    error = np.abs(np.asarray(output, np.float32) - np.asarray(expected)).max()
    assert error < 0.05 * np.abs(expected).max()
