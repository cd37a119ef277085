"""Rules from what 2D detectors see to the joints of lifting models.

Detectors lack some joints that models take, and do not see all that they have. So each
of those joints has several rules, best first. A rule is linear: it gives weights to
other joints, which sum to 1. Each one that uses `thorax` or `hip` follows their own
rules.

Sources: pelvis and thorax are the means of protocol P.1, Halpe's rule for the spine is
MotionBERT's, and the crown lies beyond the ears as body proportions have it. No two
projects agree on these rules. They are approximations: in the CMU motion capture of
`cmu_mocap`, which has both, the mean of the shoulders is 75 mm away from the thorax
joint on average, and the spine rule 64 mm from the spine.
"""

import functools
from collections.abc import Mapping
from typing import Any

from jaxpose.body.skeletons import COCO_17, H36M_17, HUMANEVA_15, get_skeleton

# Weight by joint.
Rule = Mapping[str, float]

# The distance from ear to crown, divided by that from mid-shoulder to ear, upright:
# 13.0 cm by 18.3 cm, means of the 1988 survey of US Army men (Gordon et al. 1989:
# stature 175.6, tragion to top of head 13.0, acromion 144.3). Eyes are as high as ears.
_CROWN_BEYOND_EARS = 0.7
# The same from the nose, which is half way between shoulders and crown.
_CROWN_BEYOND_NOSE = 1.0
# Distances from the thorax up, divided by that from hip to thorax: 11.8 cm and 22.3 cm
# by 46.8 cm, means of the motion capture of `synthetic` and `cmu_mocap` people.
_NECK_BEYOND_THORAX = 0.25
_HEAD_BEYOND_THORAX = 0.55


def _beyond(start: str, joints: tuple[str, ...], factor: float) -> Rule:
    """Returns the rule of `m + factor (m - start)`, with the mean m of `joints`."""
    rule = {joint: (1 + factor) / len(joints) for joint in joints}
    return {start: -factor, **rule}


_HIP: tuple[Rule, ...] = (
    {"hip": 1},
    {"pelvis": 1},
    {"mid_hip": 1},
    {"left_hip": 0.5, "right_hip": 0.5},
)
_THORAX: tuple[Rule, ...] = (
    {"thorax": 1},
    {"neck": 1},
    {"left_shoulder": 0.5, "right_shoulder": 0.5},
)
_SPINE: tuple[Rule, ...] = ({"spine": 1}, {"hip": 0.5, "thorax": 0.5})
_NECK_NOSE: tuple[Rule, ...] = (
    {"neck_nose": 1},
    {"nose": 1},
    {"upper_neck": 1},
    {"thorax": 0.5, "head_top": 0.5},
    {"left_eye": 0.5, "right_eye": 0.5},
    {"left_ear": 0.5, "right_ear": 0.5},
    {"left_eye": 1},
    {"right_eye": 1},
    {"left_ear": 1},
    {"right_ear": 1},
    _beyond("hip", ("thorax",), _NECK_BEYOND_THORAX),
)
_HEAD: tuple[Rule, ...] = (
    {"head": 1},
    {"head_top": 1},
    _beyond("thorax", ("left_ear", "right_ear"), _CROWN_BEYOND_EARS),
    _beyond("thorax", ("left_eye", "right_eye"), _CROWN_BEYOND_EARS),
    _beyond("thorax", ("left_ear",), _CROWN_BEYOND_EARS),
    _beyond("thorax", ("right_ear",), _CROWN_BEYOND_EARS),
    _beyond("thorax", ("left_eye",), _CROWN_BEYOND_EARS),
    _beyond("thorax", ("right_eye",), _CROWN_BEYOND_EARS),
    _beyond("thorax", ("nose",), _CROWN_BEYOND_NOSE),
    _beyond("hip", ("thorax",), _HEAD_BEYOND_THORAX),
)

# The rules by skeleton and joint. Joints without an entry are those of the same name.
DETECTOR_RULES: dict[str, dict[str, tuple[Rule, ...]]] = {
    H36M_17.name: {
        "hip": _HIP,
        "thorax": _THORAX,
        "spine": _SPINE,
        "neck_nose": _NECK_NOSE,
        "head": _HEAD,
    },
    # Protocol P.1: COCO's nose stands for the head.
    HUMANEVA_15.name: {
        "hip": _HIP,
        "thorax": _THORAX,
        "head": ({"head": 1}, {"head_top": 1}, {"nose": 1}, *_NECK_NOSE),
    },
    COCO_17.name: {},
}


def usable_rules(layout: str, skeleton: str) -> dict[str, list[Rule]]:
    """Returns the rules of each joint that the joints of a layout allow, best first.

    Joints come in an order in which each rule uses joints of the layout and joints that
    were computed before.

    Args:
      layout: name of a detector's layout.
      skeleton: name of a skeleton in `DETECTOR_RULES`.

    Returns:
      rules by joint of the skeleton; empty where a joint has none.
    """
    known = set(get_skeleton(layout).joints)
    special = DETECTOR_RULES[skeleton]
    others = [name for name in get_skeleton(skeleton).joints if name not in special]
    rules: dict[str, list[Rule]] = {}
    for joint in (*special, *others):
        candidates = special.get(joint, ({joint: 1},))
        rules[joint] = [rule for rule in candidates if known.issuperset(rule)]
        if not rules[joint]:
            return {}
        known.add(joint)
    return rules


def weighted_sum(joint: dict[str, Any], rule: Rule) -> Any:
    """Returns the array of a rule's joint, `[..., D]`, of those in `joint` by name."""
    return sum(weight * joint[name] for name, weight in rule.items())


def convert_seen(keypoints: Any, layout: str, skeleton: str) -> Any:
    """Converts keypoints with confidence to the joints of a model, by what is seen.

    Each joint follows the first of its rules whose joints are all seen, and has the
    smallest of their confidences.

    Args:
      keypoints: `[..., J, 3]`, NumPy or JAX: x, y and the confidence, above 0 where a
        joint is seen; joints of `layout`.
      layout: name of a detector's layout.
      skeleton: name of a skeleton in `DETECTOR_RULES`.

    Returns:
      `[..., J2, 3]`; zeros where no rule applies.
    """
    xp = keypoints.__array_namespace__()
    joint, confidence = {}, {}
    for index, name in enumerate(get_skeleton(layout).joints):
        joint[name] = keypoints[..., index, :2]
        confidence[name] = keypoints[..., index, 2]
    for name, rules in usable_rules(layout, skeleton).items():
        place = xp.zeros_like(keypoints[..., 0, :2])
        trust = xp.zeros_like(keypoints[..., 0, 2])
        # The best rule comes last, and replaces what the others gave.
        for rule in reversed(rules):
            least = functools.reduce(xp.minimum, [confidence[part] for part in rule])
            place = xp.where(least[..., None] > 0, weighted_sum(joint, rule), place)
            trust = xp.where(least > 0, least, trust)
        joint[name], confidence[name] = place, trust
    converted = []
    for name in get_skeleton(skeleton).joints:
        converted.append(xp.concat([joint[name], confidence[name][..., None]], axis=-1))
    return xp.stack(converted, axis=-2)
