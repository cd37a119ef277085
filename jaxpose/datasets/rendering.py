"""Renders world-frame motion into calibrated cameras, and adds detector noise."""

import numpy as np

from jaxpose.body import cameras
from jaxpose.datasets.camera import Camera

MIN_DEPTH = 0.5  # metres; a frame with a joint nearer than this is invalid

# Noise of `add_detector_noise`: the standard deviation is a fraction of the person's
# height in the image; a lost joint, beyond this quantile of its own process, is off by
# a factor.
NOISE_OF_HEIGHT = 0.008
JITTER_CORRELATION = 0.8
LOSS_CORRELATION = 0.9
LOST_BEYOND = 2.576  # standard deviations: 1 % of the time
LOST_FACTOR = 10.0


def render(
    positions_world: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Projects a motion into a calibrated camera.

    Args:
      positions_world: `[F, J, 3]`, metres.
      camera: camera with intrinsics, distortion and pose.

    Returns:
      keypoints_2d `[F, J, 2]` in pixels with full distortion; positions_3d `[F, J, 3]`
      in the camera frame, metres; valid `[F]`: whether every joint is in the image and
      at least `MIN_DEPTH` away.
    """
    positions_3d = cameras.world_to_camera(
        positions_world, np.array(camera.orientation), np.array(camera.translation)
    )
    depth = positions_3d[..., 2:]

    # Points behind the camera would project mirrored; they are only in invalid frames.
    far_enough = np.maximum(depth, MIN_DEPTH)
    in_front = np.concatenate([positions_3d[..., :2], far_enough], axis=-1)
    vector = cameras.normalized_intrinsics(
        np.array(camera.intrinsics), np.array(camera.distortion), camera.image_size
    )
    screen = cameras.project(in_front, vector)
    keypoints_2d = cameras.image_coordinates(screen, camera.image_size)

    inside = (keypoints_2d >= 0) & (keypoints_2d < np.array(camera.image_size))
    valid = inside.all(axis=(1, 2)) & (depth >= MIN_DEPTH).all(axis=(1, 2))
    return np.asarray(keypoints_2d), np.asarray(positions_3d), np.asarray(valid)


def add_detector_noise(
    keypoints_2d: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Returns `keypoints_2d [F, J, 2]` with the errors of a keypoint detector.

    Each joint jitters around its place with an error that fades over about five frames.
    Its standard deviation is 0.8 % of the person's height in the image, about 4 pixels
    in Human3.6M. For 1 % of the time, a few tenths of a second each, a joint is lost
    and its error is ten times as large.
    """
    num_frames, num_joints, _ = keypoints_2d.shape
    # The median height ignores frames in which the person crouches.
    height = np.median(np.ptp(keypoints_2d[..., 1], axis=1))
    jitter = _smooth_noise(rng, (num_frames, num_joints, 2), JITTER_CORRELATION)
    loss = _smooth_noise(rng, (num_frames, num_joints, 1), LOSS_CORRELATION)
    factor = np.where(np.abs(loss) > LOST_BEYOND, LOST_FACTOR, 1.0)
    return keypoints_2d + NOISE_OF_HEIGHT * height * jitter * factor


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], correlation: float
) -> np.ndarray:
    """Returns autoregressive noise along the first axis, of order 1, variance 1."""
    noise = rng.standard_normal(shape)
    innovation = np.sqrt(1 - correlation**2)  # keeps the variance at 1
    for frame in range(1, shape[0]):
        noise[frame] = correlation * noise[frame - 1] + innovation * noise[frame]
    return noise
