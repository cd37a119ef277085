"""Reads MPI-INF-3DHP's own files and P-STMO's npz pair.

Every reader returns arrays in the units of the files: pixels, millimetres in the camera
frame, and the 17 "relevant" joints.
"""

import dataclasses
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from jaxpose.body.cameras import quaternion_from_matrix
from jaxpose.body.joint_rules import convert_joints
from jaxpose.datasets.arrays import require_array, require_extra, require_key
from jaxpose.datasets.camera import Camera
from jaxpose.datasets.hdf5_file import read_datasets
from jaxpose.datasets.mat_file import load_mat
from jaxpose.datasets.mpi_inf_3dhp import facts
from jaxpose.datasets.restricted import load_npz
from jaxpose.errors import JaxposeError
from jaxpose.regular_files import read_regular
from jaxpose.wording import cut, shown

NUM_CAMERAS = 14  # in annot.mat
TRAIN_NPZ = "data_train_3dhp.npz"
TEST_NPZ = "data_test_3dhp.npz"
_MAX_CALIBRATION = 2**20  # bytes of a file of cameras


@dataclasses.dataclass(frozen=True)
class View:
    """A sequence from one camera.

    Attributes:
      keypoints_2d: `[F, 17, 2]`, pixels.
      positions_3d: `[F, 17, 3]`, millimetres, camera frame.
      valid: `[F]` bool: frames that are scored; all of them in training sequences.
      activity: `[F]` int8: 1 to 7 (`facts.ACTIVITIES`), 0 where the file does not say.
    """

    keypoints_2d: np.ndarray
    positions_3d: np.ndarray
    valid: np.ndarray
    activity: np.ndarray

    def first_frames(self, num_frames: int) -> "View":
        """Returns the view without the frames after the first `num_frames`."""
        return View(
            self.keypoints_2d[:num_frames],
            self.positions_3d[:num_frames],
            self.valid[:num_frames],
            self.activity[:num_frames],
        )


def load_annot_mat(path: pathlib.Path, annotation: str) -> dict[int, View]:
    """Reads `S1/Seq1/annot.mat`, a training annotation.

    `annot2` and `annot3` (or `univ_annot3`) are 14 x 1 cells of `[F, 56]` and `[F,
    84]`.

    Args:
      path: the file.
      annotation: `annot3` or `univ_annot3`.

    Returns:
      One view per camera of `facts.CAMERAS`.

    Raises:
      JaxposeError: the file is damaged, or a key, camera or shape is not as documented.
    """
    held = load_mat(path, ("annot2", annotation, "cameras"))
    cameras = require_array(held["cameras"], f"{path}: cameras", (1, NUM_CAMERAS))[0]
    views = {}
    for camera in facts.CAMERAS:
        if camera not in cameras:
            raise JaxposeError(
                f"{path}: cameras holds {cameras.tolist()}; camera {camera} is missing"
            )
        # The cells are in the order of the camera numbers in `cameras`.
        place = int((cameras == camera).argmax())
        keypoints_2d = _cell(path, "annot2", held["annot2"], place, 2)
        positions_3d = _cell(path, annotation, held[annotation], place, 3)
        views[camera] = _view(keypoints_2d, positions_3d, f"{path}: camera {camera}")
    return views


def _cell(
    path: pathlib.Path, key: str, cells: np.ndarray | None, place: int, channels: int
) -> np.ndarray:
    """Returns the `[F, 17, channels]` in one cell of `annot.mat`.

    Raises:
      JaxposeError: this is no cell array, or its arrays have another shape.
    """
    if cells is None or cells.dtype != object or cells.shape != (NUM_CAMERAS, 1):
        found = "no array"
        if cells is not None:
            found = f"an array {list(cells.shape)} of {cells.dtype}"
        raise JaxposeError(
            f"{path}: {key} is {found}; expected a {NUM_CAMERAS} x 1 cell array"
        )
    # Frames beyond the usable ones may hold any numbers, so finite numbers are required
    # of the clip instead, which is made of the usable ones. MATLAB counts from 1.
    where = f"{path}: {key}{{{place + 1}}}"
    shape = (None, 28 * channels)
    rows = require_array(cells[place, 0], where, shape, finite=False)
    joints_28 = rows.reshape(-1, 28, channels)
    return np.asarray(convert_joints(joints_28, "mpi_inf_3dhp_28", "mpi_inf_3dhp_17"))


def _view(keypoints_2d: np.ndarray, positions_3d: np.ndarray, where: str) -> View:
    """Returns a view whose frames are all valid and of no stated activity.

    Raises:
      JaxposeError: 2D and 3D have different numbers of frames.
    """
    num_frames = len(keypoints_2d)
    if num_frames != len(positions_3d):
        raise JaxposeError(
            f"{where}: 2D has {num_frames} frames and 3D {len(positions_3d)}; "
            "they must be equal"
        )
    valid = np.ones(num_frames, np.bool_)
    activity = np.zeros(num_frames, np.int8)
    return View(keypoints_2d, positions_3d, valid, activity)


