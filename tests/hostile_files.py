"""Makes the hostile files, each for one reader: `python -m tests.hostile_files FOLDER`.

Every file is small and asks for far more memory or time than it has bytes, or reaches
for what lies outside of it. `MAKERS` has them by name; `READERS` says which reader the
ending of a name belongs to.
"""

import json
import os
import pathlib
import pickle
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable

import numpy as np

from tests import torch_files

_ZEROS = bytes(2**20)


def _deflated(megabytes: int, wbits: int = -15) -> tuple[bytes, int]:
    """Returns zeros packed by deflate, and their checksum."""
    packer = zlib.compressobj(6, zlib.DEFLATED, wbits)
    parts, checksum = [], 0
    for _ in range(megabytes):
        parts.append(packer.compress(_ZEROS))
        checksum = zlib.crc32(_ZEROS, checksum)
    return b"".join([*parts, packer.flush()]), checksum


def _npz(path: pathlib.Path, header: str, parts: list[bytes]) -> None:
    """Writes an npz file of one array, packed, of these parts."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("data.npy", "w") as member,
    ):
        member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)))
        for part in (header.encode(), *parts):
            member.write(part)


def npz_bomb(path):
    """Zeros that unpack to 200 MB."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({200 * 2**20},), }}"
    _npz(path, header, [_ZEROS] * 200)


def npz_bzip2(path):
    """A method whose unpacking zipfile does not bound."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("data.npy", bytes(2**27))


def npz_operations(path):
    """A pickle of 60 million operations in 60 kB."""
    head = "{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    _npz(path, head, [b"\x80\x02", *[b"N0" * 2**19] * 60])


def _shared(levels: int, width: int, start: bytes = b"]") -> bytes:
    """Operations of lists that refer to one list `width` times, and so on."""
    operations = start + b"q\x00"
    for level in range(levels):
        references = b"h" + bytes([level])
        operations += b"0](" + references * width + b"eq" + bytes([level + 1])
    return operations


def pickle_shared_lists(path):
    """Nested lists that refer to each other: 10 to the 12 numbers in 300 bytes."""
    path.write_bytes(b"\x80\x02" + _shared(12, 10) + b".")


def pickle_repeated_array(path):
    """A list that holds one array of 1 MB 100,000 times."""
    array = pickle.dumps(np.zeros(2**20, np.uint8), protocol=2)[2:-1]
    content = b"\x80\x02](" + array + b"r\xff\xff\x00\x00"
    path.write_bytes(content + b"j\xff\xff\x00\x00" * 100_000 + b"e.")


def pickle_repeated_copies(path):
    """A call that copies one text of 2 MB 100,000 times."""
    text = b"X" + struct.pack("<I", 2**21) + b"a" * 2**21 + b"q\x01"
    encoding = b"X\x06\x00\x00\x00latin1q\x02"
    call = b"c_codecs\nencode\nq\x00]("
    copy = b"h\x00h\x01h\x02\x86R"
    path.write_bytes(b"\x80\x02" + text + encoding + call + copy * 100_000 + b"e.")


def pickle_of_itself(path):
    """A list that holds itself."""
    path.write_bytes(b"\x80\x02]q\x00h\x00a.")


def pickle_deep(path):
    """Lists in lists, a million levels deep."""
    path.write_bytes(b"\x80\x02" + b"]" * 400_000 + b"a" * 399_999 + b".")


def mat_bomb(path):
    """A compressed variable of 200 MB."""
    packed, _ = _deflated(200, 15)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    path.write_bytes(head + struct.pack("<II", 15, len(packed)) + packed)


def mat_cells(path):
    """A cell array of 700,000 empty cells."""
    cells = struct.pack("<II", 14, 0) * 700_000
    head = struct.pack("<IIII", 6, 8, 1, 0) + struct.pack("<IIii", 5, 8, 1, 700_000)
    name = struct.pack("<II", 1, 8) + b"poses_3d"
    body = head + name + cells
    content = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    path.write_bytes(content + struct.pack("<II", 14, len(body)) + body)


def zip_bomb(path):
    """A motion of 120 MB of line ends in 120 kB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("subjects/01/01.asf", ":version 1.10\n")
        archive.writestr("subjects/01/01_01.amc", b"\n" * (120 * 2**20))


def gzip_bomb(path):
    """JSON of 200 MB of spaces."""
    packed, checksum = _deflated(200)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    path.write_bytes(head + packed + struct.pack("<II", checksum, 200 * 2**20))


def json_empty_lists(path):
    """Two million lists in 6 MB."""
    path.write_text("[" + "[]," * 2_000_000 + "[]]")


def json_million_joints(path):
    """A person of a million joints."""
    joints = [1, 2, 1] * 1_000_000
    person = {"image_id": "0.jpg", "category_id": 1, "keypoints": joints, "score": 1.0}
    path.write_text(json.dumps([person]))


def json_long_text(path):
    """A text of 6 MB where numbers are expected."""
    person = {"pose_keypoints_2d": "x" * 6_000_000}
    path.write_text(json.dumps({"people": [person, person]}))


def torch_shared_dicts(path):
    """Nested dicts that refer to each other: 10 to the 12 in 6 kB."""
    operations = b"}q\x00"
    for level in range(4):
        pairs = b"".join(
            torch_files.plain(key)[:2] + b"h" + bytes([level]) for key in range(250)
        )
        operations += b"0}(" + pairs + b"uq" + bytes([level + 1])
    torch_files.write_zip(path, operations, {})


def torch_repeated_storage(path):
    """20,000 tensors of one storage of 2 MB."""
    whole = torch_files.storage("0", "f4", 2**19)
    entries = {
        str(index): torch_files.tensor(whole, (2**19,)) for index in range(20_000)
    }
    operations = torch_files.mapping(entries)
    torch_files.write_zip(path, operations, {"0": bytes(2**21)})


