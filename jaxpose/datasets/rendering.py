"""World-frame motion as the clips that calibrated cameras see, with or without a detector's noise."""

import numpy as np

from jaxpose.body import cameras
from jaxpose.datasets.schema import Camera

MIN_DEPTH = 0.5  # metres; a frame with a joint nearer than this is invalid


def render(
    positions_world: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a calibrated camera sees of a motion.

    Args:
      positions_world: `[F, J, 3]`, metres.
      camera: with intrinsics, distortion and pose.

    Returns:
      keypoints_2d `[F, J, 2]` in pixels with full distortion; positions_3d `[F, J, 3]` in the
      camera frame, metres; valid `[F]`: every joint is in the image and at least `MIN_DEPTH` away.
    """
    positions_3d = cameras.world_to_camera(
        positions_world, np.array(camera.orientation), np.array(camera.translation)
    )
    depth = positions_3d[..., 2:]
    # Points behind the camera would project mirrored; they are only ever in invalid frames.
    in_front = np.concatenate(
        [positions_3d[..., :2], np.maximum(depth, MIN_DEPTH)], axis=-1
    )
    vector = cameras.normalized_intrinsics(
        np.array(camera.intrinsics), np.array(camera.distortion), camera.image_size
    )
    keypoints_2d = cameras.image_coordinates(
        cameras.project(in_front, vector), camera.image_size
    )
    inside = (keypoints_2d >= 0) & (keypoints_2d < np.array(camera.image_size))
    valid = inside.all(axis=(1, 2)) & (depth >= MIN_DEPTH).all(axis=(1, 2))
    return keypoints_2d, positions_3d, valid


def add_detector_noise(
    keypoints_2d: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """`keypoints_2d [F, J, 2]` with the errors of a keypoint detector.

    Each joint jitters around its place with an error that fades over about five frames, a
    spread of 0.8 % of the person's height in the image (about 4 pixels in Human3.6M), and now
    and then (1 % of the time, for some tenth of a second) is off by ten times as much.
    """
    num_frames, num_joints, _ = keypoints_2d.shape
    height = np.median(np.ptp(keypoints_2d[..., 1], axis=1))
    jitter = _smooth_noise(rng, (num_frames, num_joints, 2), correlation=0.8)
    lost = (
        np.abs(_smooth_noise(rng, (num_frames, num_joints, 1), correlation=0.9)) > 2.576
    )
    return keypoints_2d + 0.008 * height * jitter * np.where(lost, 10.0, 1.0)


def _smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], correlation: float
) -> np.ndarray:
    """Unit-variance first-order autoregressive noise along the first axis."""
    noise = rng.standard_normal(shape)
    for frame in range(1, shape[0]):
        noise[frame] = (
            correlation * noise[frame - 1] + np.sqrt(1 - correlation**2) * noise[frame]
        )
    return noise
