"""Draws poses, and the inside of models: plain functions from arrays to PNG files."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from experiments.charts import save
from jaxpose.body.skeletons import Skeleton
from jaxpose.scoring import pose_drawing
from jaxpose.scoring.evaluate import MILLIMETRES

INFLUENCE, CHOSEN_JOINT = "#2f6fc8", "#c8452f"
MOST_TICKS = 20  # labels on the side of a matrix
# A ring round a joint whose error differs between methods: neither red, blue nor grey.
MARK = "#d99a00"
MOST_MARKS = 3
LEAST_DIFFERENCE = 20.0  # millimetres, of a marked joint
# From where still pictures show a pose: degrees round the person, and down.
AZIMUTH, ELEVATION = 25.0, 10.0


class ShownClip(NamedTuple):
    """Some frames of a clip, as a picture shows them.

    Attributes:
      caption: what stands above them.
      keypoints: `[F, J2, 2]`, the input.
      truth: `[F, J, 3]`, metres, relative to the root.
      predicted: `[F, J, 3]`, likewise.
      up: `[3]`, the vertical in the camera frame.
    """

    caption: str
    keypoints: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    up: np.ndarray


class ComparedFrame(NamedTuple):
    """A frame with the poses of several methods.

    Attributes:
      caption: what stands under the input.
      keypoints: `[J2, 2]`, the input.
      poses: `[M, J, 3]`, of the methods, metres, relative to the root.
      truth: `[J, 3]`, likewise.
      up: `[3]`, the vertical in the camera frame.
    """

    caption: str
    keypoints: np.ndarray
    poses: np.ndarray
    truth: np.ndarray
    up: np.ndarray


def draw_poses(
    clips: Sequence[ShownClip],
    layout: Skeleton,
    skeleton: Skeleton,
    title: str,
    path: pathlib.Path,
) -> None:
    """Draws the input, and beside it the predicted pose over the true one (grey).

    Args:
      clips: one row each, with the same number of frames.
      layout: joints of the input.
      skeleton: joints of the poses.
      title: of the picture.
      path: the file.
    """
    columns = max(len(clip.truth) for clip in clips)
    figure = plt.figure(figsize=(3.6 * columns, 2.5 * len(clips) + 0.3))
    # A frame has two places side by side, the pose a wider one than its input.
    grid = figure.add_gridspec(
        len(clips),
        2 * columns,
        width_ratios=[2, 3] * columns,
        wspace=0.02,
        hspace=0.3,
        left=0.02,
        right=0.98,
        bottom=0.02,
        top=1 - 0.75 / figure.get_figheight(),
    )
    # All poses are drawn at one scale.
    stages: list[list[pose_drawing.Stage]] = []
    for clip in clips:
        row = []
        for truth, predicted in zip(clip.truth, clip.predicted, strict=True):
            row.append(_stage(predicted, truth, clip.up))
        stages.append(row)
    reach = max(stage.reach for row in stages for stage in row)
    for line, clip in enumerate(clips):
        for column in range(len(clip.truth)):
            flat = figure.add_subplot(grid[line, 2 * column])
            _plot_input(flat, layout, clip.keypoints[column])
            axis = figure.add_subplot(grid[line, 2 * column + 1])
            truth, predicted = clip.truth[column], clip.predicted[column]
            stage = stages[line][column]._replace(reach=reach)
            _plot_pose(axis, skeleton, predicted, truth, stage)
            # Each pose has its own error above it, the first also the clip's name.
            error = MILLIMETRES * np.linalg.norm(truth - predicted, axis=-1).mean()
            axis.set_title(f"{error:.0f} mm", fontsize=8, pad=2)
            if column == 0:
                # Above the pose beside it.
                flat.set_title(clip.caption, fontsize=8, loc="left", pad=30)
    figure.suptitle(title, fontsize=10, y=0.995)
    below_title = 1 - 0.35 / figure.get_figheight()
    pose_drawing.write_legend(figure, 0.02, below_title, with_truth=True)
    save(figure, path, tight=False)


def _stage(poses: np.ndarray, truth: np.ndarray, up: np.ndarray) -> pose_drawing.Stage:
    """Returns the stage of poses `[..., J, 3]` and the truth `[J, 3]` of a frame."""
    return pose_drawing.make_stage(poses, truth, up, AZIMUTH, ELEVATION)


def _plot_input(axis: Axes, layout: Skeleton, keypoints: np.ndarray) -> None:
    """Draws keypoints `[J2, 2]` into an axis."""
    person = pose_drawing.FlatPerson(axis, layout, keypoints[None], width=1.8)
    person.show(keypoints)


def _plot_pose(
    axis: Axes,
    skeleton: Skeleton,
    pose: np.ndarray,
    truth: np.ndarray,
    stage: pose_drawing.Stage,
) -> None:
    """Draws `pose [J, 3]` over the truth in grey."""
    pose_drawing.set_up_stage(axis, stage)
    grey = pose_drawing.TRUTH
    pose_drawing.SolidPerson(axis, skeleton, stage.view, 4.0, grey).show(truth)
    pose_drawing.SolidPerson(axis, skeleton, stage.view, 3.0).show(pose)


def draw_comparison(
    rows: Sequence[ComparedFrame],
    names: Sequence[str],
    layout: Skeleton,
    skeleton: Skeleton,
    path: pathlib.Path,
) -> None:
    """Draws the input, the pose of each method over the truth, and the truth.

    As GLA-GCN, Fig. 2, and CrossFormer, Fig. 3. The joints whose errors differ most
    have rings, thick where the error is the largest of all methods.

    Args:
      rows: one frame each.
      names: of the methods.
      layout: joints of the input.
      skeleton: joints of the poses.
      path: the file.
    """
    columns = len(names) + 2
    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(2.5 * columns, 3.0 * len(rows) + 0.4),
        squeeze=False,
        layout="constrained",
    )
    # All poses are drawn at one scale.
    stages = [_stage(row.poses, row.truth, row.up) for row in rows]
    reach = max(stage.reach for stage in stages)
    for line, row, own in zip(axes, rows, stages, strict=True):
        stage = own._replace(reach=reach)
        errors = MILLIMETRES * np.linalg.norm(row.poses - row.truth, axis=-1)
        marked = differing_joints(errors)
        flat, *solid, last = line
        _plot_input(flat, layout, row.keypoints)
        flat.set_xlabel(row.caption, fontsize=7.5)
        for number, axis in enumerate(solid):
            pose = row.poses[number]
            _plot_pose(axis, skeleton, pose, row.truth, stage)
            worst = errors[number] == errors.max(axis=0)
            _mark(axis, pose @ stage.view.T, marked, worst)
            words = [f"{skeleton.joints[k]} {errors[number, k]:.0f}" for k in marked]
            text = ", ".join(words).replace("_", " ")
            _write_below(axis, f"{errors[number].mean():.0f} mm", text)
        # The same joints on the truth show where they belong.
        _plot_pose(last, skeleton, row.truth, row.truth, stage)
        nowhere = np.zeros(skeleton.num_joints, bool)
        _mark(last, row.truth @ stage.view.T, marked, nowhere)
    for axis, title in zip(axes[0], ["2D input", *names, "truth"], strict=True):
        axis.set_title(title, fontsize=10)
    figure.supxlabel(
        "MPJPE of the frame; red: left, blue: right, grey: truth; tiles of "
        f"{pose_drawing.TILE} m\nrings: joints whose errors differ most, in mm, thick: "
        "the larger error",
        fontsize=7.5,
    )
    save(figure, path, tight=False)


def differing_joints(errors: np.ndarray) -> list[int]:
    """Returns the joints whose errors differ most between methods, most first.

    At most `MOST_MARKS`, and none that differ by less than `LEAST_DIFFERENCE`.

    Args:
      errors: `[M, J]`, millimetres.
    """
    differences = np.ptp(errors, axis=0)
    order = np.argsort(-differences, kind="stable")[:MOST_MARKS]
    return [int(k) for k in order if differences[k] >= LEAST_DIFFERENCE]


def _mark(
    axis: Axes, points: np.ndarray, joints: Sequence[int], thick: np.ndarray
) -> None:
    """Draws rings round `joints` of `points [J, 3]`, thick where `thick [J]` is."""
    for joint in joints:
        x, y, _ = points[joint]
        axis.scatter(
            x,
            y,
            s=170,
            facecolors="none",
            edgecolors=MARK,
            lw=2.8 if thick[joint] else 1.2,
            zorder=4,
        )


def _write_below(axis: Axes, first: str, second: str) -> None:
    """Writes two lines under an axis that has no frame."""
    for y, text, size in ((0.0, first, 9), (-0.07, second, 7)):
        axis.text(
            0.5,
            y,
            text,
            fontsize=size,
            transform=axis.transAxes,
            ha="center",
            va="top",
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
    height = 3.5 * len(rows) + 0.4
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
    figure.set_layout_engine("constrained", hspace=0.08)
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
    labels = [entry.replace("_", " ") for entry in entries[::step]]
    axis.set_xticks(ticks, labels, rotation=90, fontsize=6)
    axis.set_yticks(ticks, labels if rows_too else [], fontsize=6)
    # Entry (i, j) is what i receives from j.
    axis.set_xlabel("from", fontsize=7, labelpad=1)
    if rows_too:
        axis.set_ylabel("to", fontsize=7)


def draw_influence(
    weights: np.ndarray,
    keypoints: np.ndarray,
    layout: Skeleton,
    poses: np.ndarray,
    skeleton: Skeleton,
    joint: int,
    title: str,
    path: pathlib.Path,
) -> None:
    """Draws how much each joint counts for `joint`, as circles on the pose.

    As GAST-Net, Fig. 7. The first row is the input.

    Args:
      weights: `[blocks, frames, J]`.
      keypoints: `[frames, J2, 2]`, screen-normalised.
      layout: joints of the keypoints.
      poses: `[frames, J, 3]`, metres in the camera frame.
      skeleton: joints of the poses.
      joint: index of the joint that receives; it is ringed.
      title: of the picture.
      path: the file.
    """
    blocks, frames, _ = weights.shape
    figure, axes = plt.subplots(
        blocks + 1,
        frames,
        figsize=(2.1 * frames, 2.3 * (blocks + 1) + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for frame, axis in enumerate(axes[0]):
        _plot_input(axis, layout, keypoints[frame])
        axis.set_title(f"input, frame {frame + 1}", fontsize=8)
    # All poses have one scale, x and y alike; the image's y points down.
    reach = 1.12 * np.abs(poses[..., :2]).max()
    # Areas are in square points; all frames share one scale.
    areas = 260 * weights / max(weights.max(), 1e-12)
    for block in range(blocks):
        for frame in range(frames):
            axis = axes[block + 1, frame]
            # The camera sees x and y; bones lie behind circles, the ring before them.
            flat = poses[frame][:, :2]
            for bone in skeleton.bones:
                line = flat[list(bone)].T
                axis.plot(*line, color=pose_drawing.TRUTH, lw=1.5, zorder=1)
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
            axis.set(aspect="equal", xticks=[], yticks=[])
            axis.set(xlim=(-reach, reach), ylim=(reach, -reach))
            axis.spines[:].set_color(pose_drawing.FRAME)
            axis.set_title(f"block {block + 1}, frame {frame + 1}", fontsize=8)
    figure.suptitle(title, fontsize=10)
    save(figure, path, tight=False)
