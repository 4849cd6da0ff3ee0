"""Plot Figure 2: the best scores by GAN and setting as bars, above the published ones."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.report.figures.entry_lines import describe_entry_lines, draw_entry_lines
from stages.report.figures.palette import choose_colour, choose_marker
from stages.report.figures.plot_style import (
    MUTED,
    add_legend,
    make_figure,
    mark_unpublished,
    style_axes,
    use_log_scale,
)
from stages.report.formatting import capitalise, join_words, pluralise
from stages.report.model.pictures import Picture
from stages.report.published import name_gan, published_bars
from stages.report.results.all_results import Results
from stages.report.statistics.metrics import Metric
from stages.report.statistics.summary import Cell, summarise_cell

GROUP_WIDTH = 0.84


def describe_figure2(results: Results) -> Picture:
    """Describe Figure 2, which has error bars if there are several seeds."""
    seeds = len(results.grid.seeds)
    spread = (
        f", geometric mean over {pluralise(seeds, 'seed')} with bars of one standard deviation of the logarithm"
        if seeds > 1
        else ""
    )
    return Picture(
        file="figure2.png",
        caption=f"Figure 2. The best {_join_titles(results)} of each GAN under each setting{spread}; "
        f"the {join_words([metric.title for metric in results.metrics if metric.is_log])} on a logarithmic scale; "
        f"below, the bars of Feng et al.{describe_entry_lines(results)}",
        description="Bars or dots of each score grouped by Adam setting, one per GAN; all values are in the "
        "table of trials.",
    )


def plot_figure2(results: Results) -> Figure:
    """Plot the best scores of each GAN under each setting as bars, above the published ones."""
    gans, settings = results.grid.gans, results.grid.settings_used
    figure = make_figure(6.4)
    panels = figure.subplots(2, len(results.metrics), squeeze=False)
    for column, metric in enumerate(results.metrics):
        cells = {gan: [summarise_cell(results, gan, setting, metric) for setting in settings] for gan in gans}
        values = {
            gan: [None if cell.best is None else cell.best.mean for cell in found]
            for gan, found in cells.items()
        }
        spreads = {gan: [_measure_reach(cell) for cell in found] for gan, found in cells.items()}
        _plot_bars(panels[0, column], gans, settings, values, spreads, metric.is_log)
        draw_entry_lines([panels[0, column]], results, metric)
        style_axes(panels[0, column], f"{capitalise(metric.title)} ({_direction(metric)})", "setting")

        letters, bars = published_bars(metric.key)
        known = {gan: [float(value) for value in bars[gan]] for gan in gans if gan in bars}
        _plot_bars(panels[1, column], gans, letters, known, {})
        style_axes(panels[1, column], f"{metric.published_title}, Feng et al. (CIFAR-10)", "setting")
        if not known:
            mark_unpublished(panels[1, column])
    add_legend(figure, panels[0, 0])
    return figure


def _measure_reach(cell: Cell) -> tuple[float, float]:
    """Return how far one standard deviation of the logarithm reaches below and above a cell's best value."""
    if cell.best is None or cell.best.deviation is None:
        return 0.0, 0.0
    factor = math.exp(cell.best.deviation)
    return cell.best.mean * (1.0 - 1.0 / factor), cell.best.mean * (factor - 1.0)


def _plot_bars(
    axes: Axes,
    gans: Sequence[str],
    settings: Sequence[str],
    values: dict[str, list[float | None]] | dict[str, list[float]],
    spreads: dict[str, list[tuple[float, float]]],
    is_log: bool = False,
) -> None:
    """Plot a bar per GAN and setting, or a dot on a logarithmic scale, where the length of a bar has no meaning."""
    shown = [gan for gan in gans if gan in values]
    width = GROUP_WIDTH / max(len(shown), 1)
    for index, gan in enumerate(shown):
        places = np.arange(len(settings)) - GROUP_WIDTH / 2 + (index + 0.5) * width
        heights = [0.0 if value is None else value for value in values[gan]]
        spread = spreads.get(gan, [])
        colour, label = choose_colour(gan, gans), name_gan(gan)
        reach = list(zip(*spread, strict=True)) if any(map(any, spread)) else None
        if is_log:
            known = [math.nan if value is None else value for value in values[gan]]
            axes.errorbar(
                places, known, reach, fmt=choose_marker(gan, gans), color=colour, label=label, elinewidth=0.8
            )
        else:
            axes.bar(
                places,
                heights,
                width * 0.92,
                color=colour,
                label=label,
                yerr=reach,
                error_kw={"linewidth": 0.8},
            )
        for place, value in zip(places, values[gan], strict=True):
            if value is None:
                axes.text(
                    place,
                    0.0,
                    " failed",
                    rotation=90,
                    ha="center",
                    va="bottom",
                    fontsize=7,
                    color=MUTED,
                    transform=axes.get_xaxis_transform(),
                )
    axes.set_xticks(np.arange(len(settings)), settings)
    if is_log and any(value is not None for gan in shown for value in values[gan]):
        axes.set_yscale("log")
        use_log_scale(axes, "y", *axes.get_ylim())


def _join_titles(results: Results) -> str:
    return " and ".join(metric.title for metric in results.metrics)


def _direction(metric: Metric) -> str:
    return "higher is better" if metric.is_higher_better else "lower is better"
