"""The video of a page: a part of it, or a link to a file beside it."""

import base64
import dataclasses
import mimetypes
import os
import pathlib
import urllib.parse

from jaxpose.errors import JaxposeError

MOST_EMBEDDED_BYTES = 25_000_000


@dataclasses.dataclass(frozen=True)
class PageVideo:
    """Holds how a page gets its video.

    Attributes:
      description: for the page: `type`, and `link` where the video is no part of it.
      embedded: the file in base64, or "".
    """

    description: dict[str, str]
    embedded: str = ""


def embed_video(video: str | pathlib.Path) -> PageVideo:
    """Returns a video that is a part of the page.

    Raises:
      JaxposeError: there is no such file, or it is larger than `MOST_EMBEDDED_BYTES`.
    """
    path = _existing(video)
    if _is_large(path):
        megabytes = MOST_EMBEDDED_BYTES / 1e6
        raise JaxposeError(
            f"{path} is larger than the {megabytes:g} MB that a page takes in; make it "
            "smaller, or save the poses as .html: that page links to the video"
        )
    embedded = base64.b64encode(path.read_bytes()).decode()
    return PageVideo({"type": _media_type(path)}, embedded)


def link_video(video: str | pathlib.Path, folder: pathlib.Path) -> PageVideo:
    """Returns a video for a page in `folder`; a large one is linked, not taken in.

    Raises:
      JaxposeError: there is no such file.
    """
    path = _existing(video)
    if not _is_large(path):
        return embed_video(path)
    try:
        relative = pathlib.Path(os.path.relpath(path, folder)).as_posix()
        link = urllib.parse.quote(relative)
    except ValueError:  # another drive of Windows
        link = path.resolve().as_uri()
    return PageVideo({"type": _media_type(path), "link": link})


def _existing(video: str | pathlib.Path) -> pathlib.Path:
    """Returns the path of a file.

    Raises:
      JaxposeError: there is none.
    """
    path = pathlib.Path(video)
    if not path.is_file():
        raise JaxposeError(f"there is no video {path}; check the path, or leave it out")
    return path


def _is_large(path: pathlib.Path) -> bool:
    return path.stat().st_size > MOST_EMBEDDED_BYTES


def _media_type(path: pathlib.Path) -> str:
    """Returns the media type that the ending tells."""
    return mimetypes.guess_type(path.name)[0] or "video/mp4"
