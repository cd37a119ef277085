"""Finds Acclaim files in zip archives and folders, and reads them within bounds."""

import bz2
import copy
import dataclasses
import pathlib
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping

from jaxpose.errors import JaxposeError
from jaxpose.regular_files import open_regular, read_regular
from jaxpose.wording import cut

# Unpacked; the longest motion of the CMU database takes less than 2**25.
MAX_FILE_BYTES = 2**27
_FREE_BYTES, _BYTES_PER_BYTE = 2**20, 32
_PART = 2**16  # bytes that are unpacked at a time
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2)

# Exceptions that zipfile and the unpackers raise on damaged bytes.
_DAMAGE = (
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclasses.dataclass(frozen=True)
class FileNames:
    """How a database names its files; names are matched without their folders.

    Attributes:
      skeleton: pattern of an .asf file, with the group `subject`.
      motion: pattern of an .amc file, with the groups `subject` and `take`, and
        `action` and `rate` where the names state them.
      archives: pattern of the archives that are looked for in a folder.
      layout: one clause for errors, how the files are named.
    """

    skeleton: re.Pattern[str]
    motion: re.Pattern[str]
    archives: str
    layout: str


@dataclasses.dataclass(frozen=True)
class File:
    """A file in an archive or folder; `str` of it names both, for messages."""

    archive: "Archive"
    name: str

    def __str__(self) -> str:
        return f"{self.archive.path}/{self.name}"

    @property
    def folder(self) -> str:
        """Returns the folder that it lies in."""
        return self.name.rpartition("/")[0]

    @property
    def last(self) -> str:
        """Returns its name without the folder."""
        return self.name.rpartition("/")[2]

    def read(self) -> str:
        """Returns its text; raises JaxposeError if it cannot be read or unpacked."""
        return self.archive.read(self.name)


@dataclasses.dataclass(frozen=True)
class Take:
    """One motion of one subject.

    Attributes:
      subject: the subject.
      name: the take, unique in the database.
      labels: the groups of the motion's name, such as `action` and `rate`.
      motion: the .amc file.
      skeleton: the .asf file of the subject.
    """

    subject: str
    name: str
    labels: Mapping[str, str]
    motion: File
    skeleton: File


class Archive:
    """A zip archive, or a folder.

    Attributes:
      path: where it is.
      names: the files in it, sorted.
    """

    def __init__(self, path: pathlib.Path):
        """Lists the files.

        Raises:
          JaxposeError: this is neither a zip archive nor a folder.
        """
        self.path = path
        self._zip = None
        if path.is_dir():
            names = [file.relative_to(path).as_posix() for file in path.rglob("*")]
        else:
            try:
                open_regular(path).close()
                self._zip = zipfile.ZipFile(path)
            except _DAMAGE as error:
                raise JaxposeError(
                    f"{path} is not a readable zip archive ({cut(str(error))}); "
                    "expected a whole zip archive of .asf and .amc files, or its "
                    "extracted folder"
                ) from error
            names = self._zip.namelist()
        self.names = tuple(sorted(names))

    def read(self, name: str) -> str:
        """Returns the text of a file.

        Raises:
          JaxposeError: it cannot be read or unpacked, or is too large.
        """
        try:
            if self._zip is None:
                content = read_regular(self.path / name, MAX_FILE_BYTES)
            else:
                content = b"".join(_unpack(self._zip, self._zip.getinfo(name)))
        except _DAMAGE as error:
            raise JaxposeError(
                f"{self.path}: cannot read {cut(name)} ({cut(str(error))}); get it "
                "again"
            ) from error
        return content.decode("latin-1")


def open_archives(sources: Iterable[pathlib.Path], files: FileNames) -> list[Archive]:
    """Opens archives and folders, and the archives that lie in the folders.

    Args:
      sources: zip archives and folders, in any mix.
      files: the names of the database.

    Raises:
      JaxposeError: a file is no zip archive.
    """
    archives = []
    for source in sources:
        if source.is_dir():
            archives += [Archive(path) for path in sorted(source.rglob(files.archives))]
        archives.append(Archive(source))
    return archives


def find_takes(
    archives: Iterable[Archive], files: FileNames, notes: list[str]
) -> list[Take]:
    """Returns the takes of all archives, sorted by subject and name.

    A take that lies in several places with the same content is taken once, and whole
    where one of them is cut off. A take belongs to the skeleton in its own folder, and
    to the subject's first one where there is none: archives of one database may hold
    different skeletons of one subject.

    Args:
      archives: the archives, earlier ones first.
      files: the names of the database.
      notes: receives a sentence for each copy that is cut off.

    Raises:
      JaxposeError: there is no take, a take has no skeleton, or two takes of one name
        differ.
    """
    skeletons: dict[str, list[File]] = {}
    found: dict[tuple[str, str], File] = {}
    for archive in archives:
        for name in archive.names:
            file = File(archive, name)
            if match := files.skeleton.fullmatch(file.last):
                skeletons.setdefault(match["subject"], []).append(file)
            elif match := files.motion.fullmatch(file.last):
                key = (match["subject"], match["take"])
                if key in found:
                    file = _whole(match["take"], found[key], file, notes)
                found[key] = file

    where = ", ".join(str(archive.path) for archive in archives)
    if not found:
        raise JaxposeError(f"{where} holds no .amc file; expected {files.layout}")
    missing = sorted({subject for subject, _ in found} - set(skeletons))
    if missing:
        raise JaxposeError(
            f"{where}: no skeleton file (.asf) of subject {', '.join(missing)}; "
            f"expected {files.layout}"
        )
    takes = []
    for subject, name in sorted(found):
        motion = found[subject, name]
        match = files.motion.fullmatch(motion.last)
        labels = match.groupdict() if match else {}
        skeleton = _beside(motion, skeletons[subject])
        takes.append(Take(subject, name, labels, motion, skeleton))
    return takes


def _beside(motion: File, skeletons: list[File]) -> File:
    """Returns the skeleton in the folder of the motion, or the first one."""
    place = (motion.archive, motion.folder)
    for skeleton in skeletons:
        if (skeleton.archive, skeleton.folder) == place:
            return skeleton
    return skeletons[0]


def _whole(take: str, first: File, second: File, notes: list[str]) -> File:
    """Returns the file of two of one take that is whole, the first if both are.

    Raises:
      JaxposeError: their contents differ.
    """
    texts = {file: "\n".join(file.read().splitlines()) for file in (first, second)}
    short, long = sorted(texts, key=lambda file: len(texts[file]))
    if not texts[long].startswith(texts[short]):
        raise JaxposeError(
            f"take {take} has two contents, in {first} and in {second}; remove one of "
            "them, or give one of the archives alone"
        )
    if len(texts[short]) == len(texts[long]):
        return first
    notes.append(f"take {take}: {short} holds its beginning alone, taken from {long}")
    return long


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yields the content of a member in parts; never more than the claimed bytes.

    Raises:
      ValueError: it claims too many bytes, or is packed by another method.
      zipfile.BadZipFile: size or checksum are not the claimed ones.
    """
    # Motions are packed to a third or fourth of their size, zip bombs to a thousandth.
    most = min(MAX_FILE_BYTES, _FREE_BYTES + _BYTES_PER_BYTE * info.compress_size)
    if info.file_size > most:
        raise ValueError(
            f"it has {info.file_size:,} bytes; expected at most {most:,} of its "
            f"{info.compress_size:,} packed ones"
        )
    if info.compress_type not in _METHODS:
        raise ValueError(
            f"it is packed by method {info.compress_type}; expected stored, deflate or "
            "bzip2"
        )
    if info.compress_type == zipfile.ZIP_BZIP2:
        yield from _unpack_bzip2(archive, info)
        return
    # zipfile unpacks these two within the number of bytes that is asked for.
    with archive.open(info) as stream:
        while part := stream.read(_PART):
            yield part


def _unpack_bzip2(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yields the content of a bzip2 member in parts, as `_unpack`.

    zipfile unpacks bzip2 without a bound: 4 kB may become gigabytes. Here it hands out
    the packed bytes, as of a stored member without a checksum, and they are unpacked
    part by part.
    """
    packed = copy.copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    del packed.CRC
    unpacker, size, checksum = bz2.BZ2Decompressor(), 0, 0
    with archive.open(packed) as stream:
        while not unpacker.eof:
            more = stream.read(_PART) if unpacker.needs_input else b""
            if unpacker.needs_input and not more:
                raise zipfile.BadZipFile("its bzip2 stream is cut short")
            part = unpacker.decompress(more, _PART)
            size, checksum = size + len(part), zlib.crc32(part, checksum)
            if size > info.file_size:
                break
            yield part
    if size != info.file_size or checksum != info.CRC:
        raise zipfile.BadZipFile("size or checksum are not those of the archive's list")
