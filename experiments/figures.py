"""Draws poses, and the inside of models: plain functions from arrays to PNG files."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from experiments.charts import save
from jaxpose.body.skeletons import Skeleton
from jaxpose.scoring.pictures import bone_colours

TRUTH = "#b8b8b8"
INFLUENCE, CHOSEN_JOINT = "#2f6fc8", "#c8452f"
MOST_TICKS = 20  # labels on the side of a matrix


def draw_poses(
    clips: Sequence[tuple[str, np.ndarray, np.ndarray]],
    skeleton: Skeleton,
    title: str,
    path: pathlib.Path,
) -> None:
    """Draws predicted poses over true ones (grey), one row per clip.

    Args:
      clips: (caption, truth, predicted), the poses `[4, J, 3]` in metres.
      skeleton: joints of the poses.
      title: of the picture.
      path: the file.
    """
    columns = max(len(truth) for _, truth, _ in clips)
    figure = plt.figure(figsize=(2.7 * columns, 2.9 * len(clips) + 0.3))
    # All poses are drawn at one scale.
    reach = 0.0
    for _, truth, predicted in clips:
        reach = max(reach, np.abs(truth).max(), np.abs(predicted).max())
    for line, (caption, truth, predicted) in enumerate(clips):
        for column in range(len(truth)):
            place = line * columns + column + 1
            axis = figure.add_subplot(len(clips), columns, place, projection="3d")
            _plot_pair(
                axis,
                truth[column],
                predicted[column],
                skeleton,
                reach,
            )
            # Each pose has its own error above it, the first also the clip's name.
            difference = truth[column] - predicted[column]
            distance = np.linalg.norm(difference, axis=-1)
            heading = f"{1000 * distance.mean():.0f} mm"
            if column == 0:
                heading = f"{caption}\n{heading}"
            axis.set_title(heading, fontsize=8)
    figure.suptitle(title, fontsize=10, y=0.995)
    top = 1 - 0.6 / figure.get_figheight()
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=top)
    save(figure, path, tight=False)


def _plot_pair(
    axis: Any,
    truth: np.ndarray,
    predicted: np.ndarray,
    skeleton: Skeleton,
    reach: float,
) -> None:
    """Draws two poses `[J, 3]` into a 3D axis that reaches `reach` metres each way."""
    colours = bone_colours(skeleton)
    _plot_bones(
        axis,
        truth,
        skeleton,
        [TRUTH] * len(colours),
        4.0,
    )
    _plot_bones(
        axis,
        predicted,
        skeleton,
        colours,
        1.8,
    )
    # A cube, so that no direction is stretched.
    limits = (-reach, reach)
    axis.set(xlim=limits, ylim=limits, zlim=limits)
    axis.set(xticklabels=[], yticklabels=[], zticklabels=[])
    axis.set_box_aspect((1, 1, 1), zoom=1.35)
    axis.view_init(elev=10, azim=-70)


def _plot_bones(
    axis: Any,
    pose: np.ndarray,
    skeleton: Skeleton,
    colours: Sequence[str],
    width: float,
) -> None:
    """Draws `pose [J, 3]`; the bones of one colour are one line with gaps."""
    gap = np.full((1, 3), np.nan)
    for colour in dict.fromkeys(colours):
        parts = []
        for bone, own in zip(skeleton.bones, colours, strict=True):
            if own == colour:
                parts += [pose[list(bone)], gap]
        x, y, z = np.concatenate(parts).T
        # The camera looks along z with y down; the plot has z up.
        axis.plot(
            x,
            z,
            -y,
            color=colour,
            lw=width,
        )


def draw_matrices(
    rows: Mapping[str, Sequence[np.ndarray]],
    columns: Sequence[str],
    names: Mapping[str, Sequence[str]],
    title: str,
    path: pathlib.Path,
) -> None:
    """Draws a grid of matrices with one colour scale per row.

    The scale of a row with negative values is centred at 0.

    Args:
      rows: matrices `[J, J]` by name of the row; entry `[i, j]` is what joint i
        receives from joint j.
      columns: headings; shorter rows leave the last places empty.
      names: of the matrices' entries, by name of the row.
      title: of the picture.
      path: the file.
    """
    # The colour bar takes the additional width, the title the height.
    width = 2.7 * len(columns) + 1.2
    height = 3.3 * len(rows) + 0.4
    figure, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(width, height),
        squeeze=False,
        layout="constrained",
    )
    for line, (label, matrices) in enumerate(rows.items()):
        # One scale per row: blocks can be compared, kinds of graphs cannot.
        style = _colour_scale(matrices)
        for column, axis in enumerate(axes[line]):
            # Models may have fewer layers of one kind than of another.
            if column >= len(matrices):
                axis.axis("off")
                continue
            image = axis.imshow(matrices[column], **style)
            axis.set_title(f"{label}\n{columns[column]}", fontsize=8)
            _name_entries(axis, names[label], rows_too=column == 0)
        figure.colorbar(image, ax=list(axes[line]), shrink=0.8)
    figure.suptitle(title, fontsize=10)
    save(figure, path, tight=False)


def _colour_scale(matrices: Sequence[np.ndarray]) -> dict[str, Any]:
    """Returns the colour map and its limits for matrices that share a scale."""
    # Red and blue tell the signs apart; without a sign dark is 0.
    values = np.concatenate([matrix.ravel() for matrix in matrices])
    bound = np.abs(values).max() or 1.0
    if values.min() < 0:
        return {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}
    return {"cmap": "magma", "vmin": 0, "vmax": bound}


def _name_entries(axis: Axes, entries: Sequence[str], rows_too: bool) -> None:
    """Labels the sides of a matrix, every n-th entry where there are many."""
    step = max(1, -(-len(entries) // MOST_TICKS))
    ticks = range(0, len(entries), step)
    labels = entries[::step]
    axis.set_xticks(ticks, labels, rotation=90, fontsize=5)
    axis.set_yticks(ticks, labels if rows_too else [], fontsize=5)


def draw_influence(
    weights: np.ndarray,
    poses: np.ndarray,
    skeleton: Skeleton,
    joint: int,
    title: str,
    path: pathlib.Path,
) -> None:
    """Draws how much each joint counts for `joint`, as circles on the pose.

    As GAST-Net, Fig. 7.

    Args:
      weights: `[blocks, frames, J]`.
      poses: `[frames, J, 3]`, metres in the camera frame.
      skeleton: joints of the poses.
      joint: index of the joint that receives; it is ringed.
      title: of the picture.
      path: the file.
    """
    blocks, frames, _ = weights.shape
    figure, axes = plt.subplots(
        blocks,
        frames,
        figsize=(2.1 * frames, 2.6 * blocks + 0.3),
        squeeze=False,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    # Areas are in square points; all frames share one scale.
    areas = 260 * weights / max(weights.max(), 1e-12)
    for block in range(blocks):
        for frame in range(frames):
            axis = axes[block, frame]
            # The camera sees x and y; bones lie behind circles, the ring before them.
            flat = poses[frame][:, :2]
            for bone in skeleton.bones:
                line = flat[list(bone)].T
                axis.plot(*line, color=TRUTH, lw=1.5, zorder=1)
            axis.scatter(
                *flat.T,
                s=areas[block, frame],
                alpha=0.75,
                color=INFLUENCE,
                zorder=2,
            )
            axis.scatter(
                *flat[joint],
                s=60,
                facecolors="none",
                edgecolors=CHOSEN_JOINT,
                lw=2,
                zorder=3,
            )
            # x and y at one scale.
            axis.set(aspect="equal", xticks=[], yticks=[])
            axis.margins(0.12)
            axis.set_title(f"block {block + 1}, frame {frame + 1}", fontsize=8)
    # The axes are shared: inverting one turns the image's y down in all.
    axes[0, 0].invert_yaxis()
    figure.suptitle(title, fontsize=10)
    save(figure, path, tight=False)
