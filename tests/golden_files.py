"""What golden files hold, and how numbers are compared with theirs."""

import math
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

# The arrays of a file by name; and for each that is compared: name, found, recorded.
Arrays = Mapping[str, np.ndarray]
Pairs = Iterator[tuple[str, np.ndarray, np.ndarray]]

# Of the largest magnitude of an array: what is stored in float64, what only in float32,
# and what is computed in float32.
FLOAT64 = 1e-9
STORED_FLOAT32 = 1e-6
FLOAT32 = 3e-5
FLOAT32_GRADIENT = 3e-4
# A gradient that is zero but for noise has no magnitude of its own: this share of the
# model's largest gradient is allowed on top.
FLOAT64_GRADIENT_NOISE = 1e-12
FLOAT32_GRADIENT_NOISE = 3e-6

# Not compared: activations inside the reference, which the output depends on.
UNUSED = "act/"


class Error(NamedTuple):
    """One comparison: its kind in the report, relative error, allowed error, key."""

    kind: str
    error: float
    tolerance: float
    key: str

    @property
    def failed(self) -> bool:
        """NaN fails too."""
        return not self.error <= self.tolerance


class GoldenFile(Mapping[str, np.ndarray]):
    """A golden file that remembers which arrays were asked for."""

    def __init__(self, path: pathlib.Path):
        with np.load(path, allow_pickle=False) as file:
            self._arrays = {name: file[name] for name in file.files}
        self._read: set[str] = set()

    def __getitem__(self, key: str) -> np.ndarray:
        array = self._arrays[key]
        self._read.add(key)
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays of one kind, by the rest of their names."""
        return {
            key.removeprefix(prefix): self[key]
            for key in self
            if key.startswith(prefix)
        }

    @property
    def unread(self) -> list[str]:
        """Arrays that nobody asked for."""
        return [
            key for key in self if key not in self._read and not key.startswith(UNUSED)
        ]


def relative_error(found: Any, expected: np.ndarray, floor: float = 0.0) -> float:
    """Returns the largest difference over the largest expected magnitude plus `floor`.

    Integers and bools must be equal.
    """
    found = np.asarray(found)
    if found.shape != expected.shape:
        return math.inf
    if expected.dtype.kind in "biu":
        return 0.0 if np.array_equal(found, expected) else math.inf
    difference = np.abs(found.astype(np.float64) - expected).max(initial=0)
    magnitude = np.abs(expected.astype(np.float64)).max(initial=0) + floor
    return float(difference / magnitude) if magnitude else float(difference)
