"""Camera geometry and 2D normalisation (protocol P.2), on NumPy arrays or inside `jit`.

Frames: the camera frame has x right, y down, z forward. Quaternions are (w, x, y, z), unit
norm, and rotate camera vectors into the world. 2D is screen-normalised: x in [-1, 1] over the
image width, y by the same factor, so that the aspect ratio is kept.

A camera array (`quaternion [..., 4]`, `translation [..., 3]`, `camera [..., 9]`) has the
leading axes of the points or only the first of them: one camera a clip `[B, 9]` goes with
points `[B, T, J, 3]`, and a single camera `[9]` with any points.
"""

import jax
import numpy as np

from jaxpose.errors import JaxposeError

Array = np.ndarray | jax.Array


def quaternion_rotate(quaternion: Array, vectors: Array) -> Array:
    """`vectors [..., 3]` rotated by `quaternion [..., 4]`: `v + 2 (w (u x v) + u x (u x v))`."""
    quaternion = _align(quaternion, vectors, 4, "quaternion")
    xp = vectors.__array_namespace__()
    w, u = quaternion[..., :1], quaternion[..., 1:]
    u = xp.broadcast_to(u, vectors.shape)
    uv = xp.linalg.cross(u, vectors)
    return vectors + 2 * (w * uv + xp.linalg.cross(u, uv))


def quaternion_inverse(quaternion: Array) -> Array:
    """The inverse of a unit quaternion `[..., 4]`: its vector part negated."""
    xp = quaternion.__array_namespace__()
    return xp.concat([quaternion[..., :1], -quaternion[..., 1:]], axis=-1)


def quaternion_from_matrix(rotation: np.ndarray) -> np.ndarray:
    """The unit quaternion `[4]`, w >= 0, of a rotation matrix `[3, 3]`, or of the nearest rotation.

    It is the eigenvector of the largest eigenvalue of a symmetric matrix (Bar-Itzhack 2000),
    which has no special cases and bears rounded matrices.
    """
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(rotation, np.float64).tolist()
    symmetric = np.array(
        [
            [a + e + i, h - f, c - g, d - b],
            [h - f, a - e - i, b + d, c + g],
            [c - g, b + d, e - a - i, f + h],
            [d - b, c + g, f + h, i - a - e],
        ]
    )
    quaternion = np.linalg.eigh(symmetric).eigenvectors[:, -1]
    return -quaternion if quaternion[0] < 0 else quaternion


def world_to_camera(
    positions_3d: Array, orientation: Array, translation: Array
) -> Array:
    """World positions `[..., 3]` in the camera frame.

    Args:
      positions_3d: `[..., 3]`, metres.
      orientation: quaternion `[..., 4]`, camera to world.
      translation: `[..., 3]`, the camera centre in the world, metres.
    """
    centred = positions_3d - _align(translation, positions_3d, 3, "translation")
    return quaternion_rotate(quaternion_inverse(orientation), centred)


def camera_to_world(
    positions_3d: Array, orientation: Array, translation: Array
) -> Array:
    """Inverse of `world_to_camera`."""
    rotated = quaternion_rotate(orientation, positions_3d)
    return rotated + _align(translation, positions_3d, 3, "translation")


def project(positions_3d: Array, camera: Array) -> Array:
    """Screen-normalised projection with Human3.6M's radial and tangential distortion.

    `u = clip(X_xy / X_z, -1, 1)`, then `f (u (radial + tangential) + p r^2) + c`.

    Args:
      positions_3d: `[..., 3]` in the camera frame.
      camera: `[..., 9]` from `normalized_intrinsics`.

    Returns:
      `[..., 2]`.
    """
    camera = _align(camera, positions_3d, 9, "camera")
    focal, centre, k, p = (
        camera[..., :2],
        camera[..., 2:4],
        camera[..., 4:7],
        camera[..., 7:],
    )
    u = _perspective(positions_3d)
    r2 = (u**2).sum(-1, keepdims=True)
    radial = 1 + k[..., 0:1] * r2 + k[..., 1:2] * r2**2 + k[..., 2:3] * r2**3
    tangential = (p * u).sum(-1, keepdims=True)
    return focal * (u * (radial + tangential) + p * r2) + centre


def project_linear(positions_3d: Array, camera: Array) -> Array:
    """As `project`, without distortion: `f clip(X_xy / X_z, -1, 1) + c`."""
    camera = _align(camera, positions_3d, 9, "camera")
    return camera[..., :2] * _perspective(positions_3d) + camera[..., 2:4]


def normalize_screen_coordinates(pixels: Array, image_size: tuple[int, int]) -> Array:
    """Pixels `[..., 2]` to screen-normalised 2D: `x' = 2x/W - 1`, `y' = 2y/W - H/W`.

    Args:
      pixels: origin top left, y down.
      image_size: (width, height) in pixels.
    """
    width, height = image_size
    xp = pixels.__array_namespace__()
    return xp.stack(
        [2 * pixels[..., 0] / width - 1, 2 * pixels[..., 1] / width - height / width],
        axis=-1,
    )


