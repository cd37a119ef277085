"""Gives recordings names of their own, out of the folders that they lie in."""

import collections
import dataclasses
import hashlib
import pathlib
import re
from collections.abc import Sequence

from jaxpose.recordings.recording import Recording
from jaxpose.wording import shown

# Of the name of a file without its ending; of a longer one, as much as is kept.
_MAX_NAME_BYTES, _MAX_START_BYTES = 180, 120


def unique(names: Sequence[tuple[str, str]]) -> list[str]:
    """Returns a name for each (name, file), different ones.

    Equal names are replaced by the nearest folder that tells them apart, or else by as
    much of the paths as is needed.
    """
    files = collections.defaultdict(list)
    for number, (name, _) in enumerate(names):
        files[name].append(number)
    result = [name for name, _ in names]
    for name, numbers in files.items():
        if len(numbers) == 1:
            continue
        paths = [pathlib.Path(names[number][1]).parts for number in numbers]
        for number, own in zip(numbers, _told_apart(name, paths), strict=True):
            result[number] = own

    # A folder may be called like another recording.
    counts = collections.Counter(result)
    numbered: collections.Counter[str] = collections.Counter()
    for number, name in enumerate(result):
        if counts[name] > 1:
            numbered[name] += 1
            result[number] = f"{name} {numbered[name]}"
    return result


def _told_apart(name: str, paths: list[tuple[str, ...]]) -> list[str]:
    """Returns a name for each path of files of one name."""
    depth = min(map(len, paths))
    for level in range(2, depth + 1):
        folders = [path[-level] for path in paths]
        if len(set(folders)) == len(folders):
            return folders
    # No single folder differs everywhere: take all that follow the common beginning.
    common = 0
    while common < depth and len({path[common] for path in paths}) == 1:
        common += 1
    return ["/".join([*path[common:-1], name]) for path in paths]


def with_own_names(
    recordings: Sequence[tuple[Recording, str]],
) -> tuple[list[Recording], list[tuple[Recording, str]]]:
    """Makes subject, take and camera of each recording differ from all others'.

    Args:
      recordings: each with the name of its video. A take that is only that name may
        become the name of the recording.

    Returns:
      the recordings, and those whose stated names occur twice, each with the reason.
    """
    counts = collections.Counter(_key(recording) for recording, _ in recordings)
    kept: list[Recording] = []
    twice = []
    known: dict[tuple[str, str, str], Recording] = {}
    for recording, video in recordings:
        if counts[_key(recording)] > 1 and recording.take == video:
            recording = dataclasses.replace(recording, take=recording.name)
        first = known.setdefault(_key(recording), recording)
        if first is recording:
            kept.append(recording)
            continue
        subject, take, camera = _key(recording)
        reason = (
            f"{recording.where}: subject {shown(subject)}, take {shown(take)} and "
            "camera "
            f"{shown(camera)} are those of {first.where} as well; give one of them "
            "another "
            "name"
        )
        twice.append((recording, reason))
    return kept, twice


def _key(recording: Recording) -> tuple[str, str, str]:
    return recording.subject, recording.take, recording.camera.name


def file_name(name: str) -> str:
    """Returns `name` as the name of a file or folder, different for every `name`."""
    # Separators of folders, and the characters that Windows forbids.
    pattern = r'[%/\\:*?"<>|\x00-\x1f]'
    # The names "." and ".." are folders already.
    if not name.strip("."):
        pattern = r"\."
    escaped = re.sub(pattern, lambda character: f"%{ord(character[0]):02X}", name)
    encoded = escaped.encode(errors="surrogatepass")
    if len(encoded) <= _MAX_NAME_BYTES:
        return escaped
    # File systems take 255 bytes, endings included: the digest stands for the rest.
    start = encoded[:_MAX_START_BYTES].decode(errors="ignore")
    return f"{start}-{hashlib.sha256(encoded).hexdigest()[:16]}"
