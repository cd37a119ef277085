"""Sequences cut as the reference implementations do (protocol P.6).

The library reads single windows. These functions serve to check recorded references.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from jaxpose.data import windows


def pad_sequence(
    keypoints_2d: np.ndarray, receptive_field: int, causal_shift: int = 0
) -> np.ndarray:
    """Pads `[..., F, J2, 2]` with edge frames, so that a dilated model gives `F` poses.

    `pad + causal_shift` frames on the left and `pad - causal_shift` on the right, with
    `pad = (receptive_field - 1) // 2`.
    """
    num_frames = keypoints_2d.shape[-3]
    first = -windows.target_index(receptive_field, causal_shift)
    rows = _rows(first, num_frames + receptive_field - 1, num_frames)
    return keypoints_2d[..., rows, :, :]


def chunk(
    sequence: Sequence[np.ndarray], start: int, length: int, pad: int, causal_shift: int
) -> list[np.ndarray]:
    """Returns input `[length + 2 pad, J2, 2]`, target `[length, J, 3]` of a chunk."""
    keypoints_2d, positions_3d = sequence
    num_frames = len(keypoints_2d)
    inputs = _rows(start - pad - causal_shift, length + 2 * pad, num_frames)
    targets = _rows(start, length, num_frames)
    return [keypoints_2d[inputs], positions_3d[targets]]


def chunk_list(
    lengths: Sequence[int], chunk_length: int, *, flipped: bool
) -> np.ndarray:
    """Returns the chunks of all sequences: rows (sequence, start, end, flip), `[M, 4]`.

    `n = ceil(num_frames / chunk_length)` chunks per sequence, centred: the first may
    start before frame 0 and the last may end after the sequence. With `flipped`, the
    chunks of each sequence are followed by the same chunks to be flipped.
    """
    rows = []
    for sequence, num_frames in enumerate(lengths):
        num_chunks = -(-num_frames // chunk_length)
        offset = (num_chunks * chunk_length - num_frames) // 2
        for flag in (0, 1) if flipped else (0,):
            for i in range(num_chunks):
                start = i * chunk_length - offset
                rows.append((sequence, start, start + chunk_length, flag))
    return np.array(rows)


def subset_frames(num_frames: int, fraction: float, stride: int = 1) -> tuple[int, int]:
    """Returns first frame and number of the frames that a fraction of a sequence keeps.

    `round(num_frames // stride * fraction) * stride` frames. The start depends on
    `num_frames` alone: the first four bytes of its decimal's SHA-256, as a fraction of
    the possible starts.
    """
    kept = round(num_frames // stride * fraction) * stride
    digest = hashlib.sha256(str(num_frames).encode()).digest()
    draw = int.from_bytes(digest[:4], "little") / (2**32 - 1)
    return int(draw * (num_frames - kept + 1)), kept


def _rows(first: int, length: int, num_frames: int) -> np.ndarray:
    """Returns the frames from `first` on; those beyond the sequence are its edges."""
    bounds = np.array([0]), np.array([num_frames])
    return windows.window_rows(np.array([first]), length, *bounds)[0]
