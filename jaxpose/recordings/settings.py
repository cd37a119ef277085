"""Finds what files of detectors do not say: image size, frame rate, joint order, names.

Flags come first, then the file itself, then the nearest `dataset.json` upwards, key by
key, and last the header of the video or image beside the file.
"""

import dataclasses
import functools
import json
import os
import pathlib
import re
from typing import Any

import numpy as np

from jaxpose.datasets.camera import checked_intrinsics
from jaxpose.errors import JaxposeError
from jaxpose.recordings import media
from jaxpose.regular_files import read_regular
from jaxpose.wording import cut, shown

SETTINGS_FILE = "dataset.json"
NAMES = ("subject", "action", "take", "camera")
KEYS = ("keypoints", "image_size", "fps", "skeleton", "intrinsics", *NAMES)

# Frames per second. A model that knows 50 needs many frames in place of each one of a
# slower recording: 500 at the lowest of these rates.
LEAST_FPS, MOST_FPS = 0.1, 100_000
_MAX_BYTES = 2**22  # of a settings file
_MAX_IMAGE_LENGTH = 100_000  # pixels
# Names of the images of a video: frame_0001, img-12, 000017.
_NUMBERED = re.compile(r"^(?:frame|img|image)?[ _-]?\d+$|\d{3,}", re.IGNORECASE)
_SIZE = re.compile(r"\s*[\[(]?\s*\d+(\.0*)?\s*[xX*,; ]\s*\d+(\.0*)?\s*[\])]?\s*")
_RATIO = re.compile(r"\s*\d+(\.\d+)?\s*/\s*[1-9]\d*(\.\d+)?\s*")


@dataclasses.dataclass(frozen=True)
class Settings:
    """What `dataset.json` says about a file, and in which one each key was found.

    Attributes:
      values: checked values by key, out of `KEYS`.
      sources: the file of each key.
    """

    values: dict[str, Any]
    sources: dict[str, pathlib.Path]


class SettingsFinder:
    """Looks up the settings of files below one path; reads each file once."""

    def __init__(self, path: pathlib.Path):
        """Takes the path that a user gave."""
        self._top = self.folder_of(str(path)).absolute()
        self._load = functools.cache(self._load_folder)
        self._names = functools.cache(_names_in)

    def folder_of(self, where: str) -> pathlib.Path:
        """Returns the folder that a file lies in, or the folder itself."""
        path = pathlib.Path(where)
        return path if path.is_dir() else path.parent

    def settings_of(self, where: str) -> Settings:
        """Returns the settings of a file or folder: the nearest value of each key.

        Raises:
          JaxposeError: a `dataset.json` is damaged, or has an unknown key or a bad
            value.
        """
        folder = self.folder_of(where).absolute()
        values: dict[str, Any] = {}
        sources: dict[str, pathlib.Path] = {}
        for level in (folder, *folder.parents):
            path, found = self._load(level)
            for key, value in found.items():
                if key not in values:
                    values[key] = value
                    sources[key] = path
        return Settings(values, sources)

    def media_of(self, where: str, name: str, is_alone: bool) -> list[media.Media]:
        """Returns the video, and an image, that a file was made of, where they are.

        Args:
          where: the file or folder of detections.
          name: of the video, as far as the file states it.
          is_alone: whether no other recording lies in the folder. The only video there
            is then the right one, whatever its name.
        """
        path, folder = pathlib.Path(where), self.folder_of(where)
        labels = {name, path.name, *_stems(path.name)}
        found = []
        if video := self._video(path, folder, labels, is_alone):
            found.append(video)
        for place in (folder, *(path.parent / label for label in sorted(labels))):
            if image := self._image(place, labels):
                found.append(image)
                break
        return found

    def _video(
        self,
        where: pathlib.Path,
        folder: pathlib.Path,
        labels: set[str],
        is_alone: bool,
    ) -> media.Media | None:
        """Returns the header of the video beside a file, if there is one."""
        for place in dict.fromkeys((folder, where.parent)):
            videos = []
            for name in self._names(place):
                if pathlib.Path(name).suffix.lower() in media.VIDEO_SUFFIXES:
                    videos.append(place / name)
            # The best name first: walk.mp4 for walk.json, before walk_side.mp4.
            distances = {video: _extra_words(video, labels) for video in videos}
            fitting = [video for video in videos if distances[video] is not None]
            fitting.sort(key=lambda video: distances[video] or 0)
            if is_alone and len(videos) == 1 and place == folder:
                fitting = videos
            for video in fitting:
                if header := media.read_media(video):
                    return header
        return None

    def _image(self, folder: pathlib.Path, labels: set[str]) -> media.Media | None:
        """Returns the header of the frames in a folder, if all have one size."""
        images = []
        for name in self._names(folder):
            path = folder / name
            if path.suffix.lower() not in media.IMAGE_SUFFIXES:
                continue
            named = _NUMBERED.sub("", path.stem)
            if not named or _extra_words(pathlib.Path(named), labels) is not None:
                images.append(path)
        if not images:
            return None
        first, last = media.read_media(images[0]), media.read_media(images[-1])
        if first is None or last is None or first.image_size != last.image_size:
            return None
        return first

    def _load_folder(self, folder: pathlib.Path) -> tuple[pathlib.Path, dict[str, Any]]:
        """Returns path and checked values of the `dataset.json` in a folder."""
        path = folder / SETTINGS_FILE
        if not path.is_file():
            others = [n for n in self._names(folder) if n.lower() == SETTINGS_FILE]
            if not others:
                return path, {}
            path = folder / others[0]
        is_below = folder == self._top or self._top in folder.parents
        content = _load_json(path, is_below)
        # A file of that name far above may be another program's.
        is_ours = isinstance(content, dict) and set(content) & set(KEYS)
        if not is_below and not is_ours:
            return path, {}
        if not isinstance(content, dict) or not set(content) <= set(KEYS):
            raise JaxposeError(_unknown(path, content))
        return path, _checked(content, path)


