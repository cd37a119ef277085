"""Writes the 3D poses of recordings, and pictures of them, to files."""

import pathlib
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clip, Clips
from jaxpose.inference.predictor import Predictor
from jaxpose.parallel import hosts
from jaxpose.recordings.joints import to_model_joints
from jaxpose.recordings.names import file_name
from jaxpose.scoring import pictures
from jaxpose.whole_files import replacing


def predict_all(predictor: Predictor, variables: Any, num_frames: int) -> np.ndarray:
    """Predicts frames 0 to `num_frames - 1` and shows how far it has come.

    Returns:
      Root-relative positions `[num_frames, J, 3]`, in the unit of the model.
    """
    # A few batches at a time, so that the bar moves often.
    part = 8 * predictor.chunks_per_batch * predictor.chunk_length
    positions = []
    with tqdm(
        total=num_frames,
        unit="pose",
        desc="predict",
        disable=not hosts.is_writer(),
    ) as progress:
        for start in range(0, num_frames, part):
            frame_numbers = np.arange(start, min(start + part, num_frames))
            positions.append(predictor(variables, frame_numbers))
            progress.update(len(frame_numbers))
    return np.concatenate(positions)


def write_recordings(
    folder: pathlib.Path,
    clips: Clips,
    positions_3d: np.ndarray,
    **common: Any,
) -> list[pathlib.Path]:
    """Writes an npz file and a GIF per clip, `<folder>/<subject>/<take>/<camera>`.

    A file holds

        positions_3d   [F, J, 3] float32, camera frame (x right, y down, z forward),
                       root-relative
        unit           "metre"; "half image width" of a model trained in image space
        skeleton       name of their joint order
        valid          [F] bool: False where the data set marks the frame, whose
                       keypoints are filled in
        seen           [F, J] bool: whether the joint was seen in the input; others
                       were filled in
        frames         [F] int: numbers in the source of the recording
        times          [F] float64: seconds since frame 0 of the source
        fps            of these frames
        dataset, subject, action, take, camera   names
        step           updates of the checkpoint

    The first process writes them; the GIF shows the liveliest seconds.

    Args:
      folder: where to write.
      clips: the recordings.
      positions_3d: `[N, J, 3]`, the poses of all frames of `clips`.
      common: entries that all files share: `unit` and `step`.

    Returns:
      The npz files, in the order of the clips.
    """
    paths = [_path(folder, clip) for clip in clips.index]
    if not hosts.is_writer():
        return paths
    # Writes all files before the first picture, because drawing takes far longer.
    recordings = list(zip(clips.index, paths, strict=True))
    seen = _seen(clips)
    for clip, path in recordings:
        rows = slice(clip.start, clip.end)
        frames = np.arange(clip.length)
        if clips.frame_numbers is not None:
            frames = clips.frame_numbers[rows]
        _save(
            path,
            positions_3d=positions_3d[rows],
            valid=clips.valid[rows],
            seen=seen[rows],
            frames=frames,
            times=_times(frames, clip.fps),
            fps=clip.fps,
            skeleton=clips.skeleton,
            dataset=clips.dataset,
            subject=clip.subject,
            action=clip.action,
            take=clip.take,
            camera=clip.camera,
            **common,
        )
    noun = "recording is" if len(paths) == 1 else "recordings are"
    print(f"{len(paths)} {noun} in {folder}")
    for clip, path in tqdm(recordings, desc="draw", unit="GIF"):
        frame_numbers = np.arange(clip.start, clip.end)
        pictures.animate_clip(
            clips, frame_numbers, positions_3d[frame_numbers], path.with_suffix(".gif")
        )
    return paths


def _seen(clips: Clips) -> np.ndarray:
    """Returns `[N, J]` bool: whether each joint of the poses was seen in the input."""
    if clips.seen is None:
        joints = get_skeleton(clips.skeleton).num_joints
        return np.ones((clips.num_frames, joints), bool)
    if clips.keypoints_skeleton == clips.skeleton:
        return clips.seen
    # A joint counts as seen where the joints that it is computed from were.
    marked = np.where(clips.seen, 0.0, np.nan)[..., None].repeat(2, axis=-1)
    joints_2d = to_model_joints(marked, clips.keypoints_skeleton, clips.skeleton)
    return np.isfinite(joints_2d).all(axis=-1)


def _times(frames: np.ndarray, fps: float) -> np.ndarray:
    """Returns the seconds of frames since frame 0 of their source.

    Args:
      frames: `[F]` numbers in the source, a constant step apart.
      fps: of these frames.
    """
    step = frames[1] - frames[0] if len(frames) > 1 else 1
    return frames / (fps * step)


def _path(folder: pathlib.Path, clip: Clip) -> pathlib.Path:
    """Returns a path of its own for each recording, whatever its names contain."""
    subject, take, camera = map(file_name, (clip.subject, clip.take, clip.camera))
    return folder / subject / take / f"{camera}.npz"


def _save(path: pathlib.Path, **arrays: Any) -> None:
    """Writes an npz file; readers see either no file or the whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        np.savez_compressed(partial, **arrays)
