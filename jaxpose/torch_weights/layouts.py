"""Entries of a state-dict map, their array layouts, and the conversion both ways.

The map of a model is a list of `Entry`, plain data. Only `from_torch` and `to_torch`
follow it, so both directions always agree.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxpose.errors import JaxposeError, join_first
from jaxpose.wording import cut


class MisfitError(JaxposeError):
    """The arrays of a file are not those of a model."""


class Layout(NamedTuple):
    """The layouts of one array in PyTorch and in linen.

    Attributes:
      to_linen: converts the PyTorch array to the linen array.
      to_torch: its inverse.
    """

    to_linen: Callable[[np.ndarray], np.ndarray]
    to_torch: Callable[[np.ndarray], np.ndarray]


SAME = Layout(to_linen=lambda a: a, to_torch=lambda a: a)
# (out, in) <-> (in, out)
LINEAR = Layout(to_linen=lambda a: a.T, to_torch=lambda a: a.T)
# (out, in, k) <-> (k, in, out)
CONV1D = Layout(
    to_linen=lambda a: a.transpose(2, 1, 0),
    to_torch=lambda a: a.transpose(2, 1, 0),
)
# (out, in, k, 1) <-> (k, in, out): temporal convolutions with joints folded into the
# batch.
CONV2D_TIME = Layout(
    to_linen=lambda a: a[..., 0].transpose(2, 1, 0),
    to_torch=lambda a: a.transpose(2, 1, 0)[..., None],
)
# (out, in, 1) <-> (in, out)
POINTWISE_1D = Layout(
    to_linen=lambda a: a[..., 0].T,
    to_torch=lambda a: a.T[..., None],
)
# (out, in, 1, 1) <-> (in, out)
POINTWISE_2D = Layout(
    to_linen=lambda a: a[..., 0, 0].T,
    to_torch=lambda a: a.T[..., None, None],
)


class Entry(NamedTuple):
    """One array of a model.

    Attributes:
      torch_name: its name in the state dict.
      path: its path in the variables, the collection first.
      layout: of its axes.
    """

    torch_name: str
    path: tuple[str, ...]
    layout: Layout = SAME


def linear(
    torch_name: str, *path: str, bias: bool = True, layout: Layout = LINEAR
) -> list[Entry]:
    """Returns the entries of `layers.Linear`.

    Args:
      torch_name: the PyTorch module, whose arrays are `weight` and `bias`.
      *path: of the linen module, without the collection.
      bias: whether the module has a bias.
      layout: of the weight.
    """
    dense = ("params", *path, "dense")
    entries = [Entry(f"{torch_name}.weight", (*dense, "kernel"), layout)]
    if bias:
        entries.append(Entry(f"{torch_name}.bias", (*dense, "bias")))
    return entries


def layer_norm(torch_name: str, *path: str) -> list[Entry]:
    """Returns the entries of `layers.LayerNorm` at `path`."""
    return [
        Entry(f"{torch_name}.weight", ("params", *path, "scale")),
        Entry(f"{torch_name}.bias", ("params", *path, "bias")),
    ]


def batch_norm(torch_name: str, *path: str) -> list[Entry]:
    """Returns the entries of `BatchNorm` at `path`, with running statistics."""
    return [
        Entry(f"{torch_name}.weight", ("params", *path, "scale")),
        Entry(f"{torch_name}.bias", ("params", *path, "bias")),
        Entry(f"{torch_name}.running_mean", ("batch_stats", *path, "mean")),
        Entry(f"{torch_name}.running_var", ("batch_stats", *path, "var")),
    ]


def from_torch(
    entries: Iterable[Entry],
    state_dict: Mapping[str, np.ndarray],
    expected: Mapping[str, Any],
    *,
    leftovers: Iterable[str] = (),
) -> dict[str, Any]:
    """Converts a state dict of NumPy arrays to linen variables.

    Args:
      entries: the model's map.
      state_dict: PyTorch names to arrays.
      expected: the model's variables (or their shapes from `jax.eval_shape`).
      leftovers: names that the reference saves and never uses; skipped where present,
        as are BatchNorm's `num_batches_tracked`.

    Raises:
      MisfitError: names are missing or left over, shapes differ, or a weight is not
        finite; the first of them are listed.
    """
    variables: dict[str, Any] = {}
    problems = []
    known = set(leftovers)
    entries = list(entries)
    # In PyTorch's layout, for a message that the user can look up.
    shapes = torch_shapes(entries, expected)
    for entry in entries:
        known.add(entry.torch_name)
        wanted_torch = shapes[entry.torch_name]
        if entry.torch_name not in state_dict:
            problems.append(f"missing: {entry.torch_name} {wanted_torch}")
            continue
        array = np.asarray(state_dict[entry.torch_name])
        if array.shape != wanted_torch:
            problems.append(
                f"shape: {entry.torch_name} is {array.shape}, the model wants "
                f"{wanted_torch}"
            )
            continue
        if not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            problems.append(
                f"not finite: {entry.torch_name} has {bad} of {array.size} values NaN "
                "or infinite; the training diverged, or the file is damaged"
            )
            continue
        _set(variables, entry.path, np.ascontiguousarray(entry.layout.to_linen(array)))

    # Counters of PyTorch's BatchNorm have no place in the variables.
    for name, array in state_dict.items():
        if name not in known and not name.endswith("num_batches_tracked"):
            problems.append(f"left over: {cut(name)} {np.shape(array)}")
    if problems:
        raise MisfitError(
            f"the checkpoint does not fit the model: {join_first(problems, 3)}"
        )
    return variables


def torch_shapes(
    entries: Iterable[Entry], expected: Mapping[str, Any]
) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each array in PyTorch's layout, by its name.

    Args:
      entries: the model's map.
      expected: the model's variables (or their shapes from `jax.eval_shape`).
    """
    shapes = {}
    for entry in entries:
        # Zeros without memory of their own.
        zeros = np.broadcast_to(np.float32(0), _get(expected, entry.path).shape)
        shapes[entry.torch_name] = entry.layout.to_torch(zeros).shape
    return shapes


def to_torch(
    entries: Iterable[Entry],
    variables: Mapping[str, Any],
    leftovers: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, np.ndarray]:
    """Converts linen variables to a state dict of NumPy arrays that loads strictly.

    Args:
      entries: the model's map.
      variables: the model's variables.
      leftovers: names and shapes that the reference saves and never uses; they become
        zeros, as does `num_batches_tracked` of each BatchNorm.
    """
    state_dict: dict[str, np.ndarray] = {}
    for entry in entries:
        array = entry.layout.to_torch(np.asarray(_get(variables, entry.path)))
        state_dict[entry.torch_name] = np.ascontiguousarray(array)
    # Arrays that the other side expects and never reads.
    for name, shape in (leftovers or {}).items():
        state_dict[name] = np.zeros(shape, np.float32)
    for name in list(state_dict):
        module, _, array_name = name.rpartition(".")
        if array_name == "running_var":
            state_dict[f"{module}.num_batches_tracked"] = np.zeros((), np.int64)
    return state_dict


def _get(tree: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """Returns the leaf of `tree` at `path`."""
    for key in path:
        tree = tree[key]
    return tree


def _set(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Puts `value` into `tree` at `path`."""
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value
