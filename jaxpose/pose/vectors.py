"""Geometry of vectors `[..., 3]`."""

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """Returns `[..., 3]` of length 1; NaN for vectors without length."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(lengths > 1e-9, lengths, np.nan)


def dot(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the inner products `[...]` of vectors `[..., 3]`."""
    return np.sum(first * second, axis=-1)


def angle_between(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the angles `[...]` between vectors `[..., 3]`, 0 to 180 degrees."""
    # The arc tangent is exact near 0 and 180, where the arc cosine is not.
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.degrees(np.arctan2(sine, dot(first, second)))


def across(vector: np.ndarray) -> np.ndarray:
    """Returns a unit vector `[3]` at a right angle to a vector `[3]`."""
    # The axis that is farthest from the vector is never parallel to it.
    axis = np.eye(3)[np.argmin(np.abs(vector))]
    return unit(np.cross(vector, axis))
