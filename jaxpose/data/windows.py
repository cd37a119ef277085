"""Windows of frames, mirror images and root centring, on NumPy arrays or inside `jit`.

A window of `T` frames belongs to one target frame (protocol P.6). With `causal_shift` 0
the target is the middle of the window. A causal model shifts the window into the past
by `(T - 1) // 2`, so that the target is its last frame. Frames beyond the clip repeat
the clip's first or last frame.
"""

from typing import NamedTuple

import jax
import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import Skeleton
from jaxpose.data.clips import Clip, Clips
from jaxpose.errors import JaxposeError

Array = np.ndarray | jax.Array


class FrameTable(NamedTuple):
    """Holds all frames of a data set; per clip its range of frames and its camera.

    The compiled train step and the predictor hold it on the device and read windows of
    it. `N` frames, `C` clips.

    Attributes:
      keypoints_2d: `[N, J2, 2 or 3]`, screen-normalised; the third is the confidence.
      positions_3d: `[N, J, 3]`, metres, camera frame, absolute root; NaN where absent.
      clip_of_frame: `[N]` int32, the clip that each frame belongs to.
      clip_start: `[C]` int32, the first frame of each clip.
      clip_end: `[C]` int32, one past its last frame.
      camera: `[C, 9]`, as `cameras.project` takes it; NaN where unknown.
      up: `[C, 3]`, the world's vertical in the camera frame; NaN where unknown.
      fps: `[C]`, frames per second.
    """

    keypoints_2d: Array
    positions_3d: Array
    clip_of_frame: Array
    clip_start: Array
    clip_end: Array
    camera: Array
    up: Array
    fps: Array


def frame_table(clips: Clips, keypoint_features: int = 2) -> FrameTable:
    """Makes the table of a data set, in NumPy; the caller puts it on the device.

    Args:
      clips: the data set.
      keypoint_features: numbers per keypoint that the model reads. Keypoints without a
        confidence get 1; a confidence that the model does not read is left out.
    """
    # One row per clip; the arrays of frames stay as they are.
    starts, ends, fps = [], [], []
    camera_vectors, verticals = [], []
    for clip in clips.index:
        starts.append(clip.start)
        ends.append(clip.end)
        fps.append(clip.fps)
        camera_vectors.append(_camera_vector(clip))
        verticals.append(_vertical(clip))
    return FrameTable(
        keypoints_2d=_with_features(clips.keypoints_2d, keypoint_features),
        positions_3d=clips.positions_3d,
        clip_of_frame=clips.clip_of_frame,
        clip_start=np.array(starts, np.int32),
        clip_end=np.array(ends, np.int32),
        camera=np.array(camera_vectors, np.float32).reshape(-1, 9),
        up=np.array(verticals, np.float32).reshape(-1, 3),
        fps=np.array(fps, np.float32),
    )


def _with_features(keypoints: np.ndarray, features: int) -> np.ndarray:
    """Returns keypoints `[N, J2, 2 or 3]` with `features` numbers each."""
    if keypoints.shape[-1] >= features:
        return keypoints[..., :features]
    ones = np.ones((*keypoints.shape[:-1], 1), keypoints.dtype)
    return np.concatenate([keypoints, ones], axis=-1)


def _camera_vector(clip: Clip) -> np.ndarray:
    """Returns the camera `[9]` of a clip, NaN where its intrinsics are unknown."""
    if clip.intrinsics is None:
        return np.full(9, np.nan)
    # A clip without distortion was seen by an ideal camera.
    distortion = None
    if clip.distortion is not None:
        distortion = np.array(clip.distortion)
    intrinsics = np.array(clip.intrinsics)
    camera = cameras.normalized_intrinsics(intrinsics, distortion, clip.image_size)
    return np.asarray(camera)


def _vertical(clip: Clip) -> np.ndarray:
    """Returns the world's z axis in the camera frame, `[3]`, NaN where unknown."""
    if clip.orientation is None:
        return np.full(3, np.nan)
    # The orientation turns from camera to world; its inverse turns the vertical back.
    to_camera = cameras.quaternion_inverse(np.array(clip.orientation))
    vertical = np.array([0.0, 0.0, 1.0])
    return np.asarray(cameras.quaternion_rotate(to_camera, vertical))


def gather_windows(
    table: FrameTable, frames: Array, receptive_field: int, causal_shift: int = 0
) -> tuple[Array, Array]:
    """Reads the windows of the target `frames`, each within its clip.

    Args:
      table: all frames.
      frames: `[B]` int, target frames as rows of the table.
      receptive_field: `T`, the frames of a window; odd.
      causal_shift: frames by which the window is shifted into the past.

    Returns:
      keypoints_2d `[B, T, J2, 2 or 3]` and positions_3d `[B, T, J, 3]`. The target is
      frame `target_index` of the window.

    Raises:
      JaxposeError: `receptive_field` is not odd and positive.
    """
    if receptive_field < 1 or receptive_field % 2 == 0:
        raise JaxposeError(
            f"receptive_field is {receptive_field}; a window needs an odd number of "
            "frames"
        )
    target = target_index(receptive_field, causal_shift)
    return read_windows(table, frames, receptive_field, target)


