"""Camera geometry and 2D normalisation (protocol P.2), on NumPy arrays or inside `jit`.

The camera frame has x right, y down, z forward, in metres. Quaternions are
(w, x, y, z), unit norm, and rotate vectors of the camera frame into the world. 2D is
screen-normalised: x in [-1, 1] over the image width, y by the same factor, which keeps
the aspect ratio.

A camera array (`quaternion [..., 4]`, `translation [..., 3]`, `camera [..., 9]`) has
the leading axes of the points, or only the first few of them: one camera per clip
`[B, 9]` goes with points `[B, T, J, 3]`, and a single camera `[9]` with any points.
"""

import jax
import numpy as np

from jaxpose.errors import JaxposeError

Array = np.ndarray | jax.Array


def quaternion_rotate(quaternion: Array, vectors: Array) -> Array:
    """Rotates vectors: `v + 2 (w (u x v) + u x (u x v))` for the quaternion `(w, u)`.

    Args:
      quaternion: `[..., 4]`.
      vectors: `[..., 3]`.

    Returns:
      `[..., 3]`.
    """
    quaternion = _align(quaternion, vectors, 4, "quaternion")
    xp = vectors.__array_namespace__()
    w, u = quaternion[..., :1], quaternion[..., 1:]
    u = xp.broadcast_to(u, vectors.shape)
    uv = xp.linalg.cross(u, vectors)
    return vectors + 2 * (w * uv + xp.linalg.cross(u, uv))


def quaternion_inverse(quaternion: Array) -> Array:
    """Inverts unit quaternions `[..., 4]`: negates their vector part."""
    xp = quaternion.__array_namespace__()
    return xp.concat([quaternion[..., :1], -quaternion[..., 1:]], axis=-1)


