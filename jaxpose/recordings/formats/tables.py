"""Reads tables of keypoints: CSV, TSV, and text with columns.

Three kinds of tables are told apart by their head. DeepLabCut (`analyze_videos` with
save_as_csv, all versions since 2.0) writes three or four rows, `scorer`, `individuals`
(of several animals), `bodyparts`, `coords` (x, y, likelihood), and the frame number or
the image first in each row. Wide tables have a column per joint and axis, `nose_x,
nose_y, nose_score`, `x1, y1, v1`; SLEAP (analysis CSV, sleap-io at 46d6a66) writes
`nose.x`, with `track` and `frame_idx`. Long tables have a row per joint. Tables without
a head are arrays.
"""

import collections
import csv
import dataclasses
import io
import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import with_named_joints
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat, read_named
from jaxpose.recordings.formats.plain import read_array
from jaxpose.recordings.joint_names import find_layout
from jaxpose.recordings.poses import Person
from jaxpose.wording import shown

_AXES = {
    **{"x": "x", "y": "y"},
    **dict.fromkeys(
        ("score", "conf", "confidence", "likelihood", "visibility"), "score"
    ),
    **dict.fromkeys(("c", "s", "v", "p", "prob", "probability", "visible"), "score"),
    **{"z": "other", "presence": "other"},
}
_AXIS = "|".join(sorted(_AXES, key=len, reverse=True))
# nose_x, nose.x, LShoulderX, 0_x; x_nose, x1.
_NAME_FIRST = re.compile(rf"(?P<name>.+?)[ _.:/-]*(?P<axis>{_AXIS})", re.IGNORECASE)
_AXIS_FIRST = re.compile(rf"(?P<axis>{_AXIS})[ _.:/-]*(?P<name>.+)", re.IGNORECASE)

# Names of columns, in lower case and without separators.
_FRAME_COLUMNS = {
    *(
        "frame",
        "frameid",
        "frameidx",
        "frameindex",
        "framenumber",
        "framenum",
        "frameno",
    ),
    *("image", "imageid", "imagename", "filename", "file", "img"),
}
_PERSON_COLUMNS = {
    *("person", "personid", "track", "trackid", "instance", "instanceid", "individual"),
    *("id", "pid", "player", "playerid", "subject", "object", "objectid"),
}
_JOINT_COLUMNS = {
    *("joint", "jointname", "jointid", "keypoint", "keypointname", "keypointid"),
    *("bodypart", "landmark", "landmarkname", "landmarkid", "node", "part", "kpt"),
    *("jointindex", "keypointindex", "landmarkindex", "name"),
}
_MIN_JOINTS = 6  # fewer are no body


@dataclasses.dataclass
class _Table:
    """Rows of a table whose columns are known.

    Attributes:
      rows: (line, cells) of each row.
      joints: names in the order of the columns.
      columns: column of x, y and, if there is one, score of each joint.
      frame: column of the frame, or -1.
      person: column of the person, or -1.
      unread: names of columns that have no meaning here.
    """

    rows: list[tuple[int, list[str]]]
    joints: list[str]
    columns: list[list[int]]
    frame: int = -1
    person: int = -1
    unread: tuple[str, ...] = ()


def _rows(content: Content, limit: int | None = None) -> list[tuple[int, list[str]]]:
    """Returns (line, cells) of the rows that are not empty, the first `limit` ones."""
    text = content.value
    lines = text.split("\n", 8)[:8]
    sample = next((line for line in lines if line.strip()), "")
    # The separator that occurs most; numbers with a decimal comma need another one.
    separator = max("\t;,", key=sample.count)
    if ";" in sample and sample.count(";") >= sample.count(",") / 2:
        separator = ";"
    if separator not in sample:
        separator = " "
    rows = []
    reader = csv.reader(
        io.StringIO(text, newline=None),
        delimiter=separator,
        skipinitialspace=True,
    )
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((reader.line_num, [cell.strip() for cell in cells]))
            if limit is not None and len(rows) >= limit:
                break
    except csv.Error as error:
        raise JaxposeError(
            f"{content.where}: line {reader.line_num}: {error}"
        ) from None
    return rows


def _number(cell: str) -> float:
    """Returns the number in a cell, NaN for an empty one; raises ValueError."""
    if cell.lower() in ("", "none", "null", "na", "n/a", "nan", "-"):
        return math.nan
    return float(cell.replace(",", ".") if "," in cell else cell)


def _is_number(cell: str) -> bool:
    """Returns whether a cell holds a number."""
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _plain(cell: str) -> str:
    """Returns the name of a column in lower case, without separators."""
    return re.sub(r"[^a-z0-9]", "", cell.lower())


def _find(head: list[str], names: set[str]) -> int:
    """Returns the first column with one of the names, or -1."""
    return next((i for i, cell in enumerate(head) if _plain(cell) in names), -1)


