"""Reads npz files and pickles as data: no content of a file can make Python run code.

Pose data sets are exchanged as pickles, alone or as object arrays inside npz files, and
an ordinary unpickler runs any function that a file names. `safe_pickle` knows only
plain containers, numbers, strings and numpy arrays, and refuses everything else by
name. Sizes in a file are not trusted either: a damaged file ends in a `JaxposeError`,
never in a crash or in full memory. What a file unpacks to is bounded by its own size.
"""

import contextlib
import io
import pathlib
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from jaxpose.datasets.budget import Budget
from jaxpose.datasets.safe_pickle import (
    plain_array,
    plain_dtype,
    require_num_bytes,
    unpickle,
)
from jaxpose.errors import JaxposeError
from jaxpose.regular_files import open_regular

# Exceptions that zipfile, numpy and the pickle machine raise on damaged bytes.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,  # also zipfile's own of an unknown compression, and of deep nesting
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)

# The methods that numpy packs with. zipfile unpacks the other ones without a bound.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

_MAX_HEADER_BYTES = 2**16  # of an npy file
_MAX_REASON = 200  # characters; zipfile repeats what it found, whatever its length

# The header of an npy file: a Python literal that numpy writes in exactly this form.
_NPY_HEADER = re.compile(
    r"\{'descr': '([^']+)', 'fortran_order': (True|False), "
    r"'shape': \(([\dL, ]*)\), \}\s*"
)


def load_npz(path: str | pathlib.Path) -> dict[str, Any]:
    """Returns the arrays of an npz file by key.

    An object array without axes becomes the object it holds. Arrays are read-only.
    Strings of Python 2 pickles are read as latin-1.

    Raises:
      JaxposeError: the file is missing, not an npz, damaged or empty, or asks for
        anything other than arrays, containers, numbers and strings.
    """
    path = _require_file(path)
    with _errors_name(path), open_regular(path) as stream:
        return _read_npz(stream)


def load_npz_bytes(data: bytes, name: str) -> dict[str, Any]:
    """Returns the arrays of an npz file in memory by key, as `load_npz`.

    Args:
      data: the content of the file.
      name: of the file, for messages.

    Raises:
      JaxposeError: as for `load_npz`.
    """
    with _errors_name(name):
        return _read_npz(io.BytesIO(data))


def load_npy_bytes(data: bytes, name: str) -> Any:
    """Returns the array in an npy file in memory, or the one object that it holds.

    Args:
      data: the content of the file.
      name: of the file, for messages.

    Raises:
      JaxposeError: the file is damaged, or asks for anything other than arrays,
        containers, numbers and strings.
    """
    with _errors_name(name):
        return _read_npy(io.BytesIO(data), len(data), len(data), "the file")


def load_pickle(path: str | pathlib.Path) -> Any:
    """Returns the object in a pickle of protocol 2 to 5.

    It is made of containers, numbers, strings and arrays. Arrays are read-only. Strings
    of Python 2 pickles are read as latin-1.

    Raises:
      JaxposeError: the file is missing, not a pickle, damaged, or asks for anything
        else.
    """
    path = _require_file(path)
    with _errors_name(path), open_regular(path) as stream:
        return unpickle(stream, path.stat().st_size)


def _require_file(path: str | pathlib.Path) -> pathlib.Path:
    """Returns `path`; raises JaxposeError unless it is a file that can be read."""
    path = pathlib.Path(path)
    if not path.exists():
        raise JaxposeError(f"{path} does not exist")
    try:
        open_regular(path).close()
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    return path


@contextlib.contextmanager
def _errors_name(path: pathlib.Path | str) -> Iterator[None]:
    """Turns any exception of a damaged file into one error that names the file."""
    try:
        with warnings.catch_warnings():
            # pickletools warns of escapes in damaged text.
            warnings.simplefilter("ignore")
            yield
    except JaxposeError as error:
        raise JaxposeError(f"{path}: {error}") from None
    except _DAMAGE as error:
        reason = (str(error) or type(error).__name__)[:_MAX_REASON]
        raise JaxposeError(
            f"{path}: damaged, or not of the expected kind: {reason}. Get it again"
        ) from error


def _read_npz(file: BinaryIO) -> dict[str, Any]:
    """Returns the arrays of an npz file by key.

    Raises:
      JaxposeError: the file is not an npz, or holds no data.
      ValueError: a member is not an npy file of plain numbers, strings or objects.
    """
    if not zipfile.is_zipfile(file):
        raise JaxposeError(
            "this is not an npz file (a zip archive), or it is cut short; get it again"
        )
    entries = {}
    num_bytes = file.seek(0, io.SEEK_END)
    budget = Budget.of_file(num_bytes)
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.filename.endswith(".npy"):
                budget.spend(info.file_size)
                key = info.filename.removesuffix(".npy")
                entries[key] = _read_member(archive, info, num_bytes)

    # Converters that find none of their inputs still write a dict, an empty one.
    if all(isinstance(entry, dict) and not entry for entry in entries.values()):
        raise JaxposeError(
            "the file holds no data: the program that wrote it found none of its "
            "input files (check the paths given to it, and write the file again)"
        )
    return entries


def _read_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, num_bytes: int
) -> Any:
    """Returns the array in one member of an npz file, or the one object it holds.

    Args:
      archive: the npz file.
      info: of the member.
      num_bytes: size of the npz file.

    Raises:
      ValueError: the member is not an npy file of plain numbers, strings or objects.
    """
    name = repr(info.filename[:_MAX_REASON])
    if info.compress_type not in _METHODS:
        raise ValueError(
            f"{name} is packed by method {info.compress_type}, not deflate"
        )
    # `open` returns a raw stream, which the annotations of zipfile do not say.
    with io.BufferedReader(archive.open(info)) as stream:  # type: ignore[type-var]
        array = _read_npy(stream, info.file_size, num_bytes, name)
        stream.read()  # reaching the end makes zipfile compare the checksum
        return array


def _read_npy(stream: BinaryIO, size: int, num_bytes: int, name: str) -> Any:
    """Returns the array in an npy file, or the one object that it holds.

    Args:
      stream: the content of the file.
      size: of the file in bytes.
      num_bytes: size of the file that it lies in, packed as it is.
      name: of the file, for messages.

    Raises:
      ValueError: it is not an npy file of plain numbers, strings or objects.
    """
    # Magic bytes and version, the length of the header, and the header.
    magic = stream.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6] not in (1, 2):
        raise ValueError(f"{name} is not an npy file of version 1 or 2")
    length_bytes = 2 if magic[6] == 1 else 4
    header_length = int.from_bytes(stream.read(length_bytes), "little")
    if header_length > _MAX_HEADER_BYTES:
        raise ValueError(f"{name} has a header of {header_length} bytes")
    header = stream.read(header_length).decode("latin-1")
    match = _NPY_HEADER.fullmatch(header)
    if match is None:
        raise ValueError(
            f"{name} has the header {header[:80]!r}, not that of a plain array"
        )
    dtype = plain_dtype(match[1])
    order = "F" if match[2] == "True" else "C"
    sizes = match[3].replace("L", "").split(",")  # Python 2 wrote (3L, 4L)
    shape = tuple(int(size) for size in sizes if size.strip())

    # Numbers and strings: compare the size with the file before reading.
    if not dtype.hasobject:
        data_bytes = size - 8 - length_bytes - header_length
        require_num_bytes(shape, dtype, data_bytes)
        return plain_array(stream.read(), dtype, shape, order)

    # Objects are a pickle.
    array = unpickle(stream, num_bytes)
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError(f"{name} does not hold the object array its header announces")
    return array[()] if shape == () else array
