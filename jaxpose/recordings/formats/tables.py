"""Reads tables of keypoints: CSV, TSV, and text with columns.

Three kinds of tables are told apart by their head. DeepLabCut (`analyze_videos` with
save_as_csv, all versions since 2.0) writes three or four rows, `scorer`, `individuals`
(of several animals), `bodyparts`, `coords` (x, y, likelihood), and the frame number or
the image first in each row. Wide tables have a column per joint and axis, `nose_x,
nose_y, nose_score`, `x1, y1, v1`; SLEAP (analysis CSV, sleap-io at 46d6a66) writes
`nose.x`, with `track` and `frame_idx`. Long tables have a row per joint. Tables without
a head are arrays.
"""

import dataclasses
import re
from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import Collector, with_named_joints
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat, read_named
from jaxpose.recordings.formats.plain import read_array
from jaxpose.recordings.formats.several_videos import with_video
from jaxpose.recordings.formats.table_columns import (
    AXES,
    MIN_JOINTS,
    blocks_of_people,
    groups_of_people,
    joints_of,
    split_by_camera,
)
from jaxpose.recordings.formats.table_frames import (
    FRAME_COLUMNS,
    frames_of_rows,
    split_by_video,
)
from jaxpose.recordings.formats.table_mend import (
    with_plain_thousands,
    without_summaries,
)
from jaxpose.recordings.formats.table_text import (
    Row,
    is_number,
    number_in,
    numbers_in,
    rows_of,
    without_counts,
)
from jaxpose.recordings.frame_times import is_time, plain_key
from jaxpose.recordings.joint_names import find_layout
from jaxpose.recordings.poses import Person
from jaxpose.recordings.times import with_rate_of_times
from jaxpose.wording import cut

# Names of columns, in lower case and without separators.
_PERSON_COLUMNS = {
    *("person", "personid", "track", "trackid", "instance", "instanceid", "individual"),
    *("id", "pid", "player", "playerid", "subject", "object", "objectid"),
}
_JOINT_COLUMNS = {
    *("joint", "jointname", "jointid", "keypoint", "keypointname", "keypointid"),
    *("bodypart", "landmark", "landmarkname", "landmarkid", "node", "part", "kpt"),
    *("kptid", "kpid", "jointindex", "keypointindex", "landmarkindex", "name"),
}


@dataclasses.dataclass
class _Table:
    """Rows of a table whose columns are known.

    Attributes:
      rows: (line, cells) of each row.
      head: names of the columns.
      joints: names in the order of the columns.
      columns: column of x, y and, if there is one, score of each joint.
      frame: column of the frame, or -1.
      person: column of the person, or -1.
      others: columns that have no meaning here.
    """

    rows: list[Row]
    head: list[str]
    joints: list[str]
    columns: list[list[int]]
    frame: int = -1
    person: int = -1
    others: tuple[int, ...] = ()


def _find(head: list[str], names: set[str]) -> int:
    """Returns the first column with one of the names, or -1."""
    return next((i for i, cell in enumerate(head) if plain_key(cell) in names), -1)


def _wide(rows: list[Row]) -> list[_Table] | None:
    """Returns a table per person of one with a column per joint and axis, or None."""
    head = rows[0][1]
    groups = groups_of_people(head) or blocks_of_people(joints_of(head))
    if len(groups[0]) < MIN_JOINTS:
        return None
    frame, person = _find(head, FRAME_COLUMNS), _find(head, _PERSON_COLUMNS)
    used = {frame, person}
    for found in groups:
        used.update(column for axes in found.values() for column in axes.values())
    others = tuple(i for i in range(len(head)) if i not in used)
    body = rows[1:]
    # A row of units may follow the head.
    if body and not any(map(is_number, filter(None, body[0][1]))):
        body = body[1:]
    tables = []
    for found in groups:
        names = list(found)
        # Numbered joints are sorted: columns may stand in any order.
        if all(re.search(r"\d+$", name) for name in names):
            names.sort(key=lambda name: int(re.findall(r"\d+$", name)[0][:9]))
        columns = [_columns(found[name]) for name in names]
        tables.append(_Table(body, head, names, columns, frame, person, others))
    return tables


