"""Films motion capture with published or random cameras and a simulated detector."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body.skeletons import H36M_17
from jaxpose.data import windows
from jaxpose.data.clips import Clip, Clips
from jaxpose.data.detectors import DETECTORS
from jaxpose.data.random_cameras import View, random_view
from jaxpose.data.simulated_detector import simulate
from jaxpose.data.simulation import check_simulation

CAMERAS = ("published", "wild")
# Takes are cut into pieces of this many frames, with a camera and a detector each.
PIECE = 200
SHORTEST = 20
MOST_PIECES = 120
_PIECES_PER_BATCH = 40


def film(clips: Clips, cameras: str, detector: str, seed: int) -> Clips:
    """Returns pieces of takes as a detector sees them.

    Every take is used once: of its cameras, each take has the next one. Of more than
    `MOST_PIECES`, as many are chosen evenly.

    Args:
      clips: data in joints of `h36m_17` with cameras.
      cameras: `published`, the data's own, or `wild`, random ones.
      detector: one of `detectors.DETECTORS`.
      seed: of everything that is drawn.

    Returns:
      clips whose keypoints have a confidence; the place of a joint that was not seen is
      filled in, and its confidence 0.

    Raises:
      JaxposeError: other joints, or no cameras.
    """
    check_simulation(clips)
    pieces = _cut(clips)
    table = windows.frame_table(clips)
    first = np.array([piece.start for piece in pieces])
    lengths = np.array([piece.length for piece in pieces])
    rows = first[:, None] + np.minimum(np.arange(PIECE)[None], lengths[:, None] - 1)
    of_clip = clips.clip_of_frame[first]
    sizes = np.array([piece.image_size for piece in pieces], np.float32)
    views = View(
        positions_3d=jnp.asarray(clips.positions_3d[rows]),
        camera=jnp.asarray(np.asarray(table.camera)[of_clip]),
        half_height=jnp.asarray(sizes[:, 1] / sizes[:, 0]),
        follows=jnp.zeros(len(pieces), bool),
    )
    program = jax.jit(_film, static_argnames=("cameras", "detector"))

    keypoints, positions = [], []
    for start in range(0, len(pieces), _PIECES_PER_BATCH):
        # The last batch is filled up, so that one program is compiled.
        chosen = np.arange(start, start + _PIECES_PER_BATCH)
        chosen = np.minimum(chosen, len(pieces) - 1)
        key = jax.random.fold_in(jax.random.key(seed), start)
        part = View(*(array[chosen] for array in views))
        up = jnp.asarray(np.asarray(table.up)[of_clip[chosen]])
        fps = jnp.asarray(np.asarray(table.fps)[of_clip[chosen]])
        seen, truth = program(key, part, up, fps, cameras=cameras, detector=detector)
        for k in range(min(_PIECES_PER_BATCH, len(pieces) - start)):
            length = lengths[start + k]
            keypoints.append(_fill_in(np.asarray(seen[k, :length])))
            positions.append(np.asarray(truth[k, :length]))
    return _pack(clips, pieces, keypoints, positions)


def _film(
    key: jax.Array,
    view: View,
    up: jax.Array,
    fps: jax.Array,
    cameras: str,
    detector: str,
) -> tuple[jax.Array, jax.Array]:
    """Returns keypoints and positions `[P, F, 17, 3]` of pieces."""
    view_key, detector_key = jax.random.split(key)
    if cameras == "wild":
        view = random_view(view_key, view.positions_3d, up, H36M_17)
    keypoints = simulate(detector_key, view, fps, DETECTORS[detector])
    return keypoints, view.positions_3d


def _cut(clips: Clips) -> list[Clip]:
    """Cuts each take, seen by one of its cameras, into pieces."""
    takes: dict[tuple[str, str], list[Clip]] = {}
    for clip in clips.index:
        takes.setdefault((clip.subject, clip.take), []).append(clip)
    pieces = []
    for number, seen_by in enumerate(takes.values()):
        clip = seen_by[number % len(seen_by)]
        for start in range(clip.start, clip.end, PIECE):
            length = min(PIECE, clip.end - start)
            if length >= min(SHORTEST, clip.length):
                pieces.append(dataclasses.replace(clip, start=start, length=length))
    chosen = np.linspace(0, len(pieces) - 1, min(MOST_PIECES, len(pieces)))
    return [pieces[k] for k in chosen.astype(int)]


def _fill_in(keypoints: np.ndarray) -> np.ndarray:
    """Fills in unseen joints of `[F, 17, 3]`, linearly in time, as recordings do.

    A joint that is never seen is put where the others are on average.
    """
    filled = keypoints.copy()
    seen = keypoints[..., 2] > 0
    frames = np.arange(len(keypoints))
    weight = seen[..., None] / np.maximum(seen.sum(1), 1)[:, None, None]
    centre = (weight * keypoints[..., :2]).sum(1)
    for joint in range(keypoints.shape[1]):
        known = np.flatnonzero(seen[:, joint])
        for axis in range(2):
            filled[:, joint, axis] = centre[:, axis]
            if len(known):
                places = keypoints[known, joint, axis]
                filled[:, joint, axis] = np.interp(frames, known, places)
    return filled


def _pack(
    clips: Clips,
    pieces: list[Clip],
    keypoints: list[np.ndarray],
    positions: list[np.ndarray],
) -> Clips:
    """Returns clips of the pieces; a random camera stands in no world."""
    index, valid, start = [], [], 0
    for piece in pieces:
        index.append(
            dataclasses.replace(
                piece,
                take=f"{piece.take} from {piece.start}",
                start=start,
                intrinsics=None,
                distortion=None,
                orientation=None,
                translation=None,
            )
        )
        valid.append(clips.valid[piece.start : piece.end])
        start += piece.length
    return dataclasses.replace(
        clips,
        keypoints_source="simulated",
        keypoints_2d=np.concatenate(keypoints),
        positions_3d=np.concatenate(positions),
        valid=np.concatenate(valid),
        index=tuple(index),
        activity=None,
    )
