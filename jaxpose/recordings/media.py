"""Reads the size of images, and size and frame rate of videos, from their headers."""

import io
import pathlib
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from jaxpose.regular_files import open_regular

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg")
_ISO_SUFFIXES = (".mp4", ".mov", ".m4v")

# What the unpacking of a file raises that is cut off or of another kind.
_DAMAGED = (OSError, struct.error, IndexError, ValueError, ZeroDivisionError)


class Media(NamedTuple):
    """What the header of an image or a video says.

    Attributes:
      path: the file.
      image_size: (width, height) in pixels, as shown: a phone's rotation is applied.
      fps: frames per second; None of an image.
    """

    path: pathlib.Path
    image_size: tuple[int, int]
    fps: float | None


def read_media(path: pathlib.Path) -> Media | None:
    """Returns what the header of an image or a video says, or None.

    Args:
      path: a PNG, JPEG, MP4, MOV or AVI file; any other video needs PyAV, the optional
        package `av`. None is returned where that is absent, and of a damaged file.
    """
    suffix = path.suffix.lower()
    try:
        with open_regular(path) as file:
            if suffix == ".png":
                found = _png(file)
            elif suffix in IMAGE_SUFFIXES:
                found = _jpeg(file)
            elif suffix in _ISO_SUFFIXES:
                found = _iso_media(file)
            elif suffix == ".avi":
                found = _avi(file)
            else:
                found = _by_pyav(path)
    except _DAMAGED:
        return None
    if found is None:
        return None
    (width, height), fps = found
    is_plausible = min(width, height) > 0 and (fps is None or 0 < fps < 10_000)
    return Media(path, (width, height), fps) if is_plausible else None


_Found = tuple[tuple[int, int], float | None]


def _png(file: BinaryIO) -> _Found | None:
    """Reads the header of a PNG file, which is the first thing in it."""
    start = file.read(24)
    if not start.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    return struct.unpack(">II", start[16:]), None


def _jpeg(file: BinaryIO) -> _Found | None:
    """Reads the first frame header of a JPEG file."""
    if file.read(2) != b"\xff\xd8":
        return None
    while True:
        marker, kind = file.read(2)
        length = struct.unpack(">H", file.read(2))[0]
        if marker != 0xFF or length < 2:
            return None
        # Frame headers are C0 to CF, of which three have another meaning.
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">xHH", file.read(5))
            return (width, height), None
        file.seek(length - 2, io.SEEK_CUR)


def _avi(file: BinaryIO) -> _Found | None:
    """Reads the main header of an AVI file."""
    start = file.read(72)
    if start[:4] != b"RIFF" or start[8:12] != b"AVI " or start[24:28] != b"avih":
        return None
    microseconds = struct.unpack("<I", start[32:36])[0]
    return struct.unpack("<II", start[64:72]), 1e6 / microseconds


def _iso_media(file: BinaryIO) -> _Found | None:
    """Reads the first video track of an MP4 or MOV file (ISO 14496-12)."""
    file.seek(0, io.SEEK_END)
    for name, start, end in _boxes(file, 0, file.tell()):
        if name != b"moov":
            continue
        for inner, first, last in _boxes(file, start, end):
            if inner == b"trak" and (found := _track(file, first, last)):
                return found
    return None


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, start and end of the content of each box between two places."""
    while start + 8 <= end:
        file.seek(start)
        size, name = struct.unpack(">I4s", file.read(8))
        header = 8
        # 1 stands for a size in 64 bits that follows, 0 for all the rest.
        if size == 1:
            size, header = struct.unpack(">Q", file.read(8))[0], 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            return
        yield name, start + header, start + size
        start += size


def _find(file: BinaryIO, place: tuple[int, int], *names: bytes) -> bytes:
    """Returns the content of the box that a path of names leads to.

    Raises:
      ValueError: there is none.
    """
    for wanted in names:
        for name, start, end in _boxes(file, *place):
            if name == wanted:
                place = (start, end)
                break
        else:
            raise ValueError(f"no box {wanted!r}")
    file.seek(place[0])
    return file.read(place[1] - place[0])


def _track(file: BinaryIO, start: int, end: int) -> _Found | None:
    """Returns size and rate of a track, None of one that is no video."""
    place = (start, end)
    if _find(file, place, b"mdia", b"hdlr")[8:12] != b"vide":
        return None
    # The header ends with a matrix of nine numbers, width and height, 16.16 each.
    header = _find(file, place, b"tkhd")[-44:]
    numbers = struct.unpack(">9i2I", header)
    width, height = numbers[-2] >> 16, numbers[-1] >> 16
    is_turned = numbers[0] == 0 and numbers[1] != 0
    size = (height, width) if is_turned else (width, height)

    # Ticks per second, and how many ticks runs of samples last.
    times = _find(file, place, b"mdia", b"mdhd")
    at = 20 if times[0] == 1 else 12
    ticks_per_second = struct.unpack(">I", times[at : at + 4])[0]
    table = _find(file, place, b"mdia", b"minf", b"stbl", b"stts")
    samples, ticks = 0, 0
    for count, duration in struct.iter_unpack(
        ">II", table[8 : 8 + (len(table) - 8) // 8 * 8]
    ):
        samples += count
        ticks += count * duration
    # A video that was written in fragments has no such table.
    return size, samples * ticks_per_second / ticks if ticks else None


def _by_pyav(path: pathlib.Path) -> _Found | None:
    """Reads any video by PyAV; None where that is not installed."""
    try:
        import av
    except ImportError:
        return None
    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        rate = stream.average_rate
        size = stream.codec_context.width, stream.codec_context.height
        return size, float(rate) if rate else None
