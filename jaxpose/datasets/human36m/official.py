"""Reads Human3.6M's own CDF files, extracted or in their archives.

Archives are called `Poses_D3_Positions_S1.tgz`. Extracted, a file lies in
`S1/MyPoseFeatures/D3_Positions/` or, with some tools, in `S1/Poses_D3_Positions/`,
below any number of other folders. The folder of the file names its kind, and the
nearest folder `S<number>` above names its subject.
"""

import pathlib
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator

import numpy as np

from jaxpose.datasets.h36m_cameras import CAMERA_NAMES
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.human36m.cdf import read_pose
from jaxpose.errors import JaxposeError
from jaxpose.wording import cut, shown

# Number of channels by kind: world frame, camera frames, pixels.
KINDS = {"D3_Positions": 3, "D3_Positions_mono": 3, "D2_Positions": 2}

_ARCHIVE = re.compile(r"Poses_(D[23]_Positions(?:_mono)?)_(S\d+)\.(?:tgz|tar\.gz|tar)")
_SUBJECT = re.compile(r"S\d+")
_MAX_BYTES = 2**28  # of one CDF file; the largest real one is below 2**23


class OfficialFiles:
    """The CDF files below a folder, or in one archive.

    Attributes:
      subjects: subjects with 3D positions, in published order.
    """

    def __init__(self, source: pathlib.Path):
        """Lists the files.

        Raises:
          JaxposeError: there are no 3D positions.
        """
        self._source = source
        # Both by (kind, subject).
        self._archives: dict[tuple[str, str], list[pathlib.Path]] = {}
        self._files: dict[tuple[str, str], list[pathlib.Path]] = {}
        paths = [source] if source.is_file() else sorted(source.rglob("*"))
        for path in paths:
            if match := _ARCHIVE.fullmatch(path.name):
                self._archives.setdefault((match[1], match[2]), []).append(path)
            elif path.suffix == ".cdf":
                key = _kind_and_subject(path)
                if key is not None:
                    self._files.setdefault(key, []).append(path)

        # Keypoints alone make no subject: there is nothing to train on or to score.
        present = set()
        for kind, subject in (*self._archives, *self._files):
            if kind.startswith("D3_Positions"):
                present.add(subject)
        self.subjects = tuple(name for name in facts.SUBJECTS if name in present)
        if not self.subjects:
            raise JaxposeError(
                f"{source} holds no 3D positions of Human3.6M: expected "
                "Poses_D3_Positions_S1.tgz or S1/MyPoseFeatures/D3_Positions/*.cdf and "
                f"the like for {', '.join(facts.SUBJECTS)} (or data_3d_h36m.npz). "
                f"{facts.HOW_TO_GET}"
            )

    def has(self, kind: str, subject: str) -> bool:
        """Returns whether there are files of `kind` for `subject`."""
        return (kind, subject) in self._archives or (kind, subject) in self._files

    def read_world(self, subject: str) -> dict[str, np.ndarray]:
        """Reads `D3_Positions`: `[F, 32, 3]` by take; metres, world frame."""
        positions = {}
        for (take, _), array in self._read("D3_Positions", subject).items():
            positions[take] = array / np.float32(1000)
        return positions

    def read_in_cameras(self, subject: str) -> dict[str, tuple[np.ndarray, ...]]:
        """Reads `D3_Positions_mono`: four `[F, 32, 3]` by take; metres, in cameras."""
        positions = {}
        for take, arrays in self._by_camera("D3_Positions_mono", subject).items():
            positions[take] = tuple(array / np.float32(1000) for array in arrays)
        return positions

    def read_keypoints(self, subject: str) -> dict[str, tuple[np.ndarray, ...]]:
        """Reads `D2_Positions`: four `[F, 32, 2]` by take; pixels."""
        return self._by_camera("D2_Positions", subject)

    def _by_camera(self, kind: str, subject: str) -> dict[str, tuple[np.ndarray, ...]]:
        """Returns the arrays of the four cameras by take, in the order of CAMERA_NAMES.

        Raises:
          JaxposeError: a take lacks a camera.
        """
        arrays = self._read(kind, subject)
        # All four cameras saw every take; a missing one means an incomplete download.
        takes = {}
        for take in dict.fromkeys(take for take, _ in arrays):
            missing = [name for name in CAMERA_NAMES if (take, name) not in arrays]
            if missing:
                raise JaxposeError(
                    f"{self._source}: {kind} of {subject}, take {shown(take)}, lacks "
                    "camera "
                    f"{', '.join(missing)}; expected four files '{take}.<camera>.cdf'"
                )
            takes[take] = tuple(arrays[take, name] for name in CAMERA_NAMES)
        return takes

    def _read(self, kind: str, subject: str) -> dict[tuple[str, str], np.ndarray]:
        """Returns arrays by (canonical take, camera); "" stands for the world frame.

        Raises:
          JaxposeError: there are no files, or two different ones of one take.
        """
        if not self.has(kind, subject):
            raise JaxposeError(
                f"{self._source}: no {kind} of {subject}; expected "
                f"Poses_{kind}_{subject}.tgz, or its files in "
                f"{subject}/MyPoseFeatures/{kind}/"
            )
        arrays: dict[tuple[str, str], np.ndarray] = {}
        for name, array in self._arrays(kind, subject):
            key = _take_and_camera(name, kind)
            # A second copy of the same file is harmless.
            if key in arrays and not np.array_equal(arrays[key], array):
                raise JaxposeError(
                    f"{self._source}: {subject} has two different files {cut(name)}; "
                    "keep one of them"
                )
            arrays[key] = array
        return arrays

    def _arrays(self, kind: str, subject: str) -> Iterator[tuple[str, np.ndarray]]:
        """Yields file names and arrays; extracted files win over their archive."""
        if (kind, subject) in self._files:
            for path in self._files[kind, subject]:
                yield path.name, read_pose(path, str(path), KINDS[kind])
            return
        for archive in self._archives[kind, subject]:
            for name, content in _members(archive):
                # cdflib reads files only, so each member becomes one for a moment.
                with tempfile.TemporaryDirectory() as folder:
                    path = pathlib.Path(folder) / "pose.cdf"
                    path.write_bytes(content)
                    pose = read_pose(path, f"{archive}: {name}", KINDS[kind])
                yield pathlib.PurePosixPath(name).name, pose


