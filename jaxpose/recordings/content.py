"""Loads a file into memory: its first bytes decide what it is, not its name."""

import dataclasses
import gzip
import io
import json
import pathlib
import re
import zipfile
import zlib
from typing import Any, Literal

from jaxpose.datasets.budget import Budget
from jaxpose.datasets.restricted import load_npy_bytes, load_npz_bytes
from jaxpose.errors import JaxposeError
from jaxpose.regular_files import open_regular
from jaxpose.wording import cut

# Endings of files that should hold keypoints. Where such a file is a web page or a
# pointer instead, the user must hear of it.
DATA_ENDINGS = {".json", ".jsonl", ".npz", ".npy", ".csv", ".tsv", ".txt"}

_HEAD_BYTES = 4096
_MAX_BYTES = 2**32  # unpacked
_FREE_BYTES, _BYTES_PER_BYTE = 2**24, 16  # that a gzip file may unpack to
_PART = 2**20  # bytes that are unpacked at a time
# Lists and objects that a JSON text may have: [1,2] is one, and there are no smaller.
_FREE_OBJECTS, _CHARACTERS_PER_OBJECT = 500_000, 6

# First bytes of files that are recognised and not read.
_SIGNATURES = (
    (b"\x89HDF", "HDF5; export it as CSV, JSON or npz"),
    (b"MATLAB 5.0", "a MATLAB file; export its arrays as npz or JSON"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"%PDF", "a PDF"),
    (b"BZh", "an archive; unpack it"),
    (b"7z\xbc\xaf", "an archive; unpack it"),
    (b"\xfd7zXZ", "an archive; unpack it"),
    (b"Rar!", "an archive; unpack it"),
)
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_POINTER = b"version https://git-lfs.github.com/spec/"
_ANNEX_POINTER = re.compile(rb"[./]*\.?git/annex/objects/|/annex/objects/")
_WEB_PAGE = re.compile(r"<!doctype html|<html|<head|<body", re.IGNORECASE)

TOO_DEEP = "lists in lists, too deep to read"


class UnreadError(Exception):
    """A file that holds no keypoints. The message says in a few words what it is."""


@dataclasses.dataclass(frozen=True)
class Content:
    """The content of a file.

    Attributes:
      path: the file.
      kind: "json": `value` is what the JSON file holds; "arrays": the arrays of an npz
        file by key, or of an npy file under the key "";  "text": the text of a table.
      value: the content.
      warnings: sentences about what of the file could not be read.
    """

    path: pathlib.Path
    kind: Literal["json", "arrays", "text"]
    value: Any
    warnings: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """Returns the file for messages."""
        return str(self.path)

    @property
    def stem(self) -> str:
        """Returns the name of the file without its endings."""
        return stem_of(self.path.name)


def stem_of(name: str) -> str:
    """Returns the name of a file without its endings, `walk` for `walk.json.gz`."""
    return re.sub(r"(?<=.)(\.[A-Za-z]\w{0,5})+$", "", name)


def data_ending(path: pathlib.Path) -> bool:
    """Returns whether the file is called like one that holds keypoints."""
    name = path.name.lower().removesuffix(".gz")
    return pathlib.Path(name).suffix in DATA_ENDINGS


def load_content(path: pathlib.Path) -> Content:
    """Returns the content of a file.

    Raises:
      UnreadError: the file is of a kind that holds no keypoints.
      JaxposeError: the file should hold keypoints, and is damaged or another thing.
    """
    data = _read(path)
    if data.startswith(b"PK\x03\x04"):
        return Content(path, "arrays", _load_zip(data, path))
    if data.startswith(b"\x93NUMPY"):
        value = load_npy_bytes(data, str(path))
        # An object array without axes may hold a dict of arrays.
        return Content(
            path, "arrays", value if isinstance(value, dict) else {"": value}
        )
    return _load_text(data, path)


