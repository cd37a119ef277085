"""Reads the marker files of Sports2D that are in pixels.

Sports2D (Sports2D/process.py, `make_trc_with_trc_data`) writes a TRC file per person,
`{video}_Sports2D_px_person00.trc`: five rows of head with rate and names of the joints,
then frame, time, and x, y, 0 of each joint, in pixels, although the head says metres.
The files in metres beside it, and those of Pose2Sim, hold 3D positions.
"""

import math

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, with_named_joints
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat
from jaxpose.recordings.poses import Person
from jaxpose.wording import shown

_HEAD_ROWS = 5
_MIN_PIXELS = 20.0  # no body in metres is that far from the origin


def _rows(content: Content) -> list[list[str]]:
    """Returns the cells of all rows that are not empty."""
    lines = content.value.splitlines()
    return [line.rstrip("\r\n").split("\t") for line in lines if line.strip()]


def _recognises(content: Content) -> bool:
    """Returns whether a text is a TRC file of which a first row is in pixels."""
    if content.kind != "text" or not content.value.startswith("PathFileType"):
        return False
    for cells in _rows(content)[_HEAD_ROWS:]:
        places = np.array(_numbers(cells[2:]))
        if np.isfinite(places).any():
            is_flat = not np.nan_to_num(places[2::3]).any()
            return is_flat and np.nanmax(np.abs(places)) > _MIN_PIXELS
    return False


def _numbers(cells: list[str]) -> list[float]:
    """Returns the numbers in cells, NaN for empty ones; raises ValueError."""
    return [float(cell) if cell.strip() else math.nan for cell in cells]


def _read(content: Content) -> list[Detections]:
    """Returns the person in a file.

    Raises:
      JaxposeError: the file is not as Sports2D writes it.
    """
    rows = _rows(content)
    names = [name for name in rows[3][2:] if name.strip()]
    collector = Collector(content.stem, content.where, "sports2d")
    for line, cells in enumerate(rows[_HEAD_ROWS:], _HEAD_ROWS + 1):
        try:
            numbers = _numbers(cells)
        except ValueError:
            raise JaxposeError(
                f"{content.where}: line {line}: expected numbers, found {shown(cells)}"
            ) from None
        if len(numbers) < 2 + 3 * len(names):
            raise JaxposeError(
                f"{content.where}: line {line} has {len(numbers)} columns; expected "
                f"frame, time and x, y, z of {len(names)} joints"
            )
        places = np.reshape(numbers[2 : 2 + 3 * len(names)], (-1, 3))
        collector.add(int(numbers[0]), [Person(places[:, :2], number=0)])
    return [with_named_joints(collector.finish(fps=_rate(rows)), names)]


def _rate(rows: list[list[str]]) -> float | None:
    """Returns the frames per second that the head states, or None."""
    try:
        rate = float(rows[2][0])
    except (IndexError, ValueError):
        return None
    return rate if 0 < rate < 100_000 else None


VIDEO = VideoFormat("sports2d", _recognises, _read)