def image_coordinates(keypoints_2d: Array, image_size: tuple[int, int]) -> Array:
    """Inverse of `normalize_screen_coordinates`: screen-normalised 2D to pixels."""
    width, height = image_size
    xp = keypoints_2d.__array_namespace__()
    x, y = keypoints_2d[..., 0], keypoints_2d[..., 1]
    return xp.stack(
        [(x + 1) * (width / 2), (y + height / width) * (width / 2)], axis=-1
    )


def normalized_intrinsics(
    intrinsics: Array, distortion: Array | None, image_size: tuple[int, int]
) -> Array:
    """The camera vector `[..., 9]`: fx, fy, cx, cy, k1, k2, k3, p1, p2 for screen-normalised 2D.

    Args:
      intrinsics: `[..., 4]`: fx, fy, cx, cy in pixels.
      distortion: `[..., 5]`: k1, k2, k3, p1, p2, which do not depend on the unit; None for a
        lens without distortion.
      image_size: (width, height) in pixels.
    """
    xp = intrinsics.__array_namespace__()
    if distortion is None:
        distortion = xp.zeros((*intrinsics.shape[:-1], 5), dtype=intrinsics.dtype)
    if intrinsics.shape[-1] != 4 or distortion.shape != (*intrinsics.shape[:-1], 5):
        raise JaxposeError(
            f"intrinsics {intrinsics.shape} and distortion {distortion.shape} must be [..., 4] and [..., 5]"
        )
    focal = 2 * intrinsics[..., :2] / image_size[0]
    centre = normalize_screen_coordinates(intrinsics[..., 2:], image_size)
    return xp.concat([focal, centre, distortion], axis=-1)


def back_project(
    keypoints_2d: Array, depths: Array, root_depth: Array, camera: Array, root: int = 0
) -> Array:
    """Root-relative positions from 2D, predicted depths and the true root depth (protocol P.8).

    `Z_j = z_j + Z_root`, `X_j = (u_j - c_x) Z_j / f_x`, `Y_j` likewise, less the root's
    position. The linear camera: distortion is ignored, as in the reference.

    Args:
      keypoints_2d: `[..., J, 2]`, screen-normalised.
      depths: `[..., J]`, predicted z relative to the root, metres; the root's own is ignored.
      root_depth: `[...]`, absolute z of the root, metres.
      camera: `[..., 9]` from `normalized_intrinsics`.
      root: index of the root joint.

    Returns:
      `[..., J, 3]`, metres; the root is 0.
    """
    if depths.shape != keypoints_2d.shape[:-1] or root_depth.shape != depths.shape[:-1]:
        raise JaxposeError(
            f"back_project: keypoints_2d {keypoints_2d.shape}, depths {depths.shape} and root_depth "
            f"{root_depth.shape} must be [..., J, 2], [..., J] and [...]"
        )
    xp = keypoints_2d.__array_namespace__()
    camera = _align(camera, keypoints_2d, 9, "camera")
    is_root = xp.reshape(
        xp.arange(depths.shape[-1]) == root, (1,) * (depths.ndim - 1) + (-1,)
    )
    z = xp.where(is_root, 0, depths) + root_depth[..., None]
    xy = (keypoints_2d - camera[..., 2:4]) * z[..., None] / camera[..., :2]
    positions_3d = xp.concat([xy, z[..., None]], axis=-1)
    return positions_3d - positions_3d[..., root : root + 1, :]


def flip_camera(camera: Array) -> Array:
    """The camera `[..., 9]` that sees the mirrored scene: cx and p1 negated (protocol P.6)."""
    xp = camera.__array_namespace__()
    cx, p1 = camera[..., 2:3], camera[..., 7:8]
    return xp.concat(
        [camera[..., :2], -cx, camera[..., 3:7], -p1, camera[..., 8:]], axis=-1
    )


def _perspective(positions_3d: Array) -> Array:
    xp = positions_3d.__array_namespace__()
    return xp.clip(positions_3d[..., :2] / positions_3d[..., 2:], -1, 1)


def _align(camera_array: Array, points: Array, size: int, name: str) -> Array:
    """`camera_array [..., size]` with axes of 1 put in until it has the rank of `points`."""
    leading = camera_array.shape[:-1]
    fits = all(n in (1, m) for n, m in zip(leading, points.shape[:-1], strict=False))
    if camera_array.shape[-1:] != (size,) or len(leading) > points.ndim - 1 or not fits:
        raise JaxposeError(
            f"{name} has shape {camera_array.shape}; expected the leading axes of the points {points.shape} "
            f"(all, the first few, or none), then {size}"
        )
    return camera_array.reshape(
        *leading, *(1,) * (points.ndim - camera_array.ndim), size
    )
