"""Draws the pictures of the reports: plain functions from arrays to PNG files."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, NullFormatter

from jaxpose.body.skeletons import Skeleton
from jaxpose.scoring.pictures import bone_colours

TRUTH = "#b8b8b8"
INFLUENCE, CHOSEN_JOINT = "#2f6fc8", "#c8452f"
PALETTE = matplotlib.color_sequences["tab20"]
MOST_TICKS = 20  # labels on the side of a matrix


class CostPoint(NamedTuple):
    """One model in the picture of errors over cost.

    Attributes:
      label: name in the legend.
      parameters: number of parameters.
      macs: multiply-accumulates per pose.
      error: MPJPE measured here, millimetres, or None.
      published: the paper's MPJPE, or None.
    """

    label: str
    parameters: float
    macs: float
    error: float | None
    published: float | None


def draw_scaling(
    panels: Mapping[str, Mapping[str, Mapping[int, float]]], path: pathlib.Path
) -> None:
    """Draws seconds over sizes on log axes; a dashed line is proportional to the size.

    Args:
      panels: seconds by size, by label of the curve, by title of the panel.
      path: the file.
    """
    width = 5.4 * len(panels)
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(width, 4.2),
        squeeze=False,
    )
    for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for label, curve in curves.items():
            sizes = np.array(list(curve))
            seconds = np.array(list(curve.values()))
            (line,) = axis.plot(
                sizes,
                seconds,
                marker="o",
                ms=4,
                label=label,
            )
            # The dashed line meets the curve at the largest size.
            proportional = seconds[-1] * sizes / sizes[-1]
            axis.plot(
                sizes,
                proportional,
                ls="--",
                lw=0.8,
                color=line.get_color(),
            )
        # A power of the size is a line on these axes.
        axis.set(title=title, xscale="log", yscale="log")
        axis.grid(alpha=0.3, which="both")
    axes[0, 0].legend(frameon=False)
    _save(figure, path)


def draw_curves(
    losses: Mapping[str, np.ndarray],
    errors: Mapping[str, np.ndarray],
    path: pathlib.Path,
) -> None:
    """Draws the training loss and, where there are any, validation errors over updates.

    Args:
      losses: `[N, 2]` (step, value) by label of the row.
      errors: likewise, MPJPE in millimetres.
      path: the file.
    """
    # Runs without validation subjects have no second panel.
    panels = {"training loss": losses}
    if any(len(curve) for curve in errors.values()):
        panels["MPJPE of the held-out subjects, mm"] = errors
    width = 6.4 * len(panels)
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(width, 4.2),
        squeeze=False,
    )
    for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for number, (label, curve) in enumerate(curves.items()):
            # A run without validation subjects has no errors to draw.
            if not len(curve):
                continue
            # Markers would hide each other on a long curve.
            marker = "o" if len(curve) < 30 else ""
            axis.plot(
                *curve.T,
                label=label,
                color=_colour(number),
                marker=marker,
                ms=3,
                lw=1.2,
            )
        # Losses fall by decades, errors by parts.
        values = np.concatenate(list(curves.values()))[:, 1]
        scale = "log" if values.max() > 3 * values.min() else "linear"
        axis.set(title=title, xlabel="update", yscale=scale)
        axis.grid(alpha=0.3, which="both")
    _legend_beside(axes[0, -1])
    _save(figure, path)


def draw_bars(
    errors: Mapping[str, Mapping[str, float]], title: str, path: pathlib.Path
) -> None:
    """Draws grouped bars of `errors[label][action]`: one group per action.

    Args:
      errors: millimetres by action, by label of the row.
      title: of the picture.
      path: the file.
    """
    # Test sets of rows may differ in their actions; the picture has all of them.
    actions: dict[str, None] = {}
    for row in errors.values():
        actions |= dict.fromkeys(row)
    # Bars fill 84 % of a group, which leaves a gap to the next one.
    width = 0.84 / len(errors)
    inches = 0.45 * len(actions) * max(2, len(errors)) ** 0.5
    figure, axis = plt.subplots(figsize=(max(7.0, inches), 4.2))
    # The bars of a group lie side by side, centred on its tick.
    for number, (label, row) in enumerate(errors.items()):
        offset = (number - (len(errors) - 1) / 2) * width
        places = np.arange(len(actions)) + offset
        values = [row.get(action, np.nan) for action in actions]
        axis.bar(
            places,
            values,
            width,
            label=label,
            color=_colour(number),
        )
    ticks = range(len(actions))
    axis.set_xticks(
        ticks,
        list(actions),
        rotation=60,
        ha="right",
        fontsize=8,
    )
    axis.set(title=title, ylabel="mm", xlim=(-0.6, len(actions) - 0.4))
    axis.grid(alpha=0.3, axis="y")
    axis.set_axisbelow(True)
    _legend_beside(axis)
    _save(figure, path)


def draw_cost(points: Sequence[CostPoint], path: pathlib.Path) -> None:
    """Draws MPJPE over parameters and over multiply-accumulates.

    A cost has a log axis where it spans a decade.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    parameters = [point.parameters for point in points]
    macs = [point.macs for point in points]
    _plot_costs(axes[0], "parameters", parameters, points)
    _plot_costs(axes[1], "multiply-accumulates per pose", macs, points)
    axes[0].set_ylabel("MPJPE, mm (hollow: the paper's)")
    _legend_beside(axes[1])
    _save(figure, path)


def _plot_costs(
    axis: Axes, name: str, costs: Sequence[float], points: Sequence[CostPoint]
) -> None:
    """Draws the errors of `points` over one cost."""
    for number, (cost, point) in enumerate(zip(costs, points, strict=True)):
        colour = _colour(number)
        # A row without a figure keeps its colour, so that points and bars agree.
        if point.error is None:
            continue
        axis.plot(cost, point.error, "o", ms=8, color=colour, label=point.label)
        if point.published is not None:
            axis.plot(cost, point.published, "o", ms=8, color=colour, mfc="none")
    # A log axis with fewer decades has too few labels to read.
    axis.set_xlabel(name)
    if max(costs) > 10 * min(costs):
        axis.set_xscale("log")
    else:
        axis.locator_params(axis="x", nbins=5)
    axis.xaxis.set_major_formatter(EngFormatter())
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.grid(alpha=0.3, which="both")


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
    _save(figure, path, tight=False)


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
    _save(figure, path, tight=False)


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
    _save(figure, path, tight=False)


def _colour(number: int) -> Any:
    """Returns the colour of curve or bar `number`; colours repeat after 20."""
    return PALETTE[number % len(PALETTE)]


def _legend_beside(axis: Axes) -> None:
    """Puts the legend to the right of the axis, where it hides nothing."""
    axis.legend(
        fontsize=8,
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
    )


def _save(figure: Figure, path: pathlib.Path, tight: bool = True) -> None:
    """Writes the picture and closes it."""
    if tight:
        figure.tight_layout()
    # A reader never sees half a file: it gets its name when it is complete.
    partial = path.with_stem(path.stem + ".partial")
    figure.savefig(partial, dpi=130, bbox_inches="tight")
    plt.close(figure)
    partial.replace(path)
