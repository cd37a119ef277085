"""Reads files of camera calibration: where pixels lie on the rays of a camera.

Pose2Sim's and Anipose's TOML, a table per camera with `matrix` and `distortions`; YAML
and XML of OpenCV's FileStorage with `camera_matrix` and `distortion_coefficients`, as
ROS writes them, too; EasyMocap's `intri.yml` with `K_NAME` and `dist_NAME`.
"""

import dataclasses
import pathlib
import re
import tomllib
from typing import Any
from xml.etree import ElementTree

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.recording import Recording
from jaxpose.regular_files import read_regular
from jaxpose.wording import cut

# Names of the same thing, as OpenCV's samples, ROS and users call it.
_MATRIX_NAMES = ("camera_matrix", "cameramatrix", "intrinsic_matrix", "mtx", "k", "m1")
_DISTORTION_NAMES = (
    *("distortion_coefficients", "distortion_coeffs", "distcoeffs", "dist_coeffs"),
    *("dist", "d", "d1"),
)
_KNOWN = (
    "expected Pose2Sim's TOML, or YAML or XML of OpenCV with camera_matrix and "
    "distortion_coefficients"
)
_SAME_SHAPE = 0.01  # of images whose ratios of width to height differ by less

_MAX_BYTES = 2**20  # of a file; real ones have some kB