def _kind_and_subject(path: pathlib.Path) -> tuple[str, str] | None:
    """Returns the kind and subject that the folders of a file name, or None."""
    kind = path.parent.name.removeprefix("Poses_")
    subjects = [part for part in path.parts if _SUBJECT.fullmatch(part)]
    if kind not in KINDS or not subjects:
        return None
    return kind, subjects[-1]


def _take_and_camera(name: str, kind: str) -> tuple[str, str]:
    """Returns the canonical take and the camera that a file name states.

    World positions have no camera: `Walking 1.cdf`; others are `Walking
    1.54138969.cdf`.

    Raises:
      JaxposeError: the name is not like that.
    """
    # Take names contain no dot; they may contain a space and the trial.
    take, _, camera = name.removesuffix(".cdf").partition(".")
    if kind == "D3_Positions":
        known: tuple[str, ...] = ("",)
        expected = "'<take>.cdf'"
    else:
        known = CAMERA_NAMES
        expected = f"a camera of {', '.join(CAMERA_NAMES)}"
    if camera not in known:
        raise JaxposeError(
            f"{kind} file {shown(name)} is named unlike Human3.6M's; expected "
            f"{expected}"
        )
    try:
        return facts.canonical_take(take), camera
    except JaxposeError as error:
        raise JaxposeError(f"{kind} file {shown(name)}: {error}") from None


def _members(archive: pathlib.Path) -> Iterator[tuple[str, bytes]]:
    """Yields names and contents of the CDF files in an archive.

    Nothing is written to the paths that the archive names.

    Raises:
      JaxposeError: the archive is damaged, or a member is a link, has a path out of the
        archive, or is too large.
    """
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                _require_safe(member, archive)
                stream = tar.extractfile(member)
                if stream is not None and member.name.endswith(".cdf"):
                    yield member.name, stream.read()
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        # JaxposeError is a ValueError; ours pass through.
        if isinstance(error, JaxposeError):
            raise
        raise JaxposeError(
            f"{archive} is damaged or not a tar archive ({cut(str(error))}); get it "
            "again"
        ) from error


def _require_safe(member: tarfile.TarInfo, archive: pathlib.Path) -> None:
    """Raises JaxposeError for a member that no official archive holds."""
    # Links and paths out of the archive are the known attacks by tar files.
    parts = pathlib.PurePosixPath(member.name).parts
    leads_out = member.name.startswith("/") or ".." in parts
    if leads_out or not (member.isfile() or member.isdir()):
        raise JaxposeError(
            f"{archive}: refused: member {shown(member.name)} is a link or leads out "
            "of the "
            "archive; get the archive from the official site"
        )
    is_pose = member.isfile() and member.name.endswith(".cdf")
    if is_pose and member.size > _MAX_BYTES:
        raise JaxposeError(
            f"{archive}: {shown(member.name)} has {member.size:,} bytes, more than "
            f"{_MAX_BYTES:,}; get the archive again"
        )
