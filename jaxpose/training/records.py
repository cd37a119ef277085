"""Records of checkpoints: what they must hold, with digests to prove it.

A record is the description of the run, the score of the checkpoint, a digest of every
array, and a digest of all this. Each checkpoint holds it twice, in orbax's metadata and
as an item of its own, so that one damaged copy costs nothing. Checkpoints of earlier
versions of jaxpose hold a description without digests.
"""

import contextlib
import errno
import functools
import hashlib
import json
import os
import pathlib
import re
from typing import Any

import jax
import numpy as np

from jaxpose.regular_files import read_regular
from jaxpose.whole_files import write_json

# Where the two copies are, inside a checkpoint.
ITEM = "record"
METADATA_FILE = "_CHECKPOINT_METADATA"
ITEM_FILE = f"{ITEM}/data.json"
_METADATA_KEY = "custom_metadata"
# Bytes of the largest side file that is read: a digest of each of a million arrays.
MAX_BYTES = 1 << 27
# What a record holds beside the description of the run.
_OWN_FIELDS = ("score", "digests", "sha256")

# A large array is first summed in rows of this many words, each word with a factor of
# its own. An odd factor keeps every bit: one changed number always changes its sum.
_ROW = 512
_FACTORS = np.random.PCG64(0).random_raw(_ROW) | np.uint64(1)
# Begins the digests of this form; `_digest_of_columns` computes those without it.
_BY_ROWS = "rows:"
# The earlier form: number of sums, and the factor between the rows of a column.
_LANES = 1 << 13
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


def make_record(
    description: dict[str, Any], arrays: Any, score: float | None
) -> dict[str, Any]:
    """Returns the record of a checkpoint.

    Args:
      description: JSON data.
      arrays: a tree of arrays, each whole on every process.
      score: what the checkpoint is selected by; None without one.
    """
    # Through JSON: tuples become lists, as they are read back.
    record = json.loads(json.dumps(description))
    record |= {"score": score, "digests": array_digests(arrays)}
    return record | {"sha256": _digest_of_json(record)}


def is_sealed(record: dict[str, Any]) -> bool:
    """Returns whether a record has the digest that it states."""
    rest = {key: value for key, value in record.items() if key != "sha256"}
    return record.get("sha256") == _digest_of_json(rest)


def read_record(checkpoint: pathlib.Path) -> dict[str, Any] | None:
    """Returns the record of a checkpoint, from the copy that is intact.

    An earlier version of jaxpose wrote one copy, without digests. None where there is
    no record, or nothing of it can be trusted.

    Raises:
      OSError: a file is there and cannot be opened.
    """
    metadata = read_object(checkpoint / METADATA_FILE) or {}
    copies = []
    for copy in (metadata.get(_METADATA_KEY), read_object(checkpoint / ITEM_FILE)):
        if isinstance(copy, dict):
            copies.append(copy)
    for copy in copies:
        if is_sealed(copy):
            return copy
    if copies and not (checkpoint / ITEM).exists():
        return copies[0]
    return None


def is_damaged(checkpoint: pathlib.Path) -> bool:
    """Returns whether a checkpoint had digests and none of its records has survived."""
    return (checkpoint / ITEM).exists() and read_record(checkpoint) is None


def newest_record(workdir: pathlib.Path) -> dict[str, Any] | None:
    """Returns the newest record of a run in `workdir` that can be read, or None."""
    directory = workdir / "checkpoints"
    for step in sorted(complete_steps(directory), reverse=True):
        with contextlib.suppress(OSError):
            if record := read_record(directory / str(step)):
                return record
    return None


def newest_environment(workdir: pathlib.Path) -> dict[str, Any] | None:
    """Returns what `environment.json` holds, from the newest record, or None."""
    record = dict(newest_record(workdir) or {})
    for name in ("config", *_OWN_FIELDS):
        record.pop(name, None)
    return record if is_environment(record) else None


def is_environment(value: Any) -> bool:
    """Returns whether a value, which may be anything, describes where a run began."""
    if not isinstance(value, dict):
        return False
    return "versions" in value and type(value.get("format", 1)) is int


def is_config(value: Any) -> bool:
    """Returns whether a value, which may be anything, looks like a run's config."""
    if not isinstance(value, dict):
        return False
    return all(isinstance(value.get(name), dict) for name in ("model", "dataset"))


