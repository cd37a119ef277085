"""Joins the parts of Human3.6M: each take with its cameras and its 2D, as clips."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxpose.body import cameras, joint_rules
from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets.base import ClipConfig
from jaxpose.datasets.camera import Camera
from jaxpose.datasets.h36m_cameras import FPS, h36m_cameras
from jaxpose.datasets.human36m import facts, videopose3d
from jaxpose.datasets.human36m.metadata import read_cameras
from jaxpose.datasets.human36m.official import OfficialFiles
from jaxpose.datasets.schema import clip_example
from jaxpose.errors import JaxposeError
from jaxpose.wording import cut, shown

# Joints of the keypoint files, by source.
DETECTIONS = {
    "cpn_ft_h36m_dbb": "h36m_17",
    "detectron_ft_h36m": "h36m_17",
    "detectron_pt_coco": "coco_17",
    "sh_ft_h36m": "mpii_16",
    "sh_pt_mpii": "mpii_16",
}
OFFICIAL_2D = "d2"  # the 2D that comes with the official files
# 2D that is made here from the 3D: with the full distortion model, and by a pinhole.
PROJECTIONS = {"gt": cameras.project, "gt_linear": cameras.project_linear}

# A take's four arrays, in camera order.
Views = Sequence[np.ndarray]
Convert = Callable[[Any], Any]  # joints of an array `[F, J, C]`

# Index in MPII's order of each joint of H36M_16, for the fine-tuned stacked hourglass.
_STACKED_HOURGLASS = [6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10]


def stacked_hourglass_to_h36m_16(keypoints_2d: np.ndarray) -> np.ndarray:
    """Reorders keypoints of a stacked hourglass `[F, 16, 2]` to H36M_16.

    The fine-tuned network puts Human3.6M's joints in MPII's places: spine where MPII
    has the thorax, thorax where it has the upper neck. No joint is computed.
    """
    return keypoints_2d[:, _STACKED_HOURGLASS]


def _same(positions: np.ndarray) -> np.ndarray:
    """Returns its argument, for joints that need no conversion."""
    return positions


# By (joints of a file, joints of a config).
_CONVERSIONS: dict[tuple[str, str], Convert] = {
    ("h36m_32", "h36m_32"): _same,
    ("h36m_32", "h36m_19"): joint_rules.h36m_32_to_h36m_19,
    ("h36m_32", "h36m_17"): joint_rules.h36m_32_to_h36m_17,
    ("h36m_32", "h36m_16"): joint_rules.h36m_32_to_h36m_16,
    ("h36m_17", "h36m_17"): _same,
    ("h36m_17", "h36m_16"): joint_rules.h36m_17_to_h36m_16,
    ("coco_17", "coco_17"): _same,
    ("mpii_16", "mpii_16"): _same,
    ("mpii_16", "h36m_16"): stacked_hourglass_to_h36m_16,
}


@dataclasses.dataclass(frozen=True)
class Take:
    """One recording, as read.

    Attributes:
      subject: `S1`, ...
      name: canonical take name.
      origin: the files it comes from, for error messages.
      cameras: the four cameras.
      positions: `[F, 32, 3]` in the world, or four of them in the camera frames;
        metres.
      keypoints: four `[F', J, 2]` in pixels; None to project the positions.
      keypoints_skeleton: the joints of `keypoints`.
    """

    subject: str
    name: str
    origin: str
    cameras: tuple[Camera, ...]
    positions: np.ndarray | tuple[np.ndarray, ...]
    keypoints: Views | None = None
    keypoints_skeleton: str = "h36m_32"

    @property
    def num_frames(self) -> int:
        """Returns the number of frames `F`, the same for all cameras."""
        if isinstance(self.positions, tuple):
            return len(self.positions[0])
        return len(self.positions)

    def positions_in_camera(self, index: int) -> np.ndarray:
        """Returns `[F, 32, 3]` in the frame of one camera, metres."""
        if isinstance(self.positions, tuple):
            return self.positions[index]
        # float64: the centres of the cameras are metres away, the joints millimetres.
        camera = self.cameras[index]
        positions_3d = cameras.world_to_camera(
            self.positions.astype(np.float64),
            np.array(camera.orientation),
            np.array(camera.translation),
        )
        return np.asarray(positions_3d)


class Recordings:
    """The files a user has: the sources of 3D, cameras and 2D.

    Attributes:
      subjects: subjects with 3D, in published order.
    """

    def __init__(self, path: pathlib.Path, config: ClipConfig):
        """Finds the files that `config` needs below `path`.

        Raises:
          JaxposeError: they are missing or damaged.
        """
        self._source = config.keypoints_source
        folder = path if path.is_dir() else path.parent

        # Cameras: the official file where it is there, else the published constants.
        metadata = sorted(folder.rglob("metadata.xml"))
        self._metadata = metadata[0] if metadata else None

        # 3D: VideoPose3D's file where it is there. The official 2D needs official 3D.
        self._npz_positions: dict[str, dict[str, np.ndarray]] | None = None
        self._official: OfficialFiles | None = None
        npz_path = folder / videopose3d.POSITIONS_FILE
        if npz_path.exists() and self._source != OFFICIAL_2D:
            self._positions_path = npz_path
            self._npz_positions = videopose3d.read_positions(npz_path)
            present = self._npz_positions
            self.subjects = tuple(name for name in facts.SUBJECTS if name in present)
        else:
            self._positions_path = path
            self._official = OfficialFiles(path)
            self.subjects = self._official.subjects

        # 2D from a file of its own: detections always, projections if the file is
        # there.
        self._keypoints_path = folder / videopose3d.keypoints_file(self._source)
        self._keypoints_skeleton = DETECTIONS.get(self._source)
        if self._source == "gt" and config.skeleton in ("h36m_17", "h36m_16"):
            has_file = self._keypoints_path.exists()
            self._keypoints_skeleton = "h36m_17" if has_file else None
        self._keypoints = self._read_keypoints()

    def takes(self, subject: str) -> list[Take]:
        """Returns the takes of `subject` in published order, without the dropped one.

        Raises:
          JaxposeError: a file is damaged, or the 2D lacks a take that the 3D has.
        """
        subject_cameras = h36m_cameras(subject)
        if self._metadata is not None:
            subject_cameras = read_cameras(self._metadata, subject)
        positions = self._positions_of(subject)
        names = [key for key in positions if (subject, key) not in facts.DROPPED_TAKES]
        keypoints, keypoints_skeleton = self._keypoints_of(subject)
        if keypoints is not None:
            self._require_takes(keypoints, subject, names)

        origin = str(self._positions_path)
        if self._keypoints is not None:
            origin += f" and {self._keypoints_path.name}"
        takes = []
        for name in facts.published_order(subject, names):
            take = Take(
                subject=subject,
                name=name,
                origin=origin,
                cameras=subject_cameras,
                positions=positions[name],
                keypoints=None if keypoints is None else keypoints[name],
                keypoints_skeleton=keypoints_skeleton,
            )
            takes.append(take)
        return takes

    def _require_takes(
        self, keypoints: Mapping[str, Views], subject: str, names: list[str]
    ) -> None:
        """Raises JaxposeError if the 2D lacks one of the takes `names`."""
        missing = [repr(name) for name in names if name not in keypoints]
        if missing:
            path = "D2_Positions" if self._keypoints is None else self._keypoints_path
            raise JaxposeError(
                f"{path} has no 2D for {subject}, take {cut(', '.join(missing))}, "
                "which the "
                "3D has; get the whole file"
            )

    def _positions_of(
        self, subject: str
    ) -> Mapping[str, np.ndarray | tuple[np.ndarray, ...]]:
        """Returns `Take.positions` of a subject, by take."""
        if self._npz_positions is not None:
            return self._npz_positions[subject]
        official = self._require_official()
        if official.has("D3_Positions", subject):
            return official.read_world(subject)
        return official.read_in_cameras(subject)

    def _require_official(self) -> OfficialFiles:
        """Returns the official files, which are open unless the 3D is VideoPose3D's."""
        assert self._official is not None
        return self._official

    def _read_keypoints(self) -> Mapping[str, Mapping[str, Views]] | None:
        """Returns the 2D of VideoPose3D's file, or None where none is to be read.

        Raises:
          JaxposeError: the file is missing or damaged.
        """
        if self._keypoints_skeleton is None:
            return None
        if not self._keypoints_path.exists():
            raise JaxposeError(
                f"{self._keypoints_path} does not exist: the 2D of {self._source!r} is "
                "read from it, beside the 3D files; VideoPose3D's DATASETS.md says "
                "where to get it"
            )
        skeleton = get_skeleton(self._keypoints_skeleton)
        return videopose3d.read_keypoints(self._keypoints_path, skeleton)

    def _keypoints_of(self, subject: str) -> tuple[Mapping[str, Views] | None, str]:
        """Returns the 2D of a subject by take, or None to project; and its joints.

        Raises:
          JaxposeError: the file lacks the subject.
        """
        if self._source == OFFICIAL_2D:
            return self._require_official().read_keypoints(subject), "h36m_32"
        if self._keypoints is None or self._keypoints_skeleton is None:
            return None, "h36m_32"
        if subject not in self._keypoints:
            raise JaxposeError(
                f"{self._keypoints_path} has no subject {subject}, which the 3D has; "
                f"it has {cut(', '.join(self._keypoints))}"
            )
        return self._keypoints[subject], self._keypoints_skeleton


