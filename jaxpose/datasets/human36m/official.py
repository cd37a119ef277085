"""Human3.6M's own files: CDF files in archives or extracted, and `metadata.xml`.

Archives are called `Poses_D3_Positions_S1.tgz`. Extracted, a file lies in
`S1/MyPoseFeatures/D3_Positions/` or, with some tools, in `S1/Poses_D3_Positions/`, below any
number of other folders: the folder that holds it names its kind, the nearest `S<number>` above
that its subject.
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

KINDS = {"D3_Positions": 3, "D3_Positions_mono": 3, "D2_Positions": 2}  # by channels
_ARCHIVE = re.compile(r"Poses_(D[23]_Positions(?:_mono)?)_(S\d+)\.(?:tgz|tar\.gz|tar)")
_SUBJECT = re.compile(r"S\d+")
_MOST_BYTES = 2**28  # of one CDF file; the largest real one is below 2**23


class OfficialFiles:
    """The CDF files below a folder, or in one archive.

    Attributes:
      subjects: those with 3D positions, in published order.
    """

    def __init__(self, source: pathlib.Path):
        """Lists the files.

        Raises:
          JaxposeError: none of them is there.
        """
        self._source = source
        self._archives: dict[tuple[str, str], list[pathlib.Path]] = {}
        self._files: dict[tuple[str, str], list[pathlib.Path]] = {}
        for path in [source] if source.is_file() else sorted(source.rglob("*")):
            if match := _ARCHIVE.fullmatch(path.name):
                self._archives.setdefault((match[1], match[2]), []).append(path)
            elif path.suffix == ".cdf" and (key := _kind_and_subject(path)) is not None:
                self._files.setdefault(key, []).append(path)
        present = {
            subject
            for kind, subject in (*self._archives, *self._files)
            if kind.startswith("D3_Positions")
        }
        self.subjects = tuple(
            subject for subject in facts.SUBJECTS if subject in present
        )
        if not self.subjects:
            raise JaxposeError(
                f"{source} holds no 3D positions of Human3.6M: expected Poses_D3_Positions_S1.tgz or "
                "S1/MyPoseFeatures/D3_Positions/*.cdf and the like for "
                f"{', '.join(facts.SUBJECTS)} (or data_3d_h36m.npz). {facts.HOW_TO_GET}"
            )

    def has(self, kind: str, subject: str) -> bool:
        """Whether there are files of `kind` for `subject`."""
        return (kind, subject) in self._archives or (kind, subject) in self._files

    def read_world(self, subject: str) -> dict[str, np.ndarray]:
        """`D3_Positions`: `[F, 32, 3]` by canonical take name; metres, world frame."""
        arrays = self._read("D3_Positions", subject)
        return {take: array / np.float32(1000) for (take, _), array in arrays.items()}

    def read_in_cameras(self, subject: str) -> dict[str, tuple[np.ndarray, ...]]:
        """`D3_Positions_mono`: four `[F, 32, 3]` by take; metres, camera frames."""
        takes = self._by_camera("D3_Positions_mono", subject)
        return {
            take: tuple(array / np.float32(1000) for array in arrays)
            for take, arrays in takes.items()
        }

    def read_keypoints(self, subject: str) -> dict[str, tuple[np.ndarray, ...]]:
        """`D2_Positions`: four `[F, 32, 2]` by take; pixels."""
        return self._by_camera("D2_Positions", subject)

    def _by_camera(self, kind: str, subject: str) -> dict[str, tuple[np.ndarray, ...]]:
        arrays = self._read(kind, subject)
        takes = dict.fromkeys(take for take, _ in arrays)
        for take in takes:
            if missing := [
                camera for camera in CAMERA_NAMES if (take, camera) not in arrays
            ]:
                raise JaxposeError(
                    f"{self._source}: {kind} of {subject}, take {take!r}, lacks camera {', '.join(missing)}; "
                    f"expected four files '{take}.<camera>.cdf'"
                )
        return {
            take: tuple(arrays[take, camera] for camera in CAMERA_NAMES)
            for take in takes
        }

    def _read(self, kind: str, subject: str) -> dict[tuple[str, str], np.ndarray]:
        """Arrays by (canonical take, camera); the camera is empty for the world frame."""
        if not self.has(kind, subject):
            raise JaxposeError(
                f"{self._source}: no {kind} of {subject}; expected Poses_{kind}_{subject}.tgz, or its files "
                f"in {subject}/MyPoseFeatures/{kind}/"
            )
        arrays = {}
        for name, array in self._arrays(kind, subject):
            key = _take_and_camera(name, kind)
            if key in arrays and not np.array_equal(arrays[key], array):
                raise JaxposeError(
                    f"{self._source}: {subject} has two different files {name}; keep one of them"
                )
            arrays[key] = array
        return arrays

    def _arrays(self, kind: str, subject: str) -> Iterator[tuple[str, np.ndarray]]:
        if (
            kind,
            subject,
        ) in self._files:  # extracted files win over the archive they came from
            for path in self._files[kind, subject]:
                yield path.name, read_pose(path, str(path), KINDS[kind])
            return
        for archive in self._archives[kind, subject]:
            for name, content in _members(archive):
                with tempfile.TemporaryDirectory() as folder:
                    path = pathlib.Path(folder) / "pose.cdf"
                    path.write_bytes(content)
                    yield (
                        pathlib.PurePosixPath(name).name,
                        read_pose(path, f"{archive}: {name}", KINDS[kind]),
                    )


def _kind_and_subject(path: pathlib.Path) -> tuple[str, str] | None:
    kind = path.parent.name.removeprefix("Poses_")
    subjects = [part for part in path.parts if _SUBJECT.fullmatch(part)]
    return (kind, subjects[-1]) if kind in KINDS and subjects else None


def _take_and_camera(name: str, kind: str) -> tuple[str, str]:
    stem = name.removesuffix(".cdf")
    take, _, camera = stem.partition(".")
    if camera not in (("",) if kind == "D3_Positions" else CAMERA_NAMES):
        expected = (
            "'<take>.cdf'"
            if kind == "D3_Positions"
            else f"a camera of {', '.join(CAMERA_NAMES)}"
        )
        raise JaxposeError(
            f"{kind} file {name!r} is named unlike Human3.6M's; expected {expected}"
        )
    try:
        return facts.canonical_take(take), camera
    except JaxposeError as error:
        raise JaxposeError(f"{kind} file {name!r}: {error}") from None


def _members(archive: pathlib.Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the CDF files; nothing is written where the archive says."""
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                parts = pathlib.PurePosixPath(member.name).parts
                if (
                    member.name.startswith("/")
                    or ".." in parts
                    or not (member.isfile() or member.isdir())
                ):
                    raise JaxposeError(
                        f"{archive}: refused: member {member.name!r} is a link or leads out of the archive; "
                        "get the archive from the official site"
                    )
                if member.isfile() and member.name.endswith(".cdf"):
                    if member.size > _MOST_BYTES:
                        raise JaxposeError(
                            f"{archive}: {member.name!r} has {member.size:,} bytes; too many"
                        )
                    yield member.name, tar.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, JaxposeError):
            raise
        raise JaxposeError(
            f"{archive} is damaged or not a tar archive ({error}); get it again"
        ) from error