def _read(path: pathlib.Path) -> bytes:
    """Returns the bytes of a file, unpacked if it is a gzip file.

    Raises:
      UnreadError: the first bytes are those of a file that holds no keypoints.
      JaxposeError: the file cannot be read, or is a pointer to the real one.
    """
    try:
        with open_regular(path) as stream:
            head = stream.read(_HEAD_BYTES)
            is_packed = head.startswith(b"\x1f\x8b")
            _refuse_by_head(b"" if is_packed else head, path)
            data = head + stream.read(_MAX_BYTES + 1 - len(head))
        if is_packed:
            data = _unpack(data)
            _refuse_by_head(data[:_HEAD_BYTES], path)
    except JaxposeError as error:
        text = str(error)
        raise JaxposeError(text if str(path) in text else f"{path}: {text}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise JaxposeError(
            f"{path}: a gzip file that is damaged or cut short ({cut(str(error))}); "
            "get it again"
        ) from None
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise JaxposeError(f"{path}: larger than 4 GiB; split it into videos")
    return data


def _unpack(data: bytes) -> bytes:
    """Returns the content of a gzip file, unpacked in parts.

    Raises:
      JaxposeError: it unpacks to more than its size warrants.
    """
    budget = Budget(_FREE_BYTES + _BYTES_PER_BYTE * len(data))
    parts = []
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        while part := stream.read(_PART):
            budget.spend(len(part))
            parts.append(part)
    return b"".join(parts)


def _refuse_by_head(head: bytes, path: pathlib.Path) -> None:
    """Raises UnreadError or JaxposeError for what the first bytes give away."""
    for signature, reason in _SIGNATURES:
        if head.startswith(signature):
            raise UnreadError(reason)
    if _PICKLE.match(head):
        raise UnreadError(
            "a pickle, which can run code; save its arrays as npz or JSON"
        )
    is_pointer = head.startswith(_POINTER)
    if is_pointer or (len(head) < 1000 and _ANNEX_POINTER.match(head)):
        tool, command = ("Git LFS", "git lfs pull") if is_pointer else ("git-annex", "")
        command = command or "git annex get"
        raise _wrong_kind(
            path, f"a {tool} pointer, not the file itself; run `{command}`"
        )


def _wrong_kind(path: pathlib.Path, reason: str) -> Exception:
    """Returns the error for a file that is not what its name promises."""
    if data_ending(path):
        return JaxposeError(f"{path}: this is {reason}")
    return UnreadError(reason)


