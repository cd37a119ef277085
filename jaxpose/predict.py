"""Lifts the recordings of a prepared data set, as `jaxpose lift` lifts files."""

import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxpose.body import cameras
from jaxpose.data import requirements, splits
from jaxpose.data.clips import Clip, Clips, select_subjects
from jaxpose.datasets.camera import Camera
from jaxpose.errors import JaxposeError
from jaxpose.inference.doubts import Doubter
from jaxpose.lifted import Video, print_videos
from jaxpose.lifter import Lifter
from jaxpose.parallel import hosts
from jaxpose.recordings.names import file_name
from jaxpose.recordings.recording import Recording
from jaxpose.results import Results, claim_files, lift_videos
from jaxpose.run import Run
from jaxpose.training import workdirs


def predict(run: Run, settings: Mapping[str, Any]) -> list[pathlib.Path]:
    """Lifts the test subjects of a run's config; see `Run.write_predictions`.

    Args:
      run: the run.
      settings: fields of `Results`.

    Returns:
      The files, in the order of the data set.

    Raises:
      JaxposeError: no checkpoint, an unknown subject, data with other joints, a model
        that needs more than keypoints, or recordings that were not lifted.
    """
    folder = run.workdir / f"predictions{workdirs.data_suffix(run.config)}"
    results = Results(**{"folder": folder, **settings})
    lifter = Lifter(run.weights)
    dataset = run.config.dataset.copy_and_resolve_references()
    # Rates are matched in seconds, so a stride in frames would come on top.
    if run.known_rates.are_known:
        dataset.frame_stride = 1
    clips = splits.load_clips_of(dataset)
    if dataset.test_subjects:
        try:
            clips = select_subjects(clips, dataset.test_subjects)
        except JaxposeError as error:  # most likely those of the run's own data
            raise JaxposeError(
                f'{error}. --config.dataset.test_subjects="()" predicts all'
            ) from error
    splits.require_same(test=clips)
    requirements.require_readable(run.model, clips)
    return write_predictions(lifter, clips, run.doubter, results)


def write_predictions(
    lifter: Lifter, clips: Clips, doubter: Doubter, results: Results
) -> list[pathlib.Path]:
    """Lifts every clip, writes its files and prints a line about it.

    The files of a clip are `<folder>/<subject>/<take>/<camera>_3d.<ending>`. Clips are
    lifted as they are: the distortion of a lens stays, as it did in training.

    Args:
      lifter: of a model that reads the joints of `clips`.
      clips: the recordings, which need no truth.
      doubter: of what the model was trained on.
      results: what is written, and the folder for it.

    Returns:
      The files, in the order of the clips.

    Raises:
      JaxposeError: some clips were not lifted; the others were.
    """
    videos = []
    for clip in clips.index:
        recording = recording_of(clips, clip, doubter)
        video = Video(recording.name, recording.where, 1, recordings=[recording])
        video.files = _files_of(clip, results)
        videos.append(video)
    results.make_folder()
    claim_files(videos, results)
    _agree(videos)
    # A joint that no frame shows was estimated where the data was prepared.
    lift = functools.partial(lifter.lift, estimate_missing=True, straighten=False)
    lift_videos(videos, lift, results)
    if hosts.is_writer():
        print_videos(videos)
    failed = [video for video in videos if video.reason is not None]
    if failed:
        raise JaxposeError(
            f"{len(failed)} of {len(videos)} recordings were not lifted; the first, "
            f"{failed[0].name}: {failed[0].reason}"
        )
    paths: list[pathlib.Path] = []
    for video in videos:
        paths += video.files.values()
    return paths


def recording_of(clips: Clips, clip: Clip, doubter: Doubter) -> Recording:
    """Returns a clip as the recording that it was prepared from.

    Joints that were not seen are NaN again, and filled in by the rules for files.

    Args:
      clips: the data set.
      clip: one of its clips.
      doubter: finds what is odd about the keypoints.
    """
    rows = slice(clip.start, clip.end)
    keypoints_2d = clips.keypoints_2d[rows, :, :2]
    pixels = np.array(
        cameras.image_coordinates(keypoints_2d.astype(np.float64), clip.image_size)
    )
    seen = np.ones(pixels.shape[:2], bool)
    if clips.seen is not None:
        seen = clips.seen[rows]
        pixels[~seen] = np.nan
    frames = np.arange(clip.length)
    if clips.frame_numbers is not None:
        frames = clips.frame_numbers[rows].astype(int)
    step = int(frames[1] - frames[0]) if clip.length > 1 else 1
    doubts = doubter.doubts(
        keypoints_2d, clips.keypoints_skeleton, clip.image_size, clip.fps, seen
    )
    name = " ".join([clip.subject, clip.take, clip.camera])
    return Recording(
        name=name,
        where=f"{clips.dataset}: {name}",
        format=clips.dataset,
        layout=clips.keypoints_skeleton,
        keypoints_2d=pixels,
        confidence=seen.astype(np.float64),
        frames=frames,
        detected=np.asarray(seen.any(axis=1)),
        fps=clip.fps * step,
        camera=_camera_of(clip),
        person=1,
        people=1,
        switches=0,
        subject=clip.subject,
        action=clip.action,
        take=clip.take,
        warnings=tuple(doubt.sentence for doubt in doubts),
    )


def _camera_of(clip: Clip) -> Camera:
    """Returns the camera of a clip, as far as it is known."""
    intrinsics = distortion = None
    if clip.intrinsics is not None:
        fx, fy, cx, cy = clip.intrinsics
        intrinsics = fx, fy, cx, cy
    if clip.distortion is not None:
        k1, k2, k3, p1, p2 = clip.distortion
        distortion = k1, k2, k3, p1, p2
    return Camera(clip.camera, clip.image_size, intrinsics, distortion)


def _files_of(clip: Clip, results: Results) -> dict[tuple[int, str], pathlib.Path]:
    """Returns a path of its own per clip and format, whatever the names contain."""
    subject, take, camera = map(file_name, (clip.subject, clip.take, clip.camera))
    folder = (results.folder or pathlib.Path()) / subject / take
    files = {}
    for ending in results.formats:
        files[1, ending] = folder / f"{camera}_3d.{ending}"
    return files


def _agree(videos: Sequence[Video]) -> None:
    """Makes all processes lift what the first one lifts: each call needs all of them.

    Hosts that share no folder see other files.
    """
    is_wanted = np.array([video.reason is None for video in videos])
    for video, is_lifted in zip(videos, hosts.of_first(is_wanted), strict=True):
        if is_lifted:
            video.reason = None
        elif video.reason is None:
            video.reason = f"{video.where}: left out by the first process"
