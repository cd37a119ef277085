"""Draws the joint sets that the `custom` data set reads and what `conversions` makes of them.

python -m jaxpose.body.joint_sets docs/joint_sets.png
"""

import pathlib
import sys

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import H36M_17, Skeleton, get_skeleton
from jaxpose.scoring.pictures import LEFT, MIDDLE, RIGHT

LAYOUTS = ("coco_17", "halpe_26", "body_25", "mpii_16")
SYNTHESISED = "#e0a100"

# One person as an image shows them, facing the viewer: their right side is on the left. Units of a
# stature; y is down; face and feet are drawn too wide, to tell their joints apart.
_POSE = {
    "nose": (0.010, 0.095), "left_eye": (0.052, 0.055), "right_eye": (-0.036, 0.053),
    "left_ear": (0.108, 0.080), "right_ear": (-0.096, 0.076), "head": (0.004, -0.020),
    "upper_neck": (0.002, 0.130), "neck": (0.000, 0.186), "left_shoulder": (0.108, 0.190),
    "right_shoulder": (-0.108, 0.182),
    "left_elbow": (0.190, 0.330), "right_elbow": (-0.205, 0.318), "left_wrist": (0.262, 0.222),
    "right_wrist": (-0.232, 0.462), "hip": (0.000, 0.478), "left_hip": (0.058, 0.480),
    "right_hip": (-0.058, 0.476), "left_knee": (0.096, 0.700), "right_knee": (-0.090, 0.712),
    "left_ankle": (0.108, 0.890), "right_ankle": (-0.120, 0.910), "left_heel": (0.060, 0.950),
    "right_heel": (-0.072, 0.970), "left_big_toe": (0.130, 0.990), "right_big_toe": (-0.142, 1.010),
    "left_small_toe": (0.215, 0.955), "right_small_toe": (-0.227, 0.975),
}  # fmt: skip
_SAME_PLACE = {"mid_hip": "hip", "pelvis": "hip", "thorax": "neck", "head_top": "head"}

_LIMBS = (
    ("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"), ("ankle", "heel"),
    ("ankle", "big_toe"), ("big_toe", "small_toe"), ("eye", "ear"),
)  # fmt: skip
_TRUNKS = {
    "coco_17": (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), ("left_shoulder", "left_hip"),
                ("right_shoulder", "right_hip"), ("nose", "left_eye"), ("nose", "right_eye")),
    "halpe_26": (("neck", "left_shoulder"), ("neck", "right_shoulder"), ("hip", "left_hip"),
                 ("hip", "right_hip"), ("neck", "hip"), ("neck", "nose"), ("neck", "head"),
                 ("nose", "left_eye"), ("nose", "right_eye")),
    "body_25": (("neck", "left_shoulder"), ("neck", "right_shoulder"), ("mid_hip", "left_hip"),
                ("mid_hip", "right_hip"), ("neck", "mid_hip"), ("neck", "nose"), ("nose", "left_eye"),
                ("nose", "right_eye")),
    "mpii_16": (("thorax", "left_shoulder"), ("thorax", "right_shoulder"), ("pelvis", "left_hip"),
                ("pelvis", "right_hip"), ("thorax", "pelvis"), ("thorax", "upper_neck"),
                ("upper_neck", "head_top")),
}  # fmt: skip


def pose(layout: str) -> np.ndarray:
    """The person of the picture in the joints of `layout`, `[J, 2]`."""
    return np.array(
        [_POSE[_SAME_PLACE.get(name, name)] for name in get_skeleton(layout).joints]
    )


def synthesised(layout: str) -> list[int]:
    """Joints of `h36m_17` that the (linear) conversion computes from several joints of `layout`."""
    joints = get_skeleton(layout).num_joints
    weights = convert_joints(np.eye(joints)[..., None], layout, H36M_17.name)[
        ..., 0
    ]  # [moved joint, joint]
    return np.flatnonzero((weights != 0).sum(axis=0) > 1).tolist()


def draw_joint_sets(path: pathlib.Path) -> None:
    """Draws each layout with its joint numbers above the same person converted to `h36m_17`."""
    figure, axes = plt.subplots(2, len(LAYOUTS), figsize=(13, 12.5))
    for column, layout in enumerate(LAYOUTS):
        skeleton, points = get_skeleton(layout), pose(layout)
        top, bottom = axes[:, column]
        _draw(top, skeleton, points, _bones(skeleton), ())
        top.set_title(layout, fontweight="bold")
        converted = convert_joints(points, layout, H36M_17.name)
        made = synthesised(layout)
        _draw(bottom, H36M_17, converted, H36M_17.bones, made)
        names = ", ".join(f"{joint} {H36M_17.joints[joint]}" for joint in made)
        bottom.set_title(f"{layout} → h36m_17", fontweight="bold")
        bottom.text(
            0.5,
            -0.02,
            f"computed: {names}",
            transform=bottom.transAxes,
            ha="center",
            va="top",
        )
    marks = [
        Line2D([], [], color=LEFT, marker="o", label="the person's left"),
        Line2D([], [], color=RIGHT, marker="o", label="the person's right"),
        Line2D([], [], color=MIDDLE, marker="o", label="middle"),
        Line2D(
            [],
            [],
            color=SYNTHESISED,
            marker="D",
            ls="",
            ms=9,
            label="computed from several joints",
        ),
    ]
    figure.legend(handles=marks, loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.035, 1, 1))
    figure.savefig(path, dpi=80)
    plt.close(figure)


def _bones(skeleton: Skeleton) -> list[tuple[int, int]]:
    limbs = [
        (f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _LIMBS
    ]
    pairs = [*_TRUNKS[skeleton.name], *limbs]
    return [
        (skeleton.joints.index(a), skeleton.joints.index(b))
        for a, b in pairs
        if a in skeleton.joints and b in skeleton.joints
    ]


def _draw(
    axis: Axes,
    skeleton: Skeleton,
    points: np.ndarray,
    bones: list[tuple[int, int]] | tuple[tuple[int, int], ...],
    made: list[int] | tuple[int, ...],
) -> None:
    def colour(*joints: int) -> str:
        left = any(joint in skeleton.left for joint in joints)
        right = any(joint in skeleton.right for joint in joints)
        return MIDDLE if left == right else LEFT if left else RIGHT

    for bone in bones:
        axis.plot(*points[list(bone)].T, color=colour(*bone), lw=2, zorder=1)
    for joint, (x, y) in enumerate(points):
        marked = joint in made
        axis.plot(
            x, y, "D" if marked else "o", ms=9 if marked else 6, zorder=2,
            color=SYNTHESISED if marked else colour(joint), mec="white",
        )  # fmt: skip
        side = -1 if joint in skeleton.right else 1
        axis.annotate(
            str(joint), (x, y), (6 * side, 4), textcoords="offset points", fontsize=9,
            ha="right" if side < 0 else "left", zorder=3,
            path_effects=[withStroke(linewidth=3, foreground="white")],
        )  # fmt: skip
    axis.set(aspect="equal", xlim=(-0.3, 0.32), ylim=(1.03, -0.06))
    axis.axis("off")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m jaxpose.body.joint_sets PICTURE.png")
    draw_joint_sets(pathlib.Path(sys.argv[1]))
