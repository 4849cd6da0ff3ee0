"""The style of all figures, and writing a figure to a file with reproducible bytes."""

import io
import math
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from stages.common.artifacts import write_bytes

MUTED = "#666666"
DOTS_PER_INCH = 160
WIDTH_INCHES = 9.0
NARROW_INCHES = 4.8
MOST_LEGEND_COLUMNS = 6
# The possible ticks of a logarithmic scale within a decade, from few to many.
LOG_STEPS = (
    (1.0,),
    (1.0, 3.0),
    (1.0, 2.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0),
)
FEWEST_TICKS = 3
MOST_LINEAR_TICKS = 6


def make_figure(height_inches: float, width_inches: float = WIDTH_INCHES) -> Figure:
    """Make an empty figure; by default it is as wide as the page."""
    return Figure(figsize=(width_inches, height_inches), dpi=DOTS_PER_INCH, layout="constrained")


def style_axes(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Label axes, and remove the lines that carry no information."""
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8, color=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)


def use_log_scale(axes: Axes, of: Literal["x", "y"], low: float, high: float) -> None:
    """Put one axis on a logarithmic scale from `low` to `high`, with plain numbers at its ticks."""
    axis = axes.xaxis if of == "x" else axes.yaxis
    (axes.set_xscale if of == "x" else axes.set_yscale)("log")
    (axes.set_xlim if of == "x" else axes.set_ylim)(low, high)
    axis.set_major_locator(FixedLocator(choose_log_ticks(low, high)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def choose_log_ticks(low: float, high: float) -> list[float]:
    """Choose round numbers from `low` to `high`, both above 0: powers of ten, or finer steps if these are too few.

    If the ends are close to each other, the numbers are evenly spaced, as a logarithmic scale is then nearly linear.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in LOG_STEPS:
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= FEWEST_TICKS:
            return ticks
    linear = MaxNLocator(MOST_LINEAR_TICKS, steps=[1, 2, 5, 10], min_n_ticks=FEWEST_TICKS)
    return [float(tick) for tick in linear.tick_values(low, high) if low <= tick <= high]


def add_legend(figure: Figure, axes: Axes) -> None:
    """Put a legend of the axes' labels above all panels."""
    handles, labels = axes.get_legend_handles_labels()
    columns = min(len(labels), MOST_LEGEND_COLUMNS) or 1
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=8, frameon=False)


def mark_unpublished(axes: Axes) -> None:
    """Write "nothing published" into empty axes."""
    axes.set_yticks([])
    axes.text(0.5, 0.5, "nothing published", ha="center", fontsize=9, color=MUTED, transform=axes.transAxes)


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, atomically, and without Matplotlib's version, which would change its bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    write_bytes(path, content.getvalue())
