"""Windows of frames, flips and root centring (protocol P.6): pure, inside `jit` or on NumPy arrays.

A window of `T` frames belongs to one target frame. With `causal_shift` 0 the target is its
centre; a causal model shifts the window into the past by `(T - 1) // 2`, so that the target is
the last frame. Frames beyond the clip repeat its edge frame.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import Skeleton
from jaxpose.data.clips import Clip, Clips
from jaxpose.errors import JaxposeError

Array = np.ndarray | jax.Array


class FrameTable(NamedTuple):
    """All frames of a data set and, a row a clip, where they lie and who saw them; lives on the device.

    Attributes:
      keypoints_2d: `[N, J2, 2]`, screen-normalised.
      positions_3d: `[N, J, 3]`, metres, camera frame, absolute root; NaN where absent.
      clip_of_frame: `[N]` int32, row of the clip that the frame belongs to.
      clip_start: `[clips]` int32, its first frame.
      clip_end: `[clips]` int32, one past its last frame.
      camera: `[clips, 9]`, as `cameras.project` takes it; NaN where unknown.
      up: `[clips, 3]`, the world's vertical in the camera frame; NaN where unknown.
    """

    keypoints_2d: Array
    positions_3d: Array
    clip_of_frame: Array
    clip_start: Array
    clip_end: Array
    camera: Array
    up: Array


def frame_table(clips: Clips) -> FrameTable:
    """The table of a data set, in NumPy; the caller puts it on the device."""
    bounds = np.array(
        [(clip.start, clip.end) for clip in clips.index], np.int32
    ).reshape(-1, 2)
    return FrameTable(
        clips.keypoints_2d,
        clips.positions_3d,
        clips.clip_of_frame,
        clip_start=bounds[:, 0],
        clip_end=bounds[:, 1],
        camera=np.array([_camera(clip) for clip in clips.index], np.float32).reshape(
            -1, 9
        ),
        up=np.array([_up(clip) for clip in clips.index], np.float32).reshape(-1, 3),
    )


def _camera(clip: Clip) -> np.ndarray:
    if clip.intrinsics is None:
        return np.full(9, np.nan)
    distortion = None if clip.distortion is None else np.array(clip.distortion)
    return cameras.normalized_intrinsics(
        np.array(clip.intrinsics), distortion, clip.image_size
    )


def _up(clip: Clip) -> np.ndarray:
    if clip.orientation is None:
        return np.full(3, np.nan)
    to_camera = cameras.quaternion_inverse(np.array(clip.orientation))
    return cameras.quaternion_rotate(to_camera, np.array([0.0, 0.0, 1.0]))


def gather_windows(
    table: FrameTable, frames: Array, receptive_field: int, causal_shift: int = 0
) -> tuple[Array, Array]:
    """The windows of target `frames`, padded with edge frames inside each one's clip.

    Args:
      table: all frames.
      frames: `[B]` int, target frames as rows of the table.
      receptive_field: `T`, odd.
      causal_shift: frames the window is shifted into the past.

    Returns:
      keypoints_2d `[B, T, J2, 2]` and positions_3d `[B, T, J, 3]`; the target is element
      `target_index` of the window.
    """
    _check_receptive_field(receptive_field)
    first = frames - target_index(receptive_field, causal_shift)
    clips = table.clip_of_frame[frames]
    rows = window_rows(
        first, receptive_field, table.clip_start[clips], table.clip_end[clips]
    )
    return table.keypoints_2d[rows], table.positions_3d[rows]


def target_index(receptive_field: int, causal_shift: int) -> int:
    """Where in its window the target frame is."""
    return (receptive_field - 1) // 2 + causal_shift


def window_rows(first: Array, length: int, clip_start: Array, clip_end: Array) -> Array:
    """Rows `[B, length]` of consecutive frames from `first [B]` on, kept inside `[clip_start, clip_end)`."""
    xp = first.__array_namespace__()
    rows = first[:, None] + xp.arange(length, dtype=first.dtype)[None, :]
    return xp.clip(rows, clip_start[:, None], clip_end[:, None] - 1)


def pad_sequence(
    keypoints_2d: Array, receptive_field: int, causal_shift: int = 0
) -> Array:
    """A whole sequence `[..., F, J2, 2]` with edge frames, so that a dilated model gives `F` outputs.

    `pad + causal_shift` frames on the left and `pad - causal_shift` on the right, with
    `pad = (receptive_field - 1) // 2`.
    """
    _check_receptive_field(receptive_field)
    pad, num_frames = (receptive_field - 1) // 2, keypoints_2d.shape[-3]
    rows = np.arange(-pad - causal_shift, num_frames + pad - causal_shift)
    return keypoints_2d[..., np.clip(rows, 0, num_frames - 1), :, :]


def flip(joints: Array, skeleton: Skeleton) -> Array:
    """The mirrored pose: x negated and left and right swapped. Its own inverse.

    Serves 2D keypoints `[..., J2, 2]` and 3D positions `[..., J, 3]` alike; the skeletons of
    the two may differ.
    """
    if joints.shape[-2] != skeleton.num_joints:
        raise JaxposeError(
            f"cannot flip an array of shape {joints.shape}: skeleton {skeleton.name!r} has "
            f"{skeleton.num_joints} joints"
        )
    xp = joints.__array_namespace__()
    swapped = joints[..., np.array(skeleton.mirror), :]
    return xp.concat([-swapped[..., :1], swapped[..., 1:]], axis=-1)


def flip_where(flags: Array, joints: Array, skeleton: Skeleton) -> Array:
    """`flip` for the samples of a batch `[B, ..., J, 2 or 3]` whose flag (`[B]` bool) is set."""
    xp = joints.__array_namespace__()
    return xp.where(
        flags.reshape(-1, *(1,) * (joints.ndim - 1)), flip(joints, skeleton), joints
    )


def root_centre(positions_3d: Array, root: int) -> Array:
    """Positions `[..., J, 3]` relative to joint `root`, which becomes 0."""
    return positions_3d - positions_3d[..., root : root + 1, :]


def chunk_bounds(num_frames: int, chunk_length: int) -> np.ndarray:
    """The chunks `[start, end)` that a sequence is cut into, `[n, 2]` int64.

    `n = ceil(num_frames / chunk_length)` chunks, centred: the first may start before frame 0
    and the last may end after the sequence.
    """
    num_chunks = -(-num_frames // chunk_length)
    offset = (num_chunks * chunk_length - num_frames) // 2
    edges = np.arange(num_chunks + 1) * chunk_length - offset
    return np.stack([edges[:-1], edges[1:]], axis=1)


def chunk_list(
    lengths: Sequence[int], chunk_length: int, *, flipped: bool
) -> np.ndarray:
    """Chunks of all sequences: rows (sequence, start, end, flip), `[M, 4]` int64.

    With `flipped`, each sequence's chunks are followed by the same chunks to be flipped. The
    reference shuffles this list by `numpy.random.RandomState(1234).permutation`, one generator
    for all epochs.
    """
    rows = []
    for sequence, num_frames in enumerate(lengths):
        bounds = chunk_bounds(num_frames, chunk_length)
        for flag in (0, 1) if flipped else (0,):
            rows.append(
                np.insert(np.insert(bounds, 0, sequence, axis=1), 3, flag, axis=1)
            )
    return np.concatenate(rows) if rows else np.zeros((0, 4), np.int64)


def subset_frames(num_frames: int, fraction: float, stride: int = 1) -> tuple[int, int]:
    """First frame and number of the contiguous frames that a fraction of a sequence keeps.

    `round(num_frames // stride * fraction) * stride` frames, from a start that depends on
    `num_frames` alone: the first four bytes of its decimal's SHA-256 as a fraction of the
    possible starts.
    """
    kept = round(num_frames // stride * fraction) * stride
    digest = hashlib.sha256(str(num_frames).encode()).digest()
    draw = int.from_bytes(digest[:4], "little") / (2**32 - 1)
    return int(draw * (num_frames - kept + 1)), kept


def _check_receptive_field(receptive_field: int) -> None:
    if receptive_field < 1 or receptive_field % 2 == 0:
        raise JaxposeError(
            f"receptive_field is {receptive_field}; a window needs an odd number of frames"
        )
