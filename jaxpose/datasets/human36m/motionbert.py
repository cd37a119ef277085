"""Reads the pickles of LCN and MotionBERT: Human3.6M in image space.

Positions there are pixels: x and y as the image shows them, z in the same scale. A
factor per frame, given for the test subjects only, turns them into millimetres. Without
metric 3D to train on, models predict image space, and the published score multiplies by
the factor.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets.arrays import require_array, require_key
from jaxpose.datasets.camera import Camera
from jaxpose.datasets.h36m_cameras import CAMERA_NAMES, FPS, h36m_cameras
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.restricted import load_pickle
from jaxpose.datasets.schema import clip_example
from jaxpose.errors import JaxposeError
from jaxpose.wording import shown

# File names by `keypoints_source`.
FILES = {
    "motionbert_sh": "h36m_sh_conf_cam_source_final.pkl",
    "motionbert_cpn": "h36m_cpn_cam_source.pkl",
}
TRAIN_FRAMES = facts.TRAIN_FRAMES
TEST_FRAMES = 566_920  # some clips of S9 are not cut to the 3D track

# The takes of `facts.DRIFTING_TAKES`, which the published score leaves out.
UNSCORED = frozenset(
    {"s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01"}
)

_SOURCE = re.compile(r"s_(\d\d)_act_\d\d_subact_\d\d_ca_\d\d")


@dataclasses.dataclass(frozen=True)
class ImageSpaceClip:
    """One clip of the pickle, `F` frames on the joints of H36M_17.

    Attributes:
      source: its name in the pickle, such as `s_09_act_05_subact_02_ca_01`.
      subject: the subject, such as `S9`.
      action: the action that per-action means group by.
      camera: the camera.
      keypoints_2d: `[F, 17, 2]`, pixels.
      confidence: `[F, 17]`, from the detector; ones where the file has none.
      positions_image: `[F, 17, 3]`, pixels.
      factor: `[F]`, millimetres per pixel; None in the train split.
      positions_mm: `[F, 17, 3]`, the ground truth that is scored, millimetres; None in
        the train split.
    """

    source: str
    subject: str
    action: str
    camera: Camera
    keypoints_2d: np.ndarray
    confidence: np.ndarray
    positions_image: np.ndarray
    factor: np.ndarray | None
    positions_mm: np.ndarray | None

    @property
    def take(self) -> str:
        """Returns the recording that four cameras share: `s_09_act_05_subact_02`."""
        return self.source[: -len("_ca_01")]

    @property
    def scored(self) -> bool:
        """Returns whether the published score counts it."""
        return self.take not in UNSCORED


def read_clips(path: pathlib.Path, split: str) -> list[ImageSpaceClip]:
    """Returns the clips of `train` or `test`: runs of frames with one `source`.

    Raises:
      JaxposeError: the file is missing or damaged, lacks a key, or an entry has another
        type, shape or name than documented.
    """
    data = require_key(load_pickle(path), split, str(path))
    where = f"{path}: {split!r}"
    keypoints_2d = require_array(
        require_key(data, "joint_2d", where), f"{where}['joint_2d']", (None, 17, 2)
    )
    num_frames = len(keypoints_2d)

    def frames(key: str, *shape: int) -> np.ndarray:
        value = require_key(data, key, where)
        return require_array(value, f"{where}[{key!r}]", (num_frames, *shape))

    def names(key: str) -> np.ndarray:
        return _names(require_key(data, key, where), num_frames, f"{where}[{key!r}]")

    # The arrays of all clips, one after another. Only the test split has a scale.
    positions_image = frames("joint3d_image", 17, 3)
    confidence = _confidence(data, num_frames, where)
    factor = positions_mm = None
    if split == "test":
        factor = frames("2.5d_factor")
        positions_mm = frames("joints_2.5d_image", 17, 3)
    sources, camera_names, actions = (
        names("source"),
        names("camera_name"),
        names("action"),
    )

    # A clip begins where the source changes.
    starts = np.flatnonzero(np.r_[True, sources[1:] != sources[:-1]]).tolist()
    clips = []
    for start, end in zip(starts, [*starts[1:], num_frames], strict=True):
        part = slice(start, end)
        source = str(sources[start])
        clip = ImageSpaceClip(
            source=source,
            subject=_subject(source, where),
            action=_action(source, actions[part], where),
            camera=_camera(source, camera_names[part], where),
            keypoints_2d=keypoints_2d[part],
            confidence=confidence[part],
            positions_image=positions_image[part],
            factor=None if factor is None else factor[part],
            positions_mm=None if positions_mm is None else positions_mm[part],
        )
        clips.append(clip)
    return clips


def _confidence(data: dict[str, Any], num_frames: int, where: str) -> np.ndarray:
    """Returns `[F, 17]` confidences, ones where the file has none."""
    if "confidence" not in data:
        return np.ones((num_frames, 17))
    # One of the two files has a last axis of length 1.
    confidence = data["confidence"]
    if isinstance(confidence, np.ndarray) and confidence.ndim == 3:
        confidence = confidence[..., 0]
    return require_array(confidence, f"{where}['confidence']", (num_frames, 17))


def _names(values: Any, num_frames: int, where: str) -> np.ndarray:
    """Returns one string per frame.

    Raises:
      JaxposeError: there are more or fewer, or something else.
    """
    # Strings compare fast as an array, where a list would need a loop over all frames.
    if not isinstance(values, list | np.ndarray) or len(values) != num_frames:
        raise JaxposeError(f"{where}: expected {num_frames} names, one per frame")
    if not all(isinstance(value, str) for value in values):
        raise JaxposeError(f"{where}: expected names, found something else")
    return np.array(values, dtype=np.str_)


def _subject(source: str, where: str) -> str:
    """Returns the subject that a source name states: `S9` for `s_09_act_...`."""
    match = _SOURCE.fullmatch(source)
    subject = f"S{int(match[1])}" if match else ""
    if subject not in facts.SUBJECTS:
        raise JaxposeError(
            f"{where}['source']: {shown(source)} is not like "
            "'s_09_act_05_subact_02_ca_01' "
            f"with a subject of {', '.join(facts.SUBJECTS)}"
        )
    return subject


def _action(source: str, actions: np.ndarray, where: str) -> str:
    """Returns the action of a clip, which all of its frames name."""
    if (actions != actions[0]).any():
        raise JaxposeError(f"{where}['action'] changes within {source}")
    return facts.action_of(facts.canonical_take(str(actions[0])))


def _camera(source: str, camera_names: np.ndarray, where: str) -> Camera:
    """Returns the camera of a clip, which all of its frames name."""
    name = str(camera_names[0])
    if (camera_names != name).any():
        raise JaxposeError(f"{where}['camera_name'] changes within {source}")
    if name not in CAMERA_NAMES:
        raise JaxposeError(
            f"{where}['camera_name']: {shown(name)} is not of {', '.join(CAMERA_NAMES)}"
        )
    return h36m_cameras(_subject(source, where))[CAMERA_NAMES.index(name)]


def to_screen(positions_image: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Converts pixels `[..., 3]` to half image widths, x and y from the image centre.

    Models are trained on `x' = 2x/W - 1`, `y' = 2y/W - H/W`, `z' = 2z/W`.
    """
    # Both axes have the same scale; depth has no origin in the image.
    width, height = image_size
    return positions_image * (2 / width) - np.array([1, height / width, 0])


