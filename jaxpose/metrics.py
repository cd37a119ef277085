"""Computes metrics of 3D human pose estimation (P.5 and P.7).

`mpjpe`, `p_mpjpe`, `n_mpjpe` and `mpjve` return one number for all poses. The functions
named `*_per_pose` return one number per pose, for averages over groups.

All of them take NumPy or JAX arrays. NumPy computes the metrics of NumPy arrays, so
float64 stays float64 whatever JAX's settings are. JAX computes those of JAX arrays,
inside `jit` and `grad` too. Arithmetic is in float32 or better for every input.
Errors have the unit of the input, and NaN in a pose gives NaN.
"""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.errors import JaxposeError

Array = np.ndarray | jax.Array

# Of MPI-INF-3DHP (P.5).
PCK_THRESHOLD_MM = 150
AUC_THRESHOLDS_MM = tuple(range(0, 151, 5))


def mpjpe(predicted: Array, target: Array) -> Array:
    """Computes the mean per-joint position error, "protocol 1" of Human3.6M.

    `mean |predicted - target|` over all joints of all poses. Usually both poses are
    relative to their root joint. As a loss, its gradient at a joint without error is 0.

        >>> target = np.zeros((100, 17, 3))
        >>> predicted = target + [0.03, 0.0, 0.04]
        >>> print(round(mpjpe(predicted, target), 6))
        0.05

    Args:
      predicted: `[..., J, 3]` (or `[..., J, 2]`), in any unit.
      target: as `predicted`.

    Returns:
      A scalar, in the unit of the input.

    Raises:
      JaxposeError: the shapes differ, or there is no pose.
    """
    return _mean(joint_errors(predicted, target))


def p_mpjpe(predicted: Array, target: Array) -> Array:
    """Computes the MPJPE after Procrustes alignment, "protocol 2" of Human3.6M.

    Each predicted pose is first moved, turned and scaled to fit its target best:
    `mean |s R p + t - target|`; see `procrustes_align`.

        >>> target = np.random.default_rng(0).normal(size=(100, 17, 3))
        >>> predicted = 2.0 * target[..., [1, 2, 0]] + 5.0
        >>> print(round(p_mpjpe(predicted, target), 6))
        0.0

    Args:
      predicted: `[..., J, 3]`, in any unit.
      target: as `predicted`.

    Returns:
      A scalar, in the unit of the input.

    Raises:
      JaxposeError: the shapes differ or are not `[..., J, 3]`, or there is no pose.
    """
    return _mean(p_mpjpe_per_pose(predicted, target))


def n_mpjpe(predicted: Array, target: Array) -> Array:
    """Computes the MPJPE after the best scaling of each predicted pose.

    `mean |s predicted - target|` with, per pose,
    `s = <predicted, target> / <predicted, predicted>`, the products summed over its
    joints (Rhodin et al. 2018).

        >>> target = np.random.default_rng(0).normal(size=(100, 17, 3))
        >>> print(round(n_mpjpe(2.0 * target, target), 6))
        0.0

    Args:
      predicted: `[..., J, 3]`, relative to the root joint, in any unit.
      target: as `predicted`.

    Returns:
      A scalar, in the unit of the input.

    Raises:
      JaxposeError: the shapes differ, or there is no pose.
    """
    return _mean(n_mpjpe_per_pose(predicted, target))


def mpjve(predicted: Array, target: Array) -> Array:
    """Computes the mean per-joint velocity error of sequences.

    The MPJPE of the differences between consecutive frames:
    `mean |(p[f + 1] - p[f]) - (t[f + 1] - t[f])|`. Multiply by the frame rate for an
    error per second.

        >>> target = np.zeros((100, 17, 3))
        >>> predicted = target + 0.002 * np.arange(100)[:, None, None]
        >>> print(round(mpjve(predicted, target) / np.sqrt(3), 6))
        0.002

    Args:
      predicted: `[..., F, J, 3]`, consecutive frames of one recording, in any unit.
      target: as `predicted`.

    Returns:
      A scalar, in the unit of the input per frame.

    Raises:
      JaxposeError: the shapes differ, or there are fewer than two frames.
    """
    return _mean(velocity_errors(predicted, target))


def joint_errors(predicted: Array, target: Array) -> Array:
    """Computes the Euclidean distance of each joint; its gradient at distance 0 is 0.

    Args:
      predicted: `[..., J, D]`.
      target: as `predicted`.

    Returns:
      `[..., J]`, in the unit of the input.

    Raises:
      JaxposeError: the shapes differ or have fewer than two axes.
    """
    xp, predicted, target = _checked(predicted, target)
    squared = xp.square(predicted - target).sum(-1)
    # The inner `where` keeps the infinite derivative of the square root at 0 out of the
    # gradient; the outer one keeps NaN.
    is_positive = squared > 0
    safe = xp.where(is_positive, squared, 1)
    return xp.where(is_positive, xp.sqrt(safe), squared)


