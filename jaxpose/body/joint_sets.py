"""Draws the 2D joint sets that the `custom` data set reads, and their Human3.6M joints.

python -m jaxpose.body.joint_sets docs/joint_sets.png
"""

import pathlib
import sys
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import H36M_17, Skeleton, get_skeleton

LAYOUTS = ("coco_17", "halpe_26", "body_25", "mpii_16")

# The colours of the body's sides, in all pictures of jaxpose.
LEFT, RIGHT, MIDDLE = "#c8452f", "#2f6fc8", "#444444"
_COMPUTED = "#e0a100"

# One person as an image shows them, facing the viewer: their right side is on the left.
# The unit is their height, y is down. Face and feet are drawn too wide, to tell the
# joints apart.
_PERSON = {
    "nose": (0.010, 0.095),
    "left_eye": (0.052, 0.055),
    "right_eye": (-0.036, 0.053),
    "left_ear": (0.108, 0.080),
    "right_ear": (-0.096, 0.076),
    "head": (0.004, -0.020),
    "upper_neck": (0.002, 0.130),
    "neck": (0.000, 0.186),
    "left_shoulder": (0.108, 0.190),
    "right_shoulder": (-0.108, 0.182),
    "left_elbow": (0.190, 0.330),
    "right_elbow": (-0.205, 0.318),
    "left_wrist": (0.262, 0.222),
    "right_wrist": (-0.232, 0.462),
    "hip": (0.000, 0.478),
    "left_hip": (0.058, 0.480),
    "right_hip": (-0.058, 0.476),
    "left_knee": (0.096, 0.700),
    "right_knee": (-0.090, 0.712),
    "left_ankle": (0.108, 0.890),
    "right_ankle": (-0.120, 0.910),
    "left_heel": (0.060, 0.950),
    "right_heel": (-0.072, 0.970),
    "left_big_toe": (0.130, 0.990),
    "right_big_toe": (-0.142, 1.010),
    "left_small_toe": (0.215, 0.955),
    "right_small_toe": (-0.227, 0.975),
}
# Joints of a layout that are at the place of another joint of the person.
_SAME_PLACE = {"mid_hip": "hip", "pelvis": "hip", "thorax": "neck", "head_top": "head"}

# The lines that connect joints: those of both sides, and those of each layout's trunk.
_LIMBS = (
    ("shoulder", "elbow"),
    ("elbow", "wrist"),
    ("hip", "knee"),
    ("knee", "ankle"),
    ("ankle", "heel"),
    ("ankle", "big_toe"),
    ("big_toe", "small_toe"),
    ("eye", "ear"),
)
_TRUNKS = {
    "coco_17": (
        ("left_shoulder", "right_shoulder"),
        ("left_hip", "right_hip"),
        ("left_shoulder", "left_hip"),
        ("right_shoulder", "right_hip"),
        ("nose", "left_eye"),
        ("nose", "right_eye"),
    ),
    "halpe_26": (
        ("neck", "left_shoulder"),
        ("neck", "right_shoulder"),
        ("hip", "left_hip"),
        ("hip", "right_hip"),
        ("neck", "hip"),
        ("neck", "nose"),
        ("neck", "head"),
        ("nose", "left_eye"),
        ("nose", "right_eye"),
    ),
    "body_25": (
        ("neck", "left_shoulder"),
        ("neck", "right_shoulder"),
        ("mid_hip", "left_hip"),
        ("mid_hip", "right_hip"),
        ("neck", "mid_hip"),
        ("neck", "nose"),
        ("nose", "left_eye"),
        ("nose", "right_eye"),
    ),
    "mpii_16": (
        ("thorax", "left_shoulder"),
        ("thorax", "right_shoulder"),
        ("pelvis", "left_hip"),
        ("pelvis", "right_hip"),
        ("thorax", "pelvis"),
        ("thorax", "upper_neck"),
        ("upper_neck", "head_top"),
    ),
}

Bones = tuple[tuple[int, int], ...]


def pose(layout: str) -> np.ndarray:
    """Returns the person of the picture in the joints of `layout`, `[J, 2]`."""
    places = []
    for name in get_skeleton(layout).joints:
        places.append(_PERSON[_SAME_PLACE.get(name, name)])
    return np.array(places)


def computed_joints(layout: str) -> list[int]:
    """Returns the joints of `h36m_17` that are made of several joints of `layout`."""
    num_joints = get_skeleton(layout).num_joints
    # The conversion is linear: that of unit vectors gives its weights, [source, joint].
    unit_vectors = np.eye(num_joints)[..., None]
    weights = np.asarray(convert_joints(unit_vectors, layout, H36M_17.name))[..., 0]
    sources = (weights != 0).sum(axis=0)
    return np.flatnonzero(sources > 1).tolist()


