"""Lifts recordings and writes their poses to files: what `lift` and `predict` share."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Sequence

from tqdm import tqdm

from jaxpose.errors import JaxposeError
from jaxpose.lifted import Video
from jaxpose.parallel import hosts
from jaxpose.pose import Pose
from jaxpose.pose.viewer import write_html
from jaxpose.pose.writers import ENCODERS
from jaxpose.recordings.names import file_name
from jaxpose.recordings.recording import Recording
from jaxpose.wording import one_line

FORMATS = tuple(ending[1:] for ending in ENCODERS)
DEFAULT_FORMATS = ("npz", "html")


@dataclasses.dataclass(frozen=True)
class Results:
    """What is written of each person, and where.

    Attributes:
      formats: endings of the files, out of `FORMATS`.
      folder: where they go; None: beside the input.
      overwrite: whether files that exist are replaced.
      several: whether each person has files of their own; one page shows all of them.
      smooth: cutoff of the low pass in Hz, or None.
      root: whether the person is placed before the camera.
      upright: whether the pose is turned up against gravity.
    """

    formats: Sequence[str] = DEFAULT_FORMATS
    folder: pathlib.Path | None = None
    overwrite: bool = False
    several: bool = False
    smooth: float | None = None
    root: bool = False
    upright: bool = False

    def make_folder(self) -> None:
        """Makes the folder for the files.

        Raises:
          JaxposeError: it cannot be made.
        """
        if self.folder is None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise JaxposeError(f"--out={self.folder}: {error.strerror}") from None

    def files_of(
        self, name: str, where: str, people: Iterable[int]
    ) -> dict[tuple[int, str], pathlib.Path]:
        """Returns a file per person and format, and one page of all people, person 0.

        Args:
          name: of the video.
          where: the file or folder of its keypoints.
          people: numbers of the people.
        """
        folder = self.folder or pathlib.Path(where).parent
        stem = file_name(name)
        files = {}
        for person in people:
            suffix = ""
            if self.several or person > 1:
                suffix = f"_person{person}"
            for ending in self.formats:
                if ending == "html" and self.several:
                    files[0, ending] = folder / f"{stem}_3d.{ending}"
                else:
                    files[person, ending] = folder / f"{stem}{suffix}_3d.{ending}"
        return files

    def require_absent(self, files: Iterable[pathlib.Path]) -> None:
        """Raises JaxposeError if a file exists that must not be replaced."""
        for path in files:
            if path.exists() and not self.overwrite:
                raise JaxposeError(
                    f"{path} exists; give --overwrite or another --out=DIR"
                )


def parse_formats(text: str) -> tuple[str, ...]:
    """Returns the formats of a comma-separated list, each once.

    Raises:
      JaxposeError: an unknown format.
    """
    formats = tuple(dict.fromkeys(text.lower().replace(" ", "").split(",")))
    for name in formats:
        if name not in FORMATS:
            raise JaxposeError(f"{name!r} is no format; known: {', '.join(FORMATS)}")
    return formats


def claim_files(videos: Sequence[Video], results: Results) -> None:
    """Gives a video a reason where its files exist, or are those of another one."""
    taken: dict[pathlib.Path, str] = {}
    for video in videos:
        if video.reason is not None:
            continue
        try:
            results.require_absent(video.files.values())
        except JaxposeError as error:
            video.reason = str(error)
        for path in video.files.values():
            if path in taken:
                video.reason = (
                    f"{video.where}: its files have the names of those of "
                    f"{taken[path]}; lift it with another --out=DIR"
                )
            taken.setdefault(path, video.where)


def lift_videos(
    videos: Sequence[Video], lift: Callable[[Recording], Pose], results: Results
) -> None:
    """Lifts the videos that have no reason against it, and writes their files.

    One video that fails gets a reason, and does not stop the others.

    Args:
      videos: with recordings and files.
      lift: returns the pose of a recording.
      results: what is done to poses before they are written.
    """
    pending = [video for video in videos if video.reason is None]
    is_silent = len(pending) < 2 or not hosts.is_writer()
    with tqdm(pending, unit="video", disable=is_silent) as progress:
        for video in progress:
            try:
                for recording in video.recordings:
                    video.poses.append(_finish(lift(recording), results))
                # Files come last: a person that fails leaves none half done.
                if hosts.is_writer():
                    _write(video, results)
            except (JaxposeError, OSError) as error:
                video.reason = one_line(error)


def _finish(pose: Pose, results: Results) -> Pose:
    """Returns the pose as it is written."""
    if results.smooth is not None:
        pose = pose.smooth(results.smooth)
    if results.root:
        pose = pose.with_root()
    if results.upright:
        pose = pose.upright()
    return pose


def _write(video: Video, results: Results) -> None:
    """Writes the files of a video."""
    poses = {pose.person: pose for pose in video.poses}
    for (person, ending), path in video.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if ending == "html":
            shown = [poses[person]] if person else video.poses
            write_html(shown, path, video=video.video, overwrite=results.overwrite)
        else:
            poses[person].save(path, overwrite=results.overwrite)
