"""Keeps what of a folder is not read, with the reasons, in few lines."""

import collections
import os
import pathlib

from jaxpose.recordings.content import Content
from jaxpose.recordings.formats.base import first
from jaxpose.wording import cut, shown

ALWAYS_READ = (
    "jaxpose always reads an npz or JSON file with keypoints_2d [frames, joints, 2 or "
    "3] in pixels, image_size [width, height], fps, and the joint order as keypoints"
)
_UNKNOWN = "without keypoints that are known"
_MAX_REASON = 600  # characters
_MAX_LISTED = 3  # files of one kind that are named one by one


class Leftovers:
    """Collects files that are broken, and those that hold something else.

    Attributes:
      counts: number of files by kind that are counted only.
    """

    def __init__(self, top: pathlib.Path):
        """Takes the path that the user gave."""
        self.counts: collections.Counter[str] = collections.Counter()
        self._top = top
        self._refused: list[tuple[str, str]] = []
        self._left: dict[tuple[str, str], list[pathlib.Path]] = {}

    def refuse(self, where: str, reason: Exception | str) -> None:
        """Notes what is recognised and cannot be used."""
        self._refused.append((where, one_line(reason)))

    def leave(self, path: pathlib.Path, reason: str) -> None:
        """Notes a file that is not read."""
        if path == self._top:
            # The user asked for this very file.
            fix = f"; {ALWAYS_READ}" if _UNKNOWN in reason else ""
            self.refuse(str(path), f"{path}: not read: {reason}{fix}")
            return
        self._left.setdefault((str(path.parent), reason), []).append(path)

    def few_refused(self) -> list[tuple[str, str]]:
        """Returns what is refused, one entry for many files of a folder and a reason.

        A folder of frames may hold thousands that are damaged in the same way.
        """
        groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for where, reason in self._refused:
            folder = os.path.dirname(where)
            words = reason.removeprefix(f"{where}: ")
            groups.setdefault((folder, words), []).append((where, reason))
        few = []
        for (folder, words), entries in groups.items():
            if len(entries) <= _MAX_LISTED:
                few.extend(entries)
                continue
            first_one = os.path.basename(entries[0][0])
            count = f"{folder}: {len(entries):,} files such as {first_one}"
            few.append((folder, f"{count}: {words}"))
        return few

    def unread(self) -> list[str]:
        """Returns what was not read: a line per file, or per kind of many files."""
        lines: list[str] = []
        for (folder, reason), paths in self._left.items():
            if len(paths) <= _MAX_LISTED:
                lines.extend(f"{self._shown(path)}: {reason}" for path in paths)
            else:
                place = self._shown(pathlib.Path(folder))
                lines.append(
                    f"{place}: {len(paths):,} files such as {paths[0].name}: {reason}"
                )
        for kind, count in sorted(self.counts.items()):
            lines.append(f"{count:,} {kind}{'s' if count > 1 else ''}")
        return lines

    def _shown(self, path: pathlib.Path) -> str:
        """Returns a path relative to the one that the user gave."""
        try:
            return str(path.relative_to(self._top))
        except ValueError:
            return str(path)


def one_line(reason: Exception | str) -> str:
    """Returns the message of an error as one line, not longer than a few lines."""
    return cut(str(reason), _MAX_REASON)


def is_result(content: Content) -> bool:
    """Returns whether a file is one of `jaxpose.Pose`: npz, JSON or CSV."""
    if content.kind == "text":
        head = content.value.partition("\n")[0]
        return head.startswith("frame,time,") and "_seen" in head
    keys = content.value if isinstance(content.value, dict) else ()
    return {"frame_of_reference", "positions_3d"} <= set(keys)


def is_empty(content: Content) -> bool:
    """Returns whether a content has no entries at all, such as [] or [[], []]."""
    if content.kind == "text":
        return not content.value.strip()
    is_list = isinstance(content.value, list | dict)
    return content.kind == "json" and is_list and not _has_entries(content.value)


def _has_entries(value: list | dict) -> bool:
    """Returns whether lists hold anything but lists and objects without entries."""
    entries = value.values() if isinstance(value, dict) else value
    for entry in entries:
        if not isinstance(entry, list | dict):
            return True
        if entry and _has_entries(entry):
            return True
    return False


def description(content: Content) -> str:
    """Returns in a few words what a content is that no format recognises."""
    if content.kind == "text":
        is_trc = content.value.startswith("PathFileType")
        return "3D markers (TRC)" if is_trc else "text without keypoints"
    kind = "arrays" if content.kind == "arrays" else "JSON"
    value, within = content.value, ""
    if isinstance(value, list):
        value, within = first(value), " of its entries"
    found = f"with {shown(value)}"
    if isinstance(value, dict) and value:
        keys = ", ".join(repr(str(key)) for key in value)
        found = f"with the keys {cut(keys)}{within}"
    return f"{kind} {_UNKNOWN}, {found}"
