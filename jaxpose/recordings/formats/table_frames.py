"""Finds out of which frame each row of a table is."""

import collections
import math
from collections.abc import Iterable, Sequence

from jaxpose.recordings.formats.several_videos import (
    FILE_NAMES,
    are_videos,
    may_name_video,
)
from jaxpose.recordings.formats.table_text import Row, is_number
from jaxpose.recordings.frame_times import (
    MAX_FRAME,
    counts_frames,
    frames_of_times,
    is_time,
    numbers_of_times,
    plain_key,
    seconds_of,
)
from jaxpose.wording import shown

# Names of columns, in lower case and without separators.
_NUMBER_COLUMNS = {
    *("frame", "frameid", "frameidx", "frameindex", "framenumber", "framenum"),
    *("frameno", "framecount", "framenr", "videoframe"),
}
FRAME_COLUMNS = _NUMBER_COLUMNS | FILE_NAMES


def split_by_video(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    """Returns (name, rows with their head) of each video in a table.

    A column of videos, cameras or files tells them apart where it has several frames
    of each. Its name is taken out of the head. Without one, the name is empty.
    """
    head, body = rows[0][1], rows[1:]
    keys = list(map(plain_key, head))
    counter = next((i for i, key in enumerate(keys) if key in _NUMBER_COLUMNS), -1)
    for column, key in enumerate(keys):
        if not may_name_video(key, counter >= 0):
            continue
        videos: dict[str, list[Row]] = {}
        names, frames = [], []
        for place, row in enumerate(body):
            names.append(row[1][column] if column < len(row[1]) else "")
            is_stated = 0 <= counter < len(row[1])
            frames.append(row[1][counter] if is_stated else place)
            videos.setdefault(names[-1], []).append(row)
        if not are_videos(names, frames):
            continue
        own_head = [*head[:column], "", *head[column + 1 :]]
        start = (rows[0][0], own_head)
        found = [(name, [start, *own]) for name, own in videos.items()]
        return found if len(found) > 1 else [("", found[0][1])]
    return [("", rows)]


def frames_of_rows(
    rows: Sequence[Row],
    head: Sequence[str],
    column: int,
    person: int,
    others: Iterable[int],
) -> tuple[list[str | int], int, tuple[str, ...]]:
    """Returns the frame of each row, the column that states it, and remarks.

    Args:
      rows: of the table, without its head.
      head: names of the columns.
      column: that has the name of a column of frames, or -1.
      person: column of the person, or -1.
      others: columns that have no other meaning. Without a named column, one of times
        places the frames, or else one that counts them whatever its name is.

    Returns:
      a number or the name of an image per row, the order of each person's rows where
      nothing states a frame; the column, or -1; and sentences for the user.
    """
    if column >= 0:
        cells = [row[1][column] if column < len(row[1]) else "" for row in rows]
        frames, remarks = _of_cells(head[column], cells)
        return frames, column, remarks
    columns: dict[int, list[float]] = {}
    for other in others:
        cells = [row[1][other] if other < len(row[1]) else "" for row in rows]
        if len(cells) < 2:
            continue
        if is_time(head[other]) and ":" in cells[0]:
            clock = map(seconds_of, cells)
            columns[other] = [math.nan if t is None else t for t in clock]
        elif all(map(is_number, cells)):
            columns[other] = [float(cell.replace(",", ".")) for cell in cells]
    owners = [row[1][person] if 0 <= person < len(row[1]) else "" for row in rows]
    counting = (c for c, values in columns.items() if _counts(values, owners))
    counter = next(counting, -1)

    # An index that was written anew has no gaps, so times come first.
    for other, values in columns.items():
        if not is_time(head[other]) or not all(map(math.isfinite, values)):
            continue
        times = sorted(set(values))
        if frames_of_times(times) is None and counter >= 0:
            continue
        numbers, remark = numbers_of_times(head[other], times)
        number_of = dict(zip(times, numbers, strict=True))
        if len(times) > 1:
            return [number_of[value] for value in values], other, (remark,)
    if counter >= 0:
        name = head[counter] or "without a name"
        remark = f"frames are numbered by the column {shown(name)}"
        if not head[counter]:
            remark = "frames are numbered by the column without a name"
        return [int(value) for value in columns[counter]], counter, (remark,)
    places = _places(owners)
    if len(set(owners)) == 1:
        return places, -1, ()
    return places, -1, ("no column states the frame: each person's rows are counted",)


def _counts(values: Sequence[float], owners: Sequence[str]) -> bool:
    """Returns whether a column counts frames in each person's rows."""
    own: dict[str, list[float]] = {}
    for value, owner in zip(values, owners, strict=True):
        own.setdefault(owner, []).append(value)
    return all(map(counts_frames, own.values()))


def _places(owners: Sequence[str]) -> list[str | int]:
    """Returns the place of each row among those of its person."""
    counts: collections.Counter[str] = collections.Counter()
    places: list[str | int] = []
    for owner in owners:
        places.append(counts[owner])
        counts[owner] += 1
    return places


def _of_cells(
    name: str, cells: Sequence[str]
) -> tuple[list[str | int], tuple[str, ...]]:
    """Returns the frames that the cells of a column state, and remarks."""
    if not all(map(is_number, cells)):
        return [_frame_name(cell) for cell in cells], ()
    values = [float(cell.replace(",", ".")) for cell in cells]
    if all(abs(value) < MAX_FRAME and value % 1 == 0 for value in values):
        return [int(value) for value in values], ()
    if not all(map(math.isfinite, values)):
        return [_frame_name(cell) for cell in cells], ()
    # Fractions are times.
    times = sorted(set(values))
    numbers, remark = numbers_of_times(name, times)
    number_of = dict(zip(times, numbers, strict=True))
    return [number_of[value] for value in values], (remark,)


def _frame_name(cell: str) -> str:
    """Returns the name of a frame; numbers such as 12.0 become 12."""
    is_whole = is_number(cell) and "," not in cell and float(cell) % 1 == 0
    return str(int(float(cell))) if is_whole else cell
