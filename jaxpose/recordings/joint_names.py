"""Finds the joint order that names of joints stand for, however they are spelt."""

import dataclasses
import functools
import re
from collections.abc import Sequence

from jaxpose.body.skeletons import SKELETONS

_MIN_KNOWN = 6  # names of joints that must be known, to be those of a body

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SIDES = {
    "left": "left",
    "l": "left",
    "lt": "left",
    "right": "right",
    "r": "right",
    "rt": "right",
}
_SPELLINGS = {
    "sho": "shoulder",
    "shldr": "shoulder",
    "elb": "elbow",
    "elbo": "elbow",
    "wri": "wrist",
    "kne": "knee",
    "ank": "ankle",
    "midhip": "hip",
    "hipcenter": "hip",
    "hipcentre": "hip",
    "centerhip": "hip",
    "pelvis": "hip",
    "root": "hip",
    "tophead": "headtop",
    "topofhead": "headtop",
    "toe": "bigtoe",
}

# Parts that names in one word, such as lshoulder, are searched for.
_PAIRED_PARTS = {
    *("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "heel"),
    *("bigtoe", "smalltoe", "toe", "hand", "foot", *_SPELLINGS),
}


@dataclasses.dataclass(frozen=True)
class NamedLayout:
    """The joint order that names of joints belong to.

    Attributes:
      layout: name of a skeleton.
      columns: for each joint of the layout its place among the names, or -1.
      unknown: names that are no joints of the layout.
    """

    layout: str
    columns: tuple[int, ...]
    unknown: tuple[str, ...]


def find_layout(names: Sequence[str]) -> NamedLayout | None:
    """Returns the smallest joint order that has the most of the names, or None.

    None means that the names are numbers, or not those of a body.
    """
    keys = [_key(name) for name in names]
    places: dict[tuple[str, str], int] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, place)
    best = None
    for layout, joints in _layouts().items():
        known = sum(joint in places for joint in joints)
        in_place = sum(a == b for a, b in zip(keys, joints, strict=False))
        rank = (known, -len(joints), in_place)
        if known >= _MIN_KNOWN and (best is None or rank > best[0]):
            best = (rank, layout, joints)
    if best is None:
        return None
    _, layout, joints = best
    columns = tuple(places.get(joint, -1) for joint in joints)
    unknown = [name for place, name in enumerate(names) if place not in columns]
    return NamedLayout(layout, columns, tuple(unknown))


@functools.cache
def _layouts() -> dict[str, tuple[tuple[str, str], ...]]:
    """Returns the (side, part) of each joint of the joint orders of detectors."""
    found = {}
    for skeleton in SKELETONS.values():
        if not skeleton.parents or skeleton.name == "h36m_17":
            found[skeleton.name] = tuple(map(_key, skeleton.joints))
    return found


@functools.cache
def joint_counts() -> frozenset[int]:
    """Returns how many joints the joint orders of detectors have."""
    return frozenset(map(len, _layouts().values()))


def _key(name: str) -> tuple[str, str]:
    """Returns the side and the part of a joint's name: LShoulder, shoulder_left."""
    side, rest = "", []
    for word in _WORDS.findall(name):
        if word.lower() in _SIDES and not side:
            side = _SIDES[word.lower()]
        else:
            rest.append(word.lower())
    part = "".join(rest).replace("pinkyfinger", "pinky")
    if not side:
        side, part = _split_side(part)
    return side, _SPELLINGS.get(part, part)


def _split_side(part: str) -> tuple[str, str]:
    """Returns the side and the part of a name in lower case, such as lshoulder."""
    for prefix in ("left", "right", "l", "r"):
        is_short = part in ("left", "right") or len(part) - len(prefix) < 3
        if part.startswith(prefix) and not is_short:
            rest = part.removeprefix(prefix)
            if rest in _PAIRED_PARTS:
                return _SIDES[prefix], rest
    return "", part
