"""The pictures of the reports: plain functions from arrays to files."""

import pathlib
from collections.abc import Mapping, Sequence

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import EngFormatter, NullFormatter

from jaxpose.body.skeletons import Skeleton
from jaxpose.scoring.pictures import bone_colours

TRUTH = "#b8b8b8"


def draw_scaling(
    panels: Mapping[str, Mapping[str, Mapping[int, float]]], path: pathlib.Path
) -> None:
    """Seconds over sizes, by title of the panel and label of the curve; dashed: proportional to the size."""
    figure, axes = plt.subplots(
        1, len(panels), figsize=(5.4 * len(panels), 4.2), squeeze=False
    )
    for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
        for label, curve in curves.items():
            sizes, seconds = np.array(list(curve)), np.array(list(curve.values()))
            (line,) = axis.plot(sizes, seconds, marker="o", ms=4, label=label)
            axis.plot(
                sizes,
                seconds[-1] * sizes / sizes[-1],
                ls="--",
                lw=0.8,
                color=line.get_color(),
            )
        axis.set(title=title, xscale="log", yscale="log")
        axis.grid(alpha=0.3, which="both")
    axes[0, 0].legend(frameon=False)
    _save(figure, path)


def draw_curves(
    losses: Mapping[str, np.ndarray],
    errors: Mapping[str, np.ndarray],
    path: pathlib.Path,
) -> None:
    """Learning curves: training loss and, where there are any, validation errors, over updates.

    `losses` and `errors` hold `[N, 2]` (step, value) by label of the row.
    """
    panels = [("training loss", losses), ("MPJPE of the held-out subjects, mm", errors)]
    panels = [
        (title, curves)
        for title, curves in panels
        if any(len(curve) for curve in curves.values())
    ]
    figure, axes = plt.subplots(
        1, len(panels), figsize=(6.4 * len(panels), 4.2), squeeze=False
    )
    colours = plt.get_cmap("tab20").colors
    for axis, (title, curves) in zip(axes[0], panels, strict=True):
        for number, (label, curve) in enumerate(curves.items()):
            if len(curve):
                marker = "o" if len(curve) < 30 else ""
                colour = colours[number % len(colours)]
                axis.plot(
                    *curve.T, label=label, color=colour, marker=marker, ms=3, lw=1.2
                )
        values = np.concatenate([curve[:, 1] for curve in curves.values()])
        axis.set(
            title=title,
            xlabel="update",
            yscale="log" if values.max() > 3 * values.min() else "linear",
        )
        axis.grid(alpha=0.3, which="both")
    axes[0, -1].legend(
        fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False
    )
    _save(figure, path)


def draw_bars(
    errors: Mapping[str, Mapping[str, float]], title: str, path: pathlib.Path
) -> None:
    """Grouped bars: `errors[label][action]`, an action a group."""
    actions = list(dict.fromkeys(action for row in errors.values() for action in row))
    width = 0.84 / len(errors)
    figure, axis = plt.subplots(
        figsize=(max(7.0, 0.45 * len(actions) * max(2, len(errors)) ** 0.5), 4.2)
    )
    colours = plt.get_cmap("tab20").colors
    for number, (label, row) in enumerate(errors.items()):
        places = np.arange(len(actions)) + (number - (len(errors) - 1) / 2) * width
        values = [row.get(action, np.nan) for action in actions]
        axis.bar(
            places, values, width, label=label, color=colours[number % len(colours)]
        )
    axis.set_xticks(range(len(actions)), actions, rotation=60, ha="right", fontsize=8)
    axis.set(title=title, ylabel="mm", xlim=(-0.6, len(actions) - 0.4))
    axis.grid(alpha=0.3, axis="y")
    axis.set_axisbelow(True)
    axis.legend(
        fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False
    )
    _save(figure, path)


