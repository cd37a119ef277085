"""Draws axes, colours, marks and legends of charts as all of them have them."""

from collections.abc import Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, LogLocator, NullFormatter

# Colours that differ for colour-blind readers, too (Okabe and Ito).
SAFE_COLOURS = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7"),
    *("#e69f00", "#56b4e9", "#000000"),
)
# What tells curves, points and bars of one colour apart.
MARKERS = "os^Dv"
DASHES = ("-", "--", ":", "-.")
HATCHES = ("", "////", "....", "xxxx")


def colour(number: int) -> str:
    """Returns the colour of curve or bar `number`; colours repeat after seven."""
    return SAFE_COLOURS[number % len(SAFE_COLOURS)]


def of_cycle(choices: Sequence[str], number: int) -> str:
    """Returns one of `choices`, from the first again after the last."""
    return choices[number % len(choices)]


def label_decades(axis: Axis, formatter: Formatter) -> None:
    """Labels 1, 2 and 5 of each decade of a log axis, in plain numbers."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(formatter)
    axis.set_minor_formatter(NullFormatter())


def tidy(axis: Axes, lines: Literal["both", "x", "y"] = "both") -> None:
    """Leaves the left and lower side of the frame, and light lines behind the data."""
    axis.grid(alpha=0.3, axis=lines)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def legend_above(axis: Axes, columns: int) -> None:
    """Puts the legend above the axis, at most four names in a line."""
    axis.legend(
        fontsize=8,
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0, 1.06),
        ncols=min(columns, 4),
        borderaxespad=0,
    )


def legend_beside(axis: Axes, *entries: Any) -> None:
    """Puts the legend to the right of the axis, where it hides nothing.

    `entries` are handles and labels, those of the axis where they are absent.
    """
    axis.legend(
        *entries,
        fontsize=8,
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
    )