def _columns(axes: dict[str, int]) -> list[int]:
    """Returns the columns of x, y and, if there is one, the score."""
    return [axes[axis] for axis in ("x", "y", "score") if axis in axes]


def _deeplabcut(rows: list[Row]) -> list[_Table] | None:
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

    # Labelled images have their path in three columns, the name in the last one.
    frame = next((i for i, part in enumerate(parts[1:]) if part), 0)
    # The columns of each individual, by body part and axis.
    people: dict[str, dict[str, dict[str, int]]] = {}
    for column in range(frame + 1, min(len(parts), len(axes), len(whose))):
        axis = AXES.get(axes[column].lower())
        joints = people.setdefault(whose[column], {})
        if axis is not None:
            joints.setdefault(parts[column], {})[axis] = column
    tables = []
    for joints in people.values():
        columns = [_columns(axes_of) for axes_of in joints.values()]
        if all(len(column) >= 2 for column in columns):
            tables.append(_Table(body, parts, list(joints), columns, frame=frame))
    return tables or None


def _long(rows: list[Row]) -> dict[str, int] | None:
    """Returns the columns of a table with a row per joint, or None."""
    head = rows[0][1]
    columns = {
        "joint": _find(head, _JOINT_COLUMNS),
        "frame": _find(head, FRAME_COLUMNS),
        "person": _find(head, _PERSON_COLUMNS),
        "x": _find(head, {"x", "xpx", "xpixel"}),
        "y": _find(head, {"y", "ypx", "ypixel"}),
        "score": _find(head, {name for name, axis in AXES.items() if axis == "score"}),
    }
    is_long = min(columns[key] for key in ("joint", "x", "y", "frame")) >= 0
    return columns if is_long else None


def _is_headless(rows: list[Row]) -> bool:
    """Returns whether rows hold numbers only, as many as several joints need."""
    body, _ = without_counts(rows)
    is_wide = bool(body) and len(body[0][1]) >= 2 * MIN_JOINTS
    return is_wide and all(map(is_number, body[0][1]))


