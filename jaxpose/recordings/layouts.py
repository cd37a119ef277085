"""Finds out the joint order of keypoints."""

import dataclasses

import numpy as np

from jaxpose.body.layouts import LAYOUTS, layout_name
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.recordings.joints import to_model_joints
from jaxpose.recordings.reference import default_reference
from jaxpose.recordings.seen import MIN_CONFIDENCE, hide_unseen

__all__ = [
    "MIN_CONFIDENCE",
    "NOT_A_BODY",
    "LayoutChoice",
    "choose_layout",
    "hide_unseen",
]

# A distance from a body, `Reference.distance`, that no pose of motion capture reaches
# as the median of a recording. Joints in a wrong order are beyond it.
NOT_A_BODY = 2.4
# Of several joint orders, the usual one is kept unless another has a distance smaller
# than this share of its own.
_CLEARLY_SMALLER = 0.7
# Joints of Sapiens, whose hips stand where COCO has the wrists: they pass for a body.
_SAPIENS = 308
# Rows that the distance is computed of.
_MAX_ROWS = 200

# Joint orders by number of joints, the usual one first.
_BY_COUNT: dict[int, list[str]] = {}
for _name in LAYOUTS:
    _BY_COUNT.setdefault(get_skeleton(_name).num_joints, []).append(_name)


@dataclasses.dataclass(frozen=True)
class LayoutChoice:
    """The joint order that keypoints are read in.

    Attributes:
      name: of a skeleton of `jaxpose.body.skeletons`.
      reason: sentence for the user where the choice is not obvious, or None.
      candidates: all joint orders that the number of joints allows, `name` among them.
      better: another joint order of as many joints whose bones make a body, where those
        of `name`, which was stated, do not; or None. `plausibility.check` takes it.
    """

    name: str
    reason: str | None
    candidates: tuple[str, ...]
    better: str | None = None

    @property
    def num_joints(self) -> int:
        """Returns how many joints to keep: `keypoints[:, :choice.num_joints]`."""
        return get_skeleton(self.name).num_joints


def choose_layout(
    keypoints: np.ndarray, stated: str | None = None, override: str | None = None
) -> LayoutChoice:
    """Chooses the joint order by name, by number of joints, and by the bones' lengths.

    Args:
      keypoints: `[D, J, 2 or 3]` as a file gives them, with its confidence or without.
      stated: joint order that the file states, in any spelling, or None.
      override: joint order that the user states with --layout, or None.

    Returns:
      the choice. Where the file has more joints than the joint order, the first ones
      are meant.

    Raises:
      JaxposeError: the name is unknown, or does not fit the number of joints, or no
        joint order does. The message is to follow the file's name and a colon.
    """
    num_joints = keypoints.shape[1]
    distances = _distances(keypoints, _candidates(num_joints))
    name = override or stated
    if name is not None:
        return _named(layout_name(name), num_joints, distances, bool(override))

    # An exact number of joints has a usual order. Others begin with a known one.
    exact = _BY_COUNT.get(num_joints, [])
    if not exact:
        return _first_joints(num_joints, distances)
    best = min(exact, key=lambda name: distances[name])
    usual = exact[0]
    is_clear = distances[best] < _CLEARLY_SMALLER * distances[usual]
    chosen = best if is_clear else usual
    reason = None
    if len(exact) > 1:
        others = [each for each in exact if each != chosen]
        reason = (
            f"{num_joints} joints are {' or '.join(exact)}: read as {chosen}, "
            f"{_why(chosen, others, distances)}; --layout=NAME states another"
        )
    return LayoutChoice(chosen, reason, tuple(distances))


def _candidates(num_joints: int) -> list[str]:
    """Returns the joint orders that `num_joints` joints may have, or begin with."""
    exact = _BY_COUNT.get(num_joints, [])
    beginnings = []
    for name in ("halpe_26", "coco_17"):
        if get_skeleton(name).num_joints < num_joints:
            beginnings.append(name)
    return [*exact, *beginnings]


