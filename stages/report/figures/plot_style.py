"""What all figures share: colours, type, and how they become files of always the same bytes."""

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.common.artifacts import write_bytes

# Okabe and Ito's colours, told apart by all common kinds of colour vision.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7500", "#555555")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MUTED = "#777777"
DOTS_PER_INCH = 160
WIDTH_INCHES = 9.0
MOST_LEGEND_COLUMNS = 6


def colour_of(gan: str, gans: Sequence[str]) -> str:
    """Return a GAN's colour, the same in all figures."""
    return COLOURS[gans.index(gan) % len(COLOURS)]


def marker_of(gan: str, gans: Sequence[str]) -> str:
    """Return a GAN's marker, the same in all figures."""
    return MARKERS[gans.index(gan) % len(MARKERS)]


def make_figure(height_inches: float) -> Figure:
    """Start a figure as wide as the page."""
    return Figure(figsize=(WIDTH_INCHES, height_inches), dpi=DOTS_PER_INCH, layout="constrained")


def tidy(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Label axes, and leave out what carries nothing."""
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8, color=MUTED)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)


def add_legend(figure: Figure, axes: Axes) -> None:
    """Put what the axes name above all panels."""
    handles, labels = axes.get_legend_handles_labels()
    columns = min(len(labels), MOST_LEGEND_COLUMNS) or 1
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, fontsize=8, frameon=False)


def note_absence(axes: Axes) -> None:
    """Say in empty axes that nothing is published of what they would show."""
    axes.set_yticks([])
    axes.text(0.5, 0.5, "nothing published", ha="center", fontsize=9, color=MUTED, transform=axes.transAxes)


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, atomically and without the date that would change its bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    write_bytes(path, content.getvalue())
