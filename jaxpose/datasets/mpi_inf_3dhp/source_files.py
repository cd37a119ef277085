"""Reads MPI-INF-3DHP's own files and P-STMO's npz pair.

Every reader gives arrays as the files hold them: pixels, millimetres in the camera frame, and
the 17 "relevant" joints.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np

from jaxpose.body.cameras import quaternion_from_matrix
from jaxpose.body.joint_rules import convert_joints
from jaxpose.datasets.arrays import require_array, require_extra, require_key
from jaxpose.datasets.mat_file import load_mat
from jaxpose.datasets.mpi_inf_3dhp import facts
from jaxpose.datasets.restricted import load_npz
from jaxpose.datasets.schema import Camera
from jaxpose.errors import JaxposeError

NUM_CAMERAS = 14
TRAIN_NPZ = "data_train_3dhp.npz"
TEST_NPZ = "data_test_3dhp.npz"


@dataclasses.dataclass(frozen=True)
class View:
    """A sequence from one camera.

    Attributes:
      keypoints_2d: `[F, 17, 2]`, pixels.
      positions_3d: `[F, 17, 3]`, millimetres, camera frame.
      valid: `[F]` bool: frames that are scored; all of them in training sequences.
      activity: `[F]` int8: 1 to 7 (`schema.clip_features`), 0 where the file does not say.
    """

    keypoints_2d: np.ndarray
    positions_3d: np.ndarray
    valid: np.ndarray
    activity: np.ndarray


def load_annot_mat(path: pathlib.Path, annotation: str) -> dict[int, View]:
    """The training annotation `S1/Seq1/annot.mat`: a view for each camera of `facts.CAMERAS`.

    `annot2` and `annot3` (or `univ_annot3`) are 14 x 1 cells of `[F, 56]` and `[F, 84]`.

    Args:
      path: the file.
      annotation: `annot3` or `univ_annot3`.

    Raises:
      JaxposeError: damaged, or a key, camera or shape is not as documented.
    """
    held = load_mat(path, ("annot2", annotation, "cameras"))
    cameras = require_array(held["cameras"], f"{path}: cameras", (1, NUM_CAMERAS))[0]
    views = {}
    for camera in facts.CAMERAS:
        if camera not in cameras:
            raise JaxposeError(
                f"{path}: cameras holds {cameras.tolist()}; camera {camera} is missing"
            )
        place = int((cameras == camera).argmax())
        annot2 = _cell(path, held, "annot2", place, 2)
        views[camera] = _view(
            annot2, _cell(path, held, annotation, place, 3), f"{path}: camera {camera}"
        )
    return views


def _cell(
    path: pathlib.Path, held: dict[str, np.ndarray], key: str, camera: int, dims: int
) -> np.ndarray:
    cells = held[key]
    if (
        not isinstance(cells, np.ndarray)
        or cells.dtype != object
        or cells.shape != (NUM_CAMERAS, 1)
    ):
        raise JaxposeError(
            f"{path}: {key} is {_kind(cells)}; expected a {NUM_CAMERAS} x 1 cell array"
        )
    # Rows beyond the usable ones may hold anything; the clip made of the usable ones is checked.
    rows = require_array(
        cells[camera, 0],
        f"{path}: {key}{{{camera + 1}}}",
        (None, 28 * dims),
        finite=False,
    )
    return convert_joints(
        rows.reshape(-1, 28, dims), "mpi_inf_3dhp_28", "mpi_inf_3dhp_17"
    )


def _kind(value: np.ndarray | None) -> str:
    return (
        "no array"
        if value is None
        else f"an array {list(value.shape)} of {value.dtype}"
    )


def _view(keypoints_2d: np.ndarray, positions_3d: np.ndarray, where: str) -> View:
    if len(keypoints_2d) != len(positions_3d):
        raise JaxposeError(
            f"{where}: 2D has {len(keypoints_2d)} frames and 3D {len(positions_3d)}; they must be equal"
        )
    num_frames = len(keypoints_2d)
    return View(
        keypoints_2d,
        positions_3d,
        np.ones(num_frames, np.bool_),
        np.zeros(num_frames, np.int8),
    )


def load_annot_data(path: pathlib.Path, annotation: str) -> View:
    """The test annotation `TS1/annot_data.mat`, a MATLAB 7.3 file (h5py; extra `mpi_inf_3dhp`).

    Arrays are `[F, 1, 17, 2 or 3]`, `valid_frame` and `activity_annotation` `[F, 1]`.

    Raises:
      JaxposeError: h5py is missing, or the file is damaged, of another kind, or not as documented.
    """
    h5py = require_extra("h5py", "mpi_inf_3dhp", path)
    keys = ("annot2", annotation, "valid_frame", "activity_annotation")
    if not path.is_file():
        raise JaxposeError(f"{path} does not exist")
    held = {}
    try:
        with h5py.File(path) as file:
            held = {
                key: file[key][()]
                for key in keys
                if isinstance(file.get(key), h5py.Dataset)
            }
    except (
        Exception
    ) as error:  # h5py raises whatever a damaged file makes HDF5 trip over
        raise JaxposeError(
            f"{path}: not an HDF5 file (MATLAB 7.3), or damaged: {error or type(error).__name__}. "
            "The test set's annot_data.mat is one, the training set's annot.mat is not"
        ) from error
    annot2 = _test_array(require_key(held, "annot2", str(path)), f"{path}: annot2", 2)
    annot3 = _test_array(
        require_key(held, annotation, str(path)), f"{path}: {annotation}", 3
    )
    view = _view(annot2, annot3, str(path))
    flags = {
        key: require_array(
            require_key(held, key, str(path)), f"{path}: {key}", (len(annot2), 1)
        )[:, 0]
        for key in ("valid_frame", "activity_annotation")
    }
    return _marked(view, flags["valid_frame"], flags["activity_annotation"], str(path))


def _test_array(value: np.ndarray, where: str, dims: int) -> np.ndarray:
    return require_array(value, where, (None, 1, 17, dims))[:, 0]


def _marked(view: View, valid: np.ndarray, activity: np.ndarray, where: str) -> View:
    if not np.isin(valid, (0, 1)).all() or not valid.any():
        raise JaxposeError(
            f"{where}: valid frames are marked by 0 and 1, and at least one is valid"
        )
    if not np.isin(activity, range(8)).all():
        raise JaxposeError(
            f"{where}: activity_annotation holds other numbers than 1 to 7"
        )
    return dataclasses.replace(
        view, valid=valid.astype(np.bool_), activity=activity.astype(np.int8)
    )


def load_train_npz(path: pathlib.Path) -> dict[tuple[str, str], dict[int, View]]:
    """P-STMO's `data_train_3dhp.npz`: {(subject, sequence): {camera: view}}, `univ_annot3`.

    `data` is {"S1 Seq1": [{"0": {"data_2d", "data_3d"}, ...}, fps], ...}.

    Raises:
      JaxposeError: damaged, or not as documented.
    """
    data = require_key(load_npz(path), "data", str(path))
    sequences = {}
    for subject, takes in facts.TRAIN.items():
        for take in takes:
            where = f"{path}: data['{subject} {take}']"
            entry = require_key(data, f"{subject} {take}", f"{path}: data")
            if (
                not isinstance(entry, list | tuple | np.ndarray)
                or np.shape(entry)[:1] == ()
                or not len(entry)
            ):
                raise JaxposeError(
                    f"{where}: expected a list of a dict of cameras and the frame rate"
                )
            sequences[subject, take] = {
                camera: _npz_view(
                    require_key(entry[0], str(camera), where), f"{where}[0]['{camera}']"
                )
                for camera in facts.CAMERAS
            }
    return sequences


def load_test_npz(path: pathlib.Path) -> dict[str, View]:
    """P-STMO's `data_test_3dhp.npz`: {sequence: view}; it does not hold the activities.

    Raises:
      JaxposeError: damaged, or not as documented.
    """
    data = require_key(load_npz(path), "data", str(path))
    views = {}
    for sequence in facts.TEST:
        where = f"{path}: data['{sequence}']"
        held = require_key(data, sequence, f"{path}: data")
        view = _npz_view(held, where)
        valid = require_key(held, "valid", where)
        if isinstance(valid, np.ndarray) and valid.ndim == 2:
            valid = valid.reshape(-1)
        valid = require_array(valid, f"{where}['valid']", (len(view.valid),))
        views[sequence] = _marked(view, valid, view.activity, where)
    return views


def _npz_view(held: object, where: str) -> View:
    keypoints_2d = require_array(
        require_key(held, "data_2d", where), f"{where}['data_2d']", (None, 17, 2)
    )
    positions_3d = require_array(
        require_key(held, "data_3d", where), f"{where}['data_3d']", (None, 17, 3)
    )
    return _view(keypoints_2d, positions_3d, where)


def load_calibration(path: pathlib.Path) -> dict[int, Camera]:
    """The cameras in `camera.calibration`, found by their keywords.

    Each has `name`, `size`, `intrinsic` (4 x 4) and `extrinsic` (4 x 4, world to camera, mm),
    row by row. `radial 0` means that there is no distortion.

    Raises:
      JaxposeError: not a calibration file, or a camera of `facts.CAMERAS` is missing.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise JaxposeError(
            f"{path}: cannot be read as a camera calibration: {error}"
        ) from None
    cameras = {}
    for fields in _camera_fields(lines):
        name, camera = _camera(fields, str(path))
        cameras[name] = camera
    if absent := [camera for camera in facts.CAMERAS if camera not in cameras]:
        raise JaxposeError(
            f"{path}: camera {', '.join(map(str, absent))} is missing; it holds {list(cameras)}"
        )
    return cameras


