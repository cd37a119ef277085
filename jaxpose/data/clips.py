"""A prepared data set: flat arrays of all frames, and an index of its clips."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable

import numpy as np

from jaxpose.body.joint_rules import convert_joints
from jaxpose.errors import JaxposeError


@dataclasses.dataclass(frozen=True)
class Clip:
    """One take of one subject seen by one camera, and its range of frames.

    Attributes:
      subject: name of the subject.
      action: name of the action, by which scores are averaged.
      take: name of the take, unique per subject.
      camera: name of the camera.
      start: first frame in the flat arrays.
      length: number of frames.
      fps: frames per second.
      image_size: (width, height) in pixels.
      has_absolute_root: whether `positions_3d` hold the root's place in the camera
        frame.
      intrinsics: (fx, fy, cx, cy) in pixels, or None.
      distortion: (k1, k2, k3, p1, p2), or None.
      orientation: quaternion (w, x, y, z) camera to world, or None.
      translation: camera centre in the world, metres, or None.
    """

    subject: str
    action: str
    take: str
    camera: str
    start: int
    length: int
    fps: float
    image_size: tuple[int, int]
    has_absolute_root: bool
    # The camera, as far as it is known.
    intrinsics: tuple[float, ...] | None = None
    distortion: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    translation: tuple[float, ...] | None = None

    @property
    def end(self) -> int:
        """Returns one past the last frame."""
        return self.start + self.length


@dataclasses.dataclass(frozen=True)
class Clips:
    """All clips of one data set, `N` frames.

    Attributes:
      dataset: TFDS name with builder config, e.g. `cmu_mocap/gt`.
      skeleton: name of the skeleton of `positions_3d`.
      keypoints_skeleton: name of the skeleton of `keypoints_2d`.
      keypoints_source: source of the 2D keypoints (`gt`, `cpn_ft_h36m_dbb`, ...).
      keypoints_2d: `[N, J2, 2]` float32, screen-normalised: x in [-1, 1] over the image
        width, y by the same factor (protocol P.2).
      positions_3d: `[N, J, 3]` float32, metres, camera frame, absolute root; NaN where
        absent.
      valid: `[N]` bool, whether the frame may be a target or be scored.
      index: the clips, in the order of the arrays; they cover the arrays without gaps.
      activity: `[N]` int8, the numbered activity of each frame where it changes within
        a take (test set of MPI-INF-3DHP), 0 elsewhere; None means 0 everywhere.
      metres_per_unit: `[N]` float32, only where `positions_3d` are in image space (half
        image widths instead of metres): the factor from root-relative positions of the
        frame to metres; NaN where the data set does not say (its training part).
      metric_positions_3d: `[N, J, 3]` float32, ground truth in metres, in any frame of
        reference; compared after root alignment. Only beside `metres_per_unit`.
      seen: `[N, J2]` bool, whether a detector saw the joint; None means all of them.
      frame_numbers: `[N]` int32, numbers of the frames in the source; None means that
        each clip counts its frames from 0.
    """

    dataset: str
    skeleton: str
    keypoints_skeleton: str
    keypoints_source: str
    keypoints_2d: np.ndarray
    positions_3d: np.ndarray
    valid: np.ndarray
    index: tuple[Clip, ...]
    # Only some data sets have these.
    activity: np.ndarray | None = None
    metres_per_unit: np.ndarray | None = None
    metric_positions_3d: np.ndarray | None = None
    seen: np.ndarray | None = None
    frame_numbers: np.ndarray | None = None

    @property
    def num_frames(self) -> int:
        """Returns `N`."""
        return len(self.valid)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Returns the subjects in order of appearance."""
        return tuple(dict.fromkeys(clip.subject for clip in self.index))

    @property
    def actions(self) -> tuple[str, ...]:
        """Returns the actions in order of appearance."""
        return tuple(dict.fromkeys(clip.action for clip in self.index))

    @property
    def clip_of_frame(self) -> np.ndarray:
        """Returns the clip that each frame belongs to, `[N]` int32."""
        # The clips cover the arrays without gaps, in this order.
        clip_numbers = np.arange(len(self.index), dtype=np.int32)
        lengths = [clip.length for clip in self.index]
        return np.repeat(clip_numbers, lengths)


def select(clips: Clips, keep: Callable[[Clip], bool]) -> Clips:
    """Returns the clips for which `keep` is true, and only their frames."""
    kept = [clip for clip in clips.index if keep(clip)]
    return _pack(clips, kept)


def select_subjects(clips: Clips, subjects: Iterable[str]) -> Clips:
    """Returns the clips of `subjects`.

    Raises:
      JaxposeError: a subject is not in the data set.
    """
    subjects = _check_names(clips, "subject", subjects, clips.subjects)
    return select(clips, lambda clip: clip.subject in subjects)


def select_actions(clips: Clips, actions: Iterable[str]) -> Clips:
    """Returns the clips of `actions`.

    Raises:
      JaxposeError: the data set has no such action.
    """
    actions = _check_names(clips, "action", actions, clips.actions)
    return select(clips, lambda clip: clip.action in actions)


