"""Finds people in the frames of a video with rtmlib, the extra `video`."""

import contextlib
import importlib
import pathlib
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from jaxpose.errors import JaxposeError
from jaxpose.recordings.arrays import from_detections
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.media import VIDEO_SUFFIXES, read_media
from jaxpose.recordings.options import Options
from jaxpose.recordings.reader import Reading
from jaxpose.wording import one_line

FORMAT = "rtmlib"


class Detector(Protocol):
    """Finds the people in an image.

    It takes `[H, W, 3]` uint8, blue, green, red, and returns keypoints `[P, J, 2]` in
    pixels and scores `[P, J]`.
    """

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns keypoints and scores of the people in `image`."""
        ...


class RtmlibDetector:
    """YOLOX finds people, RTMPose their joints."""

    def __init__(self, person_model: str | None, keypoint_model: str | None):
        """Loads the networks.

        Args:
          person_model: ONNX file of a YOLOX that finds people.
          keypoint_model: ONNX file of an RTMPose. Without both, rtmlib downloads its
            own for 26 joints, once.

        Raises:
          JaxposeError: rtmlib is not installed, a file is missing or no such network,
            or the download fails.
        """
        if (person_model is None) != (keypoint_model is None):
            raise JaxposeError(
                "--person_model and --keypoint_model go together: YOLOX and RTMPose as "
                "ONNX files"
            )
        for file in (person_model, keypoint_model):
            if file is not None and not pathlib.Path(file).is_file():
                raise JaxposeError(f"{file} does not exist; expected an ONNX file")
        rtmlib = _import("rtmlib")
        files = {} if person_model is None else {"det": person_model}
        if keypoint_model is not None:
            files["pose"] = keypoint_model
        # rtmlib prints on the way, where this program may print JSON.
        try:
            with contextlib.redirect_stdout(sys.stderr):
                networks = rtmlib.BodyWithFeet(backend="onnxruntime", **files)
        except Exception as error:  # of a download, or of onnxruntime
            raise JaxposeError(
                f"rtmlib cannot load its networks ({one_line(error)[:200]}); give them "
                "as ONNX files, --person_model=FILE --keypoint_model=FILE"
            ) from error
        self._people, self._keypoints = networks.det_model, networks.pose_model
        if files:
            # rtmlib assumes usual sizes; the files state their own.
            height, width = _input_size(self._people)
            self._people.model_input_size = (height, width)
            height, width = _input_size(self._keypoints)
            self._keypoints.model_input_size = (width, height)

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns keypoints and scores of the people in `image`."""
        boxes = self._people(image)
        # Without a box, RTMPose would take the whole image for a person.
        if len(boxes) == 0:
            return np.zeros((0, 0, 2)), np.zeros((0, 0))
        return self._keypoints(image, bboxes=boxes)


def is_video(path: pathlib.Path) -> bool:
    """Returns whether a file is called like a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def read_video(
    path: pathlib.Path,
    options: Options,
    person_model: str | None = None,
    keypoint_model: str | None = None,
) -> Reading:
    """Returns the recordings of the people in a video.

    The networks are those of `RtmlibDetector`.

    Raises:
      JaxposeError: the video is missing or cannot be read, or shows nobody.
    """
    if not path.is_file():
        raise JaxposeError(f"{path} does not exist")
    detector = RtmlibDetector(person_model, keypoint_model)
    return from_detections(detect_in_video(path, detector), options)


def detect_in_video(path: pathlib.Path, detector: Detector) -> Detections:
    """Returns the people in a video.

    Raises:
      JaxposeError: OpenCV is not installed, or cannot read the video.
    """
    header = read_media(path)
    with contextlib.closing(_Frames(path)) as frames:
        fps = frames.fps
        if header is not None and header.fps is not None:
            fps = header.fps
        shown = tqdm(frames, total=frames.count, unit="frame", desc=path.name)
        return detections_in(shown, detector, path, fps)


def detections_in(
    frames: Iterable[np.ndarray], detector: Detector, path: pathlib.Path, fps: float
) -> Detections:
    """Returns the people in the frames of a video.

    Args:
      frames: images `[H, W, 3]`.
      detector: finds the people in each.
      path: of the video.
      fps: frames per second.

    Raises:
      JaxposeError: there is no frame.
    """
    rows: list[np.ndarray] = []
    numbers: list[int] = []
    size, count = None, 0
    for number, image in enumerate(frames):
        size, count = (image.shape[1], image.shape[0]), number + 1
        keypoints, scores = detector(image)
        for pose, score in zip(keypoints, scores, strict=True):
            rows.append(np.concatenate([pose, np.reshape(score, (-1, 1))], axis=-1))
            numbers.append(number)
    if size is None:
        raise JaxposeError(f"{path} holds no frame that can be read")
    return Detections(
        name=path.stem,
        where=str(path),
        format=FORMAT,
        keypoints=np.stack(rows) if rows else np.zeros((0, 0, 3)),
        frames=np.array(numbers, int),
        ids=np.full(len(rows), -1),
        boxes=np.full((len(rows), 4), np.nan),
        num_frames=count,
        image_size=size,
        fps=fps,
    )


class _Frames:
    """The frames of a video, turned as they are shown.

    Attributes:
      fps: frames per second, as far as OpenCV knows.
      count: number of frames, roughly.
    """

    def __init__(self, path: pathlib.Path):
        """Opens the video.

        Raises:
          JaxposeError: OpenCV is not installed, or cannot read the video.
        """
        cv2 = _import("cv2")
        self._video: Any = cv2.VideoCapture(str(path))
        if not self._video.isOpened():
            raise JaxposeError(f"{path} is no video that OpenCV can read")
        self.fps = float(self._video.get(cv2.CAP_PROP_FPS))
        self.count = max(int(self._video.get(cv2.CAP_PROP_FRAME_COUNT)), 0) or None

    def __iter__(self) -> Iterator[np.ndarray]:
        while True:
            is_read, image = self._video.read()
            if not is_read:
                return
            yield image

    def close(self) -> None:
        """Closes the file."""
        self._video.release()


def _import(package: str) -> Any:
    """Imports a package of the extra `video`.

    Raises:
      JaxposeError: it is not installed, or lacks a library of the system.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise JaxposeError(
            f"reading videos needs the extra `video` ({one_line(error)}): pip install "
            "'jaxpose[video]', or write keypoints with another 2D detector first"
        ) from error


def _input_size(network: Any) -> tuple[int, int]:
    """Returns height and width of the images that a network takes."""
    *_, height, width = network.session.get_inputs()[0].shape
    if not (isinstance(height, int) and isinstance(width, int)):
        raise JaxposeError(
            f"{network.onnx_model} states no size of its images; export it with one"
        )
    return height, width
