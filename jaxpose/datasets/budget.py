"""Bounds what reading a file may unpack, copy and refer to, by the size of the file."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError

# Bytes that any file may unpack to, and bytes per byte of a larger file. Files of poses
# unpack to two to five times their size; zip bombs to a thousand times theirs.
_FREE_BYTES = 2**26
_BYTES_PER_BYTE = 16

_ENTRY_BYTES = 16  # what an entry of a list, dict, set or object array counts
_COPY_BYTES = 32  # what an entry counts that a call copies
_MAX_DEPTH = 100  # of containers in containers


class Budget:
    """Bytes that reading a file may still unpack or copy."""

    def __init__(self, num_bytes: int):
        """Takes the number of bytes."""
        self._left = self._all = num_bytes

    @classmethod
    def of_file(cls, num_bytes: int) -> "Budget":
        """Returns the budget of a file of `num_bytes`."""
        return cls(_FREE_BYTES + _BYTES_PER_BYTE * num_bytes)

    def spend(self, num_bytes: int) -> None:
        """Takes bytes off; raises JaxposeError where there are not so many."""
        self._left -= num_bytes
        if self._left < 0:
            raise JaxposeError(
                f"refused: reading it takes more than {self._all:,} bytes, far more "
                "than the file has; get the file from its original source"
            )

    def spend_on(self, arguments: Any) -> None:
        """Takes off what a call with these arguments, or a state, may copy."""
        entries = arguments if isinstance(arguments, tuple) else (arguments,)
        for entry in entries:
            if isinstance(entry, str | bytes | bytearray):
                self.spend(len(entry))
            elif isinstance(entry, list | tuple | dict | set):
                self.spend(_COPY_BYTES * len(entry))


def require_plain_size(value: Any, num_bytes: int) -> None:
    """Requires that an object is no larger than its file of `num_bytes` warrants.

    An object may refer to another one many times, which takes no space until a reader
    follows each reference. Each reference counts as a copy here.

    Raises:
      JaxposeError: the object is larger than that, holds itself, or is nested deeper
        than 100 levels.
    """
    budget = Budget.of_file(num_bytes)
    budget.spend(_expanded_size(value))


def _expanded_size(value: Any) -> int:
    """Returns the bytes of an object in which each reference counts as a copy.

    Raises:
      JaxposeError: the object holds itself, or is nested deeper than 100 levels.
    """
    sizes: dict[int, int] = {}  # of containers, by identity
    outermost = [value]
    open_ids = [id(outermost)]
    open_entries = [_entries(outermost)]
    open_sizes = [0]
    while True:
        for entry in open_entries[-1]:
            size = sizes.get(id(entry)) if _is_container(entry) else _size(entry)
            if size is not None:
                open_sizes[-1] += size + _ENTRY_BYTES
                continue
            # A container that is met for the first time: its entries come first.
            if id(entry) in open_ids or len(open_ids) > _MAX_DEPTH:
                raise JaxposeError(
                    f"refused: lists or dicts in it are nested deeper than {_MAX_DEPTH}"
                    " levels; get the file from its original source"
                )
            open_ids.append(id(entry))
            open_entries.append(_entries(entry))
            open_sizes.append(0)
            break
        else:
            # The innermost container is complete, and counts in the one around it.
            open_entries.pop()
            size = sizes[open_ids.pop()] = open_sizes.pop()
            if not open_sizes:
                return size
            open_sizes[-1] += size + _ENTRY_BYTES


def _is_container(value: Any) -> bool:
    """Returns whether a value has entries of its own."""
    if isinstance(value, np.ndarray):
        return value.dtype.hasobject
    return isinstance(value, list | tuple | dict | set)


def _entries(value: Any) -> Iterator[Any]:
    """Iterates over the entries of a container; of a dict, over keys and values."""
    entries: Iterable[Any] = value
    if isinstance(value, dict):
        return (entry for item in value.items() for entry in item)
    if isinstance(value, np.ndarray):
        entries = value.reshape(-1)
    return iter(entries)


def _size(value: Any) -> int:
    """Returns the bytes of a text, of bytes or of an array of numbers; else 0."""
    if isinstance(value, str | bytes | bytearray):
        return len(value)
    if isinstance(value, np.ndarray):
        return value.nbytes
    return 0
