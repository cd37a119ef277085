"""The pickles of the LCN and MotionBERT line of work: Human3.6M in image space.

Positions there are pixels: x and y as the image shows them, z in the same scale. A factor per
frame, given for the test subjects only, turns them into millimetres. There is no metric 3D to
train on, so models predict image space, and the published score multiplies by the factor.
"""

import dataclasses
import pathlib
import re
from collections.abc import Iterable, Iterator

import numpy as np

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets.arrays import require_array, require_key
from jaxpose.datasets.h36m_cameras import CAMERA_NAMES, FPS, h36m_cameras
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.restricted import load_pickle
from jaxpose.datasets.schema import Camera, clip_example
from jaxpose.errors import JaxposeError

FILES = {  # by keypoints_source
    "motionbert_sh": "h36m_sh_conf_cam_source_final.pkl",
    "motionbert_cpn": "h36m_cpn_cam_source.pkl",
}
TRAIN_FRAMES = facts.TRAIN_FRAMES
TEST_FRAMES = 566_920  # some clips of S9 are not cut to the 3D track

# The takes of `facts.DRIFTING_TAKES`; the published score leaves them out.
UNSCORED = frozenset(
    {"s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01"}
)

_SOURCE = re.compile(r"s_(\d\d)_act_\d\d_subact_\d\d_ca_\d\d")


@dataclasses.dataclass(frozen=True)
class ImageSpaceClip:
    """One clip of the pickle, `F` frames on the joints of H36M_17.

    Attributes:
      source: its name there, such as `s_09_act_05_subact_02_ca_01`.
      subject: `S9`.
      action: what per-action means group by.
      camera: the camera.
      keypoints_2d: `[F, 17, 2]`, pixels.
      confidence: `[F, 17]`, of the detector; ones where the file has none.
      positions_image: `[F, 17, 3]`, pixels.
      factor: `[F]`, millimetres per pixel; None in the train split.
      positions_mm: `[F, 17, 3]`, the truth that is scored, millimetres; None in the train split.
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
        """The recording, which the four cameras share: `s_09_act_05_subact_02`."""
        return self.source[:-6]

    @property
    def scored(self) -> bool:
        """Whether the published score counts it."""
        return self.take not in UNSCORED


def read_clips(path: pathlib.Path, split: str) -> list[ImageSpaceClip]:
    """The clips of `train` or `test`: runs of frames with one `source`.

    Raises:
      JaxposeError: the file is missing or damaged, lacks a key, or an entry is not what it should be.
    """
    data = require_key(load_pickle(path), split, str(path))
    where = f"{path}: {split!r}"
    keypoints_2d = require_array(
        require_key(data, "joint_2d", where), f"{where}['joint_2d']", (None, 17, 2)
    )
    frames = len(keypoints_2d)

    def numbers(key: str, *shape: int) -> np.ndarray:
        return require_array(
            require_key(data, key, where), f"{where}[{key!r}]", (frames, *shape)
        )

    positions_image = numbers("joint3d_image", 17, 3)
    confidence = np.ones((frames, 17))
    if "confidence" in data:
        confidence = data["confidence"]
        if isinstance(confidence, np.ndarray) and confidence.ndim == 3:
            confidence = confidence[..., 0]
        confidence = require_array(confidence, f"{where}['confidence']", (frames, 17))
    factor = positions_mm = None
    if split == "test":
        factor, positions_mm = (
            numbers("2.5d_factor"),
            numbers("joints_2.5d_image", 17, 3),
        )
    sources, camera_names, actions = (
        _names(require_key(data, key, where), frames, f"{where}[{key!r}]")
        for key in ("source", "camera_name", "action")
    )
    starts = np.flatnonzero(np.r_[True, sources[1:] != sources[:-1]])
    clips = []
    for start, end in zip(starts, [*starts[1:], frames], strict=True):
        subject, camera, action = _meaning(
            sources[start], camera_names[start:end], actions[start:end], where
        )
        clips.append(
            ImageSpaceClip(
                source=sources[start],
                subject=subject,
                action=action,
                camera=camera,
                keypoints_2d=keypoints_2d[start:end],
                confidence=confidence[start:end],
                positions_image=positions_image[start:end],
                factor=None if factor is None else factor[start:end],
                positions_mm=None if positions_mm is None else positions_mm[start:end],
            )
        )
    return clips


def _names(values: object, frames: int, where: str) -> np.ndarray:
    if not isinstance(values, list | np.ndarray) or len(values) != frames:
        raise JaxposeError(f"{where}: expected {frames} names, one a frame")
    if not all(isinstance(value, str) for value in values):
        raise JaxposeError(f"{where}: expected names, found something else")
    return np.array(values, dtype=np.str_)


def _meaning(
    source: str, camera_names: np.ndarray, actions: np.ndarray, where: str
) -> tuple[str, Camera, str]:
    match = _SOURCE.fullmatch(source)
    subject = f"S{int(match[1])}" if match else ""
    if subject not in facts.SUBJECTS:
        raise JaxposeError(
            f"{where}['source']: {str(source)!r} is not like 's_09_act_05_subact_02_ca_01' with a subject of "
            f"{', '.join(facts.SUBJECTS)}"
        )
    for key, values in (("camera_name", camera_names), ("action", actions)):
        if (values != values[0]).any():
            raise JaxposeError(f"{where}[{key!r}] changes within {source}")
    if camera_names[0] not in CAMERA_NAMES:
        raise JaxposeError(
            f"{where}['camera_name']: {str(camera_names[0])!r} is not of {', '.join(CAMERA_NAMES)}"
        )
    camera = h36m_cameras(subject)[CAMERA_NAMES.index(camera_names[0])]
    return subject, camera, facts.action_of(facts.canonical_take(str(actions[0])))


def to_screen(positions_image: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Pixels `[..., 3]` in units of half the image width, x and y from the middle of the image.

    `x' = 2x/W - 1`, `y' = 2y/W - H/W`, `z' = 2z/W`: what models are trained on.
    """
    width, height = image_size
    return positions_image * (2 / width) - np.array([1, height / width, 0])


def clip_examples(
    clips: Iterable[ImageSpaceClip], keypoints_source: str
) -> Iterator[dict[str, object]]:
    """Examples of the clip schema in image space, whose `positions_3d` are `to_screen`, not metres.

    Frames that the published score leaves out are not valid. What the train split does not say
    about the scale is NaN.
    """
    for clip in clips:
        width, _ = clip.camera.image_size
        factor = (
            np.full(len(clip.keypoints_2d), np.nan)
            if clip.factor is None
            else clip.factor
        )
        unknown = np.full(clip.positions_image.shape, np.nan)
        scored = {
            "metres_per_unit": (factor * width / 2 / 1000).astype(np.float32),
            "metric_positions_3d": np.float32(
                unknown if clip.positions_mm is None else clip.positions_mm / 1000
            ),
        }
        yield scored | clip_example(
            subject=clip.subject,
            action=clip.action,
            take=clip.take,
            camera=clip.camera,
            skeleton=H36M_17,
            keypoints_2d=clip.keypoints_2d,
            positions_3d=to_screen(clip.positions_image, clip.camera.image_size),
            valid=np.full(len(clip.keypoints_2d), clip.scored),
            fps=FPS,
            keypoints_source=keypoints_source,
            has_absolute_root=False,
        )
