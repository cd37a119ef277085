"""The size and cost of a model, read off its traced forward pass; no weights are made.

Two counts of multiply-accumulates for one pose. `macs` holds every matrix product and
convolution that a pose passes through: linear maps, attention and adjacency products.
It leaves out products of weights alone, which are made once for all poses.
`macs_published` follows the profilers behind the papers' tables, which see layers only:
linear maps and convolutions, and 2 for each element that passes a batch norm. AMPose's
thesis prints it; the FLOPs that CrossFormer's Table 4 prints of itself and of
PoseFormer are 5/3 of it.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Any

import flax.linen as nn
import jax
from jax.extend import core

from jaxpose.models.base import LiftingModel
from jaxpose.models.batch_norm import BatchNorm

# What an array is made of. The larger number wins where several arrays make a new one.
_OTHER, _KERNEL, _ACTIVATION = range(3)


@dataclasses.dataclass(frozen=True)
class Macs:
    """Multiply-accumulates of a jaxpr.

    Attributes:
      total: of every `dot_general` and `conv_general_dilated` with an activation.
      linear: of those between an activation and a kernel: linear maps, however they are
        fused. Products of two activations or with an adjacency, constant or learnt, are
        not among them.
    """

    total: int = 0
    linear: int = 0

    def __add__(self, other: "Macs") -> "Macs":
        """Adds the counts."""
        return Macs(self.total + other.total, self.linear + other.linear)

    def times(self, repeats: int) -> "Macs":
        """Returns the counts of `repeats` rounds."""
        return Macs(repeats * self.total, repeats * self.linear)


def variable_shapes(model: LiftingModel) -> dict[str, Any]:
    """Returns the model's variables as `jax.ShapeDtypeStruct`s; no weights are made."""

    def init(key: jax.Array) -> Any:
        return model.init(key, *model.example_inputs(), train=False)

    return jax.eval_shape(init, jax.random.key(0))


def summary(name: str, dataset: str, model: LiftingModel, variables: Any) -> str:
    """Returns model, frames, parameters and data in a few words.

    Args:
      name: of the model in a config.
      dataset: that it was trained on.
      model: the model.
      variables: its weights, or their shapes.
    """
    parameters = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(variables))
    frames = model.receptive_field
    noun = "frame" if frames == 1 else "frames"
    return f"{name} of {frames} {noun}, {parameters:,} parameters, trained on {dataset}"


def describe(model: LiftingModel) -> dict[str, Any]:
    """Counts parameters and cost of one pose from one receptive field, in eval mode.

    Returns:
      `parameters`, `macs`, `macs_published`, `receptive_field`, `input_shape [1, T, J2,
      C]` and `output_shape [1, 1, J, 3]`; ints and lists of ints, as JSON wants them.

    Raises:
      JaxposeError: the model's fields do not fit each other.
    """
    inputs = jax.eval_shape(model.example_inputs)
    variables = variable_shapes(model)
    batch_norm_elements = 0

    # Batch norms are no product in the jaxpr: they are counted as they are called.
    def count_batch_norm(
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: Any,
    ) -> Any:
        nonlocal batch_norm_elements
        is_call = context.method_name == "__call__"
        if is_call and isinstance(context.module, BatchNorm):
            batch_norm_elements += args[0].size
        return call(*args, **kwargs)

    def forward(variables: Any, *inputs: jax.Array) -> jax.Array:
        with nn.intercept_methods(count_batch_norm):
            return model.predict_sequence(variables, inputs)

    make = jax.make_jaxpr(forward, return_shape=True)
    closed, output = make(variables, *inputs)

    # The arguments of the jaxpr are the leaves of the variables, then the inputs.
    leaves = jax.tree_util.tree_leaves_with_path(variables)
    kinds = [_KERNEL if "kernel" in path[-1].key else _OTHER for path, _ in leaves]
    kinds += [_ACTIVATION] * len(inputs)
    macs, _ = count_macs(closed.jaxpr, kinds)
    sizes = [math.prod(leaf.shape) for leaf in jax.tree.leaves(variables["params"])]
    return {
        "parameters": sum(sizes),
        "macs": macs.total,
        "macs_published": macs.linear + 2 * batch_norm_elements,
        "receptive_field": model.receptive_field,
        "input_shape": list(inputs[0].shape),
        "output_shape": list(output.shape),
    }


def count_macs(jaxpr: core.Jaxpr, kinds: Iterable[int]) -> tuple[Macs, list[int]]:
    """Counts the multiply-accumulates of `jaxpr` and everything it calls.

    Args:
      jaxpr: the program.
      kinds: what each of its inputs is.

    Returns:
      The count, and what each of its outputs is.
    """
    kind_of = dict(zip(jaxpr.invars, kinds, strict=True))

    def kind(atom: core.Var | core.Literal) -> int:
        if isinstance(atom, core.Literal):
            return _OTHER
        return kind_of.get(atom, _OTHER)

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
    """Returns what `eqn` calls: a jitted function, a scan's body, a cond's branches."""
    values: list[Any] = []
    for value in eqn.params.values():
        values.extend(value if isinstance(value, tuple) else (value,))
    closed = [value.jaxpr for value in values if isinstance(value, core.ClosedJaxpr)]
    return closed + [value for value in values if isinstance(value, core.Jaxpr)]


def _count_call(
    eqn: core.JaxprEqn,
    inner: list[core.Jaxpr],
    inputs: list[int],
) -> tuple[Macs, list[int]]:
    """Computes `count_macs` of what `eqn` calls.

    Counts every iteration of a scan, and the most expensive branch of a conditional.
    """
    if eqn.primitive.name == "scan":
        return _count_scan(eqn, inner[0], inputs)
    # The arguments come last: a cond has its index before them.
    branches = []
    for jaxpr in inner:
        arguments = inputs[len(inputs) - len(jaxpr.invars) :]
        branches.append(count_macs(jaxpr, arguments))
    most = max((macs for macs, _ in branches), key=lambda macs: macs.total)
    outputs = zip(*(kinds for _, kinds in branches), strict=True)
    return most, [max(kinds) for kinds in outputs]


def _count_scan(
    eqn: core.JaxprEqn,
    body: core.Jaxpr,
    inputs: list[int],
) -> tuple[Macs, list[int]]:
    """Computes `count_macs` of a scan."""
    first, carries = eqn.params["num_consts"], eqn.params["num_carry"]
    last = first + carries
    # What a carry is made of settles after some rounds of the loop.
    while True:
        macs, outputs = count_macs(body, inputs)
        carried = inputs[first:last]
        merged = list(map(max, carried, outputs[:carries]))
        if merged == carried:
            return macs.times(eqn.params["length"]), outputs
        inputs = inputs[:first] + merged + inputs[last:]


def _products(eqn: core.JaxprEqn) -> int:
    """Counts multiply-accumulates of one `dot_general` or `conv_general_dilated`."""
    left, right = (_shape(atom) for atom in eqn.invars)
    outputs = math.prod(_shape(eqn.outvars[0]))
    if eqn.primitive.name == "dot_general":
        (contracted, _), _ = eqn.params["dimension_numbers"]
        return outputs * math.prod(left[axis] for axis in contracted)
    # Each output of a convolution sums over the kernel, its features left out.
    features = right[eqn.params["dimension_numbers"].rhs_spec[0]]
    return outputs * math.prod(right) // features


def _shape(atom: Any) -> tuple[int, ...]:
    """Returns the shape of the array that `atom` stands for."""
    return atom.aval.shape
