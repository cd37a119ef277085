"""Puts the parts of Human3.6M together: each take with its cameras and its 2D, as clips."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jaxpose.body import cameras, joint_rules
from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets.base import ClipConfig
from jaxpose.datasets.h36m_cameras import FPS, h36m_cameras
from jaxpose.datasets.human36m import facts, videopose3d
from jaxpose.datasets.human36m.metadata import read_cameras
from jaxpose.datasets.human36m.official import OfficialFiles
from jaxpose.datasets.schema import Camera, clip_example
from jaxpose.errors import JaxposeError

# Joints of the keypoint files, by source.
DETECTIONS = {
    "cpn_ft_h36m_dbb": "h36m_17",
    "detectron_ft_h36m": "h36m_17",
    "detectron_pt_coco": "coco_17",
    "sh_ft_h36m": "mpii_16",
    "sh_pt_mpii": "mpii_16",
}
OFFICIAL_2D = "d2"  # the 2D that comes with the official files
PROJECTIONS = {"gt": cameras.project, "gt_linear": cameras.project_linear}


def stacked_hourglass_to_h36m_16(keypoints_2d: np.ndarray) -> np.ndarray:
    """MPII keypoints of a stacked hourglass `[F, 16, 2]` as the Human3.6M joint each stands for.

    The fine-tuned network puts Human3.6M's joints in MPII's places: spine where MPII has the
    thorax, thorax where it has the upper neck. Nothing is computed, only reordered.
    """
    return keypoints_2d[:, [6, 2, 1, 0, 3, 4, 5, 7, 8, 9, 13, 14, 15, 12, 11, 10]]


def _same(positions: np.ndarray) -> np.ndarray:
    return positions


_CONVERSIONS: dict[tuple[str, str], Callable[[np.ndarray], np.ndarray]] = {
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
      positions: `[F, 32, 3]` in the world, or four of them in the camera frames; metres.
      keypoints: four `[F', J, 2]` in pixels; None to project the positions.
      keypoints_skeleton: the joints of `keypoints`.
    """

    subject: str
    name: str
    origin: str
    cameras: tuple[Camera, ...]
    positions: np.ndarray | tuple[np.ndarray, ...]
    keypoints: Sequence[np.ndarray] | None = None
    keypoints_skeleton: str = "h36m_32"

    @property
    def num_frames(self) -> int:
        """`F`, the same for all cameras."""
        return len(
            self.positions
            if isinstance(self.positions, np.ndarray)
            else self.positions[0]
        )


class Recordings:
    """The files a user has: where 3D, cameras and 2D come from.

    Attributes:
      subjects: those with 3D, in published order.
    """

    def __init__(self, path: pathlib.Path, config: ClipConfig):
        """Finds the files `config` needs below `path`.

        Raises:
          JaxposeError: they are not there, or not what they should be.
        """
        self._config = config
        folder = path if path.is_dir() else path.parent
        metadata = sorted(folder.rglob("metadata.xml"))
        self._metadata = metadata[0] if metadata else None
        self._npz_positions = None
        self._official = None
        self._positions_path = folder / videopose3d.POSITIONS_FILE
        if self._positions_path.exists() and config.keypoints_source != OFFICIAL_2D:
            self._npz_positions = videopose3d.read_positions(self._positions_path)
            self.subjects = tuple(
                subject for subject in facts.SUBJECTS if subject in self._npz_positions
            )
        else:
            self._positions_path = path
            self._official = OfficialFiles(path)
            self.subjects = self._official.subjects
        self._keypoints_path = folder / videopose3d.keypoints_file(
            config.keypoints_source
        )
        self._keypoints = self._read_keypoints()

    def takes(self, subject: str) -> list[Take]:
        """The takes of `subject` in published order, without the dropped one.

        Raises:
          JaxposeError: a file is damaged, or the 2D lacks a take that the 3D has.
        """
        lenses = (
            read_cameras(self._metadata, subject)
            if self._metadata
            else h36m_cameras(subject)
        )
        positions = self._positions(subject)
        keypoints, keypoints_skeleton = self._keypoints_of(subject)
        names = [
            name for name in positions if (subject, name) not in facts.DROPPED_TAKES
        ]
        if keypoints is not None and (
            missing := [name for name in names if name not in keypoints]
        ):
            raise JaxposeError(
                f"{self._keypoints_path if self._keypoints else 'D2_Positions'} has no 2D for {subject}, "
                f"take {', '.join(map(repr, missing))}, which the 3D has; get the whole file"
            )
        origin = str(self._positions_path) + (
            f" and {self._keypoints_path.name}" if self._keypoints else ""
        )
        return [
            Take(
                subject=subject,
                name=name,
                origin=origin,
                cameras=lenses,
                positions=positions[name],
                keypoints=keypoints and keypoints[name],
                keypoints_skeleton=keypoints_skeleton,
            )
            for name in facts.published_order(subject, names)
        ]

    def _positions(
        self, subject: str
    ) -> dict[str, np.ndarray] | dict[str, tuple[np.ndarray, ...]]:
        if self._npz_positions is not None:
            return self._npz_positions[subject]
        if self._official.has("D3_Positions", subject):
            return self._official.read_world(subject)
        return self._official.read_in_cameras(subject)

    def _read_keypoints(self) -> dict[str, dict[str, Sequence[np.ndarray]]] | None:
        source = self._config.keypoints_source
        if source in DETECTIONS:
            joints = DETECTIONS[source]
        elif (
            source == "gt"
            and self._config.skeleton in ("h36m_17", "h36m_16")
            and self._keypoints_path.exists()
        ):
            joints = "h36m_17"
        else:
            return None
        self._keypoints_skeleton = joints
        if not self._keypoints_path.exists():
            raise JaxposeError(
                f"{self._keypoints_path} does not exist: the 2D of {source!r} is read from it, beside the 3D "
                "files; VideoPose3D's DATASETS.md says where to get it"
            )
        return videopose3d.read_keypoints(self._keypoints_path, get_skeleton(joints))

    def _keypoints_of(
        self, subject: str
    ) -> tuple[dict[str, Sequence[np.ndarray]] | None, str]:
        if self._config.keypoints_source == OFFICIAL_2D:
            return self._official.read_keypoints(subject), "h36m_32"
        if self._keypoints is None:
            return None, "h36m_32"
        if subject not in self._keypoints:
            raise JaxposeError(
                f"{self._keypoints_path} has no subject {subject}, which the 3D has; it has "
                f"{', '.join(self._keypoints)}"
            )
        return self._keypoints[subject], self._keypoints_skeleton


