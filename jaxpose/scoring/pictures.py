"""What people look at: learning curves and moving skeletons."""

import pathlib
import warnings
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter

from jaxpose.body.skeletons import Skeleton, get_skeleton
from jaxpose.data.clips import Clips
from jaxpose.scoring.evaluate import compared_positions

LEFT, RIGHT, MIDDLE = "#c8452f", "#2f6fc8", "#444444"


def draw_learning_curves(rows: list[dict[str, Any]], path: pathlib.Path) -> None:
    """Draws training loss, learning rate and the selection metrics of a run over its steps."""
    groups = [("loss", ["loss"], True), ("learning rate", ["learning_rate"], False)]
    selection = sorted(
        {key for row in rows for key in row if key.startswith("selection_")}
    )
    if selection:
        groups.append(("selection set, mm", selection, False))
    figure, axes = plt.subplots(
        1, len(groups), figsize=(4.5 * len(groups), 3.4), squeeze=False
    )
    for axis, (title, names, logarithmic) in zip(axes[0], groups, strict=True):
        for name in names:
            points = [(row["step"], row[name]) for row in rows if name in row]
            if points:
                label = name.removeprefix("selection_")
                axis.plot(
                    *zip(*points, strict=True),
                    label=label,
                    marker="." if len(points) < 30 else "",
                )
        axis.set(title=title, xlabel="step", yscale="log" if logarithmic else "linear")
        axis.grid(alpha=0.3)
        if len(names) > 1:
            axis.legend()
    _save(figure, path)


def bone_colours(skeleton: Skeleton) -> list[str]:
    """A colour for each bone of `skeleton.bones`: left red, right blue, trunk grey."""
    return [
        LEFT if c in skeleton.left else RIGHT if c in skeleton.right else MIDDLE
        for c, _ in skeleton.bones
    ]


def animate_clip(
    clips: Clips,
    frames: np.ndarray,
    predicted: np.ndarray,
    path: pathlib.Path,
    seconds: float = 6.0,
) -> None:
    """Writes a GIF of the liveliest stretch: input keypoints, and prediction over truth from two sides.

    Where there is no truth the prediction is drawn alone.

    Args:
      clips: the clips.
      frames: `[M]` frames that were predicted.
      predicted: `[M, J, 3]`, root-relative, what the model gives.
      path: the GIF.
      seconds: its length at most.
    """
    stretch = _liveliest_stretch(clips, frames, seconds)
    clip = clips.index[clips.clip_of_frame[frames[stretch[0]]]]
    step = max(1, round(clip.fps / 12.5))
    shown = stretch[::step]
    skeleton = get_skeleton(clips.skeleton)
    keypoints_skeleton = get_skeleton(clips.keypoints_skeleton)
    poses, truth = compared_positions(predicted[shown], clips, frames[shown])
    error = (
        np.linalg.norm(poses - truth, axis=-1).mean(-1) * 1000
    )  # NaN where there is no truth
    keypoints = clips.keypoints_2d[frames[shown]]

    figure = plt.figure(figsize=(9.6, 3.8))
    flat = figure.add_axes((0.01, 0.1, 0.3, 0.8))
    flat.set(title="input", aspect="equal", xticks=[], yticks=[])
    low, high = keypoints.min((0, 1)), keypoints.max((0, 1))
    middle, half = (low + high) / 2, (high - low).max() / 2 + 0.05
    flat.set(
        xlim=(middle[0] - half, middle[0] + half),
        ylim=(middle[1] + half, middle[1] - half),
    )
    bones = keypoints_skeleton.bones or ()
    lines = [
        flat.plot([], [], color=colour, lw=2)[0]
        for colour in bone_colours(keypoints_skeleton)
    ]
    dots = flat.plot([], [], "o", ms=3, color=MIDDLE)[0]
    solids = []
    reach = np.nanmax(np.abs([truth, poses]))
    for left, title, azimuth in (
        (0.32, "camera view", -90),
        (0.66, "from the side", 0),
    ):
        axis = figure.add_axes((left, 0.06, 0.34, 0.86), projection="3d")
        axis.set(
            title=title,
            xlim=(-reach, reach),
            ylim=(-reach, reach),
            zlim=(-reach, reach),
        )
        axis.set(xticklabels=[], yticklabels=[], zticklabels=[])
        axis.set_box_aspect((1, 1, 1), zoom=1.3)
        axis.view_init(elev=8, azim=azimuth)
        true_lines = [
            axis.plot([], [], [], color="#b8b8b8", lw=3)[0] for _ in skeleton.bones
        ]
        lines_3d = [
            axis.plot([], [], [], color=colour, lw=1.8)[0]
            for colour in bone_colours(skeleton)
        ]
        solids.append((true_lines, lines_3d))
    caption = figure.text(0.5, 0.02, "", ha="center")

    def draw(k: int) -> None:
        for line, bone in zip(lines, bones, strict=True):
            line.set_data(*keypoints[k, bone].T)
        dots.set_data(*keypoints[k].T)
        for true_lines, lines_3d in solids:
            for group, pose in ((true_lines, truth[k]), (lines_3d, poses[k])):
                for line, bone in zip(group, skeleton.bones, strict=True):
                    x, y, z = pose[list(bone)].T
                    line.set_data_3d(x, z, -y)  # the camera looks along z with y down
        text = f"{clip.subject}  {clip.take}  {clip.camera}"
        if np.isfinite(error[k]):
            text += f"   grey: truth   error {error[k]:.0f} mm (clip mean {np.nanmean(error):.0f})"
        caption.set_text(text)

    animation = FuncAnimation(figure, draw, frames=len(shown))
    partial = path.with_stem(path.stem + ".partial")
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Glyph"
        )  # names in a script that the font lacks appear as boxes
        animation.save(
            partial, writer=PillowWriter(fps=max(1, round(clip.fps / step))), dpi=72
        )
    plt.close(figure)
    partial.replace(path)


def _liveliest_stretch(clips: Clips, frames: np.ndarray, seconds: float) -> np.ndarray:
    """Positions in `frames` of the consecutive run, up to `seconds` long, whose keypoints move most."""
    breaks = (
        np.flatnonzero(
            (np.diff(frames) != 1) | (np.diff(clips.clip_of_frame[frames]) != 0)
        )
        + 1
    )
    best, best_motion = np.arange(1), -1.0
    for run in np.split(np.arange(len(frames)), breaks):
        fps = clips.index[clips.clip_of_frame[frames[run[0]]]].fps
        run = run[: max(1, round(seconds * fps))]
        motion = np.abs(np.diff(clips.keypoints_2d[frames[run]], axis=0)).sum()
        if motion > best_motion:
            best, best_motion = run, motion
    return best


def _save(figure: plt.Figure, path: pathlib.Path) -> None:
    figure.tight_layout()
    partial = path.with_stem(path.stem + ".partial")
    figure.savefig(partial, dpi=110)
    plt.close(figure)
    partial.replace(path)