def _recognises(content: Content) -> bool:
    """Returns whether a text is a table of keypoints, by its first rows."""
    if content.kind != "text" or not content.value.strip():
        return False
    try:
        rows = rows_of(content, limit=4)
    except JaxposeError:
        return False
    if not rows:
        return False
    # The head decides; numbers without one are an array.
    (_, own), *_ = split_by_camera(rows)
    if _wide(own) or _deeplabcut(rows) or _long(rows):
        return True
    return _is_headless(rows)


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a table.

    Raises:
      JaxposeError: a cell is no number, or nobody was detected.
    """
    rows, about_summaries = without_summaries(rows_of(content))
    rows, about_thousands = with_plain_thousands(rows)
    tables = _deeplabcut(rows)
    found = []
    if tables:
        found = _read_tables(tables, content, "deeplabcut")
    else:
        for names, own in _videos_of(rows):
            for each in _read_video(own, content):
                for name in filter(None, names):
                    each = with_video(each, name)
                found.append(each)
    result = []
    for each in found:
        remarks = (*each.remarks, *about_summaries, *about_thousands)
        result.append(dataclasses.replace(each, remarks=remarks))
    return result


def _videos_of(rows: list[Row]) -> list[tuple[tuple[str, str], list[Row]]]:
    """Returns (names of the video and the camera, rows) of each video in a table."""
    found = []
    for video, own in split_by_video(rows):
        for camera, part in split_by_camera(own):
            found.append(((video, camera), part))
    return found


def _read_video(rows: list[Row], content: Content) -> list[Detections]:
    """Returns the videos in the rows of a table, of which the first is the head."""
    tables = _wide(rows)
    if tables:
        return _read_tables(tables, content, "csv")
    columns = _long(rows)
    if columns:
        return _read_tables([_widened(rows, columns, content.where)], content, "csv")
    rows, index = without_counts(rows)
    width = len(rows[0][1])
    numbers = [numbers_in(row, range(width), content.where) for row in rows]
    counts = [int(cell) for cell in index if cell.isdecimal()]
    frames = np.array(counts) if _ascend(counts, len(rows)) else None
    return read_array(np.array(numbers), content, "", "csv", numbers=frames)


def _ascend(counts: list[int], number: int) -> bool:
    """Returns whether there are so many counts, each above the one before."""
    return len(counts) == number and bool((np.diff(counts) > 0).all())


def _widened(rows: list[Row], columns: dict[str, int], where: str) -> _Table:
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
        ["frame", "person"],
        names,
        [list(range(start, start + len(keys))) for start in starts],
        frame=0,
        person=1 if columns["person"] >= 0 else -1,
    )


def _read_tables(
    tables: list[_Table], content: Content, format: str
) -> list[Detections]:
    """Returns the videos in tables of the same frames, one per individual or one."""
    start = tables[0]
    frames, frame_column, remarks = frames_of_rows(
        start.rows, start.head, start.frame, start.person, start.others
    )
    people: dict[str | int, list[Person]] = {frame: [] for frame in frames}
    # Tables of several individuals number them; the ids of one table are its own.
    is_shared = len(tables) > 1
    widths = [len(columns) for table in tables for columns in table.columns]
    width = max(widths, default=3)
    for place, table in enumerate(tables):
        for frame, row in zip(frames, table.rows, strict=True):
            number: Any = place if is_shared else None
            if not is_shared and 0 <= table.person < len(row[1]):
                cell = row[1][table.person]
                number = float(cell) if is_number(cell) else cell
            pose = _pose(row, table.columns, width, content.where)
            if np.isfinite(pose[:, :2]).any() or not is_shared:
                people[frame].append(Person(pose, number=number))
    unread = [start.head[i] for i in start.others if i != frame_column]
    if any(unread):
        names = cut(", ".join(filter(None, unread[:10])))
        remarks = (*remarks, f"columns not read: {names}")
    # Without a column of people, one pose per frame is one person.
    is_one = len(tables) == 1 and tables[0].person < 0
    result = []
    for detections in _videos(people, content, format):
        extended = (*detections.remarks, *remarks)
        detections = dataclasses.replace(detections, remarks=extended)
        counts = np.unique(detections.frames, return_counts=True)[1]
        if is_one and counts.max() == 1:
            detections = dataclasses.replace(detections, ids=detections.ids * 0)
        result.append(_in_layout(detections, tables[0]))
    if len(result) == 1:
        result = [_with_rate(result[0], start)]
    return result


def _with_rate(detections: Detections, table: _Table) -> Detections:
    """Returns the detections with the frame rate that a column of times tells."""
    for column, name in enumerate(table.head):
        if not is_time(name):
            continue
        times: list[Any] = []
        for _, cells in table.rows:
            cell = cells[column] if column < len(cells) else ""
            times.append(number_in(cell) if is_number(cell) else cell)
        return with_rate_of_times(detections, name, times)
    return detections


def _videos(
    people: dict[str | int, list[Person]], content: Content, format: str
) -> list[Detections]:
    """Returns the videos of people by the numbers of frames, or by names of images."""
    if any(isinstance(frame, str) for frame in people):
        named = {str(frame): found for frame, found in people.items()}
        return read_named(named, content, format)
    collector = Collector(content.stem, content.where, format)
    for frame, found in people.items():
        collector.add(int(frame), found)
    return [collector.finish()]


def _pose(row: Row, columns: list[list[int]], width: int, where: str) -> np.ndarray:
    """Returns `[J, width]` of a row; a joint without a score has the score 1."""
    flat = [column for joint in columns for column in joint]
    numbers = numbers_in(row, flat, where)
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
    if find_layout(table.joints) is not None:
        return with_named_joints(detections, table.joints)
    # Numbers at the end count the joints: kp_0, joint12.
    if not all(re.search(r"\d$", name) for name in table.joints):
        raise JaxposeError(
            f"{detections.where}: the columns {cut(', '.join(table.joints[:8]))} are "
            "no "
            "joints of a body that are known; name them as COCO does, nose_x, "
            "left_shoulder_x"
        )
    return detections


VIDEO = VideoFormat("csv", _recognises, _read)