def _load_zip(data: bytes, path: pathlib.Path) -> dict[str, Any]:
    """Returns the arrays of an npz file by key.

    Raises:
      UnreadError: the archive is none of arrays.
      JaxposeError: the file is damaged.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        names = None  # cut short: the reader of npz files says so
    if names is not None and not any(name.endswith(".npy") for name in names):
        is_checkpoint = any(name.endswith("data.pkl") for name in names)
        raise UnreadError(
            "weights of a network" if is_checkpoint else "a zip archive; unpack it"
        )
    return load_npz_bytes(data, str(path))


def _load_text(data: bytes, path: pathlib.Path) -> Content:
    """Returns the content of a JSON file or of a table.

    Raises:
      UnreadError: the bytes are no text, or a text of another kind.
      JaxposeError: a file that should hold keypoints is a web page, or damaged.
    """
    text = _decode(data, path)
    start = text.lstrip()[:500]
    if _WEB_PAGE.match(start):
        raise _wrong_kind(
            path, "a web page (HTML), not the file itself; download the file again"
        )
    if start.startswith(("<", "%YAML")):
        raise UnreadError(f"{'XML' if start[0] == '<' else 'YAML'}; export JSON or CSV")

    # Text in brackets may also be an INI file; only what is called JSON must be JSON.
    is_called_json = ".json" in path.name.lower()
    if start.startswith(("{", "[")) or is_called_json:
        try:
            return _parse_json(text, path)
        except JaxposeError:
            if is_called_json or data_ending(path):
                raise
            raise UnreadError("text") from None
    return Content(path, "text", text)


def _decode(data: bytes, path: pathlib.Path) -> str:
    """Returns the text of bytes in UTF-8, UTF-16 or UTF-32, or in Latin-1 without NUL.

    Raises:
      UnreadError: they are no text.
      JaxposeError: they are no text, and the file is called like one.
    """
    # The pattern of zero bytes among the first four tells the encodings apart.
    encoding = json.detect_encoding(data[:4]) if data else "utf-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("latin-1") if encoding.startswith("utf-8") else "\0"
    text = text.removeprefix("\ufeff")
    is_control = text[:1] < " " and not text[:1].isspace() and text != ""
    if is_control or "\0" in text[:_HEAD_BYTES]:
        raise _wrong_kind(path, "binary data of an unknown kind")
    return text


def _parse_json(text: str, path: pathlib.Path) -> Content:
    """Returns what a JSON text holds; one object per line becomes a list.

    A last line that is cut short is left out, with a warning.

    Raises:
      JaxposeError: it is no JSON.
    """
    if not text.strip():
        raise JaxposeError(f"{path}: the file is empty; write it again")
    _require_few_objects(text, path)
    try:
        return Content(path, "json", _unpacked(json.loads(text)))
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            values, cut_line = _parse_lines(text)
            warnings: tuple[str, ...] = ()
            if cut_line:
                warnings = (
                    f"line {cut_line:,}, the last one, is cut short and left out: the "
                    "file is not complete; write it again",
                )
            if values:
                return Content(path, "json", values, warnings)
        is_cut = text.rstrip()[-1] not in "]}"
        reason = "the file is cut short" if is_cut else error.msg
        raise JaxposeError(
            f"{path}: not JSON, or damaged: {reason} (line {error.lineno}, column "
            f"{error.colno}); write it again"
        ) from None
    except RecursionError:
        raise JaxposeError(f"{path}: {TOO_DEEP}") from None
    except ValueError as error:
        raise JaxposeError(
            f"{path}: not JSON of keypoints: {cut(str(error))}"
        ) from None


def _require_few_objects(text: str, path: pathlib.Path) -> None:
    """Raises JaxposeError for more lists and objects than keypoints can need.

    An empty list takes two characters of the text and thirty times as much in memory.
    """
    most = _FREE_OBJECTS + len(text) // _CHARACTERS_PER_OBJECT
    found = text.count("[") + text.count("{")
    if found > most:
        raise JaxposeError(
            f"{path}: {found:,} lists and objects in {len(text):,} characters; these "
            "are no keypoints"
        )


def _unpacked(value: Any) -> Any:
    """Returns a value, parsed once more where it is a text of JSON, or all of such.

    `json.dump` writes a text for each frame where a tool's `to_json` has made one.
    """
    if _is_json_text(value):
        return json.loads(value)
    if isinstance(value, list) and value and all(map(_is_json_text, value)):
        return [json.loads(text) for text in value]
    if isinstance(value, dict) and value and all(map(_is_json_text, value.values())):
        return {key: json.loads(text) for key, text in value.items()}
    return value


def _is_json_text(value: Any) -> bool:
    """Returns whether a value is a text that begins as JSON of lists or objects."""
    return isinstance(value, str) and value.lstrip()[:1] in ("[", "{")


def _parse_lines(text: str) -> tuple[list[Any], int]:
    """Returns the values of a text with one JSON value per line, none if it is none.

    The second one is the number of the last line if that is cut short, else 0.
    """
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    values = []
    for place, (number, line) in enumerate(lines):
        try:
            values.append(json.loads(line))
        except (ValueError, RecursionError):
            is_last = place == len(lines) - 1 > 0
            return (values, number) if is_last else ([], 0)
    return values, 0