def draw_cost(
    points: Sequence[tuple[str, float, float, float, float | None]], path: pathlib.Path
) -> None:
    """MPJPE over parameters and over multiply-accumulates, on log axes where they span a decade.

    `points` are (label, parameters, macs, error here, error in the paper or None).
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    colours = plt.get_cmap("tab20").colors
    for axis, index, name in (
        (axes[0], 1, "parameters"),
        (axes[1], 2, "multiply-accumulates a pose"),
    ):
        for number, point in enumerate(points):
            colour = colours[number % len(colours)]
            axis.plot(point[index], point[3], "o", ms=8, color=colour, label=point[0])
            if point[4] is not None:
                axis.plot(point[index], point[4], "o", ms=8, mfc="none", color=colour)
        costs = [point[index] for point in points]
        axis.set_xlabel(name)
        if max(costs) > 10 * min(costs):
            axis.set_xscale("log")
        else:
            axis.locator_params(axis="x", nbins=5)
        axis.xaxis.set_major_formatter(EngFormatter())
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.grid(alpha=0.3, which="both")
    axes[0].set_ylabel("MPJPE, mm (hollow: the paper's)")
    axes[1].legend(
        fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False
    )
    _save(figure, path)


def draw_poses(
    clips: Sequence[tuple[str, np.ndarray, np.ndarray]],
    skeleton: Skeleton,
    title: str,
    path: pathlib.Path,
) -> None:
    """Predicted over true poses (grey), a clip a row: (caption, truth, predicted `[4, J, 3]` metres)."""
    columns = max(len(truth) for _, truth, _ in clips)
    figure = plt.figure(figsize=(2.7 * columns, 2.9 * len(clips) + 0.3))
    reach = max(np.abs(pose).max() for _, *poses in clips for pose in poses)
    for line, (caption, truth, predicted) in enumerate(clips):
        for column, poses in enumerate(zip(truth, predicted, strict=True)):
            axis = figure.add_subplot(
                len(clips), columns, line * columns + column + 1, projection="3d"
            )
            colours = bone_colours(skeleton)
            _plot_bones(axis, poses[0], skeleton, [TRUTH] * len(colours), 4.0)
            _plot_bones(axis, poses[1], skeleton, colours, 1.8)
            error = 1000 * np.linalg.norm(poses[0] - poses[1], axis=-1).mean()
            axis.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
            axis.set(xticklabels=[], yticklabels=[], zticklabels=[])
            axis.set_box_aspect((1, 1, 1), zoom=1.35)
            axis.view_init(elev=10, azim=-70)
            axis.set_title(
                f"{caption}\n{error:.0f} mm" if column == 0 else f"{error:.0f} mm",
                fontsize=8,
            )
    figure.suptitle(title, fontsize=10, y=0.995)
    figure.subplots_adjust(
        left=0.02, right=0.98, bottom=0.02, top=1 - 0.6 / figure.get_figheight()
    )
    _save(figure, path, tight=False)


def _plot_bones(
    axis: plt.Axes,
    pose: np.ndarray,
    skeleton: Skeleton,
    colours: Sequence[str],
    width: float,
) -> None:
    """Draws `pose [J, 3]`; the bones of a colour are one line with gaps."""
    gap = np.full((1, 3), np.nan)
    for colour in dict.fromkeys(colours):
        bones = [
            bone
            for bone, own in zip(skeleton.bones, colours, strict=True)
            if own == colour
        ]
        x, y, z = np.concatenate(
            [part for bone in bones for part in (pose[list(bone)], gap)]
        ).T
        axis.plot(
            x, z, -y, color=colour, lw=width
        )  # the camera looks along z with y down


def draw_matrices(
    rows: Mapping[str, Sequence[np.ndarray]],
    columns: Sequence[str],
    names: Mapping[str, Sequence[str]],
    title: str,
    path: pathlib.Path,
) -> None:
    """A grid of matrices with a colour scale a row; those that take negative values get one around 0.

    Args:
      rows: matrices `[J, J]` by name of the row; row receives, column sends.
      columns: headings; shorter rows leave the last places empty.
      names: of the matrices' entries, by name of the row.
      title: of the picture.
      path: the file.
    """
    figure, axes = plt.subplots(
        len(rows),
        len(columns),
        figsize=(2.7 * len(columns) + 1.2, 3.3 * len(rows) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    for line, (label, matrices) in enumerate(rows.items()):
        low, high = min(m.min() for m in matrices), max(m.max() for m in matrices)
        bound = max(abs(low), abs(high)) or 1.0
        style = (
            {"cmap": "RdBu_r", "vmin": -bound, "vmax": bound}
            if low < 0
            else {"cmap": "magma", "vmin": 0}
        )
        style |= {"vmax": bound}
        for column, axis in enumerate(axes[line]):
            if column >= len(matrices):
                axis.axis("off")
                continue
            image = axis.imshow(matrices[column], **style)
            axis.set_title(f"{label}\n{columns[column]}", fontsize=8)
            entries = names[label]
            step = max(1, -(-len(entries) // 20))
            ticks = range(0, len(entries), step)
            axis.set_xticks(ticks, [entries[k] for k in ticks], rotation=90, fontsize=5)
            axis.set_yticks(
                ticks, [entries[k] for k in ticks] if column == 0 else [], fontsize=5
            )
        figure.colorbar(image, ax=list(axes[line]), shrink=0.8)
    figure.suptitle(title, fontsize=10)
    _save(figure, path, tight=False)


def draw_influence(
    weights: np.ndarray,
    poses: np.ndarray,
    skeleton: Skeleton,
    joint: int,
    title: str,
    path: pathlib.Path,
) -> None:
    """How much each joint counts for `joint`, as circles on the pose (GAST-Net Fig. 7).

    `weights [blocks, frames, J]`, `poses [frames, J, 3]` metres in the camera frame.
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
    for block in range(blocks):
        for frame in range(frames):
            axis, flat = axes[block, frame], poses[frame][:, :2]
            for child, parent in skeleton.bones:
                axis.plot(*flat[[child, parent]].T, color=TRUTH, lw=1.5, zorder=1)
            sizes = 260 * weights[block, frame] / max(weights.max(), 1e-12)
            axis.scatter(*flat.T, s=sizes, color="#2f6fc8", alpha=0.75, zorder=2)
            axis.scatter(
                *flat[joint],
                s=60,
                facecolors="none",
                edgecolors="#c8452f",
                lw=2,
                zorder=3,
            )
            axis.set(aspect="equal", xticks=[], yticks=[])
            axis.margins(0.12)
            axis.set_title(f"block {block + 1}, frame {frame + 1}", fontsize=8)
    axes[0, 0].invert_yaxis()
    figure.suptitle(title, fontsize=10)
    _save(figure, path, tight=False)


def _save(figure: plt.Figure, path: pathlib.Path, tight: bool = True) -> None:
    if tight:
        figure.tight_layout()
    partial = path.with_stem(path.stem + ".partial")
    figure.savefig(partial, dpi=130, bbox_inches="tight")
    plt.close(figure)
    partial.replace(path)