def read_windows(
    table: FrameTable, frames: Array, length: int, target: int
) -> tuple[Array, Array]:
    """Reads windows of any length; see `gather_windows`.

    Args:
      table: all frames.
      frames: `[B]` int, target frames as rows of the table.
      length: frames of a window.
      target: which of them the target is.
    """
    # A window reads only the clip of its target.
    clips = table.clip_of_frame[frames]
    rows = window_rows(
        frames - target, length, table.clip_start[clips], table.clip_end[clips]
    )
    return table.keypoints_2d[rows], table.positions_3d[rows]


def resampled_positions(
    table: FrameTable, frames: Array, length: int, target: int, step: Array
) -> Array:
    """Reads positions at another frame rate, linear in time between frames.

    Args:
      table: all frames.
      frames: `[B]` int, target frames as rows of the table.
      length: frames of a window.
      target: which of them the target is.
      step: `[B]`, frames of the table per frame of the window.

    Returns:
      `[B, length, J, 3]`; frames beyond the clip repeat its edge frame.
    """
    xp = table.positions_3d.__array_namespace__()
    clips = table.clip_of_frame[frames]
    first = table.clip_start[clips][:, None] - frames[:, None]
    last = table.clip_end[clips][:, None] - 1 - frames[:, None]
    # Counted from the target, so that float32 tells frames apart.
    offsets = (xp.arange(length)[None] - target) * step[:, None]
    offsets = xp.clip(offsets, first, last)
    below = xp.floor(offsets)
    share = (offsets - below)[..., None, None]
    rows = frames[:, None] + below.astype(frames.dtype)
    above = xp.minimum(rows + 1, table.clip_end[clips][:, None] - 1)
    return (1 - share) * table.positions_3d[rows] + share * table.positions_3d[above]


def target_index(receptive_field: int, causal_shift: int) -> int:
    """Returns which frame of its window the target is."""
    return (receptive_field - 1) // 2 + causal_shift


def window_rows(first: Array, length: int, clip_start: Array, clip_end: Array) -> Array:
    """Returns the frames of windows; those beyond the clip repeat its edge frame.

    Args:
      first: `[B]` int, first frame of each window; may lie before its clip.
      length: frames of a window.
      clip_start: `[B]` int, first frame of the clip.
      clip_end: `[B]` int, one past its last frame.

    Returns:
      `[B, length]` int, in `[clip_start, clip_end)`.
    """
    # Clipping repeats the edge frame; no window reads another clip.
    xp = first.__array_namespace__()
    offsets = xp.arange(length, dtype=first.dtype)
    rows = first[:, None] + offsets[None, :]
    return xp.clip(rows, clip_start[:, None], clip_end[:, None] - 1)


def flip(joints: Array, skeleton: Skeleton) -> Array:
    """Mirrors poses: negates x and swaps left and right. Its own inverse.

    Args:
      joints: keypoints `[..., J2, 2 or 3]` or positions `[..., J, 3]`, x relative to
        the middle of the image or of the body.
      skeleton: of `joints`; those of keypoints and of positions may differ.

    Raises:
      JaxposeError: `joints` has another number of joints than `skeleton`.
    """
    if joints.shape[-2] != skeleton.num_joints:
        raise JaxposeError(
            f"cannot flip an array of shape {joints.shape}: skeleton "
            f"{skeleton.name!r} has {skeleton.num_joints} joints"
        )
    xp = joints.__array_namespace__()
    # Each joint changes places with its partner on the other side, and x its sign.
    swapped = joints[..., np.array(skeleton.mirror), :]
    x = swapped[..., :1]
    others = swapped[..., 1:]
    return xp.concat([-x, others], axis=-1)


def flip_where(flags: Array, joints: Array, skeleton: Skeleton) -> Array:
    """Mirrors the samples of `[B, ..., J, 2 or 3]` whose flag in `flags [B]` is set."""
    xp = joints.__array_namespace__()
    # Computes both versions, because inside `jit` the flags are not known.
    other_axes = (1,) * (joints.ndim - 1)
    flags = flags.reshape(-1, *other_axes)
    return xp.where(flags, flip(joints, skeleton), joints)


def root_centre(positions_3d: Array, root: int) -> Array:
    """Returns positions `[..., J, 3]` relative to joint `root`, which becomes 0."""
    return positions_3d - positions_3d[..., root : root + 1, :]
