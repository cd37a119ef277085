"""Reads PyTorch checkpoints without PyTorch.

Since PyTorch 1.6 a checkpoint is a zip archive: `NAME/data.pkl` describes the tensors,
and `NAME/data/KEY` holds the numbers of a storage, not packed. Before, it was a row of
pickles, the last of which lists the storages whose bytes follow. Both are untrusted:
each tensor is checked to lie in its storage, and each storage in the file.
"""

import io
import os
import pathlib
import re
import sys
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO, Protocol

import numpy as np

from jaxpose.datasets.budget import Budget
from jaxpose.errors import JaxposeError
from jaxpose.regular_files import open_regular
from jaxpose.torch_weights.pickled import BFLOAT16, Storage, Tensor, TorchMachine
from jaxpose.torch_weights.state_dicts import find_state_dict
from jaxpose.wording import cut

_MAX_PICKLE_BYTES = 2**25  # the description of a thousand tensors has 200 kB
_HEAD_BYTES = 512
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001

# Exceptions that zipfile and the machine raise on damaged bytes.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
)


def read_state_dict(path: pathlib.Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Returns the state dict in a checkpoint; half and bfloat16 become float32.

    Args:
      path: a state dict, or nested dicts that hold one.
      keys: names that it is usually saved under; the first one that exists is read.

    Raises:
      JaxposeError: the file is missing, damaged or another thing, holds what is neither
        data nor known to be saved beside weights, or holds no state dict.
    """
    try:
        with open_regular(path) as stream:
            return _read(stream, keys)
    except JaxposeError as error:
        text = str(error).removeprefix(f"{path} ")
        raise JaxposeError(f"--torch={path} {text}") from None
    except OSError as error:
        raise JaxposeError(
            f"--torch={path} cannot be read: {error.strerror or error}"
        ) from error
    except _DAMAGE as error:
        reason = cut(str(error)) or type(error).__name__
        raise JaxposeError(
            f"--torch={path} is damaged or not a PyTorch checkpoint: {reason}"
        ) from error


class _File(Protocol):
    """A checkpoint of either form."""

    content: Any

    def storage(self, storage: Storage) -> bytes:
        """Returns the bytes of a storage."""


def _read(stream: BinaryIO, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Returns the state dict in an open checkpoint."""
    head = stream.read(_HEAD_BYTES)
    _refuse_by_head(head)
    num_bytes = os.fstat(stream.fileno()).st_size
    stream.seek(0)
    file: _File
    if head.startswith(b"PK\x03\x04"):
        file = _ZipFile(stream, num_bytes)
    else:
        file = _LegacyFile(stream, num_bytes)

    # Only the storages of the state dict are read. Tensors may share one.
    budget = Budget.of_file(num_bytes)
    state_dict = find_state_dict(
        file.content, keys, lambda value: isinstance(value, Tensor)
    )
    storages: dict[str, np.ndarray] = {}
    arrays = {}
    for name, tensor in state_dict.items():
        budget.spend(tensor.size * 8)
        if tensor.storage.key not in storages:
            numbers = file.storage(tensor.storage)
            storages[tensor.storage.key] = np.frombuffer(numbers, np.uint8)
        arrays[name] = _array(tensor, storages[tensor.storage.key])
    return arrays


def _refuse_by_head(head: bytes) -> None:
    """Raises JaxposeError for a file that stands in place of the weights."""
    if head.startswith(b"version https://git-lfs"):
        raise JaxposeError(
            "is a Git LFS pointer, not the weights; get them with 'git lfs pull', or "
            "download the file itself"
        )
    if re.match(rb"\s*<(!doctype html|html|head|body|\?xml)", head, re.IGNORECASE):
        raise JaxposeError("is a web page, not the weights; download the file itself")


def _array(tensor: Tensor, storage: np.ndarray) -> np.ndarray:
    """Returns the numbers of a tensor, of which the reader has checked the place.

    Args:
      tensor: the tensor.
      storage: bytes of its storage, of the order of this machine.
    """
    is_half = tensor.storage.number_type == BFLOAT16
    dtype = np.dtype("u2" if is_half else tensor.storage.number_type)
    strides = [stride * dtype.itemsize for stride in tensor.strides]
    # An array without numbers has no place in the storage.
    offset = tensor.offset * dtype.itemsize if tensor.size else 0
    array = np.ndarray(tensor.shape, dtype, storage.data, offset, strides)
    if is_half:
        return (array.astype("u4") << 16).view("f4")
    return array.astype("f4") if dtype.kind == "f" else array.copy()


def _unpickle(content: bytes, machine: TorchMachine) -> tuple[Any, int]:
    """Returns the object in a pickle, and the length of the pickle.

    Args:
      content: bytes that begin with the pickle.
      machine: runs it.
    """
    stream = io.BytesIO(content)
    return machine.run(stream), stream.tell()


class _ZipFile:
    """A checkpoint of PyTorch 1.6 and later.

    Attributes:
      content: what the pickle describes.
    """

    def __init__(self, stream: BinaryIO, num_bytes: int):
        """Reads the description."""
        self._zip = zipfile.ZipFile(stream)
        self._num_bytes = num_bytes
        names = self._zip.namelist()
        if any(name.endswith("/constants.pkl") for name in names):
            raise JaxposeError(
                "is a TorchScript program, not a checkpoint; save the state dict of "
                "the model with torch.save"
            )
        pickles = [name for name in names if re.fullmatch(r"([^/]+/)?data\.pkl", name)]
        if len(pickles) != 1:
            raise JaxposeError(
                "is a zip archive without data.pkl, so no PyTorch checkpoint"
            )
        self._folder = pickles[0].removesuffix("data.pkl")
        description = self._member("data.pkl", _MAX_PICKLE_BYTES)
        self.content, _ = _unpickle(description, TorchMachine(len(description)))

    def storage(self, storage: Storage) -> bytes:
        """Returns the bytes of a storage, in the order of this machine."""
        numbers = self._member(f"data/{storage.key}", self._num_bytes)
        if len(numbers) < storage.size * storage.item_bytes:
            raise ValueError(f"storage {storage.key[:80]!r} is cut short")
        order: str = sys.byteorder
        if f"{self._folder}byteorder" in self._zip.NameToInfo:
            order = self._member("byteorder", 16).decode("ascii")
        if order == sys.byteorder:
            return numbers
        swapped = np.frombuffer(numbers, f"u{storage.item_bytes}").byteswap()
        return swapped.tobytes()

    def _member(self, name: str, most: int) -> bytes:
        """Returns the content of a member; zipfile checks its place and checksum."""
        info = self._zip.getinfo(self._folder + name)
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name[:80]!r} is packed, which PyTorch does not do")
        if info.file_size > most:
            raise ValueError(f"{name[:80]!r} has {info.file_size:,} bytes")
        return self._zip.read(info)


