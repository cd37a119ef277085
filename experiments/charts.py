"""Draws the charts of reports: curves, bars and points, from numbers to PNG files."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    EngFormatter,
    FormatStrFormatter,
)

from experiments import chart_style as style
from jaxpose.whole_files import replacing

MOST_FIGURES = 6  # over the bars of a group
# Endings of pictures that a command may write.
FORMATS = (".png", ".pdf", ".svg")


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


class WindowPoint(NamedTuple):
    """One model in the picture of scores over windows.

    Attributes:
      label: name of its curve.
      frames: length of its window.
      parameters: number of parameters.
      scores: errors measured here, millimetres, by title of the panel.
      published: the paper's, likewise.
    """

    label: str
    frames: int
    parameters: int
    scores: Mapping[str, float]
    published: Mapping[str, float]


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
        style.tidy(axis)
    axes[0, 0].legend(frameon=False)
    save(figure, path)


def draw_curves(
    losses: Mapping[str, np.ndarray],
    errors: Mapping[str, np.ndarray],
    factors: Mapping[str, float | None],
    path: pathlib.Path,
) -> None:
    """Draws the training loss and, where there are any, validation errors over updates.

    Args:
      losses: `[N, 2]` (step, value) by label of the row.
      errors: likewise, MPJPE in millimetres.
      factors: from each loss to millimetres, None where it is no length.
      path: the file.
    """
    title, known = "training loss", {}
    for label, curve in losses.items():
        if (factor := factors[label]) is not None:
            known[label] = curve * [1.0, factor]
    # Losses of several kinds have no common unit.
    if len(known) == len(losses):
        title, losses = "training loss, mm", known
    # Runs without validation subjects have no second panel.
    panels = {title: losses}
    if any(len(curve) for curve in errors.values()):
        panels["validation MPJPE, mm"] = errors
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
            marker = ""
            if len(curve) < 30:
                marker = style.of_cycle(style.MARKERS, number)
            axis.plot(
                *curve.T,
                label=label,
                color=style.colour(number),
                ls=style.of_cycle(style.DASHES, number),
                marker=marker,
                ms=4,
                lw=1.4,
            )
        # Losses fall by decades, errors by parts.
        values = np.concatenate(list(curves.values()))[:, 1]
        axis.set(title=title, xlabel="update")
        if values.max() > 3 * values.min():
            axis.set_yscale("log")
            style.label_decades(axis.yaxis, FormatStrFormatter("%g"))
        axis.xaxis.set_major_formatter(EngFormatter(sep=" "))
        axis.margins(x=0.02)
        style.tidy(axis)
    style.legend_beside(axes[0, -1])
    save(figure, path)


def draw_bars(
    errors: Mapping[str, Mapping[str, float]], title: str, path: pathlib.Path
) -> None:
    """Draws grouped bars of `errors[label][action]`: one group per action.

    The last group is the mean over the actions of a row, with its figures.

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
    inches = 0.42 * (len(actions) + 1) * max(2, len(errors)) ** 0.5
    figure, axis = plt.subplots(figsize=(min(max(7.0, inches), 14.0), 3.8))
    # The mean stands apart.
    ticks = np.append(np.arange(len(actions)), len(actions) + 0.5)
    # The bars of a group lie side by side, centred on its tick.
    for number, (label, row) in enumerate(errors.items()):
        offset = (number - (len(errors) - 1) / 2) * width
        values = [row.get(action, np.nan) for action in actions]
        values.append(float(np.mean(list(row.values()))) if row else np.nan)
        bars = axis.bar(
            ticks + offset,
            values,
            width,
            label=label,
            color=style.colour(number),
            edgecolor="white",
            linewidth=0.4,
            hatch=style.of_cycle(style.HATCHES, number // len(style.SAFE_COLOURS)),
        )
        # Figures of more bars would lie on each other.
        if len(errors) <= MOST_FIGURES:
            figures = [""] * len(actions) + [f"{values[-1]:.1f}"]
            axis.bar_label(bars, figures, fontsize=7, padding=3, rotation=90)
    names = [*actions, "mean"]
    axis.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor")
    axis.tick_params(axis="x", length=0)
    axis.set(ylabel=title, xlim=(-0.6, ticks[-1] + 0.6))
    axis.margins(y=0.1)
    style.tidy(axis, lines="y")
    style.legend_above(axis, len(errors))
    save(figure, path)


def draw_cost(points: Sequence[CostPoint], path: pathlib.Path) -> None:
    """Draws MPJPE over parameters and over multiply-accumulates.

    A cost has a log axis where it spans a decade.
    """
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True)
    parameters = [point.parameters for point in points]
    macs = [point.macs for point in points]
    _plot_costs(axes[0], "parameters", parameters, points)
    _plot_costs(axes[1], "multiply-accumulates per pose", macs, points)
    axes[0].set_ylabel("MPJPE, mm")
    handles, labels = axes[1].get_legend_handles_labels()
    if any(point.published is not None for point in points):
        hollow = Line2D([], [], marker="o", ms=12, ls="", color="grey", mfc="none")
        handles.append(hollow)
        labels.append("the paper's")
    style.legend_beside(axes[1], handles, labels)
    save(figure, path)