def clips(take: Take, config: ClipConfig) -> Iterator[dict[str, object]]:
    """The take as its four cameras see it: examples of the clip schema.

    2D that is longer than the 3D track is cut to it (protocol P.3).

    Raises:
      JaxposeError: the 2D of a camera is shorter than the 3D, or a number is not finite.
    """
    try:
        yield from _clips(take, config)
    except JaxposeError as error:
        raise JaxposeError(f"{take.origin}: {error}") from None


def _clips(take: Take, config: ClipConfig) -> Iterator[dict[str, object]]:
    skeleton = get_skeleton(config.skeleton)
    keypoints_skeleton = get_skeleton(config.keypoints_skeleton or config.skeleton)
    linear = config.keypoints_source == "gt_linear"
    for index, camera in enumerate(take.cameras):
        positions_3d = _CONVERSIONS["h36m_32", skeleton.name](_in_camera(take, index))
        if take.keypoints is None:
            keypoints_2d = _projected(positions_3d, camera, config.keypoints_source)
        else:
            detected = take.keypoints[index]
            if len(detected) < len(positions_3d):
                raise JaxposeError(
                    f"{take.subject}, take {take.name!r}, camera {camera.name}: {len(detected)} frames of 2D "
                    f"({config.keypoints_source}) for {len(positions_3d)} of 3D; the 2D must not be shorter: "
                    "are both files of the same release?"
                )
            convert_keypoints = _CONVERSIONS[
                take.keypoints_skeleton, keypoints_skeleton.name
            ]
            keypoints_2d = convert_keypoints(detected[: len(positions_3d)])
        yield clip_example(
            subject=take.subject,
            action=facts.action_of(take.name),
            take=take.name,
            camera=dataclasses.replace(camera, distortion=None) if linear else camera,
            skeleton=skeleton,
            keypoints_2d=keypoints_2d,
            positions_3d=positions_3d,
            fps=FPS,
            keypoints_source=config.keypoints_source,
            keypoints_skeleton=keypoints_skeleton,
        )


def _in_camera(take: Take, index: int) -> np.ndarray:
    if not isinstance(take.positions, np.ndarray):
        return take.positions[index]
    camera = take.cameras[index]
    return cameras.world_to_camera(
        take.positions.astype(np.float64),
        np.array(camera.orientation),
        np.array(camera.translation),
    )


def _projected(positions_3d: np.ndarray, camera: Camera, source: str) -> np.ndarray:
    vector = cameras.normalized_intrinsics(
        np.array(camera.intrinsics), np.array(camera.distortion), camera.image_size
    )
    screen = PROJECTIONS[source](positions_3d.astype(np.float64), vector)
    return cameras.image_coordinates(screen, camera.image_size)
