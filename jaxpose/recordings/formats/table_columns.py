"""Finds in the names of a table's columns which joint, person and camera it is of."""

import collections
import re

from jaxpose.recordings.formats.table_text import Row
from jaxpose.recordings.joint_names import joint_counts

AXES = {
    **{"x": "x", "y": "y"},
    **dict.fromkeys(
        ("score", "conf", "confidence", "likelihood", "visibility"), "score"
    ),
    **dict.fromkeys(("c", "s", "v", "p", "prob", "probability", "visible"), "score"),
    **{"z": "other", "presence": "other"},
}
_AXIS = "|".join(sorted(AXES, key=len, reverse=True))
# nose_x, nose.x, LShoulderX, 0_x; x_nose, x1.
_NAME_FIRST = re.compile(rf"(?P<name>.+?)[ _.:/-]*(?P<axis>{_AXIS})", re.IGNORECASE)
_AXIS_FIRST = re.compile(rf"(?P<axis>{_AXIS})[ _.:/-]*(?P<name>.+)", re.IGNORECASE)

_UNIT = re.compile(r"([ _]+| *[\[(])(px|pixels?)[\])]?$", re.IGNORECASE)

# Names of columns that number the people.
_PERSON_WORD = r"(?:p|person|people|player|subject|id|track|ind|individual)"
_PERSON_NUMBERS = (
    re.compile(
        rf"(?P<before>)(?P<person>{_PERSON_WORD}[ _.-]?\d+)[ _.:/-]+(?P<after>.+)", re.I
    ),
    re.compile(
        rf"(?P<before>.+?)[ _.:/-]+(?P<person>(?:{_PERSON_WORD}[ _.-]?)?\d+)"
        rf"(?P<after>(?:[ _.:/-]+(?:{_AXIS}))?)",
        re.I,
    ),
    re.compile(
        rf"(?P<before>.+?\D)(?P<person>\d+)(?P<after>[ _.:/-]+(?:{_AXIS}))", re.I
    ),
)
_COCO_JOINTS = 17
MIN_JOINTS = 6  # fewer are no body


def _axes(head: list[str], pattern: re.Pattern[str]) -> dict[str, dict[str, int]]:
    """Returns the column of each axis, by the name of the joint."""
    joints: dict[str, dict[str, int]] = collections.defaultdict(dict)
    for column, cell in enumerate(head):
        match = pattern.fullmatch(_UNIT.sub("", cell))
        if match:
            axis = AXES[match["axis"].lower()]
            joints[match["name"].strip(" _.:/-")].setdefault(axis, column)
    return {name: axes for name, axes in joints.items() if {"x", "y"} <= set(axes)}


def joints_of(head: list[str]) -> dict[str, dict[str, int]]:
    """Returns the column of each axis, by the name of the joint."""
    return max((_axes(head, p) for p in (_NAME_FIRST, _AXIS_FIRST)), key=len)


def groups_of_people(head: list[str]) -> list[dict[str, dict[str, int]]]:
    """Returns what `joints_of` does for each person that the names of columns number.

    Such are `p1_nose_x`, `nose_1_x` and `nose_x_1`. A table of one person has none.
    """
    for pattern in _PERSON_NUMBERS:
        heads: dict[str, list[str]] = {}
        for column, cell in enumerate(head):
            match = pattern.fullmatch(cell)
            if match:
                own = heads.setdefault(match["person"], [""] * len(head))
                own[column] = match["before"] + match["after"]
        groups = [joints_of(own) for own in heads.values()]
        names = [set(found) for found in groups]
        is_body = all(len(found) >= MIN_JOINTS for found in groups)
        if len(groups) > 1 and is_body and all(found == names[0] for found in names):
            return groups
    return []


def blocks_of_people(
    found: dict[str, dict[str, int]],
) -> list[dict[str, dict[str, int]]]:
    """Returns numbered joints, those of several people behind each other apart.

    So many joints as no known joint order has, and a multiple of COCO's 17, are these.
    """
    count, rest = divmod(len(found), _COCO_JOINTS)
    is_one = len(found) in joint_counts() or rest or count < 2
    if is_one or not all(re.search(r"\d+$", name) for name in found):
        return [found]
    names = sorted(found, key=lambda name: int(re.findall(r"\d+$", name)[0][:9]))
    blocks = []
    for start in range(0, len(names), _COCO_JOINTS):
        block = names[start : start + _COCO_JOINTS]
        blocks.append({name: found[name] for name in block})
    return blocks


_CAMERA_WORD = "cam|camera|kamera|webcam|view|gopro|video|device|phone|iphone|kinect"
# cam1_nose_x, nose_x_camera2, view-a.nose.x
_CAMERA = re.compile(
    r"(?:^|(?<=[ _.:/-]))"
    rf"(?P<camera>(?:{_CAMERA_WORD})[ _.-]?(?:\d+|[a-h])|c\d+)"
    r"(?:[ _.:/-]+|$)",
    re.IGNORECASE,
)


def split_by_camera(rows: list[Row]) -> list[tuple[str, list[Row]]]:
    """Returns (name, rows with their head) of each camera that columns are named after.

    Columns of no camera, such as the frame, belong to all. Without two cameras that see
    a body each, the name is empty.
    """
    cameras: dict[str, list[str]] = {}
    rest, owners = [], []
    for cell in rows[0][1]:
        match = _CAMERA.search(cell)
        owners.append(match["camera"] if match else "")
        rest.append(_CAMERA.sub("", cell, count=1).rstrip(" _.:/-") if match else cell)
        cameras.setdefault(owners[-1], []).append(rest[-1])
    cameras.pop("", None)
    if len(cameras) < 2 or not all(map(_is_body, cameras.values())):
        return [("", rows)]
    found = []
    for camera in cameras:
        kept = [i for i, owner in enumerate(owners) if owner in ("", camera)]
        own = [(rows[0][0], [rest[i] for i in kept])]
        for line, cells in rows[1:]:
            # A row that is cut short stays so.
            own.append((line, [cells[i] for i in kept if i < len(cells)]))
        found.append((camera, own))
    return found


def _is_body(head: list[str]) -> bool:
    """Returns whether columns are those of the joints of somebody."""
    return len(joints_of(head)) >= MIN_JOINTS