def clip_examples(
    clips: Iterable[ImageSpaceClip], keypoints_source: str
) -> Iterator[dict[str, object]]:
    """Yields examples of the clip schema with `positions_3d` in half image widths.

    Frames that the published score leaves out are not valid. The scale is NaN in the
    train split, which does not state it.
    """
    for clip in clips:
        width, _ = clip.camera.image_size
        num_frames = len(clip.keypoints_2d)

        # Millimetres per pixel become metres per half image width.
        factor = clip.factor
        if factor is None:
            factor = np.full(num_frames, np.nan)
        positions_mm = clip.positions_mm
        if positions_mm is None:
            positions_mm = np.full(clip.positions_image.shape, np.nan)
        scored = {
            "metres_per_unit": (factor * width / 2 / 1000).astype(np.float32),
            "metric_positions_3d": (positions_mm / 1000).astype(np.float32),
        }
        # The root is at its place in the image, but at no known depth.
        yield scored | clip_example(
            subject=clip.subject,
            action=clip.action,
            take=clip.take,
            camera=clip.camera,
            skeleton=H36M_17,
            keypoints_2d=clip.keypoints_2d,
            positions_3d=to_screen(clip.positions_image, clip.camera.image_size),
            valid=np.full(num_frames, clip.scored),
            fps=FPS,
            keypoints_source=keypoints_source,
            has_absolute_root=False,
        )