def _axes(head: list[str], pattern: re.Pattern[str]) -> dict[str, dict[str, int]]:
    """Returns the column of each axis, by the name of the joint."""
    joints: dict[str, dict[str, int]] = collections.defaultdict(dict)
    for column, cell in enumerate(head):
        match = pattern.fullmatch(cell)
        if match:
            axis = _AXES[match["axis"].lower()]
            joints[match["name"].strip(" _.:/-")].setdefault(axis, column)
    return {name: axes for name, axes in joints.items() if {"x", "y"} <= set(axes)}


def _wide(rows: list[tuple[int, list[str]]]) -> _Table | None:
    """Returns a table with a column per joint and axis, or None."""
    head = rows[0][1]
    found = max((_axes(head, p) for p in (_NAME_FIRST, _AXIS_FIRST)), key=len)
    if len(found) < _MIN_JOINTS:
        return None
    names = list(found)
    # Numbered joints are sorted: columns may stand in any order.
    if all(re.search(r"\d+$", name) for name in names):
        names.sort(key=lambda name: int(re.findall(r"\d+$", name)[0][:9]))
    columns = [_columns(found[name]) for name in names]
    frame, person = _find(head, _FRAME_COLUMNS), _find(head, _PERSON_COLUMNS)
    # What has no meaning here is named, not dropped silently.
    used = {frame, person, *(c for axes in found.values() for c in axes.values())}
    unread = [cell for i, cell in enumerate(head) if i not in used and cell]
    return _Table(rows[1:], names, columns, frame, person, tuple(unread))


def _columns(axes: dict[str, int]) -> list[int]:
    """Returns the columns of x, y and, if there is one, the score."""
    return [axes[axis] for axis in ("x", "y", "score") if axis in axes]


def _deeplabcut(rows: list[tuple[int, list[str]]]) -> list[_Table] | None:
    """Returns a table per individual of DeepLabCut's, or None."""
    # The first cell of a row of the head says what the row holds.
    heads = {}
    for place, (_, cells) in enumerate(rows[:4]):
        heads[cells[0].lower()] = (place, cells)
    if "bodyparts" not in heads or "coords" not in heads:
        return None
    parts, axes = heads["bodyparts"][1], heads["coords"][1]
    whose = heads["individuals"][1] if "individuals" in heads else [""] * len(parts)
    body = [row for row in rows if row[0] > rows[heads["coords"][0]][0]]

    # The columns of each individual, by body part and axis.
    people: dict[str, dict[str, dict[str, int]]] = {}
    for column in range(1, min(len(parts), len(axes), len(whose))):
        axis = _AXES.get(axes[column].lower())
        joints = people.setdefault(whose[column], {})
        if axis is not None:
            joints.setdefault(parts[column], {})[axis] = column
    tables = []
    for joints in people.values():
        columns = [_columns(axes_of) for axes_of in joints.values()]
        if all(len(column) >= 2 for column in columns):
            tables.append(_Table(body, list(joints), columns, frame=0))
    return tables or None


def _long(rows: list[tuple[int, list[str]]]) -> dict[str, int] | None:
    """Returns the columns of a table with a row per joint, or None."""
    head = rows[0][1]
    columns = {
        "joint": _find(head, _JOINT_COLUMNS),
        "frame": _find(head, _FRAME_COLUMNS),
        "person": _find(head, _PERSON_COLUMNS),
        "x": _find(head, {"x", "xpx", "xpixel"}),
        "y": _find(head, {"y", "ypx", "ypixel"}),
        "score": _find(head, {name for name, axis in _AXES.items() if axis == "score"}),
    }
    is_long = min(columns[key] for key in ("joint", "x", "y", "frame")) >= 0
    return columns if is_long else None


def _is_headless(rows: list[tuple[int, list[str]]]) -> bool:
    """Returns whether rows hold numbers only, as many as several joints need."""
    is_wide = len(rows[0][1]) >= 2 * _MIN_JOINTS
    return is_wide and all(map(_is_number, rows[0][1]))


