"""Scores lifters on real recordings: 2D files, calibration and marker truth."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from experiments.wild_truth import LIMBS, Markers, find_camera, read_trc
from jaxpose import metrics
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.pose import Pose, root
from jaxpose.recordings import reader
from jaxpose.recordings.calibration import (
    CalibratedCamera,
    calibrated,
    is_named,
    read_calibration,
)
from jaxpose.recordings.files import read_detections
from jaxpose.recordings.joints import to_model_joints
from jaxpose.recordings.options import Options
from jaxpose.recordings.recording import Recording
from jaxpose.wording import one_line

Lift = Callable[[Recording], Pose]

MILLIMETRES = 1000.0
_CALIBRATIONS = (".toml", ".yml", ".yaml", ".xml")
_LIMB_NUMBERS = {limb: number for number, limb in enumerate(LIMBS)}
# Between truth and keypoints, in focal lengths: more means that they are not the same.
_WORST_FIT = 0.05


@dataclasses.dataclass(frozen=True)
class Scene:
    """A person with keypoints and truth.

    Attributes:
      name: of the file or folder of keypoints, from the folder that was given.
      recording: the keypoints, with the lens of their camera.
      truth: `[F, 12, 3]` metres, joints of `experiments.wild_truth.LIMBS`, in the axes
        of the camera, relative to the middle of the hips; NaN where not known.
      fit: median distance of truth and keypoints, pixels.
    """

    name: str
    recording: Recording
    truth: np.ndarray
    fit: float


def find_scenes(folder: pathlib.Path) -> tuple[list[Scene], list[str]]:
    """Reads all recordings below a folder that have a calibration and a truth.

    Each recording takes the TRC file and the calibration that lie nearest in the tree.
    Image size and rate come from these two where the file of keypoints does not say.

    Returns:
      The scenes, and a sentence per recording that cannot be scored.

    Raises:
      JaxposeError: the folder does not exist, or holds no keypoints.
    """
    files = read_detections(folder)
    if not files.detections:
        raise JaxposeError(f"--real={folder} holds no keypoints that can be read")
    truths = sorted(folder.rglob("*.trc"))
    places = [pathlib.Path(detections.where) for detections in files.detections]
    # Sports2D's keypoints are TRC files themselves.
    truths = [path for path in truths if path not in places]
    cameras = _read_calibrations(folder)
    scenes, failed = [], []
    for where in places:
        others = [place for place in places if place != where]
        try:
            truth = _only(where, "TRC file", _nearest(where, truths, others))
            lens = _only(where, "calibration", _nearest(where, list(cameras), others))
            scene = _scene(where, truth, lens, cameras[lens])
            name = where.relative_to(folder).as_posix()
            scenes.append(dataclasses.replace(scene, name=name))
        except JaxposeError as error:
            failed.append(one_line(error))
    return scenes, failed


def _scene(
    where: pathlib.Path,
    truth_file: pathlib.Path,
    calibration: pathlib.Path,
    cameras: list[CalibratedCamera],
) -> Scene:
    """Returns the main person of one video, with its truth.

    Args:
      where: file or folder of its keypoints.
      truth_file: TRC file.
      calibration: file of the cameras.
      cameras: what it holds.

    Raises:
      JaxposeError: something does not fit.
    """
    markers = read_trc(truth_file)
    recording = _read(where, cameras, calibration, markers)
    recording = calibrated(recording, cameras, str(calibration))
    camera = recording.camera
    if camera.intrinsics is None:
        raise JaxposeError(f"{where}: {calibration} has no lens of its camera")
    truth = markers.at(recording.times)
    is_known = np.isfinite(truth).all(axis=-1)
    if not is_known.any():
        first, last = recording.times[[0, -1]]
        raise JaxposeError(
            f"{where}: keypoints are from {first:.2f} to {last:.2f} s, the truth from "
            f"{markers.times[0]:.2f} to {markers.times[-1]:.2f} s; they share no time"
        )
    # Both in the axes of the camera: it stands where the truth falls on the keypoints.
    seen = to_model_joints(recording.keypoints_2d, recording.layout)
    seen = seen[:, _limbs_of("h36m_17")]
    rays = root.to_rays(seen, camera.intrinsics, camera.distortion)
    usable = is_known & np.isfinite(rays).all(axis=-1)
    rotation, _, fit = find_camera(truth[usable], rays[usable])
    if fit > _WORST_FIT:
        raise JaxposeError(
            f"{where}: the truth falls {fit * camera.intrinsics[0]:.0f} pixels from "
            "the keypoints; expected the same person, rate, and clock, and a camera "
            "that stands still"
        )
    turned = truth @ rotation.T
    hips = [_LIMB_NUMBERS["left_hip"], _LIMB_NUMBERS["right_hip"]]
    turned = turned - turned[:, hips].mean(axis=1, keepdims=True)
    return Scene(where.stem, recording, turned, fit * camera.intrinsics[0])


def _read(
    where: pathlib.Path,
    cameras: Sequence[CalibratedCamera],
    calibration: pathlib.Path,
    markers: Markers,
) -> Recording:
    """Returns the main person; size and rate as the file says, or those given here."""
    sizes = {camera.image_size for camera in cameras if camera.image_size}
    for camera in cameras:
        if camera.image_size and is_named(camera.name, str(where)):
            sizes = {camera.image_size}
    given: dict[str, Any] = {}
    if len(sizes) == 1:
        width, height = sizes.pop()
        given["image_size"] = int(width), int(height)
    given["fps"] = markers.rate
    # Whatever the file says comes first: as little is stated as it takes.
    for names in ((), ("image_size",), ("fps",), tuple(given)):
        stated = {name: given[name] for name in names if name in given}
        reading = reader.read_with(where, Options(person=1, **stated))
        if reading.recordings:
            return reading.recordings[0]
    raise JaxposeError(reader.why_nothing(where, reading))


def _nearest(
    where: pathlib.Path, files: Sequence[pathlib.Path], others: Sequence[pathlib.Path]
) -> list[pathlib.Path]:
    """Returns the files that belong to a recording.

    They are below the nearest folder around it that holds any. A file that shares a
    deeper folder with another recording belongs to that one.

    Args:
      where: file or folder of the recording.
      files: those to choose from.
      others: the other recordings.
    """
    own: list[pathlib.Path] = []
    depth = 0
    for path in files:
        shared = _shared_folders(where, path)
        if any(_shared_folders(other, path) > shared for other in others):
            continue
        if shared > depth:
            own, depth = [], shared
        if shared == depth:
            own.append(path)
    # Several may be named after their recordings.
    named = [path for path in own if path.stem.lower() in where.stem.lower()]
    return named if len(named) == 1 else own


def _shared_folders(a: pathlib.Path, b: pathlib.Path) -> int:
    """Returns how many folders two files share, from the root on."""
    shared = 0
    for one, other in zip(a.parent.parts, b.parent.parts, strict=False):
        if one != other:
            break
        shared += 1
    return shared


def _only(
    where: pathlib.Path, what: str, found: Sequence[pathlib.Path]
) -> pathlib.Path:
    """Returns the only file of its kind that belongs to a recording.

    Raises:
      JaxposeError: there is none, or it is not clear which.
    """
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:3]) or "none"
        raise JaxposeError(
            f"{where}: expected one {what} beside it or above, found {names}"
        )
    return found[0]


def _read_calibrations(
    folder: pathlib.Path,
) -> dict[pathlib.Path, list[CalibratedCamera]]:
    """Returns the cameras of each calibration below a folder."""
    cameras = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _CALIBRATIONS or not path.is_file():
            continue
        # Settings of other programs have the same endings.
        with contextlib.suppress(JaxposeError):
            cameras[path] = read_calibration(path)
    return cameras


def _limbs_of(skeleton: str) -> list[int]:
    """Returns the places of `LIMBS` among the joints of a skeleton."""
    joints = get_skeleton(skeleton).joints
    return [joints.index(limb) for limb in LIMBS]


def score_pose(pose: Pose, scene: Scene) -> dict[str, Any]:
    """Computes the errors of the frames in which all limbs of the truth are known.

    Limbs that the truth never has are left out. Both poses are relative to the middle
    of their hips.

    Returns:
      What `experiments.wild.score` returns, and `frames`.

    Raises:
      JaxposeError: no frame has them all.
    """
    has_truth = np.isfinite(scene.truth).all(axis=-1)
    limbs = np.flatnonzero(has_truth.any(axis=0))
    frames = np.flatnonzero(has_truth[:, limbs].all(axis=1))
    if not len(frames):
        raise JaxposeError(f"{scene.recording.where}: no frame has its whole truth")
    predicted = pose.positions_3d[:, _limbs_of(pose.skeleton)]
    hips = [_LIMB_NUMBERS["left_hip"], _LIMB_NUMBERS["right_hip"]]
    predicted = predicted - predicted[:, hips].mean(axis=1, keepdims=True)
    poses, truth = (array[np.ix_(frames, limbs)] for array in (predicted, scene.truth))
    error = (poses - truth) * MILLIMETRES
    lengths = np.linalg.norm(error, axis=-1)
    per_joint = {}
    for number, limb in enumerate(limbs):
        per_joint[LIMBS[limb]] = float(lengths[:, number].mean())
    aligned = metrics.p_mpjpe_per_pose(poses, truth)
    return {
        "frames": len(frames),
        "mpjpe": float(lengths.mean()),
        "p_mpjpe": float(aligned.mean()) * MILLIMETRES,
        "depth": float(np.abs(error[..., 2]).mean()),
        "in_plane": float(np.linalg.norm(error[..., :2], axis=-1).mean()),
        "jitter": _jitter(poses, frames),
        "true_jitter": _jitter(truth, frames),
        "per_joint": per_joint,
    }


def _jitter(positions_3d: np.ndarray, frames: np.ndarray) -> float:
    """Returns the mean second difference of neighbours in mm, NaN without any."""
    together = (np.diff(frames[:-1]) == 1) & (np.diff(frames[1:]) == 1)
    differences = np.diff(positions_3d, n=2, axis=0)[together]
    if not len(differences):
        return float("nan")
    return float(np.linalg.norm(differences, axis=-1).mean()) * MILLIMETRES


def constant(positions_3d: np.ndarray) -> Lift:
    """Returns what lifts every frame to the same pose `[17, 3]`, metres."""

    def lift(recording: Recording) -> Pose:
        frames = len(recording.frames)
        shape = (frames, *positions_3d.shape)
        return Pose(
            name=recording.name,
            positions_3d=np.broadcast_to(positions_3d, shape).astype(np.float64),
            seen=np.zeros(shape[:2], bool),
            frames=recording.frames,
            times=recording.times,
            keypoints_2d=np.full((*shape[:2], 2), np.nan),
            camera=recording.camera,
        )

    return lift


def run_real(scenes: Sequence[Scene], models: dict[str, Lift]) -> list[dict[str, Any]]:
    """Scores every model on every scene; rows as of `experiments.wild.run_bench`."""
    rows = []
    for scene in scenes:
        recording = scene.recording
        where = {
            "data": "real",
            "cameras": scene.name,
            "detector": recording.format,
            "fit": scene.fit,
        }
        for name, lift in models.items():
            row = where | {"model": name}
            rows.append(row | score_pose(lift(recording), scene))
    return rows
