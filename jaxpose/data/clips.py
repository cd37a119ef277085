"""A prepared data set as flat arrays with a clip index, ready for the device."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterable

import numpy as np

from jaxpose.body.joint_rules import convert_joints
from jaxpose.errors import JaxposeError


@dataclasses.dataclass(frozen=True)
class Clip:
    """One row of the index: a (subject, take, camera) and where its frames lie.

    Attributes:
      start: first frame in the flat arrays.
      length: number of frames.
      image_size: (width, height) in pixels.
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
    intrinsics: tuple[float, ...] | None = None
    distortion: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    translation: tuple[float, ...] | None = None

    @property
    def end(self) -> int:
        """One past the last frame."""
        return self.start + self.length


@dataclasses.dataclass(frozen=True)
class Clips:
    """Clips of one data set. `N` frames in all.

    Attributes:
      dataset: TFDS name with builder config, e.g. `cmu_mocap/gt`.
      skeleton: name of the skeleton of `positions_3d`.
      keypoints_skeleton: name of the skeleton of `keypoints_2d`.
      keypoints_source: where the 2D comes from (`gt`, `cpn_ft_h36m_dbb`, ...).
      keypoints_2d: `[N, J2, 2]` float32, screen-normalised: x in [-1, 1] over the image width,
        y by the same factor (protocol P.2).
      positions_3d: `[N, J, 3]` float32, metres, camera frame, absolute root; NaN where absent.
      valid: `[N]` bool: frames that may be a target or be scored.
      index: the clips, in the order of the arrays, covering them without gaps.
      activity: `[N]` int8, the numbered activity of each frame where it changes within a take
        (test set of MPI-INF-3DHP), 0 elsewhere; None means 0 everywhere.
      metres_per_unit: `[N]` float32, only where `positions_3d` are in image space (half image widths
        instead of metres): what root-relative positions of the frame are multiplied by; NaN where
        the data set does not say (its training part).
      metric_positions_3d: `[N, J, 3]` float32, the truth in metres beside it, relative to anything.
    """

    dataset: str
    skeleton: str
    keypoints_skeleton: str
    keypoints_source: str
    keypoints_2d: np.ndarray
    positions_3d: np.ndarray
    valid: np.ndarray
    index: tuple[Clip, ...]
    activity: np.ndarray | None = None
    metres_per_unit: np.ndarray | None = None
    metric_positions_3d: np.ndarray | None = None

    @property
    def num_frames(self) -> int:
        """`N`."""
        return len(self.valid)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Subjects in order of appearance."""
        return tuple(dict.fromkeys(clip.subject for clip in self.index))

    @property
    def clip_of_frame(self) -> np.ndarray:
        """`[N]` int32: the clip each frame belongs to."""
        return np.repeat(
            np.arange(len(self.index), dtype=np.int32),
            [clip.length for clip in self.index],
        )


def select(clips: Clips, keep: Callable[[Clip], bool]) -> Clips:
    """The clips for which `keep` is true, packed again."""
    return _pack(
        clips,
        [(clip, slice(clip.start, clip.end)) for clip in clips.index if keep(clip)],
    )


def select_subjects(clips: Clips, subjects: Iterable[str]) -> Clips:
    """The clips of `subjects`.

    Raises:
      JaxposeError: a subject is not in the data set.
    """
    subjects = tuple(subjects)
    if unknown := [subject for subject in subjects if subject not in clips.subjects]:
        raise JaxposeError(
            f"data set {clips.dataset!r} has no subject {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(clips.subjects)}"
        )
    return select(clips, lambda clip: clip.subject in subjects)


def select_actions(clips: Clips, actions: Iterable[str]) -> Clips:
    """The clips of `actions`.

    Raises:
      JaxposeError: the data set has no such action.
    """
    actions, known = (
        tuple(actions),
        tuple(dict.fromkeys(clip.action for clip in clips.index)),
    )
    if unknown := [action for action in actions if action not in known]:
        raise JaxposeError(
            f"data set {clips.dataset!r} has no action {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(known)}"
        )
    return select(clips, lambda clip: clip.action in actions)


def downsample(clips: Clips, stride: int) -> Clips:
    """Every `stride`-th frame of each clip, starting with its first (protocol P.6)."""
    if stride == 1:
        return clips
    packed = _pack(
        clips, [(clip, slice(clip.start, clip.end, stride)) for clip in clips.index]
    )
    slower = tuple(
        dataclasses.replace(clip, fps=clip.fps / stride) for clip in packed.index
    )
    return dataclasses.replace(packed, index=slower)


def convert_skeletons(
    clips: Clips, skeleton: str | None = None, keypoints_skeleton: str | None = None
) -> Clips:
    """The clips in other joint sets, by the named rules of `jaxpose.body.joint_rules`.

    Args:
      clips: any clips.
      skeleton: joints of the 3D positions; None: as they are.
      keypoints_skeleton: joints of the 2D keypoints; None: as they are.

    Raises:
      JaxposeError: no rule leads there.
    """
    skeleton, keypoints_skeleton = (
        skeleton or clips.skeleton,
        keypoints_skeleton or clips.keypoints_skeleton,
    )

    def converted(
        array: np.ndarray, source: str, target: str, field: str
    ) -> np.ndarray:
        try:
            return convert_joints(array, source, target)
        except JaxposeError as error:
            raise JaxposeError(
                f"config.dataset.{field}, data set {clips.dataset!r}: {error}"
            ) from error

    positions = {
        name: converted(array, clips.skeleton, skeleton, "skeleton")
        for name in ("positions_3d", "metric_positions_3d")
        if (array := getattr(clips, name)) is not None
    }
    keypoints_2d = converted(
        clips.keypoints_2d,
        clips.keypoints_skeleton,
        keypoints_skeleton,
        "keypoints_skeleton",
    )
    return dataclasses.replace(
        clips,
        skeleton=skeleton,
        keypoints_skeleton=keypoints_skeleton,
        keypoints_2d=keypoints_2d,
        **positions,
    )


_PER_FRAME = (
    "keypoints_2d", "positions_3d", "valid", "activity", "metres_per_unit", "metric_positions_3d"
)  # fmt: skip


def _pack(clips: Clips, parts: list[tuple[Clip, slice]]) -> Clips:
    rows = [np.arange(part.start, part.stop, part.step or 1) for _, part in parts]
    index, start = [], 0
    for (clip, _), row in zip(parts, rows, strict=True):
        index.append(dataclasses.replace(clip, start=start, length=len(row)))
        start += len(row)
    frames = np.concatenate(rows) if rows else np.zeros(0, np.int64)
    arrays = {name: getattr(clips, name) for name in _PER_FRAME}
    kept = {name: array[frames] for name, array in arrays.items() if array is not None}
    return dataclasses.replace(clips, index=tuple(index), **kept)


def fingerprint(clips: Clips) -> str:
    """A short hash of the arrays and the index, saved with every run."""
    digest = hashlib.sha256(repr(clips.index).encode())
    for array in (clips.keypoints_2d, clips.positions_3d, clips.valid):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:16]