def mpjpe_per_pose(predicted: Array, target: Array) -> Array:
    """Computes the MPJPE of each pose, `[..., J, D]` to `[...]`."""
    return joint_errors(predicted, target).mean(-1)


def n_mpjpe_per_pose(predicted: Array, target: Array) -> Array:
    """Computes the N-MPJPE of each pose, `[..., J, D]` to `[...]`.

    The scale of a prediction whose joints are all 0 is 0.
    """
    xp, predicted, target = _checked(predicted, target)
    # The least-squares scale of each pose.
    product = (predicted * target).sum((-1, -2))
    squared_norm = xp.square(predicted).sum((-1, -2))
    scale = _ratio(xp, product, squared_norm)
    scaled = scale[..., None, None] * predicted
    return mpjpe_per_pose(scaled, target)


def p_mpjpe_per_pose(predicted: Array, target: Array) -> Array:
    """Computes the MPJPE of each aligned pose (P-MPJPE), `[..., J, 3]` to `[...]`."""
    aligned = procrustes_align(predicted, target)
    return mpjpe_per_pose(aligned, target)


def procrustes_align(predicted: Array, target: Array) -> Array:
    """Moves, turns and scales each pose to fit its target best (protocol P.7).

    Minimises `sum |s R p + t - target|^2` over scale `s`, rotation `R` and translation
    `t`; reflections are not allowed. Where all joints of a prediction or target
    coincide, there is no rotation or scale: the scale is 0, and every joint lands on
    the target's mean.

    The rotation is Horn's (1987): its quaternion is the eigenvector of a symmetric 4 x
    4 matrix for the largest eigenvalue. It equals the rotation of an SVD with the
    reflection rule and is several times faster.

    Args:
      predicted: `[..., J, 3]`, in any unit.
      target: as `predicted`.

    Returns:
      The aligned prediction, `[..., J, 3]`.

    Raises:
      JaxposeError: the shapes differ or are not `[..., J, 3]`.
    """
    xp, predicted, target = _checked(predicted, target)
    if predicted.shape[-1] != 3:
        raise JaxposeError(
            f"Procrustes alignment needs [..., J, 3], got {predicted.shape}"
        )
    # The best translation puts the mean of the prediction on that of the target.
    target_mean = target.mean(-2, keepdims=True)
    p = predicted - predicted.mean(-2, keepdims=True)
    t = target - target_mean
    p_square = xp.square(p).sum((-1, -2))
    t_square = xp.square(t).sum((-1, -2))
    correlation = _product(xp, p.mT, t)

    # Normalised, so that the eigenvectors do not depend on the unit of the poses. The
    # product of the squares would leave the range of float32 at 1e10 and at 1e-12.
    norm = xp.sqrt(p_square) * xp.sqrt(t_square)
    inverse_norm = _ratio(xp, 1, norm)
    normalised = inverse_norm[..., None, None] * correlation
    rotation = _best_rotation(xp, normalised)

    # The best scale given the rotation: the least squares of `s p R` and `t`.
    agreement = (rotation * correlation).sum((-1, -2))
    scale = _ratio(xp, agreement, p_square)
    scaled_rotation = scale[..., None, None] * rotation
    return _product(xp, p, scaled_rotation) + target_mean


def velocity_errors(predicted: Array, target: Array) -> Array:
    """Computes the velocity error of each pair of consecutive frames.

    The caller leaves out the pairs that span two clips.

    Args:
      predicted: `[..., F, J, 3]`.
      target: as `predicted`.

    Returns:
      `[..., F - 1]`, in the unit of the input per frame.

    Raises:
      JaxposeError: the shapes differ, or there are fewer than two frames.
    """
    xp, predicted, target = _checked(predicted, target)
    if predicted.ndim < 3 or predicted.shape[-3] < 2:
        raise JaxposeError(
            f"velocities need [..., F, J, 3] with two frames or more, "
            f"got {predicted.shape}"
        )
    predicted_velocity = xp.diff(predicted, axis=-3)
    target_velocity = xp.diff(target, axis=-3)
    return mpjpe_per_pose(predicted_velocity, target_velocity)


def pck_per_pose(errors_mm: Array) -> Array:
    """Computes the share of joints that are closer than 150 mm (protocol P.5).

    Args:
      errors_mm: `[..., J]` distances in millimetres of the joints that count:
        14 in the official protocol.

    Returns:
      `[...]`, in [0, 1]. The mean over frames is the published number.
    """
    _, errors_mm = _as_float(errors_mm)
    return (errors_mm < PCK_THRESHOLD_MM).mean(-1, dtype=errors_mm.dtype)


