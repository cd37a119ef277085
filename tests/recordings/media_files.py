"""Writes headers of videos: all that readers of size and frame rate look at."""

import pathlib
import struct


def write_mp4(
    path: pathlib.Path,
    size: tuple[int, int],
    fps: float,
    *,
    frames: int = 90,
    turned: bool = False,
) -> None:
    """Writes an MP4 file with a sound track and a video track, without pictures."""
    video = _track(b"vide", size, frames, 3000, round(3000 / fps), turned)
    sound = _track(b"soun", (0, 0), 500, 44100, 1024, False)
    moov = _box(b"moov", sound + video)
    # The pictures come first, as cameras write them, here with a size in 64 bits.
    pictures = struct.pack(">I4sQ", 1, b"mdat", 16 + 40) + bytes(40)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_box(b"ftyp", b"isom") + pictures + moov)


def write_avi(path: pathlib.Path, size: tuple[int, int], fps: float) -> None:
    """Writes the start of an AVI file."""
    header = struct.pack("<10I", round(1e6 / fps), 0, 0, 0, 90, 0, 1, 0, *size)
    start = b"RIFF" + bytes(4) + b"AVI LIST" + bytes(4) + b"hdrlavih" + bytes(4)
    path.write_bytes(start + header)


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def _track(
    kind: bytes,
    size: tuple[int, int],
    samples: int,
    ticks_per_second: int,
    ticks: int,
    turned: bool,
) -> bytes:
    one = 1 << 16
    matrix = (0, one, 0, -one, 0, 0, 0, 0, 1 << 30) if turned else (
        one, 0, 0, 0, one, 0, 0, 0, 1 << 30
    )  # fmt: skip
    shown = struct.pack(">9i2I", *matrix, size[0] << 16, size[1] << 16)
    header = _box(b"tkhd", bytes(40) + shown)
    times = _box(
        b"mdhd", bytes(12) + struct.pack(">2I", ticks_per_second, 0) + bytes(4)
    )
    handler = _box(b"hdlr", bytes(8) + kind + bytes(12))
    table = _box(b"stts", struct.pack(">4I", 0, 1, samples, ticks))
    media = _box(b"mdia", times + handler + _box(b"minf", _box(b"stbl", table)))
    return _box(b"trak", header + media)
