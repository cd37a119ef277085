"""Finds the weights of a model in what training scripts save, and strips prefixes."""

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.wording import cut, shown

# Nested dicts deeper than this are not looked into.
_MAX_DEPTH = 4

_MAX_LISTED = 200  # characters of names in a message


def find_state_dict(
    content: Any, keys: tuple[str, ...], is_tensor: Callable[[Any], bool]
) -> Mapping[str, Any]:
    """Returns the state dict in the content of a checkpoint.

    Args:
      content: a state dict, or nested dicts that hold one.
      keys: names that it is usually saved under; the first one that exists is meant.
      is_tensor: whether a value is a tensor.

    Raises:
      JaxposeError: there is none, or there are several and none has a usual name. The
        message is to follow the file's name and a space.
    """
    found = dict(_state_dicts(content, is_tensor, {}))
    for key in keys:
        for path, state_dict in found.items():
            if path.split(" > ")[0] == key:
                return state_dict
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        raise JaxposeError(
            f"holds several state dicts: {_listed(found)}; save the one of the model "
            f"alone, or under the key {keys[0]!r}"
        )
    holds = f"a {type(content).__name__}"
    if isinstance(content, Mapping):
        holds = f"the keys {_listed(content)}"
    raise JaxposeError(
        f"holds no state dict, bare or as {' or '.join(keys)}; it holds {holds}"
    )


def _listed(names: Iterable[Any]) -> str:
    """Returns the first names of a file for a message."""
    first = itertools.islice(names, 20)
    return ", ".join(str(name)[:80] for name in first)[:_MAX_LISTED]


def _state_dicts(
    content: Any,
    is_tensor: Callable[[Any], bool],
    seen: dict[int, bool],
    path: tuple[str, ...] = (),
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields path and content of each mapping of names to tensors, at least one.

    Args:
      content: what a file, or a key of it, holds.
      is_tensor: whether a value is a tensor.
      seen: whether a mapping is a state dict, by its identity. A file may refer to one
        from many places, and each is looked into once.
      path: keys that lead to `content`.
    """
    if (
        not isinstance(content, Mapping)
        or not content
        or not seen.get(id(content), True)
    ):
        return
    if id(content) not in seen:
        names = all(isinstance(key, str) for key in content)
        seen[id(content)] = names and all(map(is_tensor, content.values()))
    if seen[id(content)]:
        yield " > ".join(path) or "the file itself", content
        return
    if len(path) == _MAX_DEPTH:
        return
    for key, value in content.items():
        # An optimiser keeps tensors of its own for each weight.
        if "optim" not in str(key).lower():
            yield from _state_dicts(value, is_tensor, seen, (*path, str(key)))


def strip_prefix(
    arrays: Mapping[str, np.ndarray], wanted: Collection[str], prefix: str | None
) -> dict[str, np.ndarray]:
    """Returns the arrays under the names that a model has for them.

    Wrappers write their own name before each name, such as `module.` or `backbone.`.
    One that all names begin with is found and stripped.

    Args:
      arrays: a state dict.
      wanted: names of the model.
      prefix: what the user says that the names begin with; others are left out. None:
        it is found.

    Raises:
      JaxposeError: no name begins with `prefix`, or only a part of the names begins
        with what the model's names follow.
    """
    if prefix is not None:
        stripped = {}
        for name, array in arrays.items():
            if name.startswith(prefix):
                stripped[name.removeprefix(prefix)] = array
        if not stripped:
            first = next(iter(arrays), "")
            raise JaxposeError(
                f"no name begins with --strip-prefix={prefix}; the first one is "
                f"{shown(first)}"
            )
        return stripped

    # The prefix under which most of the model's names are there.
    found = likely_prefix(arrays, wanted)
    others = [name for name in arrays if not name.startswith(found)]
    if others and found:
        raise JaxposeError(
            f"the weights are under {shown(found)}, beside other arrays such as "
            f"{shown(others[0])}; add --strip-prefix={cut(found)} to read the former "
            "alone"
        )
    return {name.removeprefix(found): array for name, array in arrays.items()}


def likely_prefix(arrays: Mapping[str, np.ndarray], wanted: Collection[str]) -> str:
    """Returns the prefix that most wanted names have in a state dict, often none."""
    counts: dict[str, int] = {"": 0}
    wanted = set(wanted)
    for name in arrays:
        # Each part of the name, from the whole of it to its last word.
        parts = name.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in wanted:
                prefix = "".join(f"{part}." for part in parts[:start])
                counts[prefix] = counts.get(prefix, 0) + 1
    return max(counts, key=lambda prefix: counts[prefix])
