"""The page: poses, drawing code and style in one file."""

import dataclasses
import html
import importlib.resources
import json
import pathlib
import string
import tempfile
import webbrowser
from collections.abc import Sequence

from jaxpose.pose.files import refuse_existing, write_whole
from jaxpose.pose.pose import Pose
from jaxpose.pose.viewer.content import page_content
from jaxpose.pose.viewer.video import PageVideo, embed_video, link_video

# In this order: later files use what earlier ones define.
SCRIPTS = ("codec", "palette", "gestures", "camera", "body", "space", "image", "player")


@dataclasses.dataclass(frozen=True)
class Viewer:
    """Holds a page, which a notebook shows in place.

    Attributes:
      page: the HTML.
      height: of the frame in a notebook, pixels.
    """

    page: str = dataclasses.field(repr=False)
    height: int = 560

    def _repr_html_(self) -> str:
        """Returns the frame that a notebook shows."""
        # The frame may run scripts and nothing else: no storage, forms or windows.
        return (
            f'<iframe srcdoc="{html.escape(self.page)}" title="Poses" '
            f'sandbox="allow-scripts" width="100%" height="{self.height}" '
            'style="border: 0; border-radius: 12px"></iframe>'
        )

    def open(self) -> pathlib.Path:
        """Shows the page in the browser, from a new file, and returns its path."""
        path = pathlib.Path(tempfile.mkdtemp(prefix="jaxpose-")) / "poses.html"
        path.write_text(self.page, encoding="utf-8")
        webbrowser.open(path.as_uri())
        return path


def view(poses: Sequence[Pose], video: str | pathlib.Path | None = None) -> Viewer:
    """Returns a page that shows the people of one recording.

    Args:
      poses: of one recording, one per person.
      video: file of the recording, which becomes a part of the page.

    Raises:
      JaxposeError: the poses cannot be shown together, or the video is missing or too
        large to be a part.
    """
    return Viewer(_page(poses, None if video is None else embed_video(video)))


def write_html(
    poses: Sequence[Pose],
    path: str | pathlib.Path,
    video: str | pathlib.Path | None = None,
    overwrite: bool = False,
) -> pathlib.Path:
    """Writes a page that shows the people of one recording.

    Args:
      poses: of one recording, one per person.
      path: of the file. It is complete or not there at all.
      video: file of the recording. Up to `MOST_EMBEDDED_BYTES` it becomes a part of the
        page; the page of a larger one links to it, relative to its own place.
      overwrite: whether a file that exists is replaced.

    Returns:
      The path.

    Raises:
      JaxposeError: the poses cannot be shown together, the video is missing, or the
        file exists or cannot be written.
    """
    path = pathlib.Path(path)
    refuse_existing(path, overwrite)
    page = _page(poses, None if video is None else link_video(video, path.parent))
    write_whole(path, page.encode(), overwrite)
    return path


def encode(pose: Pose) -> bytes:
    """Returns the page of one person, without a video."""
    return _page([pose], None).encode()


def _page(poses: Sequence[Pose], video: PageVideo | None) -> str:
    """Returns the HTML."""
    content = page_content(poses)
    content["video"] = None if video is None else video.description
    template = string.Template(_asset("viewer.html"))
    return template.substitute(
        title=html.escape(content["name"] or "Poses"),
        style=_asset("viewer.css"),
        content=_script_json(content),
        video="" if video is None else video.embedded,
        script="".join(_asset(f"{name}.js") for name in SCRIPTS),
    )


def _asset(name: str) -> str:
    """Returns the text of a file of this package."""
    files = importlib.resources.files("jaxpose.pose.viewer")
    return files.joinpath(name).read_text(encoding="utf-8")


def _script_json(content: dict) -> str:
    """Returns JSON that cannot end the script element that holds it."""
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