def auc_per_pose(errors_mm: Array) -> Array:
    """Computes the mean of `pck_per_pose` over the thresholds 0, 5, ..., 150 mm.

    Args:
      errors_mm: as for `pck_per_pose`.

    Returns:
      `[...]`, in [0, 30/31]: no error is less than the first threshold.
    """
    xp, errors_mm = _as_float(errors_mm)
    # Every joint is compared with every threshold: [..., J, 31].
    thresholds = xp.asarray(AUC_THRESHOLDS_MM, errors_mm.dtype)
    shape = (*errors_mm.shape, thresholds.size)
    thresholds = xp.broadcast_to(thresholds, shape)
    is_close = errors_mm[..., None] < thresholds
    return is_close.mean((-1, -2), dtype=errors_mm.dtype)


def _namespace(*arrays: Array) -> ModuleType:
    """Returns `jax.numpy` if one of `arrays` is a JAX array, else `numpy`."""
    for array in arrays:
        if isinstance(array, jax.Array):
            return jnp
    return np


def _as_float(errors: Array) -> tuple[ModuleType, Array]:
    """Returns the namespace of `errors`, and `errors` in float32 or better."""
    xp = _namespace(errors)
    errors = _real(xp, "errors", errors)
    dtype = xp.result_type(errors, np.float32)
    return xp, xp.asarray(errors, dtype)


def _checked(predicted: Array, target: Array) -> tuple[ModuleType, Array, Array]:
    """Returns the namespace of two arrays of poses, and both in one precision."""
    xp = _namespace(predicted, target)
    predicted = _real(xp, "predicted", predicted)
    target = _real(xp, "target", target)
    if predicted.shape != target.shape:
        raise JaxposeError(
            f"predicted {predicted.shape} and target {target.shape} must have the "
            f"same shape"
        )
    if predicted.ndim < 2:
        raise JaxposeError(f"poses must be [..., J, 3], got {predicted.shape}")
    # Integers and half precision are promoted; float64 stays.
    dtype = xp.result_type(predicted, target, np.float32)
    return xp, xp.asarray(predicted, dtype), xp.asarray(target, dtype)


def _real(xp: ModuleType, name: str, value: Any) -> Array:
    """Returns real numbers as an array; raises JaxposeError for anything else."""
    try:
        array = xp.asarray(value)
    except (TypeError, ValueError) as error:  # lists of several lengths, say
        raise JaxposeError(f"{name} is no array of numbers: {error}") from error
    kinds = (jnp.floating, jnp.integer, jnp.bool_)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in kinds):
        raise JaxposeError(f"{name} has the type {array.dtype}; expected real numbers")
    return array


def _mean(errors: Array) -> Array:
    """Returns the mean over all elements."""
    if errors.size == 0:
        raise JaxposeError(f"no pose to average: the errors have shape {errors.shape}")
    return errors.mean()


def _ratio(xp: ModuleType, numerator: Array | float, denominator: Array) -> Array:
    """Returns `numerator / denominator`, 0 where the denominator is 0."""
    # The inner `where` avoids the division by 0, and with it NaN in the gradient.
    is_zero = denominator == 0
    safe = xp.where(is_zero, 1, denominator)
    return xp.where(is_zero, 0, numerator / safe)


def _product(xp: ModuleType, a: Array, b: Array) -> Array:
    """Returns the matrix product in full precision, on accelerators too."""
    with jax.default_matmul_precision("highest"):
        return xp.matmul(a, b)


def _best_rotation(xp: ModuleType, correlation: Array) -> Array:
    """Returns the rotations `[..., 3, 3]` that maximise `sum(rotation * correlation)`.

    A pose `[J, 3]` is turned by `pose @ rotation`.
    """
    # Horn's symmetric matrix, whose largest eigenvector is the quaternion (w, x, y, z).
    c = correlation
    xx, xy, xz = c[..., 0, 0], c[..., 0, 1], c[..., 0, 2]
    yx, yy, yz = c[..., 1, 0], c[..., 1, 1], c[..., 1, 2]
    zx, zy, zz = c[..., 2, 0], c[..., 2, 1], c[..., 2, 2]
    horn = _matrix(
        xp,
        [
            [xx + yy + zz, yz - zy, zx - xz, xy - yx],
            [yz - zy, xx - yy - zz, xy + yx, zx + xz],
            [zx - xz, xy + yx, yy - xx - zz, yz + zy],
            [xy - yx, zx + xz, yz + zy, zz - xx - yy],
        ],
    )
    # NumPy's eigh fails on NaN. The poses themselves keep the NaN of the result.
    horn = xp.where(xp.isfinite(horn), horn, 0)
    _, vectors = xp.linalg.eigh(horn)
    # Eigenvalues ascend: the last eigenvector belongs to the largest.
    w, x, y, z = (vectors[..., i, -1] for i in range(4))
    return _matrix(
        xp,
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
            [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
            [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
        ],
    )


def _matrix(xp: ModuleType, rows: list[list[Array]]) -> Array:
    """Stacks arrays `[...]` to matrices `[..., rows, columns]`."""
    stacked = [xp.stack(row, axis=-1) for row in rows]
    return xp.stack(stacked, axis=-2)