def quaternion_from_matrix(rotation: np.ndarray) -> np.ndarray:
    """Returns the unit quaternion `[4]`, w >= 0, of the rotation nearest to a matrix.

    It is the eigenvector of the largest eigenvalue of a symmetric matrix (Bar-Itzhack
    2000), which has no special cases and tolerates rounded matrices.

    Args:
      rotation: `[3, 3]`.
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
    # Eigenvalues ascend. Of the two quaternions of a rotation, the one with w >= 0.
    quaternion = np.linalg.eigh(symmetric).eigenvectors[:, -1]
    return -quaternion if quaternion[0] < 0 else quaternion


def world_to_camera(
    positions_3d: Array, orientation: Array, translation: Array
) -> Array:
    """Moves world positions to the camera frame: `R^-1 (X - t)`.

    Args:
      positions_3d: `[..., 3]`, metres.
      orientation: quaternion `[..., 4]`, camera to world.
      translation: `[..., 3]`, the camera centre in the world, metres.

    Returns:
      `[..., 3]`, metres.
    """
    centred = positions_3d - _align(translation, positions_3d, 3, "translation")
    return quaternion_rotate(quaternion_inverse(orientation), centred)


def camera_to_world(
    positions_3d: Array, orientation: Array, translation: Array
) -> Array:
    """Moves positions of the camera frame to the world: `R X + t`.

    Inverse of `world_to_camera`, with the same arguments.
    """
    rotated = quaternion_rotate(orientation, positions_3d)
    return rotated + _align(translation, positions_3d, 3, "translation")


def project(positions_3d: Array, camera: Array) -> Array:
    """Projects positions with Human3.6M's radial and tangential distortion.

    `f (u (1 + k1 r^2 + k2 r^4 + k3 r^6 + p . u) + p r^2) + c` with
    `u = clip(X_xy / X_z, -1, 1)` and `r = |u|`.

    Args:
      positions_3d: `[..., 3]` in the camera frame.
      camera: `[..., 9]` from `normalized_intrinsics`.

    Returns:
      `[..., 2]`, screen-normalised.
    """
    camera = _align(camera, positions_3d, 9, "camera")
    focal, centre = camera[..., :2], camera[..., 2:4]
    k1, k2, k3 = camera[..., 4:5], camera[..., 5:6], camera[..., 6:7]
    p = camera[..., 7:]
    # The image plane before the lens.
    u = _perspective(positions_3d)
    r2 = (u**2).sum(-1, keepdims=True)
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    tangential = (p * u).sum(-1, keepdims=True)
    return focal * (u * (radial + tangential) + p * r2) + centre


def project_linear(positions_3d: Array, camera: Array) -> Array:
    """Projects positions without distortion: `f clip(X_xy / X_z, -1, 1) + c`.

    The arguments and the result are those of `project`.
    """
    camera = _align(camera, positions_3d, 9, "camera")
    return camera[..., :2] * _perspective(positions_3d) + camera[..., 2:4]


def normalize_screen_coordinates(pixels: Array, image_size: tuple[int, int]) -> Array:
    """Normalises pixels to the screen: `x' = 2x/W - 1`, `y' = 2y/W - H/W`.

    Args:
      pixels: `[..., 2]`, origin top left, y down.
      image_size: (width, height) in pixels.

    Returns:
      `[..., 2]`.
    """
    width, height = image_size
    xp = pixels.__array_namespace__()
    x = 2 * pixels[..., 0] / width - 1
    y = 2 * pixels[..., 1] / width - height / width
    return xp.stack([x, y], axis=-1)


def image_coordinates(keypoints_2d: Array, image_size: tuple[int, int]) -> Array:
    """Converts screen-normalised 2D to pixels.

    Inverse of `normalize_screen_coordinates`: `x = (x' + 1) W/2`, `y = (y' + H/W) W/2`.

    Args:
      keypoints_2d: `[..., 2]`.
      image_size: (width, height) in pixels.

    Returns:
      `[..., 2]`, origin top left, y down.
    """
    width, height = image_size
    xp = keypoints_2d.__array_namespace__()
    x = (keypoints_2d[..., 0] + 1) * (width / 2)
    y = (keypoints_2d[..., 1] + height / width) * (width / 2)
    return xp.stack([x, y], axis=-1)


def normalized_intrinsics(
    intrinsics: Array, distortion: Array | None, image_size: tuple[int, int]
) -> Array:
    """Makes the camera vector for screen-normalised 2D.

    The focal length becomes `2f/W`; the centre is normalised as a pixel.

    Args:
      intrinsics: `[..., 4]`: fx, fy, cx, cy in pixels.
      distortion: `[..., 5]`: k1, k2, k3, p1, p2, which do not depend on the unit; None
        for a lens without distortion.
      image_size: (width, height) in pixels.

    Returns:
      `[..., 9]`: fx, fy, cx, cy, k1, k2, k3, p1, p2.

    Raises:
      JaxposeError: `intrinsics` or `distortion` has another shape.
    """
    xp = intrinsics.__array_namespace__()
    if distortion is None:
        distortion = xp.zeros((*intrinsics.shape[:-1], 5), dtype=intrinsics.dtype)
    if intrinsics.shape[-1] != 4 or distortion.shape != (*intrinsics.shape[:-1], 5):
        raise JaxposeError(
            f"intrinsics {intrinsics.shape} and distortion {distortion.shape} must be "
            "[..., 4] and [..., 5]"
        )
    focal = 2 * intrinsics[..., :2] / image_size[0]
    centre = normalize_screen_coordinates(intrinsics[..., 2:], image_size)
    return xp.concat([focal, centre, distortion], axis=-1)


def back_project(
    keypoints_2d: Array, depths: Array, root_depth: Array, camera: Array, root: int = 0
) -> Array:
    """Computes root-relative positions from 2D and depths (protocol P.8).

    `Z_j = z_j + Z_root`, `X_j = (u_j - c_x) Z_j / f_x`, `Y_j` likewise, minus the
    position of the root. The camera is linear: distortion is ignored, as in the
    reference.

    Args:
      keypoints_2d: `[..., J, 2]`, screen-normalised.
      depths: `[..., J]`, predicted z relative to the root, metres; the root's own is
        ignored.
      root_depth: `[...]`, absolute z of the root, metres.
      camera: `[..., 9]` from `normalized_intrinsics`.
      root: index of the root joint.

    Returns:
      `[..., J, 3]`, metres; the root is 0.

    Raises:
      JaxposeError: the shapes do not fit.
    """
    if depths.shape != keypoints_2d.shape[:-1] or root_depth.shape != depths.shape[:-1]:
        raise JaxposeError(
            f"back_project: keypoints_2d {keypoints_2d.shape}, depths {depths.shape} "
            f"and root_depth {root_depth.shape} must be [..., J, 2], [..., J] and [...]"
        )
    xp = keypoints_2d.__array_namespace__()
    camera = _align(camera, keypoints_2d, 9, "camera")
    # The root is at its true depth, whatever the model predicts for it.
    is_root = xp.broadcast_to(xp.arange(depths.shape[-1]) == root, depths.shape)
    z = xp.where(is_root, 0, depths) + root_depth[..., None]
    # Along the ray through each keypoint, to the joint's depth.
    xy = (keypoints_2d - camera[..., 2:4]) * z[..., None] / camera[..., :2]
    positions_3d = xp.concat([xy, z[..., None]], axis=-1)
    return positions_3d - positions_3d[..., root : root + 1, :]


def flip_camera(camera: Array) -> Array:
    """Returns the cameras `[..., 9]` that see the mirrored scene (protocol P.6).

    Negates cx and p1.
    """
    xp = camera.__array_namespace__()
    focal, cx, cy = camera[..., :2], camera[..., 2:3], camera[..., 3:4]
    k, p1, p2 = camera[..., 4:7], camera[..., 7:8], camera[..., 8:]
    return xp.concat([focal, -cx, cy, k, -p1, p2], axis=-1)


def _perspective(positions_3d: Array) -> Array:
    """Returns `clip(X_xy / X_z, -1, 1)`."""
    xp = positions_3d.__array_namespace__()
    return xp.clip(positions_3d[..., :2] / positions_3d[..., 2:], -1, 1)


def _align(camera_array: Array, points: Array, size: int, name: str) -> Array:
    """Inserts axes of size 1 into a camera array until it has the rank of `points`.

    Args:
      camera_array: `[..., size]`.
      points: `[..., D]`.
      size: numbers per camera.
      name: of the array, for the error.

    Raises:
      JaxposeError: the leading axes of the array are not the first ones of the points.
    """
    # Each leading axis is that of the points, or of size 1.
    leading = camera_array.shape[:-1]
    fits = len(leading) < points.ndim and camera_array.shape[-1:] == (size,)
    for n, m in zip(leading, points.shape[:-1], strict=False):
        fits = fits and n in (1, m)
    if not fits:
        raise JaxposeError(
            f"{name} has shape {camera_array.shape}; expected the leading axes of the "
            f"points {points.shape} (all, the first few, or none), then {size}"
        )
    inserted = (1,) * (points.ndim - camera_array.ndim)
    return camera_array.reshape(*leading, *inserted, size)