def draw_windows(
    points: Sequence[WindowPoint], titles: Sequence[str], path: pathlib.Path
) -> None:
    """Draws scores over the length of the window, and beside them the sizes as bars.

    As GAST-Net, Fig. 4. A hollow mark on a dashed line is the paper's figure.

    Args:
      points: the models, those of one curve in the order of their lengths.
      titles: of the scores, one panel each.
      path: the file.
    """
    panels = len(titles) + 1
    figure, axes = plt.subplots(1, panels, figsize=(4.4 * panels, 4.2))
    labels = list(dict.fromkeys(point.label for point in points))
    lengths = sorted({point.frames for point in points})
    for number, label in enumerate(labels):
        curve = [point for point in points if point.label == label]
        # Colour and mark both tell the curves apart, for readers who see few colours.
        colour, marker = style.SAFE_COLOURS[number], style.MARKERS[number]
        for axis, title in zip(axes[:-1], titles, strict=True):
            for scores, fill, dashes, whose in (
                ([point.scores for point in curve], colour, "-", ""),
                ([point.published for point in curve], "white", "--", ", the paper's"),
            ):
                # A length without a figure interrupts the line.
                values = [score.get(title, np.nan) for score in scores]
                if np.isnan(values).all():
                    continue
                axis.plot(
                    [lengths.index(point.frames) for point in curve],
                    values,
                    marker=marker,
                    ms=7,
                    ls=dashes,
                    color=colour,
                    mfc=fill,
                    label=label + whose,
                )
        # The bars of one length stand side by side, centred on its tick.
        width = 0.8 / len(labels)
        offset = (number - (len(labels) - 1) / 2) * width
        bars = axes[-1].bar(
            [lengths.index(point.frames) + offset for point in curve],
            [point.parameters for point in curve],
            width,
            color=colour,
            label=label,
        )
        sizes = [EngFormatter(places=2, sep="")(point.parameters) for point in curve]
        axes[-1].bar_label(bars, sizes, fontsize=7, padding=2, rotation=90)
    for axis, title in zip(axes, [*titles, "parameters"], strict=True):
        # Each window is three times the one before: equal steps.
        axis.set_xticks(range(len(lengths)), [str(length) for length in lengths])
        axis.set(title=title, xlabel="frames of the window")
        axis.set_xlim(-0.6, len(lengths) - 0.4)
        style.tidy(axis, lines="y")
        # The legend lies above the data.
        low, high = axis.get_ylim()
        axis.set_ylim(low, high + 0.3 * (high - low))
        axis.legend(fontsize=8, frameon=False, loc="upper left")
    axes[0].set_ylabel("error, mm")
    axes[-1].yaxis.set_major_formatter(EngFormatter())
    save(figure, path)


def _plot_costs(
    axis: Axes, name: str, costs: Sequence[float], points: Sequence[CostPoint]
) -> None:
    """Draws the errors of `points` over one cost."""
    for number, (cost, point) in enumerate(zip(costs, points, strict=True)):
        colour = style.colour(number)
        # A row without a figure keeps its colour, so that points and bars agree.
        if point.error is None:
            continue
        mark = style.of_cycle(style.MARKERS, number)
        axis.plot(cost, point.error, mark, ms=8, color=colour, label=point.label)
        # Wider, so that it is seen round a mark at the same place.
        if point.published is not None:
            axis.plot(cost, point.published, mark, ms=12, color=colour, mfc="none")
    # A log axis with fewer decades has too few labels to read.
    axis.set_xlabel(name)
    if max(costs) > 10 * min(costs):
        axis.set_xscale("log")
        style.label_decades(axis.xaxis, EngFormatter(sep=" "))
    else:
        axis.locator_params(axis="x", nbins=5)
        axis.xaxis.set_major_formatter(EngFormatter())
    axis.margins(0.1)
    style.tidy(axis)


def save(figure: Figure, path: pathlib.Path, tight: bool = True) -> None:
    """Writes the picture, beside a PNG as PDF and SVG too, and closes it."""
    if tight:
        figure.tight_layout()
    paths = [path]
    if path.suffix == ".png":
        paths += [path.with_suffix(".pdf"), path.with_suffix(".svg")]
    for one in paths:
        # Without the time of day: equal results are equal files.
        undated = {".pdf": {"CreationDate": None}, ".svg": {"Date": None}}
        with replacing(one) as partial:
            figure.savefig(
                partial,
                dpi=130,
                bbox_inches="tight",
                metadata=undated.get(one.suffix),
            )
    plt.close(figure)