# No two repetitions in a row match the same text, so that no file makes them slow.
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
# name: !!opencv-matrix / rows: R / cols: C / dt: d / data: [ ... ]
_YAML_MATRIX = re.compile(
    r"^(\w+):[^\n]*\n\s+rows:[ \t]*(\d+)[ \t\r]*\n\s+cols:[ \t]*(\d+)[ \t\r]*\n"
    r"(?:[ \t]+dt:[^\n]*\n)?\s+data:\s*\[([^\]]*)\]",
    re.MULTILINE,
)
_YAML_NUMBER = re.compile(rf"^(\w+):\s*({_NUMBER})\s*$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class CalibratedCamera:
    """The lens of a camera.

    Attributes:
      name: as the file calls it; empty where it holds one camera without a name.
      intrinsics: (fx, fy, cx, cy) in pixels.
      distortion: (k1, k2, k3, p1, p2) as OpenCV defines them, or None.
      image_size: (width, height) in pixels of the images it was calibrated with, or
        None.
    """

    name: str
    intrinsics: tuple[float, float, float, float]
    distortion: tuple[float, float, float, float, float] | None = None
    image_size: tuple[float, float] | None = None


def read_calibration(path: pathlib.Path) -> list[CalibratedCamera]:
    """Returns the cameras of a file.

    Raises:
      JaxposeError: the file is missing or damaged, or holds no camera that is known.
    """
    try:
        data = read_regular(path.expanduser(), _MAX_BYTES)
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    text = data.decode("utf-8", errors="replace")
    try:
        if path.suffix.lower() == ".toml":
            cameras = _from_toml(text, str(path))
        else:
            cameras = _from_opencv(text, str(path))
    except (tomllib.TOMLDecodeError, ElementTree.ParseError) as error:
        raise JaxposeError(f"{path} is damaged: {cut(str(error))}") from None
    if not cameras:
        raise JaxposeError(f"{path} holds no camera: {_KNOWN}")
    return cameras


def calibrated(
    recording: Recording, cameras: list[CalibratedCamera], where: str
) -> Recording:
    """Returns the recording with the lens of its camera.

    Of several cameras, it is the one whose name is part of the path or of the camera's
    name: `cam_01` in `pose/cam01_json`.

    Args:
      recording: any recording.
      cameras: of a calibration file.
      where: the file, for errors.

    Raises:
      JaxposeError: it is not clear which camera is meant, or its images have another
        shape.
    """
    place = f"{recording.where} {recording.name} {recording.camera.name}"
    fitting = cameras
    if len(cameras) > 1:
        fitting = [camera for camera in cameras if is_named(camera.name, place)]
    if len(fitting) != 1:
        names = cut(", ".join(camera.name for camera in cameras))
        raise JaxposeError(
            f"{recording.where}: {where} has the cameras {names}, and the path names "
            f"{'several' if fitting else 'none'} of them; give a calibration with the "
            "right one alone"
        )
    (lens,) = fitting
    width, height = recording.camera.image_size
    scale = np.ones(2)
    if lens.image_size is not None:
        scale = np.array([width, height]) / lens.image_size
        if abs(scale[0] / scale[1] - 1) > _SAME_SHAPE:
            raise JaxposeError(
                f"{recording.where}: the image is {width} x {height} pixels, while "
                f"{where} was made with {lens.image_size[0]:g} x "
                f"{lens.image_size[1]:g}; calibrate with the same shape"
            )
    # Pixels of a smaller version of the video are larger.
    fx, fy, cx, cy = np.array(lens.intrinsics) * np.tile(scale, 2)
    camera = dataclasses.replace(
        recording.camera,
        intrinsics=(float(fx), float(fy), float(cx), float(cy)),
        distortion=lens.distortion,
    )
    return dataclasses.replace(recording, camera=camera)


def is_named(name: str, place: str) -> bool:
    """Returns whether a camera's name is part of a path; zeros in numbers are free."""
    pattern = re.escape(_simplified(name)) + r"(?!\d)"
    return bool(name) and re.search(pattern, _simplified(place)) is not None


def _simplified(text: str) -> str:
    """Returns the letters and digits of a text, numbers without leading zeros."""
    kept = re.sub(r"[^a-z0-9/\\]", "", text.casefold())
    return re.sub(r"(?<!\d)0+(?=\d)", "", kept)


def _from_toml(text: str, where: str) -> list[CalibratedCamera]:
    """Returns the cameras of Pose2Sim's TOML."""
    cameras = []
    for section, table in tomllib.loads(text).items():
        if not isinstance(table, dict) or "matrix" not in table:
            continue
        place = f"{where}: {cut(section)}"
        distortion = table.get("distortions", [])
        if table.get("fisheye") and np.any(distortion):
            raise JaxposeError(
                f"{place} is a fisheye lens, whose distortion is another formula; "
                "undistort the video first"
            )
        size = table.get("size")
        image_size = None if size is None else tuple(_numbers(size, 2, place))
        cameras.append(
            CalibratedCamera(
                str(table.get("name") or section),
                _intrinsics(_numbers(table["matrix"], 9, place), place),
                _distortion(_numbers(distortion, None, place), place),
                image_size,
            )
        )
    return cameras


def _from_opencv(text: str, where: str) -> list[CalibratedCamera]:
    """Returns the cameras of a file of OpenCV's FileStorage."""
    is_xml = text.lstrip().startswith("<")
    matrices, numbers = (_parse_xml if is_xml else _parse_yaml)(text, where)
    size = numbers.get("image_width", 0.0), numbers.get("image_height", 0.0)
    image_size = size if all(size) else None
    cameras = []
    for name, matrix in matrices.items():
        # EasyMocap writes all cameras into one file.
        label = name.removeprefix("K_") if name.startswith("K_") else ""
        if not label and name.lower() not in _MATRIX_NAMES:
            continue
        place = f"{where}: {cut(name)}"
        distortion = matrices.get(f"dist_{label}", np.zeros(0))
        for other in matrices if not label else ():
            if other.lower() in _DISTORTION_NAMES:
                distortion = matrices[other]
        cameras.append(
            CalibratedCamera(
                label,
                _intrinsics(_numbers(matrix, 9, place), place),
                _distortion(distortion, place),
                image_size,
            )
        )
    return cameras


_Parsed = tuple[dict[str, np.ndarray], dict[str, float]]


def _parse_yaml(text: str, where: str) -> _Parsed:
    """Returns the matrices, flat, and the numbers at the top of a YAML file."""
    matrices = {}
    for name, rows, columns, data in _YAML_MATRIX.findall(text):
        size = int(rows) * int(columns)
        matrices[name] = _numbers(data.replace(",", " ").split(), size, where)
    return matrices, {name: float(value) for name, value in _YAML_NUMBER.findall(text)}


def _parse_xml(text: str, where: str) -> _Parsed:
    """Returns the matrices, flat, and the numbers at the top of an XML file.

    Raises:
      JaxposeError: a document type, which OpenCV never writes and which may be endless.
    """
    if "<!" in _without_comments(text):
        raise JaxposeError(f"{where}: XML with a document type is not read; {_KNOWN}")
    matrices: dict[str, np.ndarray] = {}
    numbers: dict[str, float] = {}
    for element in ElementTree.fromstring(text):
        data = element.findtext("data")
        if data is not None:
            matrices[element.tag] = _numbers(data.split(), None, where)
        elif re.fullmatch(_NUMBER, (element.text or "").strip()):
            numbers[element.tag] = float(element.text or "")
    return matrices, numbers


def _without_comments(text: str) -> str:
    """Returns an XML text without its comments."""
    kept = []
    place = 0
    while (start := text.find("<!--", place)) >= 0:
        end = text.find("-->", start)
        if end < 0:
            break
        kept.append(text[place:start])
        place = end + len("-->")
    return "".join(kept) + text[place:]


def _numbers(value: Any, size: int | None, where: str) -> np.ndarray:
    """Returns `[size]` finite numbers, any shape made flat; None: however many."""
    try:
        array = np.array(value, np.float64).ravel()
    except (TypeError, ValueError):
        array = np.array([np.nan])
    if not np.isfinite(array).all() or size not in (None, len(array)):
        expected = "finite numbers" if size is None else f"{size} finite numbers"
        raise JaxposeError(f"{where}: expected {expected}, found {value!s:.60}")
    return array


def _intrinsics(matrix: np.ndarray, where: str) -> tuple[float, float, float, float]:
    """Returns (fx, fy, cx, cy) of a camera matrix of nine numbers."""
    fx, fy = matrix[[0, 4]].tolist()
    cx, cy = matrix[[2, 5]].tolist()
    if not (fx > 0 and fy > 0 and matrix[8] == 1):
        raise JaxposeError(
            f"{where}: expected fx, 0, cx, 0, fy, cy, 0, 0, 1, found {matrix.tolist()}"
        )
    return fx, fy, cx, cy


def _distortion(
    coefficients: np.ndarray, where: str
) -> tuple[float, float, float, float, float] | None:
    """Returns (k1, k2, k3, p1, p2), or None where the lens has no distortion.

    Args:
      coefficients: in OpenCV's order, k1 k2 p1 p2 k3 and more.
      where: for the message.
    """
    if not np.any(coefficients):
        return None
    if np.any(coefficients[5:]):
        raise JaxposeError(
            f"{where}: distortion of {len(coefficients)} coefficients; the first five "
            "of OpenCV are read (k1, k2, p1, p2, k3): calibrate without more"
        )
    padded = np.zeros(5)
    padded[: len(coefficients[:5])] = coefficients[:5]
    k1, k2, p1, p2, k3 = padded.tolist()
    return k1, k2, k3, p1, p2