def joint_colour(skeleton: Skeleton, *joints: int) -> str:
    """Returns the colour of a joint or of a bone, by the side of its joints."""
    has_left = any(joint in skeleton.left for joint in joints)
    has_right = any(joint in skeleton.right for joint in joints)
    # A bone from one side to the other is in the middle, as the spine is.
    if has_left == has_right:
        return MIDDLE
    return LEFT if has_left else RIGHT


def draw_joint_sets(path: pathlib.Path) -> None:
    """Draws each layout, and below it the same person converted to `h36m_17`.

    Joints have their numbers; those that are computed of several others are marked.
    """
    figure = Figure(figsize=(13, 12.5))
    axes = figure.subplots(2, len(LAYOUTS))
    for column, layout in enumerate(LAYOUTS):
        skeleton, points = get_skeleton(layout), pose(layout)
        # Above, the layout as the data set reads it.
        top, bottom = axes[:, column]
        _draw(top, skeleton, points, connections(skeleton), ())
        top.set_title(layout, fontweight="bold")

        # Below, the Human3.6M joints made of it, and the names of the computed ones.
        converted = np.asarray(convert_joints(points, layout, H36M_17.name))
        computed = computed_joints(layout)
        _draw(bottom, H36M_17, converted, H36M_17.bones, computed)
        bottom.set_title(f"{layout} → h36m_17", fontweight="bold")
        names = ", ".join(f"{joint} {H36M_17.joints[joint]}" for joint in computed)
        bottom.text(
            0.5,
            -0.02,
            f"computed: {names}",
            transform=bottom.transAxes,
            ha="center",
            va="top",
        )
    figure.legend(handles=_legend(), loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.035, 1, 1))
    figure.savefig(path, dpi=80)


def _legend() -> list[Line2D]:
    """Returns one mark for each colour."""
    marks = []
    for colour, label in (
        (LEFT, "the person's left"),
        (RIGHT, "the person's right"),
        (MIDDLE, "middle"),
    ):
        marks.append(Line2D([], [], color=colour, marker="o", label=label))
    computed = Line2D(
        [],
        [],
        color=_COMPUTED,
        marker="D",
        linestyle="",
        markersize=9,
        label="computed from several joints",
    )
    return [*marks, computed]


def connections(skeleton: Skeleton) -> Bones:
    """Returns the pairs of joints that a line connects; bones, where there are any."""
    if skeleton.parents:
        return skeleton.bones
    # Layouts without feet or eyes leave out some of the limbs.
    names = list(_TRUNKS.get(skeleton.name, ()))
    for side in ("left", "right"):
        for a, b in _LIMBS:
            names.append((f"{side}_{a}", f"{side}_{b}"))
    joints = skeleton.joints
    pairs = []
    for a, b in names:
        if a in joints and b in joints:
            pairs.append((joints.index(a), joints.index(b)))
    return tuple(pairs)


def _draw(
    axis: Axes,
    skeleton: Skeleton,
    points: np.ndarray,
    bones: Bones,
    computed: Iterable[int],
) -> None:
    """Draws one person: lines, joints, and their numbers on the outer side.

    Args:
      axis: where to draw.
      skeleton: of the joints.
      points: `[J, 2]`, y down.
      bones: pairs of joints to connect.
      computed: joints to mark.
    """
    for bone in bones:
        x, y = points[list(bone)].T
        axis.plot(x, y, color=joint_colour(skeleton, *bone), lw=2, zorder=1)
    # Joints lie over the lines, numbers over the joints.
    for joint, (x, y) in enumerate(points):
        shape, size, colour = "o", 6, joint_colour(skeleton, joint)
        if joint in computed:
            shape, size, colour = "D", 9, _COMPUTED
        axis.plot(x, y, shape, ms=size, color=colour, mec="white", zorder=2)
        is_right = joint in skeleton.right
        axis.annotate(
            str(joint),
            (x, y),
            (-6 if is_right else 6, 4),
            textcoords="offset points",
            fontsize=9,
            ha="right" if is_right else "left",
            zorder=3,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )
    axis.set(aspect="equal", xlim=(-0.3, 0.32), ylim=(1.03, -0.06))
    axis.axis("off")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m jaxpose.body.joint_sets PICTURE.png")
    draw_joint_sets(pathlib.Path(sys.argv[1]))