def _camera_fields(lines: list[str]) -> Iterator[dict[str, list[str]]]:
    fields: dict[str, list[str]] = {}
    for line in lines:
        keyword, *values = line.split() or [""]
        if keyword == "name" and fields:
            yield fields
            fields = {}
        if keyword == "name" or fields:
            fields[keyword] = values
    if fields:
        yield fields


def _camera(fields: dict[str, list[str]], path: str) -> tuple[int, Camera]:
    where = f"{path}: camera {' '.join(fields['name'])}"
    name = int(_floats(fields, "name", 1, where)[0])
    image_size = tuple(_floats(fields, "size", 2, where).astype(int).tolist())
    if image_size != facts.TRAIN_IMAGE_SIZE:
        raise JaxposeError(
            f"{where}: size is {image_size}, expected {facts.TRAIN_IMAGE_SIZE}"
        )
    intrinsic = _floats(fields, "intrinsic", 16, where).reshape(4, 4)
    extrinsic = _floats(fields, "extrinsic", 16, where).reshape(4, 4)
    rotation, shift = extrinsic[:3, :3], extrinsic[:3, 3]
    if (
        not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3)
        or np.linalg.det(rotation) < 0
    ):
        raise JaxposeError(
            f"{where}: extrinsic holds no rotation in its first three rows and columns"
        )
    return name, Camera(
        name=str(name),
        image_size=image_size,
        intrinsics=tuple(intrinsic[[0, 1, 0, 1], [0, 1, 2, 2]].tolist()),
        orientation=tuple(quaternion_from_matrix(rotation.T).tolist()),
        translation=tuple((-rotation.T @ shift / 1000).tolist()),
    )


def _floats(
    fields: dict[str, list[str]], key: str, count: int, where: str
) -> np.ndarray:
    try:
        numbers = np.array([float(value) for value in fields[key]])
    except (KeyError, ValueError):
        numbers = np.zeros(0)
    if (
        numbers.shape != (count,)
        or not np.isfinite(numbers).all()
        or np.abs(numbers).max() > 1e9
    ):
        raise JaxposeError(
            f"{where}: {key} needs {count} numbers, found {' '.join(fields.get(key, ['nothing']))}"
        )
    return numbers
