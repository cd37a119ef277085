"""Writes checkpoints in both forms of PyTorch's files, without PyTorch.

A pickle with tensors needs classes of PyTorch's names. Here the operations are written
one by one, as PyTorch's own pickles have them.
"""

import pathlib
import pickle
import struct
import zipfile

import numpy as np

STORAGES = {
    "f4": "FloatStorage",
    "f8": "DoubleStorage",
    "f2": "HalfStorage",
    "i8": "LongStorage",
    "bfloat16": "BFloat16Storage",
}


def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value):
    if value < 2**31:
        return b"J" + struct.pack("<i", value)
    return b"\x8a" + bytes([9]) + value.to_bytes(9, "little")


def name(module, function):
    return f"c{module}\n{function}\n".encode()


def storage(key, kind, size, legacy=False):
    """The reference to a storage of `size` numbers."""
    return (
        b"("
        + text("storage")
        + name("torch", STORAGES[kind])
        + text(key)
        + text("cpu")
        + number(size)
        + (b"N" if legacy else b"")
        + b"tQ"
    )


def tensor(reference, shape, strides=None, offset=0):
    """A tensor that lies in a storage; by default all of it, row by row."""
    if strides is None:
        strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    sizes = b"(" + b"".join(map(number, shape)) + b"t"
    steps = b"(" + b"".join(map(number, strides)) + b"t"
    hooks = name("collections", "OrderedDict") + b")R"
    return (
        name("torch._utils", "_rebuild_tensor_v2")
        + b"("
        + reference
        + number(offset)
        + sizes
        + steps
        + b"\x89"
        + hooks
        + b"tR"
    )


def mapping(entries):
    """A dict of names to operations."""
    pairs = b"".join(text(key) + value for key, value in entries.items())
    return b"}(" + pairs + b"u"


def plain(value):
    """The operations of a number, text or container."""
    return pickle.dumps(value, protocol=2)[2:-1]


def write_zip(path, operations, storages, order=b"little"):
    """Writes a file of PyTorch 1.6 and later."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + operations + b".")
        archive.writestr("archive/byteorder", order)
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", b"3\n")
    return path


def write_legacy(path, operations, storages):
    """Writes a file of before PyTorch 1.6; `storages` are (size, bytes) by key."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    content = b"".join(
        pickle.dumps(value, protocol=2)
        for value in (0x1950A86A20F9469CFC6C, 1001, system)
    )
    content += b"\x80\x02" + operations + b"."
    content += pickle.dumps(list(storages), protocol=2)
    for size, data in storages.values():
        content += struct.pack("<q", size) + data
    path.write_bytes(content)
    return path


def write_checkpoint(path: pathlib.Path, content: dict, *, legacy=False, more=b""):
    """Writes nested dicts of arrays and plain values.

    Args:
      path: the file.
      content: dicts, arrays of float32, float64, float16 or int64, and plain values.
      legacy: whether it has the form of before PyTorch 1.6.
      more: operations of further pairs of a key and a value.
    """
    storages = {}

    def operations(value):
        if isinstance(value, dict):
            return mapping({key: operations(entry) for key, entry in value.items()})
        if not isinstance(value, np.ndarray):
            return plain(value)
        key = str(len(storages))
        kind = value.dtype.str[1:]
        data = value.astype(value.dtype.newbyteorder("<")).tobytes()
        storages[key] = (value.size, data) if legacy else data
        return tensor(storage(key, kind, value.size, legacy), value.shape)

    written = operations(content) + b"(" + more + b"u"
    return (write_legacy if legacy else write_zip)(path, written, storages)
