"""Makes training windows of simulated video out of poses, inside the train step."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body.skeletons import H36M_17, get_skeleton
from jaxpose.data import virtual_views, windows
from jaxpose.data.clips import Clips
from jaxpose.data.detectors import DETECTORS
from jaxpose.data.random_cameras import random_view
from jaxpose.data.simulated_detector import simulate
from jaxpose.errors import JaxposeError


def check_simulation(clips: Clips) -> None:
    """Checks that video of `clips` can be simulated.

    Raises:
      JaxposeError: other joints, or a clip without the vertical or an absolute root.
    """
    located = []
    for clip in clips.index:
        located.append(clip.has_absolute_root and clip.orientation is not None)
    joints = {clips.skeleton, clips.keypoints_skeleton}
    if joints != {H36M_17.name} or not all(located):
        raise JaxposeError(
            f"data set {clips.dataset!r} cannot be seen by a simulated detector: that "
            f"needs joints of {H36M_17.name!r}, cameras and absolute positions; leave "
            "config.simulated_detector empty"
        )


def simulated_windows(
    key: jax.Array,
    table: windows.FrameTable,
    frames: jax.Array,
    *,
    detector: str,
    length: int,
    target: int,
    frame_rates: tuple[float, ...] = (),
    bones: float = 0.0,
) -> tuple[jax.Array, jax.Array]:
    """Reads windows, changes bodies and rates, and films them with random cameras.

    Args:
      key: randomness of the batch.
      table: all frames, joints of `h36m_17`.
      frames: `[B]` int, target frames as rows of the table.
      detector: one of `detectors.DETECTORS`.
      length: frames of a window, `T`.
      target: which of them the target is.
      frame_rates: lowest and highest frames per second; empty: as recorded.
      bones: largest relative change of a bone's length.

    Returns:
      keypoints `[B, T, 17, 3]`, as of `simulated_detector.simulate`, and positions_3d
      `[B, T, 17, 3]`, metres, in the frame of the random cameras.
    """
    rate_key, bone_key, view_key, detector_key = jax.random.split(key, 4)
    skeleton = get_skeleton(H36M_17.name)
    clips = table.clip_of_frame[frames]
    recorded = jnp.asarray(table.fps)[clips]
    fps = recorded
    if frame_rates:
        low, high = np.log(frame_rates)
        shape = recorded.shape
        rate = jax.random.uniform(rate_key, shape, minval=low, maxval=high)
        fps = jnp.exp(rate).astype(recorded.dtype)
    positions = windows.resampled_positions(
        table, frames, length, target, recorded / fps
    )
    positions = jnp.asarray(positions)
    if bones:
        positions = virtual_views.random_bones(bone_key, positions, skeleton, bones)
    view = random_view(view_key, positions, jnp.asarray(table.up)[clips], skeleton)
    keypoints = simulate(detector_key, view, fps, DETECTORS[detector])
    return keypoints, view.positions_3d
