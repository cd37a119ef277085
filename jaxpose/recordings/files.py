"""Reads the files of detectors: what they hold decides, not what they are called."""

import dataclasses
import pathlib

from jaxpose.recordings.detections import Detections


@dataclasses.dataclass(frozen=True)
class Files:
    """What a file or a folder holds.

    Attributes:
      detections: one entry per video, by path, in the natural order of the names.
      refused: (where, reason) of each file or video that is recognised and cannot be
        used: damaged, a web page, nobody in any frame.
      unread: what else the folder holds, each with the reason in a few words.
    """

    detections: list[Detections]
    refused: list[tuple[str, str]]
    unread: list[str]


def read_detections(path: pathlib.Path) -> Files:
    """Reads one file, or all files below a folder.

    A file named `dataset.json` holds settings and is passed over. One broken file never
    stops the others: it becomes an entry of `refused`.

    Raises:
      JaxposeError: `path` does not exist, or is neither a file nor a folder.
    """
    return Files([], [], [f"{path}: not read yet"])
