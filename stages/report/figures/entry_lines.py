"""Draw entries into figures of the GANs' scores: as level lines, since an entry has one point and no setting."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from stages.report.figures.plot_style import MUTED, use_log_scale
from stages.report.results.all_results import Results
from stages.report.results.entries import EntryResult
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import take_log

# A level is drawn while the panels grow to no more than this many times the curves' own range.
MOST_STRETCH = 2.0
# Between a line and the edge of a panel, in this share of the range.
MARGIN = 0.05
# Real data's is dashed.
STYLES: tuple[Any, ...] = (":", "-.", (0, (1, 3)), (0, (3, 2, 1, 2, 1, 2)))
MOST_CHARACTERS = 32


def list_drawn_entries(results: Results) -> list[EntryResult]:
    """List the entries that have results."""
    return [entry for entry in results.entries if entry.points]


def name_entry(entry: EntryResult) -> str:
    """Write an entry's title for a figure: a long one is cut, and a dollar sign begins no formula."""
    title = entry.title
    cut = title if len(title) <= MOST_CHARACTERS else f"{title[: MOST_CHARACTERS - 1]}…"
    return cut.replace("$", r"\$")


def describe_entry_lines(results: Results) -> str:
    """Say for a caption what the level lines are; nothing where there are none."""
    return " Level lines are entries, where they lie near the GANs." if list_drawn_entries(results) else ""


def draw_entry_lines(panels: Sequence[Axes], results: Results, metric: Metric) -> None:
    """Draw a line at each entry's mean over its files into panels that have their limits, which grow for near ones."""
    entries = list_drawn_entries(results)
    if not entries:
        return
    low, high = (scale_value(end, metric) for end in panels[0].get_ylim())
    height, reach = high - low, [low, high]
    for place, entry in enumerate(entries):
        level = statistics.fmean(scale_value(value, metric) for value in entry.values_of(metric))
        if max(high, level) - min(low, level) <= MOST_STRETCH * height:
            reach += [level - MARGIN * height] if level < low else []
            reach += [level + MARGIN * height] if level > high else []
        for axes in panels:
            axes.axhline(
                unscale_value(level, metric),
                color=MUTED,
                linewidth=1.2,
                linestyle=STYLES[place % len(STYLES)],
                label=f"entry: {name_entry(entry)}",
            )
    for axes in panels:
        limit_y(axes, min(reach), max(reach), metric)


def scale_value(value: float, metric: Metric) -> float:
    """Return where a value lies on the metric's axis: its logarithm on a logarithmic one."""
    return take_log(value) if metric.is_log else value


def unscale_value(place: float, metric: Metric) -> float:
    """Return the value at a place of the metric's axis."""
    return math.exp(place) if metric.is_log else place


def limit_y(axes: Axes, low: float, high: float, metric: Metric) -> None:
    """Limit the y axis to two places on the metric's scale."""
    if metric.is_log:
        use_log_scale(axes, "y", math.exp(low), math.exp(high))
    else:
        axes.set_ylim(low, high)
