"""State-dict entries and linen variables: names, layouts, and the two directions between them.

A model's map is a list of `Entry`; `from_torch` and `to_torch` are the only code that
follows it, so a map is data and both directions always agree.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxpose.errors import JaxposeError


class Layout(NamedTuple):
    """How one array is stored there and here.

    Attributes:
      to_linen: PyTorch array to linen array.
      to_torch: the inverse.
    """

    to_linen: Callable[[np.ndarray], np.ndarray]
    to_torch: Callable[[np.ndarray], np.ndarray]


def reshape(torch_shape: tuple[int, ...], linen_shape: tuple[int, ...]) -> Layout:
    """The same numbers in the same order under two shapes."""
    return Layout(lambda a: a.reshape(linen_shape), lambda a: a.reshape(torch_shape))


SAME = Layout(lambda a: a, lambda a: a)
LINEAR = Layout(lambda a: a.T, lambda a: a.T)  # (out, in) <-> (in, out)
# (out, in, k) <-> (k, in, out)
CONV1D = Layout(lambda a: a.transpose(2, 1, 0), lambda a: a.transpose(2, 1, 0))
# (out, in, k, 1) <-> (k, in, out): temporal convolutions with joints folded into the batch.
CONV2D_TIME = Layout(
    lambda a: a[..., 0].transpose(2, 1, 0), lambda a: a.transpose(2, 1, 0)[..., None]
)
POINTWISE_1D = Layout(
    lambda a: a[..., 0].T, lambda a: a.T[..., None]
)  # (out, in, 1) <-> (in, out)
# (out, in, 1, 1) <-> (in, out)
POINTWISE_2D = Layout(lambda a: a[..., 0, 0].T, lambda a: a.T[..., None, None])


class Entry(NamedTuple):
    """One array: its state-dict name, its path in the variables (collection first), its layout."""

    torch_name: str
    path: tuple[str, ...]
    layout: Layout = SAME


def linear(
    torch_name: str,
    path: tuple[str, ...],
    *,
    bias: bool = True,
    layout: Layout = LINEAR,
) -> list[Entry]:
    """`layers.Linear` at `path` (collection left out) from `<torch_name>.weight` and `.bias`."""
    entries = [
        Entry(f"{torch_name}.weight", ("params", *path, "dense", "kernel"), layout)
    ]
    return entries + (
        [Entry(f"{torch_name}.bias", ("params", *path, "dense", "bias"))]
        if bias
        else []
    )


def layer_norm(torch_name: str, path: tuple[str, ...]) -> list[Entry]:
    """`layers.LayerNorm` at `path`."""
    return [
        Entry(f"{torch_name}.weight", ("params", *path, "scale")),
        Entry(f"{torch_name}.bias", ("params", *path, "bias")),
    ]


def batch_norm(torch_name: str, path: tuple[str, ...]) -> list[Entry]:
    """`layers.BatchNorm` at `path`, running statistics included."""
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
    """Variables from a state dict of NumPy arrays.

    Args:
      entries: the model's map.
      state_dict: PyTorch names to arrays.
      expected: the model's variables (or their shapes from `jax.eval_shape`).
      leftovers: names that the reference saves and never uses; skipped where present, as are
        BatchNorm's `num_batches_tracked`.

    Raises:
      JaxposeError: names are missing or left over, or shapes differ; all are listed at once.
    """
    entries = list(entries)
    variables: dict[str, Any] = {}
    problems = []
    for entry in entries:
        wanted = _get(expected, entry.path)
        wanted_torch = entry.layout.to_torch(np.zeros(wanted.shape)).shape
        if entry.torch_name not in state_dict:
            problems.append(f"missing: {entry.torch_name} {wanted_torch}")
            continue
        array = np.asarray(state_dict[entry.torch_name])
        if array.shape != wanted_torch:
            problems.append(
                f"shape: {entry.torch_name} is {array.shape}, the model wants {wanted_torch}"
            )
            continue
        _set(variables, entry.path, np.ascontiguousarray(entry.layout.to_linen(array)))
    known = {entry.torch_name for entry in entries} | set(leftovers)
    unknown = [
        n
        for n in state_dict
        if n not in known and not n.endswith("num_batches_tracked")
    ]
    problems += [f"left over: {name} {np.shape(state_dict[name])}" for name in unknown]
    if problems:
        raise JaxposeError(
            "the checkpoint does not fit the model:\n  " + "\n  ".join(problems)
        )
    return variables


def to_torch(
    entries: Iterable[Entry],
    variables: Mapping[str, Any],
    leftovers: Mapping[str, tuple[int, ...]] | None = None,
) -> dict[str, np.ndarray]:
    """A state dict of NumPy arrays under the reference names.

    `leftovers` (name to shape) are written as zeros, and every running mean brings its
    `num_batches_tracked`, so that strict loading works on the other side.
    """
    state_dict: dict[str, np.ndarray] = {}
    for entry in entries:
        array = entry.layout.to_torch(np.asarray(_get(variables, entry.path)))
        state_dict[entry.torch_name] = np.ascontiguousarray(array)
    for name, shape in (leftovers or {}).items():
        state_dict[name] = np.zeros(shape, np.float32)
    for name in [name for name in state_dict if name.endswith("running_var")]:
        state_dict[name.replace("running_var", "num_batches_tracked")] = np.zeros(
            (), np.int64
        )
    return state_dict


def _get(tree: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _set(tree: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value