def torch_operations(path):
    """A description of 20 million operations."""
    torch_files.write_zip(path, b"N0" * 10_000_000 + b"}", {})


def xml_spaces(path):
    """An element that begins and never ends, of a million spaces."""
    path.write_text("<w0>" + " " * 1_000_000)


def yaml_lines(path):
    """A camera matrix that never ends, of 400,000 empty lines."""
    path.write_text("k: !!opencv-matrix\n rows: 3" + "\n" * 400_000 + "x")


def yaml_digits(path):
    """A number of 400,000 digits that is none."""
    path.write_text("k: " + "1" * 400_000 + "x\n")


def xml_comments(path):
    """100,000 comments that begin and never end."""
    path.write_text("<opencv_storage>" + "<!--" * 100_000)


def hdf5_claims(path):
    """Arrays of 2 to the 40 numbers that are not in the file."""
    import h5py

    with h5py.File(path, "w") as file:
        shape, chunks = (2**34, 1, 17, 2), (64, 1, 17, 2)
        file.create_dataset("annot2", shape, "f8", chunks=chunks)


def hdf5_external(path):
    """Numbers that lie in another local file."""
    import h5py

    secret = path.with_name("secret.bin")
    secret.write_bytes(bytes(34 * 8))
    with h5py.File(path, "w") as file:
        outside = [(str(secret), 0, 34 * 8)]
        file.create_dataset("annot2", (1, 1, 17, 2), "f8", external=outside)


def hdf5_link(path):
    """A link to an array of another local file."""
    import h5py

    other = path.with_name("other.h5")
    with h5py.File(other, "w") as file:
        file["annot2"] = np.zeros((1, 1, 17, 2))
    with h5py.File(path, "w") as file:
        file["annot2"] = h5py.ExternalLink(str(other), "/annot2")


def hdf5_virtual(path):
    """An array that is put together from another local file."""
    import h5py

    other = path.with_name("parts.h5")
    with h5py.File(other, "w") as file:
        file["annot2"] = np.ones((1, 1, 17, 2))
    layout = h5py.VirtualLayout((1, 1, 17, 2), "f8")
    layout[...] = h5py.VirtualSource(str(other), "annot2", (1, 1, 17, 2))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("annot2", layout)


def pipe(path):
    """A named pipe, which nobody writes to."""
    os.mkfifo(path)


# By the name of the file.
MAKERS: dict[str, Callable[[pathlib.Path], None]] = {
    "bomb.npz": npz_bomb,
    "bzip2.npz": npz_bzip2,
    "operations.npz": npz_operations,
    "shared_lists.pkl": pickle_shared_lists,
    "repeated_array.pkl": pickle_repeated_array,
    "repeated_copies.pkl": pickle_repeated_copies,
    "of_itself.pkl": pickle_of_itself,
    "deep.pkl": pickle_deep,
    "bomb.mat": mat_bomb,
    "cells.mat": mat_cells,
    "bomb.zip": zip_bomb,
    "bomb.json.gz": gzip_bomb,
    "empty_lists.json": json_empty_lists,
    "million_joints.json": json_million_joints,
    "long_text.json": json_long_text,
    "shared_dicts.pt": torch_shared_dicts,
    "repeated_storage.pt": torch_repeated_storage,
    "operations.pt": torch_operations,
    "spaces.xml": xml_spaces,
    "lines.yml": yaml_lines,
    "digits.yml": yaml_digits,
    "comments.opencv": xml_comments,
    "claims.h5": hdf5_claims,
    "external.h5": hdf5_external,
    "link.h5": hdf5_link,
    "virtual.h5": hdf5_virtual,
    **{
        f"pipe.{ending}": pipe
        for ending in (
            *("npz", "pkl", "mat", "zip", "json", "pt", "xml", "yml", "h5", "cdf"),
            "safetensors",
        )
    },
}

# Recordings that are refused do not stop the others: the reason is in a list.
_RECORDINGS = (
    "from jaxpose.recordings.files import read_detections; reasons = "
    "[reason for _, reason in read_detections(path).refused];"
    "exec('if reasons: raise JaxposeError(reasons[0])')"
)

# The call that reads a file `path`, by the ending of its name.
READERS = {
    "npz": "from jaxpose.datasets.restricted import load_npz; load_npz(path)",
    "pkl": "from jaxpose.datasets.restricted import load_pickle; load_pickle(path)",
    "mat": "from jaxpose.datasets.mat_file import load_mat;"
    "load_mat(path, ('poses_3d',))",
    "zip": "from jaxpose.datasets.acclaim.archives import Archive;"
    "Archive(path).read('subjects/01/01_01.amc')",
    "json": _RECORDINGS,
    "gz": _RECORDINGS,
    "pt": "from jaxpose.torch_weights.checkpoint import read_state_dict;"
    "read_state_dict(path, ('model',))",
    "xml": "from jaxpose.datasets.human36m.metadata import read_cameras;"
    "read_cameras(path, 'S1')",
    "yml": "from jaxpose.recordings.calibration import read_calibration;"
    "read_calibration(path)",
    "opencv": "from jaxpose.recordings.calibration import read_calibration;"
    "read_calibration(path)",
    "h5": "from jaxpose.datasets.mpi_inf_3dhp.source_files import load_annot_data;"
    "load_annot_data(path, 'annot3')",
    "cdf": "from jaxpose.datasets.human36m.cdf import read_pose;"
    "read_pose(path, path.name, 3)",
    "safetensors": "from jaxpose.weights import load_weights; load_weights(path)",
}

if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file, make in MAKERS.items():
        make(folder / file)
