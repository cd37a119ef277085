"""Pose metrics (protocol P.5 and P.7), per pose, and the sums that average them.

Errors come in the unit of their input: metres inside jaxpose; the caller multiplies by 1000
for reports. Arithmetic is in at least float32 and never on reduced-precision matrix units.
"""

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.errors import JaxposeError

# MPI-INF-3DHP (P.5). Joint groups of the 14 joints that PCK and AUC count.
MPI_INF_3DHP_JOINT_GROUPS: dict[str, tuple[int, ...]] = {
    "head": (0,),
    "neck": (1,),
    "shoulder": (2, 5),
    "elbow": (3, 6),
    "wrist": (4, 7),
    "hip": (8, 11),
    "knee": (9, 12),
    "ankle": (10, 13),
}
MPI_INF_3DHP_PCK_JOINTS: tuple[int, ...] = tuple(range(14))
MPI_INF_3DHP_SCENES: dict[str, tuple[str, ...]] = {
    "GS": ("TS1", "TS2"),
    "noGS": ("TS3", "TS4"),
    "Outdoor": ("TS5", "TS6"),
}
MPI_INF_3DHP_ACTIVITIES: dict[int, str] = {
    1: "Standing/Walking",
    2: "Exercising",
    3: "Sitting",
    4: "Reaching/Crouching",
    5: "On The Floor",
    6: "Sports",
    7: "Miscellaneous",
}
PCK_THRESHOLD_MM = 150
AUC_THRESHOLDS_MM = tuple(range(0, 151, 5))