def _recognises(content: Content) -> bool:
    """Returns whether a text is a table of keypoints, by its first rows."""
    if content.kind != "text" or not content.value.strip():
        return False
    try:
        rows = _rows(content, limit=4)
    except JaxposeError:
        return False
    if not rows:
        return False
    # The head decides; numbers without one are an array.
    if _wide(rows) or _deeplabcut(rows) or _long(rows):
        return True
    return _is_headless(rows)


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a table.

    Raises:
      JaxposeError: a cell is no number, or nobody was detected.
    """
    rows = _rows(content)
    tables = _deeplabcut(rows)
    if tables:
        return _read_tables(tables, content, "deeplabcut")
    table = _wide(rows)
    if table:
        return _read_tables([table], content, "csv")
    columns = _long(rows)
    if columns:
        return _read_tables([_widened(rows, columns, content.where)], content, "csv")
    numbers = [_cells(row, range(len(rows[0][1])), content.where) for row in rows]
    return read_array(np.array(numbers), content, "", "csv")


def _cells(
    row: tuple[int, list[str]], columns: Iterable[int], where: str
) -> list[float]:
    """Returns the numbers in some columns of a row.

    Raises:
      JaxposeError: a cell is no number; the message names the line.
    """
    line, cells = row
    numbers = []
    for column in columns:
        cell = cells[column] if column < len(cells) else ""
        try:
            numbers.append(_number(cell))
        except ValueError:
            raise JaxposeError(
                f"{where}: line {line}, column {column + 1}: expected a number, found "
                f"{shown(cell)}"
            ) from None
    return numbers


def _widened(
    rows: list[tuple[int, list[str]]], columns: dict[str, int], where: str
) -> _Table:
    """Returns a table with a row per joint as one with a row per person and frame."""
    keys = [key for key in ("x", "y", "score") if columns[key] >= 0]
    people: dict[tuple[str, str], dict[str, list[str]]] = {}
    joints: dict[str, int] = {}
    for line, cells in rows[1:]:
        if len(cells) <= max(columns.values()):
            raise JaxposeError(
                f"{where}: line {line} has {len(cells)} columns, the head "
                f"{len(rows[0][1])}; the file is cut short or damaged"
            )
        # Rows of one frame and person are one pose, in any order of joints.
        person = cells[columns["person"]] if columns["person"] >= 0 else ""
        joint = cells[columns["joint"]]
        joints.setdefault(joint, len(joints))
        pose = people.setdefault((cells[columns["frame"]], person), {})
        pose[joint] = [cells[columns[key]] for key in keys]
    names = list(joints)
    if all(name.isdecimal() for name in names):
        names.sort(key=lambda name: int(name[:9]))
    # A joint that has no row is empty, and so not seen.
    wide = []
    for line, ((frame, person), pose) in enumerate(people.items(), 2):
        cells = [frame, person]
        for name in names:
            cells += pose.get(name, [""] * len(keys))
        wide.append((line, cells))
    starts = [2 + len(keys) * joint for joint in range(len(names))]
    return _Table(
        wide,
        names,
        [list(range(start, start + len(keys))) for start in starts],
        frame=0,
        person=1 if columns["person"] >= 0 else -1,
    )


def _read_tables(
    tables: list[_Table], content: Content, format: str
) -> list[Detections]:
    """Returns the videos in tables of the same frames, one per individual or one."""
    frames: dict[str, list[Person]] = {}
    # Tables of several individuals number them; the ids of one table are its own.
    is_shared = len(tables) > 1
    widths = [len(columns) for table in tables for columns in table.columns]
    width = max(widths, default=3)
    for place, table in enumerate(tables):
        for index, row in enumerate(table.rows):
            name = row[1][table.frame] if table.frame >= 0 else str(index)
            people = frames.setdefault(_frame_name(name), [])
            number: Any = place if is_shared else None
            if 0 <= table.person < len(row[1]):
                cell = row[1][table.person]
                number = float(cell) if _is_number(cell) else cell
            pose = _pose(row, table.columns, width, content.where)
            if np.isfinite(pose[:, :2]).any() or not is_shared:
                people.append(Person(pose, number=number))
    # Without a column of people, one pose per frame is one person.
    is_one = len(tables) == 1 and tables[0].person < 0
    found = read_named(frames, content, format)
    result = []
    for detections in found:
        counts = np.unique(detections.frames, return_counts=True)[1]
        if is_one and counts.max() == 1:
            detections = dataclasses.replace(detections, ids=detections.ids * 0)
        result.append(_in_layout(detections, tables[0]))
    return result


def _frame_name(cell: str) -> str:
    """Returns the name of a frame; numbers such as 12.0 become 12."""
    is_whole = _is_number(cell) and "," not in cell and float(cell) % 1 == 0
    return str(int(float(cell))) if is_whole else cell


def _pose(
    row: tuple[int, list[str]], columns: list[list[int]], width: int, where: str
) -> np.ndarray:
    """Returns `[J, width]` of a row; a joint without a score has the score 1."""
    flat = [column for joint in columns for column in joint]
    numbers = _cells(row, flat, where)
    if len(flat) == width * len(columns):
        return np.reshape(numbers, (-1, width))
    # Some joints have a score and others none.
    pose = np.ones((len(columns), width))
    start = 0
    for joint, own in enumerate(columns):
        pose[joint, : len(own)] = numbers[start : start + len(own)]
        start += len(own)
    return pose


def _in_layout(detections: Detections, table: _Table) -> Detections:
    """Returns the detections in the joint order that the columns name.

    Raises:
      JaxposeError: the names are words, and not those of a body.
    """
    remarks = list(detections.remarks)
    if table.unread:
        remarks.append(f"columns not read: {', '.join(table.unread[:10])}")
    detections = dataclasses.replace(detections, remarks=tuple(remarks))
    if find_layout(table.joints) is not None:
        return with_named_joints(detections, table.joints)
    if not all(re.search(r"\d", name) for name in table.joints):
        raise JaxposeError(
            f"{detections.where}: the columns {', '.join(table.joints[:8])} are no "
            "joints of a body that are known; name them as COCO does, nose_x, "
            "left_shoulder_x"
        )
    return detections


VIDEO = VideoFormat("csv", _recognises, _read)
