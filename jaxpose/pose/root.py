"""Finds where the person is: the root in camera axes, from the pose and its 2D."""

import dataclasses

import numpy as np

from jaxpose.datasets.camera import Camera, checked_intrinsics
from jaxpose.errors import JaxposeError

Intrinsics = tuple[float, float, float, float]

DEFAULT_FOV = 55.0  # degrees, of the longer side: the middle of phones and webcams
MIN_JOINTS = 4  # seen ones, for the place of a frame
_MIN_DEPTH = 0.1  # metres; a joint nearer to the camera means a wrong solution
_ITERATIONS = 10
_MIN_RESIDUAL = 1e-4  # metres; smaller ones count as exact
_UNDISTORT_ITERATIONS = 20


def intrinsics_of_fov(image_size: tuple[int, int], fov: float) -> Intrinsics:
    """Returns (fx, fy, cx, cy) in pixels of a camera that looks at its image's middle.

    Args:
      image_size: (width, height) in pixels.
      fov: degrees that the longer side of the image spans.

    Raises:
      JaxposeError: the angle is not between 1 and 170 degrees.
    """
    if not 1 <= fov <= 170:
        raise JaxposeError(
            f"field of view {fov:g}: expected 1 to 170 degrees, of the longer side of "
            "the image"
        )
    width, height = image_size
    focal = max(width, height) / 2 / np.tan(np.radians(fov) / 2)
    return (focal, focal, width / 2, height / 2)


def camera_with(
    camera: Camera, intrinsics: Intrinsics | None, fov: float | None
) -> Camera:
    """Returns a camera with the intrinsics or the field of view that a caller states.

    Raises:
      JaxposeError: both are stated, or numbers that no camera has.
    """
    if fov is None:
        checked = checked_intrinsics(intrinsics, "intrinsics")
        return dataclasses.replace(camera, intrinsics=checked)
    if intrinsics is not None:
        raise JaxposeError("with_root takes intrinsics or fov, not both")
    stated = intrinsics_of_fov(camera.image_size, fov)
    return dataclasses.replace(camera, intrinsics=stated, distortion=None)


def to_rays(
    keypoints_2d: np.ndarray,
    intrinsics: Intrinsics,
    distortion: tuple[float, ...] | None,
) -> np.ndarray:
    """Returns the points at depth 1, `[..., 2]`, that a camera shows at these pixels.

    Args:
      keypoints_2d: `[..., 2]` pixels.
      intrinsics: (fx, fy, cx, cy) in pixels.
      distortion: (k1, k2, k3, p1, p2) of the lens as OpenCV defines them, or None.
    """
    fx, fy, cx, cy = intrinsics
    distorted = (keypoints_2d - [cx, cy]) / [fx, fy]
    if distortion is None:
        return distorted
    # OpenCV's lens model, with t = (p2, p1) and r = |u|:
    #   u (1 + k1 r^2 + k2 r^4 + k3 r^6 + 2 t . u) + t r^2
    # It has no inverse in closed form: divide by the factor at the last estimate.
    k1, k2, k3, p1, p2 = distortion
    tangential = np.array([p2, p1])
    rays = distorted
    for _ in range(_UNDISTORT_ITERATIONS):
        square = np.sum(rays**2, axis=-1, keepdims=True)
        radial = 1 + square * (k1 + square * (k2 + square * k3))
        mixed = 2 * np.sum(rays * tangential, axis=-1, keepdims=True)
        rays = (distorted - square * tangential) / (radial + mixed)
    return rays


def solve_root(
    positions_3d: np.ndarray, rays: np.ndarray, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solves for the root of each frame by weighted linear least squares.

    A joint at `p` from the root `r` lies on the ray `u` of its pixel:
    `r_xy + p_xy = u (r_z + p_z)`, two linear equations in `r`. With the equations
    averaged over the joints, `r_xy = mean(u) r_z + offset`; the differences from the
    average give `r_z`. Joints that fit badly count less (Cauchy weights).

    Args:
      positions_3d: `[F, J, 3]` metres in camera axes, relative to the root.
      rays: `[F, J, 2]`; NaN is allowed where not seen.
      seen: `[F, J]` bool.

    Returns:
      depth: `[F]` metres, NaN where too little was seen to tell.
      line: `[F, 2, 2]`: `r_xy = line[:, 0] * depth + line[:, 1]`, for any depth.
    """
    rays = np.where(seen[..., None], rays, 0.0)
    weights = seen.astype(float)
    # From here on without the root: r_xy = rays * r_z + offsets, for each joint.
    offsets = rays * positions_3d[..., 2:] - positions_3d[..., :2]
    for _ in range(_ITERATIONS):
        depth, mean_ray, mean_offset = _weighted_solution(rays, offsets, weights)
        placed = mean_ray * depth[:, None] + mean_offset
        fitted = rays * depth[:, None, None] + offsets
        residuals = np.linalg.norm(placed[:, None] - fitted, axis=-1)
        typical = 2 * _median_where(residuals, seen)
        scale = np.maximum(typical, _MIN_RESIDUAL)[:, None]
        weights = seen / (1 + (residuals / scale) ** 2)
    nearest = depth + positions_3d[..., 2].min(axis=1)
    is_known = (seen.sum(axis=1) >= MIN_JOINTS) & (nearest > _MIN_DEPTH)
    line = np.stack([mean_ray, mean_offset], axis=1)
    return np.where(is_known, depth, np.nan), line


def _weighted_solution(
    rays: np.ndarray, offsets: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the depth `[F]` and the average ray and offset `[F, 2]` of each frame."""
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    shares = shares[..., None]
    mean_ray = np.sum(shares * rays, axis=1)
    mean_offset = np.sum(shares * offsets, axis=1)
    ray, offset = rays - mean_ray[:, None], offsets - mean_offset[:, None]
    spread = np.sum(shares * ray**2, axis=(1, 2))
    common = np.sum(shares * ray * offset, axis=(1, 2))
    return -common / np.maximum(spread, 1e-12), mean_ray, mean_offset


def _median_where(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Returns the median of the chosen values of each row, 0 where there is none."""
    ordered = np.sort(np.where(chosen, values, np.inf), axis=1)
    middle = np.maximum(chosen.sum(axis=1) - 1, 0) // 2
    median = np.take_along_axis(ordered, middle[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(median), median, 0.0)


def fill_between(
    values: np.ndarray, known: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """Returns `[F]` or `[F, C]`, interpolated in time where unknown, held at the ends.

    Args:
      values: `[F]` or `[F, C]`.
      known: `[F]` bool, at least one of them.
      times: `[F]` seconds.
    """
    columns = []
    for column in values.reshape(len(values), -1).T:
        columns.append(np.interp(times, times[known], column[known]))
    return np.stack(columns, axis=-1).reshape(values.shape)