def complete_steps(directory: pathlib.Path) -> list[int]:
    """Returns the steps of the complete checkpoints in a directory.

    Raises:
      OSError: the directory is there and cannot be listed.
    """
    if not directory.is_dir():  # a circle of links is none either
        return []
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    # A name that is no number is a checkpoint that is being written. Numbers that are
    # written in another way, as 007, or in other digits, are not jaxpose's.
    return [int(name) for name in names if re.fullmatch("0|[1-9][0-9]{0,18}", name)]


def read_object(path: pathlib.Path) -> dict[str, Any] | None:
    """Returns the JSON object in a file, None where it is missing or damaged.

    A folder, a named pipe or a circle of links in its place counts as damage, too.

    Raises:
      OSError: the file is there and cannot be read.
    """
    try:
        content = json.loads(read_regular(path, MAX_BYTES))
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise
    return content if isinstance(content, dict) else None


def write_copies(checkpoint: pathlib.Path, record: dict[str, Any]) -> list[str]:
    """Writes the copies of an intact record that differ from it.

    Returns:
      The names of the files that were written.
    """
    metadata = read_object(checkpoint / METADATA_FILE) or {}
    contents = {}
    if metadata.get(_METADATA_KEY) != record:
        # orbax finds the items of a checkpoint by their folders.
        contents[METADATA_FILE] = {"item_handlers": {}, _METADATA_KEY: record}
    if read_object(checkpoint / ITEM_FILE) != record:
        contents[ITEM_FILE] = record
    for name, content in contents.items():
        (checkpoint / name).parent.mkdir(exist_ok=True)
        write_json(checkpoint / name, content)
    return list(contents)


def array_digests(arrays: Any, stated: dict[str, str] | None = None) -> dict[str, str]:
    """Returns a digest of type, shape and numbers of each array of a tree, by path.

    Args:
      arrays: the tree.
      stated: digests to compare with; each array gets the form of its digest there.
    """
    digests = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(arrays):
        name = jax.tree_util.keystr(path)
        expected = stated.get(name, _BY_ROWS) if stated else _BY_ROWS
        digest = _digest if expected.startswith(_BY_ROWS) else _digest_of_columns
        digests[name] = digest(np.asarray(leaf))
    return digests


def check_arrays(arrays: Any, record: dict[str, Any]) -> None:
    """Raises ValueError unless a tree has the arrays that a record tells of.

    A record without digests, which an earlier version of jaxpose wrote, allows all.
    """
    stated = record.get("digests")
    if stated is None:
        return
    found = array_digests(arrays, stated)
    differing = [name for name in found if found[name] != stated.get(name)]
    if differing or found.keys() != stated.keys():
        first = differing[0] if differing else "names of arrays"
        raise ValueError(
            f"{len(differing)} of {len(found)} arrays are not what was saved, the "
            f"first: {first}"
        )


def _digest(array: np.ndarray) -> str:
    """Returns 32 hexadecimal digits of an array's type, shape and numbers.

    SHA-256 reads small arrays, and of large ones the sums `sum_i word_i factor_i`
    modulo 2^64 over each row of 512 words. That reads them ten times faster.
    """
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    digest = hashlib.sha256(f"{_name_of(array.dtype)} {array.shape}".encode())
    whole = data.size - data.size % (8 * _ROW)
    if whole:
        rows = data[:whole].view(np.uint64).reshape(-1, _ROW)
        # einsum reads each word once, in vectors.
        digest.update(np.einsum("ij,j->i", rows, _FACTORS).data)
    digest.update(data[whole:].data)
    return _BY_ROWS + digest.hexdigest()[:32]


@functools.cache
def _name_of(dtype: np.dtype) -> str:
    """Returns the name of a type, which takes NumPy longer than a small digest."""
    return str(dtype)


def _digest_of_columns(array: np.ndarray) -> str:
    """Returns the digest that earlier checkpoints of this format hold.

    The rows of a large array, of 8,192 words each, are folded into one:
    `sum_k row_k f^(n - k)` modulo 2^64.
    """
    digest = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    row_bytes = 8 * _LANES
    whole = data.size - data.size % row_bytes
    if whole:
        folded = np.zeros(_LANES, np.uint64)
        for row in data[:whole].view(np.uint64).reshape(-1, _LANES):
            folded *= _FACTOR
            folded += row
        digest.update(folded.data)
    digest.update(data[whole:].data)
    return digest.hexdigest()[:32]


def _digest_of_json(value: dict[str, Any]) -> str:
    """Returns the SHA-256 of JSON data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