def is_settings_file(path: pathlib.Path) -> bool:
    """Returns whether a file is a `dataset.json`, in upper or lower case."""
    return path.name.lower() == SETTINGS_FILE


def plain_value(value: Any) -> Any:
    """Returns the name or the number that an array without axes of an npz holds."""
    is_scalar = isinstance(value, np.ndarray | np.generic) and value.ndim == 0
    return value.item() if is_scalar else value


def check_image_size(value: Any, where: str) -> tuple[int, int]:
    """Returns (width, height) of two numbers, or of a text such as "1920x1080".

    Raises:
      JaxposeError: they are no whole pixels.
    """
    if isinstance(value, str):
        value = re.findall(r"[\d.]+", value) if _SIZE.fullmatch(value) else value
    elif isinstance(value, dict) and {"width", "height"} <= set(value):
        value = [value["width"], value["height"]]
    width, height = check_row(value, 2, f"{where}: image_size")
    is_whole = width % 1 == height % 1 == 0
    is_plausible = 1 <= width <= _MAX_IMAGE_LENGTH and 1 <= height <= _MAX_IMAGE_LENGTH
    if not is_whole or not is_plausible:
        raise JaxposeError(
            f"{where}: image_size is {shown(value)}; expected [width, height] in pixels"
        )
    return int(width), int(height)


def check_fps(value: Any, where: str) -> float:
    """Returns frames per second, of a number or of a text such as "30000/1001".

    Raises:
      JaxposeError: it is no number within the bounds.
    """
    if isinstance(value, str) and _RATIO.fullmatch(value):
        frames, _, seconds = value.partition("/")
        value = float(frames) / float(seconds)
    (fps,) = check_row([value], 1, f"{where}: fps")
    if not LEAST_FPS <= fps <= MOST_FPS:
        raise JaxposeError(
            f"{where}: fps is {fps}; expected frames per second, from {LEAST_FPS} to "
            f"{MOST_FPS:,}"
        )
    return fps


def _checked(content: dict[str, Any], path: pathlib.Path) -> dict[str, Any]:
    """Returns the settings with their types; raises JaxposeError for a bad value."""
    checked: dict[str, Any] = {}
    for key, value in content.items():
        if key == "image_size":
            checked[key] = check_image_size(value, str(path))
        elif key == "fps":
            checked[key] = check_fps(value, str(path))
        elif key == "intrinsics":
            checked[key] = checked_intrinsics(value, f"{path}: intrinsics")
        elif isinstance(value, str) and value:
            checked[key] = value
        else:
            raise JaxposeError(f"{path}: {cut(key)} is {shown(value)}; expected a name")
    return checked


def check_row(value: Any, size: int, where: str) -> tuple[float, ...]:
    """Returns `size` finite numbers; raises JaxposeError for anything else."""
    try:
        array = np.array(value, np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.zeros(0)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise JaxposeError(
            f"{where}: expected {size} finite numbers, found {value!r:.60}"
        )
    return tuple(array.tolist())


def _load_json(path: pathlib.Path, is_required: bool) -> Any:
    """Returns the content of a settings file, None where one above cannot be read."""
    try:
        # Bytes: json finds out the encoding by itself.
        return json.loads(read_regular(path, _MAX_BYTES))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except (ValueError, RecursionError) as error:
        problem = f"not a JSON file, or damaged: {cut(str(error))}"
    if is_required:
        raise JaxposeError(f"{path}: {problem}")
    return None


def _unknown(path: pathlib.Path, content: Any) -> str:
    """Returns the message for a settings file with other content than settings."""
    expected = f"{path}: expected an object with keys out of {', '.join(KEYS)}"
    if not isinstance(content, dict):
        return f"{expected}; found a {type(content).__name__}"
    unknown = [repr(key)[:40] for key in content if key not in KEYS]
    return f"{expected}; found {cut(', '.join(unknown[:5]))}"


def _names_in(folder: pathlib.Path) -> list[str]:
    """Returns the names of the files in a folder, sorted; none if it is not one."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
    except OSError:
        return []


def _stems(name: str) -> list[str]:
    """Returns the name without its last suffix, the last two, and so on."""
    stems = []
    while "." in name:
        name = name.rpartition(".")[0]
        stems.append(name)
    return stems


def _extra_words(path: pathlib.Path, labels: set[str]) -> int | None:
    """Returns in how many words a file's name differs from a recording's.

    One of them must begin or end with the other: "walk" and "walk_json". A number more
    is another recording: "walk_2". None stands for a name that does not fit.
    """
    best = None
    name = _words(path.stem)
    for label in labels:
        short, long = sorted((name, _words(label)), key=len)
        extra = len(long) - len(short)
        for rest, part in (
            (long[len(short) :], long[: len(short)]),
            (long[:extra], long[extra:]),
        ):
            fits = short and part == short and not any(map(str.isdigit, rest))
            if fits and (best is None or extra < best):
                best = extra
    return best


def _words(name: str) -> list[str]:
    return [word for word in re.split(r"[\W_]+", name.casefold()) if word]