def load_annot_data(path: pathlib.Path, annotation: str) -> View:
    """Reads `TS1/annot_data.mat`, a test annotation, with h5py (extra `mpi_inf_3dhp`).

    It is a MATLAB 7.3 file. Arrays are `[F, 1, 17, 2 or 3]`; `valid_frame` and
    `activity_annotation` are `[F, 1]`.

    Args:
      path: the file.
      annotation: `annot3` or `univ_annot3`.

    Raises:
      JaxposeError: h5py is missing, or the file is damaged, of another kind, or not as
        documented.
    """
    # Only this one file format needs h5py, so it is an optional package.
    h5py = require_extra("h5py", "mpi_inf_3dhp", path)
    keys = ("annot2", annotation, "valid_frame", "activity_annotation")
    try:
        held = read_datasets(h5py, path, keys)
    except JaxposeError:
        raise
    except Exception as error:
        # h5py raises whatever HDF5 makes of a damaged file.
        raise JaxposeError(
            f"{path}: not an HDF5 file (MATLAB 7.3), or damaged: "
            f"{str(error)[:200] or type(error).__name__}. The test set's "
            "annot_data.mat is one, the training set's annot.mat is not"
        ) from error

    def array(key: str, *shape: int | None) -> np.ndarray:
        value = require_key(held, key, str(path))
        return require_array(value, f"{path}: {key}", shape)[:, 0]

    view = _view(
        array("annot2", None, 1, 17, 2), array(annotation, None, 1, 17, 3), str(path)
    )
    num_frames = len(view.valid)
    valid = array("valid_frame", num_frames, 1)
    activity = array("activity_annotation", num_frames, 1)
    return _marked(view, valid, activity, str(path))


def _marked(view: View, valid: np.ndarray, activity: np.ndarray, where: str) -> View:
    """Returns the view with its valid frames and activities.

    Args:
      view: a view.
      valid: `[F]`, numbers of the file.
      activity: `[F]`, numbers of the file.
      where: file and key, for the message.

    Raises:
      JaxposeError: they hold other numbers than documented.
    """
    # Numbers of the file, not flags yet: check before they are cast.
    if not np.isin(valid, (0, 1)).all() or not valid.any():
        raise JaxposeError(
            f"{where}: valid frames are marked by 0 and 1, and at least one is valid"
        )
    if not np.isin(activity, (0, *facts.ACTIVITIES)).all():
        raise JaxposeError(
            f"{where}: activity_annotation holds other numbers than 1 to 7"
        )
    return dataclasses.replace(
        view, valid=valid.astype(np.bool_), activity=activity.astype(np.int8)
    )


def load_train_npz(path: pathlib.Path) -> dict[tuple[str, str], dict[int, View]]:
    """Reads P-STMO's `data_train_3dhp.npz`, which holds `univ_annot3`.

    `data` is {"S1 Seq1": [{"0": {"data_2d", "data_3d"}, ...}, fps], ...}.

    Returns:
      Views by camera, by (subject, take).

    Raises:
      JaxposeError: the file is damaged, or not as documented.
    """
    data = require_key(load_npz(path), "data", str(path))
    sequences: dict[tuple[str, str], dict[int, View]] = {}
    for subject, takes in facts.TRAIN.items():
        for take in takes:
            where = f"{path}: data['{subject} {take}']"
            entry = require_key(data, f"{subject} {take}", f"{path}: data")
            # numpy may have saved the list as an array of objects.
            is_list = isinstance(entry, list | tuple)
            is_array = isinstance(entry, np.ndarray) and entry.ndim > 0
            if not (is_list or is_array) or len(entry) == 0:
                raise JaxposeError(
                    f"{where}: expected a list of a dict of cameras and the frame rate"
                )
            views = {}
            for camera in facts.CAMERAS:
                held = require_key(entry[0], str(camera), where)
                views[camera] = _npz_view(held, f"{where}[0]['{camera}']")
            sequences[subject, take] = views
    return sequences


def load_test_npz(path: pathlib.Path) -> dict[str, View]:
    """Reads P-STMO's `data_test_3dhp.npz`, which does not hold the activities.

    Returns:
      Views by test sequence.

    Raises:
      JaxposeError: the file is damaged, or not as documented.
    """
    data = require_key(load_npz(path), "data", str(path))
    views = {}
    for sequence in facts.TEST:
        where = f"{path}: data['{sequence}']"
        held = require_key(data, sequence, f"{path}: data")
        view = _npz_view(held, where)
        # Files of different versions have [F] or [F, 1].
        valid = require_key(held, "valid", where)
        if isinstance(valid, np.ndarray) and valid.ndim == 2:
            valid = valid.reshape(-1)
        valid = require_array(valid, f"{where}['valid']", (len(view.valid),))
        views[sequence] = _marked(view, valid, view.activity, where)
    return views


