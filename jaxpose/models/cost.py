"""The size and cost of a model, read off its traced forward pass; no weights are made.

Two counts of multiply-accumulates for one pose. `macs` holds every matrix product and convolution
that a pose passes through: linear maps, attention and adjacency products; not what is made of
weights alone, once for all poses. `macs_published` follows the profilers behind the papers'
tables, which see layers only: linear maps and convolutions, and 2 for each element that passes a
batch norm.
"""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
from jax.extend import core

from jaxpose.models import layers
from jaxpose.models.base import LiftingModel

# What an array is made of. The larger number wins where several arrays make a new one.
_OTHER, _KERNEL, _ACTIVATION = range(3)


class Macs(NamedTuple):
    """Multiply-accumulates of a jaxpr.

    Attributes:
      total: of every `dot_general` and `conv_general_dilated` with an activation.
      linear: of those between an activation and a kernel: linear maps, however they are fused.
        Products of two activations or with an adjacency, constant or learnt, are not among them.
    """

    total: int = 0
    linear: int = 0

    def __add__(self, other: "Macs") -> "Macs":
        """Elementwise, unlike a tuple's."""
        return Macs(self.total + other.total, self.linear + other.linear)


def variable_shapes(model: LiftingModel) -> dict[str, Any]:
    """Returns the model's variables as `jax.ShapeDtypeStruct`s; no weights are made."""

    def init(key: jax.Array) -> dict[str, Any]:
        return model.init(key, *model.example_inputs(), train=False)

    return jax.eval_shape(init, jax.random.key(0))


def describe(model: LiftingModel) -> dict[str, Any]:
    """Parameters, cost and shapes of `model` for one pose from one receptive field, in eval mode.

    Returns:
      `parameters`, `macs`, `macs_published`, `receptive_field`, `input_shape [1, T, J2, 2]` and
      `output_shape [1, T_out, J, 3]`; ints and lists of ints, as JSON wants them.

    Raises:
      JaxposeError: the model's fields do not fit each other.
    """
    inputs = jax.eval_shape(model.example_inputs)
    variables = variable_shapes(model)
    batch_norm_elements = 0

    def count_batch_norm(call, args, kwargs, context):
        nonlocal batch_norm_elements
        if (
            isinstance(context.module, layers.BatchNorm)
            and context.method_name == "__call__"
        ):
            batch_norm_elements += args[0].size
        return call(*args, **kwargs)

    def forward(variables, *inputs):
        with nn.intercept_methods(count_batch_norm):
            return model.predict_sequence(variables, inputs)

    closed, output = jax.make_jaxpr(forward, return_shape=True)(variables, *inputs)
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    kinds = [_KERNEL if "kernel" in path[-1].key else _OTHER for path, _ in leaves]
    kinds += [_ACTIVATION] * len(inputs)
    macs, _ = count_macs(closed.jaxpr, kinds)
    return {
        "parameters": sum(
            math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"])
        ),
        "macs": macs.total,
        "macs_published": macs.linear + 2 * batch_norm_elements,
        "receptive_field": model.receptive_field,
        "input_shape": list(inputs[0].shape),
        "output_shape": list(output.shape),
    }


def count_macs(jaxpr: core.Jaxpr, kinds: Iterable[int]) -> tuple[Macs, list[int]]:
    """Multiply-accumulates of `jaxpr` and everything it calls; the bodies of scans as often as they run.

    Args:
      jaxpr: the program.
      kinds: what each of its inputs is.

    Returns:
      The count, and what each of its outputs is.
    """
    kind_of = dict(zip(jaxpr.invars, kinds, strict=True))

    def kind(atom: core.Var | core.Literal) -> int:
        return _OTHER if isinstance(atom, core.Literal) else kind_of.get(atom, _OTHER)

    macs = Macs()
    for eqn in jaxpr.eqns:
        inputs = [kind(atom) for atom in eqn.invars]
        outputs = [max(inputs, default=_OTHER)] * len(eqn.outvars)
        if eqn.primitive.name in ("dot_general", "conv_general_dilated"):
            products = _products(eqn) if _ACTIVATION in inputs else 0
            macs += Macs(products, products if _KERNEL in inputs else 0)
        elif inner := _inner_jaxprs(eqn):
            called, outputs = _count_call(eqn, inner, inputs)
            macs += called
        kind_of.update(zip(eqn.outvars, outputs, strict=True))
    return macs, [kind(atom) for atom in jaxpr.outvars]


def _inner_jaxprs(eqn: core.JaxprEqn) -> list[core.Jaxpr]:
    """What `eqn` calls: the function of a jit, the body of a scan, the branches of a cond."""
    values = [
        v
        for value in eqn.params.values()
        for v in (value if isinstance(value, tuple) else (value,))
    ]
    closed = [v.jaxpr for v in values if isinstance(v, core.ClosedJaxpr)]
    return closed + [v for v in values if isinstance(v, core.Jaxpr)]


def _count_call(
    eqn: core.JaxprEqn, inner: list[core.Jaxpr], inputs: list[int]
) -> tuple[Macs, list[int]]:
    """`count_macs` of what `eqn` calls: of a scan every iteration, of branches the dearest."""
    if eqn.primitive.name == "scan":
        first, carries = eqn.params["num_consts"], eqn.params["num_carry"]
        while True:  # What a carry is made of settles as it goes round the loop.
            macs, outputs = count_macs(inner[0], inputs)
            carried = inputs[first : first + carries]
            merged = list(map(max, carried, outputs[:carries]))
            if merged == carried:
                return Macs(*(eqn.params["length"] * count for count in macs)), outputs
            inputs = inputs[:first] + merged + inputs[first + carries :]
    # The arguments come last: a cond has its index before them.
    branches = [
        count_macs(jaxpr, inputs[len(inputs) - len(jaxpr.invars) :]) for jaxpr in inner
    ]
    dearest = max((macs for macs, _ in branches), key=lambda macs: macs.total)
    return dearest, [
        max(kinds) for kinds in zip(*(outputs for _, outputs in branches), strict=True)
    ]


def _products(eqn: core.JaxprEqn) -> int:
    """Multiply-accumulates of one `dot_general` or `conv_general_dilated`."""
    left, right = (atom.aval for atom in eqn.invars)
    outputs = math.prod(eqn.outvars[0].aval.shape)
    if eqn.primitive.name == "dot_general":
        (contracted, _), _ = eqn.params["dimension_numbers"]
        return outputs * math.prod(left.shape[axis] for axis in contracted)
    features = right.shape[eqn.params["dimension_numbers"].rhs_spec[0]]
    return outputs * math.prod(right.shape) // features