def joint_errors(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Euclidean distance of every joint, `[..., J, D]` to `[..., J]`; its gradient at 0 is 0.

    Raises:
      JaxposeError: the two shapes differ.
    """
    predicted, target = _checked(predicted, target)
    squared = jnp.square(predicted - target).sum(-1)
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1)), squared)


def mpjpe_per_pose(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """Mean per-joint position error, `[..., J, 3]` to `[...]` (protocol 1)."""
    return joint_errors(predicted, target).mean(-1)


def weighted_mpjpe_per_pose(
    predicted: jax.Array, target: jax.Array, weight: jax.Array
) -> jax.Array:
    """As `mpjpe_per_pose`, distances multiplied by `weight` (`[..., J]` or `[..., 1]`) before the mean."""
    errors = joint_errors(predicted, target)
    if weight.ndim != errors.ndim:
        raise JaxposeError(
            f"weight {weight.shape} must be [..., J] or [..., 1] for errors {errors.shape}"
        )
    return (weight * errors).mean(-1)


def n_mpjpe_per_pose(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """MPJPE after the best scale of the prediction, `s = <p, t> / <p, p>` per pose (0 if p is 0)."""
    predicted, target = _checked(predicted, target)
    scale = _ratio(
        (predicted * target).sum((-1, -2)), jnp.square(predicted).sum((-1, -2))
    )
    return mpjpe_per_pose(scale[..., None, None] * predicted, target)


def p_mpjpe_per_pose(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """MPJPE after `procrustes_align` (protocol 2)."""
    return mpjpe_per_pose(procrustes_align(predicted, target), target)


def procrustes_align(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """`predicted [..., J, 3]` after the best rotation, scale and translation onto `target` (P.7).

    Reflections are not allowed. A prediction or target whose joints coincide has no rotation
    or scale: the scale is 0 then, and every joint lands on the target's mean.

    The rotation is Horn's (1987): the quaternion is the eigenvector of a symmetric 4 x 4 matrix
    for its largest eigenvalue, which is also the trace that the SVD with the reflection rule
    gives; several times faster than an SVD a pose.
    """
    predicted, target = _checked(predicted, target)
    if predicted.shape[-1] != 3:
        raise JaxposeError(
            f"Procrustes alignment needs [..., J, 3], got {predicted.shape}"
        )
    target_mean = target.mean(-2, keepdims=True)
    p, t = predicted - predicted.mean(-2, keepdims=True), target - target_mean
    correlation = jnp.einsum("...ja,...jb->...ab", p, t, precision="highest")
    p_square, t_square = jnp.square(p).sum((-1, -2)), jnp.square(t).sum((-1, -2))
    normalised = _ratio(1, jnp.sqrt(p_square * t_square))[..., None, None] * correlation
    rotation = _best_rotation(normalised)
    scale = _ratio((rotation * correlation).sum((-1, -2)), p_square)
    rotated = jnp.einsum(
        "...ja,...ab->...jb", p, scale[..., None, None] * rotation, precision="highest"
    )
    return rotated + target_mean


def velocity_errors(predicted: jax.Array, target: jax.Array) -> jax.Array:
    """MPJVE per pair of consecutive frames, `[..., F, J, 3]` to `[..., F - 1]`: MPJPE of first differences.

    In the unit of the input per frame. Pairs that span two clips are to be masked by
    `consecutive_frames`.
    """
    predicted, target = _checked(predicted, target)
    return mpjpe_per_pose(jnp.diff(predicted, axis=-3), jnp.diff(target, axis=-3))


def consecutive_frames(clip_of_frame: jax.Array, valid: jax.Array) -> jax.Array:
    """`[F - 1]` bool: both frames of the pair are valid and of the same clip."""
    return (clip_of_frame[1:] == clip_of_frame[:-1]) & valid[1:] & valid[:-1]


def pck_per_pose(errors_mm: jax.Array) -> jax.Array:
    """Share of joints closer than 150 mm (strictly), `[..., J]` to `[...]`, in [0, 1].

    Pass the joints that count: `MPI_INF_3DHP_PCK_JOINTS` in the official protocol, one of
    `MPI_INF_3DHP_JOINT_GROUPS`, or all. Means over frames give the published numbers.
    """
    return (errors_mm < PCK_THRESHOLD_MM).mean(-1, dtype=errors_mm.dtype)


def auc_per_pose(errors_mm: jax.Array) -> jax.Array:
    """As `pck_per_pose`, averaged over the 31 thresholds 0, 5, ..., 150 mm."""
    thresholds = jnp.asarray(AUC_THRESHOLDS_MM, errors_mm.dtype)
    thresholds = thresholds.reshape((1,) * errors_mm.ndim + (-1,))
    return (errors_mm[..., None] < thresholds).mean((-1, -2), dtype=errors_mm.dtype)


@flax.struct.dataclass
class Sums:
    """Masked sums and the number of frames in them; merged exactly, whatever the batches.

    Attributes:
      total: sum of the values, per group.
      count: number of valid frames, per group.
    """

    total: Any
    count: Any

    def merge(self, other: "Sums") -> "Sums":
        """The sums of both, in float64 on the host."""
        return Sums(
            np.asarray(self.total, np.float64) + np.asarray(other.total, np.float64),
            np.asarray(self.count, np.int64) + np.asarray(other.count, np.int64),
        )


def group_sums(
    values: jax.Array, groups: jax.Array, valid: jax.Array, num_groups: int
) -> Sums:
    """Sums `[G]` of the valid `values [F]` by group (action, scene, activity, ...); inside `jit`.

    Args:
      values: `[F]`, per frame; may be NaN where not valid.
      groups: `[F]` int in `[0, num_groups)`.
      valid: `[F]` bool.
      num_groups: `G`.
    """
    if not values.shape == groups.shape == valid.shape:
        raise JaxposeError(
            f"values {values.shape}, groups {groups.shape} and valid {valid.shape} differ in shape"
        )
    total = jax.ops.segment_sum(jnp.where(valid, values, 0), groups, num_groups)
    return Sums(total, jax.ops.segment_sum(valid.astype(jnp.int32), groups, num_groups))


@flax.struct.dataclass
class GroupAverage:
    """A table row: what papers report, and the flat mean beside it.

    Attributes:
      per_group: `[G]` frame-weighted mean of each group, NaN where it has no frames.
      average: unweighted mean over the groups that have frames: the published "Avg.".
      frame_mean: mean over all frames.
    """

    per_group: np.ndarray
    average: float
    frame_mean: float


def group_average(sums: Sums) -> GroupAverage:
    """Averages of the sums `[G]` of the whole data set (protocol P.3).

    Raises:
      JaxposeError: no group has a valid frame.
    """
    total, count = np.asarray(sums.total, np.float64), np.asarray(sums.count)
    if not count.any():
        raise JaxposeError(
            "nothing to average: no frame is valid; check the subjects, takes and masks chosen"
        )
    per_group = np.full(total.shape, np.nan)
    np.divide(total, count, out=per_group, where=count > 0)
    return GroupAverage(
        per_group, float(per_group[count > 0].mean()), float(total.sum() / count.sum())
    )


def _checked(predicted: jax.Array, target: jax.Array) -> tuple[jax.Array, jax.Array]:
    if predicted.shape != target.shape:
        raise JaxposeError(
            f"predicted {predicted.shape} and target {target.shape} must have the same shape"
        )
    dtype = jnp.promote_types(jnp.result_type(predicted, target), jnp.float32)
    return jnp.asarray(predicted, dtype), jnp.asarray(target, dtype)


def _ratio(numerator: jax.Array | float, denominator: jax.Array) -> jax.Array:
    """`numerator / denominator`, 0 where the denominator is 0; NaN stays NaN."""
    zero = denominator == 0
    return jnp.where(zero, 0, numerator / jnp.where(zero, 1, denominator))


def _best_rotation(correlation: jax.Array) -> jax.Array:
    """The rotation `R [..., 3, 3]` that maximises `sum(R * correlation)`; rows are turned as `p @ R`."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = [
        [correlation[..., a, b] for b in range(3)] for a in range(3)
    ]
    horn = _matrix(
        [
            [xx + yy + zz, yz - zy, zx - xz, xy - yx],
            [yz - zy, xx - yy - zz, xy + yx, zx + xz],
            [zx - xz, xy + yx, yy - xx - zz, yz + zy],
            [xy - yx, zx + xz, yz + zy, zz - xx - yy],
        ]
    )
    _, vectors = jnp.linalg.eigh(horn, symmetrize_input=False)
    w, x, y, z = (vectors[..., i, -1] for i in range(4))
    return _matrix(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)],
            [2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)],
            [2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _matrix(rows: list[list[jax.Array]]) -> jax.Array:
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=-2)