def take_examples(take: Take, config: ClipConfig) -> Iterator[dict[str, object]]:
    """Yields the clips of a take, one per camera: examples of the clip schema.

    2D that is longer than the 3D track is cut to it (protocol P.3).

    Raises:
      JaxposeError: the 2D of a camera is shorter than the 3D, or a number is not
        finite.
    """
    try:
        for index in range(len(take.cameras)):
            yield _example(take, index, config)
    except JaxposeError as error:
        raise JaxposeError(f"{take.origin}: {error}") from None


def _example(take: Take, index: int, config: ClipConfig) -> dict[str, object]:
    """Returns the clip of one camera."""
    camera = take.cameras[index]
    skeleton = get_skeleton(config.skeleton)
    keypoints_skeleton = get_skeleton(config.keypoints_skeleton or config.skeleton)
    convert_positions = _CONVERSIONS["h36m_32", skeleton.name]
    positions_3d = convert_positions(take.positions_in_camera(index))

    if take.keypoints is None:
        keypoints_2d = _projected(positions_3d, camera, config.keypoints_source)
    else:
        detected = take.keypoints[index]
        if len(detected) < len(positions_3d):
            raise JaxposeError(
                f"{take.subject}, take {shown(take.name)}, camera {camera.name}: "
                f"{len(detected)} frames of 2D ({config.keypoints_source}) for "
                f"{len(positions_3d)} of 3D; the 2D must not be shorter: are both "
                "files of the same release?"
            )
        convert_keypoints = _CONVERSIONS[
            take.keypoints_skeleton, keypoints_skeleton.name
        ]
        keypoints_2d = convert_keypoints(detected[: len(positions_3d)])

    # The pinhole that made the 2D is the camera of the clip.
    if config.keypoints_source == "gt_linear":
        camera = dataclasses.replace(camera, distortion=None)
    return clip_example(
        subject=take.subject,
        action=facts.action_of(take.name),
        take=take.name,
        camera=camera,
        skeleton=skeleton,
        keypoints_2d=keypoints_2d,
        positions_3d=positions_3d,
        fps=FPS,
        keypoints_source=config.keypoints_source,
        keypoints_skeleton=keypoints_skeleton,
    )


def _projected(positions_3d: np.ndarray, camera: Camera, source: str) -> np.ndarray:
    """Projects `[F, J, 3]`, camera frame, metres, to pixels `[F, J, 2]`."""
    vector = cameras.normalized_intrinsics(
        np.array(camera.intrinsics), np.array(camera.distortion), camera.image_size
    )
    screen = PROJECTIONS[source](positions_3d.astype(np.float64), vector)
    return np.asarray(cameras.image_coordinates(screen, camera.image_size))