class _LegacyFile:
    """A checkpoint of before PyTorch 1.6.

    Attributes:
      content: what the pickle describes.
    """

    def __init__(self, stream: BinaryIO, num_bytes: int):
        """Reads the descriptions, and finds the place of each storage."""
        self._stream = stream
        self._place = 0
        self._num_bytes = num_bytes
        self._machine = TorchMachine(min(num_bytes, _MAX_PICKLE_BYTES))
        if self._next() != _LEGACY_MAGIC or self._next() != _LEGACY_PROTOCOL:
            raise ValueError("it does not begin as PyTorch's files do")
        system = self._next()
        is_system = isinstance(system, Mapping)
        if not is_system or system.get("little_endian") is not True:
            raise ValueError("it was written on a big-endian machine")
        self.content = self._next()
        keys = self._next()
        if not isinstance(keys, list):
            raise ValueError("it has no list of storages")
        self._starts = self._find_storages(keys)

    def storage(self, storage: Storage) -> bytes:
        """Returns the bytes of a storage."""
        self._stream.seek(self._starts[storage.key])
        return self._stream.read(storage.size * storage.item_bytes)

    def _next(self) -> Any:
        """Returns the object in the next pickle."""
        self._stream.seek(self._place)
        content = self._stream.read(_MAX_PICKLE_BYTES)
        found, length = _unpickle(content, self._machine)
        self._place += length
        return found

    def _find_storages(self, keys: list[Any]) -> dict[str, int]:
        """Returns the place in the file of each storage by its key.

        Each has its length in numbers, an integer of 8 bytes, before its bytes.
        """
        starts = {}
        place = self._place
        for key in keys:
            storage = self._machine.storages[str(key)]
            self._stream.seek(place)
            size = int.from_bytes(self._stream.read(8), "little")
            starts[storage.key] = place + 8
            place += 8 + storage.size * storage.item_bytes
            if size != storage.size or place > self._num_bytes:
                raise ValueError(f"storage {storage.key[:80]!r} is cut short")
        return starts