def _npz_view(held: Any, where: str) -> View:
    """Returns the view in one entry of P-STMO's files."""
    keypoints_2d = require_array(
        require_key(held, "data_2d", where), f"{where}['data_2d']", (None, 17, 2)
    )
    positions_3d = require_array(
        require_key(held, "data_3d", where), f"{where}['data_3d']", (None, 17, 3)
    )
    return _view(keypoints_2d, positions_3d, where)


def load_calibration(path: pathlib.Path) -> dict[int, Camera]:
    """Reads the cameras in `camera.calibration`, found by their keywords.

    Each has `name`, `size`, `intrinsic` (4 x 4) and `extrinsic` (4 x 4, world to
    camera, mm), row by row. `radial 0` means that there is no distortion.

    Raises:
      JaxposeError: this is no calibration file, or it lacks a camera of
        `facts.CAMERAS`.
    """
    try:
        lines = read_regular(path, _MAX_CALIBRATION).decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise JaxposeError(
            f"{path}: cannot be read as a camera calibration: {cut(str(error))}"
        ) from None
    cameras = {}
    for fields in _camera_fields(lines):
        number, camera = _camera(fields, str(path))
        cameras[number] = camera
    # The file may hold all 14 cameras; those that nobody trains on may be absent.
    missing = [str(number) for number in facts.CAMERAS if number not in cameras]
    if missing:
        raise JaxposeError(
            f"{path}: camera {', '.join(missing)} is missing; it holds "
            f"{shown(list(cameras))}"
        )
    return cameras


def _camera_fields(lines: list[str]) -> Iterator[dict[str, list[str]]]:
    """Yields the words of each camera by keyword; `name` begins a camera."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        keyword, *values = line.split() or [""]
        if keyword == "name" and fields:
            yield fields
            fields = {}
        # Lines before the first camera are the file's header.
        if keyword == "name" or fields:
            fields[keyword] = values
    if fields:
        yield fields


def _camera(fields: dict[str, list[str]], path: str) -> tuple[int, Camera]:
    """Returns the number and the camera that `_camera_fields` found.

    Raises:
      JaxposeError: a number is missing, or the camera is not one of the data set.
    """
    where = f"{path}: camera {cut(' '.join(fields['name']))}"
    number = int(_numbers(fields, "name", 1, where)[0])
    width, height = _numbers(fields, "size", 2, where).astype(int).tolist()
    if (width, height) != facts.TRAIN_IMAGE_SIZE:
        raise JaxposeError(
            f"{where}: size is {(width, height)}, expected {facts.TRAIN_IMAGE_SIZE}"
        )
    # Both matrices are 4 x 4 with a last row of 0 0 0 1.
    intrinsic = _numbers(fields, "intrinsic", 16, where).reshape(4, 4)
    extrinsic = _numbers(fields, "extrinsic", 16, where).reshape(4, 4)
    rotation, shift = extrinsic[:3, :3], extrinsic[:3, 3]
    # A wrong matrix would still give a quaternion, of some other rotation.
    is_orthogonal = np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
    if not is_orthogonal or np.linalg.det(rotation) < 0:
        raise JaxposeError(
            f"{where}: extrinsic holds no rotation in its first three rows and columns"
        )

    # The file maps world to camera; a clip holds the camera's place in the world.
    w, x, y, z = quaternion_from_matrix(rotation.T).tolist()
    centre_x, centre_y, centre_z = (-rotation.T @ shift / 1000).tolist()
    camera = Camera(
        name=str(number),
        image_size=(width, height),
        intrinsics=(
            float(intrinsic[0, 0]),
            float(intrinsic[1, 1]),
            float(intrinsic[0, 2]),
            float(intrinsic[1, 2]),
        ),
        orientation=(w, x, y, z),
        translation=(centre_x, centre_y, centre_z),
    )
    return number, camera


def _numbers(
    fields: dict[str, list[str]], key: str, count: int, where: str
) -> np.ndarray:
    """Returns the `count` numbers of a keyword.

    Raises:
      JaxposeError: there are more or fewer, or one is not a plausible number.
    """
    try:
        numbers = np.array([float(value) for value in fields[key]])
    except (KeyError, ValueError):
        numbers = np.zeros(0)
    is_finite = np.isfinite(numbers).all()
    if numbers.shape != (count,) or not is_finite or np.abs(numbers).max() > 1e9:
        found = " ".join(fields.get(key, ["nothing"]))
        raise JaxposeError(f"{where}: {key} needs {count} numbers, found {cut(found)}")
    return numbers