def _distances(keypoints: np.ndarray, names: list[str]) -> dict[str, float]:
    """Returns how far keypoints are from a body in each of several joint orders.

    Infinity stands for keypoints that show too few joints to tell.
    """
    step = max(1, len(keypoints) // _MAX_ROWS)
    xy, _, _ = hide_unseen(keypoints[::step])
    found = {}
    for name in names:
        used = xy[:, : get_skeleton(name).num_joints]
        distances = default_reference().distance(to_model_joints(used, name))
        known = distances[np.isfinite(distances)]
        found[name] = float(np.median(known)) if len(known) else np.inf
    return found


def _named(
    name: str, num_joints: int, distances: dict[str, float], is_override: bool
) -> LayoutChoice:
    """Returns the choice of a joint order that somebody states.

    Raises:
      JaxposeError: it has more joints than the file.
    """
    expected = get_skeleton(name).num_joints
    exact = _BY_COUNT.get(num_joints, [])
    if expected > num_joints:
        who = "--layout" if is_override else "the file"
        raise JaxposeError(
            f"{who} states {name}, which has {expected} joints, but there are "
            f"{num_joints}{_hint(exact)}"
        )
    if expected == num_joints:
        others = [each for each in exact if each != name]
        return LayoutChoice(name, None, tuple(exact), _better(name, others, distances))

    # More joints than stated: those that are too many may come last.
    beginning = get_skeleton(name).joints
    for longer in exact:
        if get_skeleton(longer).joints[:expected] == beginning:
            reason = f"{num_joints} joints, stated as {name}: read as {longer}"
            return LayoutChoice(longer, reason, tuple(distances))
    if distances.get(name, 0.0) > NOT_A_BODY:
        raise JaxposeError(
            f"{name} is stated, which has {expected} joints, but there are "
            f"{num_joints}, and the first {expected} are no body{_hint(exact)}"
        )
    reason = f"the first {expected} of {num_joints} joints are read as {name}"
    return LayoutChoice(name, reason, tuple(distances))


def _first_joints(num_joints: int, distances: dict[str, float]) -> LayoutChoice:
    """Returns the joint order that a number of joints begins with, if any.

    Raises:
      JaxposeError: the first joints make no body, or the number is Sapiens's.
    """
    if num_joints == _SAPIENS:
        raise JaxposeError(
            f"{num_joints} joints are those of Sapiens, which are not read; export "
            "its model of 17 or of 133 joints"
        )
    for name, distance in distances.items():
        if distance <= NOT_A_BODY:
            reason = (
                f"{num_joints} joints are no joint order known here, but the first "
                f"{get_skeleton(name).num_joints} make a body as {name}: read as these"
            )
            return LayoutChoice(name, reason, tuple(distances))
    raise JaxposeError(
        f"{num_joints} joints are no joint order known here; known are "
        f"{', '.join(LAYOUTS)}; --layout=NAME states which of them the first joints are"
    )


def _better(name: str, others: list[str], distances: dict[str, float]) -> str | None:
    """Returns the joint order that fits where `name` does not, or None."""
    if distances[name] <= NOT_A_BODY or not np.isfinite(distances[name]):
        return None
    best = min(others, key=lambda each: distances[each], default=None)
    if best is None or distances[best] > _CLEARLY_SMALLER * distances[name]:
        return None
    return best


def _why(chosen: str, others: list[str], distances: dict[str, float]) -> str:
    """Returns why one joint order is chosen among several, as half a sentence."""
    if not np.isfinite(distances[chosen]):
        return "the usual one, as too few joints are seen to tell"
    if distances[chosen] <= NOT_A_BODY < min(distances[each] for each in others):
        return "whose bones make a body"
    return "whose bones are the more likely"


def _hint(names: list[str]) -> str:
    """Returns the end of an error, which names the joint orders that would fit."""
    if not names:
        return f"; known are {', '.join(LAYOUTS)}"
    return f"; give --layout={' or --layout='.join(names)}"