def _check_names(
    clips: Clips, kind: str, names: Iterable[str], known: tuple[str, ...]
) -> tuple[str, ...]:
    """Returns `names`; raises JaxposeError unless all are among the `known` ones."""
    # A text would be taken for its letters.
    if isinstance(names, str):
        raise JaxposeError(f"{kind}s={names!r} is a text; write ({names!r},)")
    names = tuple(names)
    unknown = [repr(name) for name in names if name not in known]
    if unknown:
        raise JaxposeError(
            f"data set {clips.dataset!r} has no {kind} {', '.join(unknown)}; "
            f"it has {', '.join(known)}"
        )
    return names


def downsample(clips: Clips, stride: int) -> Clips:
    """Keeps every `stride`-th frame of each clip, from its first on (protocol P.6)."""
    if stride == 1:
        return clips
    # The frames keep their numbers.
    if clips.frame_numbers is None:
        numbers = [np.arange(clip.length, dtype=np.int32) for clip in clips.index]
        clips = dataclasses.replace(clips, frame_numbers=np.concatenate(numbers))
    packed = _pack(clips, clips.index, stride)
    # A clip lasts as long as before, with fewer frames.
    slower = []
    for clip in packed.index:
        slower.append(dataclasses.replace(clip, fps=clip.fps / stride))
    return dataclasses.replace(packed, index=tuple(slower))


def convert_skeletons(
    clips: Clips, skeleton: str | None = None, keypoints_skeleton: str | None = None
) -> Clips:
    """Converts a data set to other joint sets, by the rules of `body.joint_rules`.

    Args:
      clips: any clips.
      skeleton: joints of the 3D positions; None: as they are.
      keypoints_skeleton: joints of the 2D keypoints; None: as they are.

    Raises:
      JaxposeError: no rule leads from the joints of `clips` to these.
    """
    skeleton = skeleton or clips.skeleton
    keypoints_skeleton = keypoints_skeleton or clips.keypoints_skeleton

    def convert(array: np.ndarray, source: str, target: str, field: str) -> np.ndarray:
        # The error names the config field that asked for these joints.
        try:
            return np.asarray(convert_joints(array, source, target))
        except JaxposeError as error:
            raise JaxposeError(
                f"config.dataset.{field}, data set {clips.dataset!r}: {error}"
            ) from error

    keypoints_2d = convert(
        clips.keypoints_2d,
        clips.keypoints_skeleton,
        keypoints_skeleton,
        "keypoints_skeleton",
    )
    positions_3d = convert(clips.positions_3d, clips.skeleton, skeleton, "skeleton")
    # The ground truth in metres has the joints of the positions.
    metric_positions_3d = clips.metric_positions_3d
    if metric_positions_3d is not None:
        metric_positions_3d = convert(
            metric_positions_3d, clips.skeleton, skeleton, "skeleton"
        )
    # A joint was seen where all the joints that it is computed from were.
    seen = clips.seen
    if seen is not None and clips.keypoints_skeleton != keypoints_skeleton:
        marked = np.where(seen, 0.0, np.nan)[..., None]
        seen = np.isfinite(
            convert(
                marked,
                clips.keypoints_skeleton,
                keypoints_skeleton,
                "keypoints_skeleton",
            )
        )[..., 0]
    return dataclasses.replace(
        clips,
        skeleton=skeleton,
        keypoints_skeleton=keypoints_skeleton,
        keypoints_2d=keypoints_2d,
        positions_3d=positions_3d,
        metric_positions_3d=metric_positions_3d,
        seen=seen,
    )


def _pack(clips: Clips, kept: Iterable[Clip], stride: int = 1) -> Clips:
    """Returns the clips `kept`, every `stride`-th frame of each, in new arrays."""
    # Collects the frames to keep, and moves each clip to its new place.
    index: list[Clip] = []
    parts = [np.zeros(0, np.int64)]
    start = 0
    for clip in kept:
        frames_of_clip = np.arange(clip.start, clip.end, stride)
        length = len(frames_of_clip)
        index.append(dataclasses.replace(clip, start=start, length=length))
        parts.append(frames_of_clip)
        start += length
    frames = np.concatenate(parts)

    # Only some data sets have the other arrays.
    def take(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else array[frames]

    return dataclasses.replace(
        clips,
        keypoints_2d=clips.keypoints_2d[frames],
        positions_3d=clips.positions_3d[frames],
        valid=clips.valid[frames],
        index=tuple(index),
        activity=take(clips.activity),
        metres_per_unit=take(clips.metres_per_unit),
        metric_positions_3d=take(clips.metric_positions_3d),
        seen=take(clips.seen),
        frame_numbers=take(clips.frame_numbers),
    )


def fingerprint(clips: Clips) -> str:
    """Returns a short hash of the arrays and the index; it is saved with each run."""
    # The index and the arrays that training depends on in every data set.
    digest = hashlib.sha256(repr(clips.index).encode())
    for array in (clips.keypoints_2d, clips.positions_3d, clips.valid):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
