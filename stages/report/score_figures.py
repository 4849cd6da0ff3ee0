"""Figures 2 and 3: scores by GAN and setting, and over the training, each beside the report's."""

import statistics
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.report.canvas import MUTED, colour_of, make_figure, marker_of, tidy
from stages.report.inputs import Results
from stages.report.published import name_gan, published_bars, published_curves
from stages.report.scores import METRICS, Metric, summarise

GROUP_WIDTH = 0.84


def draw_figure2(results: Results) -> Figure:
    """Draw the best Inception Score and FID of each GAN under each setting as bars; the report's below."""
    gans, settings = results.grid.gans, results.grid.settings_used
    figure = make_figure(6.4)
    panels = figure.subplots(2, 2, squeeze=False)
    for column, metric in enumerate(METRICS):
        cells = {gan: [summarise(results, gan, setting, metric) for setting in settings] for gan in gans}
        values = {
            gan: [None if cell is None else cell.best for cell in found] for gan, found in cells.items()
        }
        spreads = {
            gan: [0.0 if cell is None else cell.deviation or 0.0 for cell in found]
            for gan, found in cells.items()
        }
        _draw_bars(panels[0, column], gans, settings, values, spreads)
        tidy(panels[0, column], f"{metric.title}, this run ({_direction(metric)})", "setting")

        letters, bars = published_bars(metric.key)
        known = {gan: [float(value) for value in bars[gan]] for gan in gans if gan in bars}
        _draw_bars(panels[1, column], gans, letters, known, {})
        tidy(panels[1, column], f"{metric.title}, the report (CIFAR-10)", "setting")
    _add_legend(figure, panels[0, 0])
    return figure


def _draw_bars(
    axes: Axes,
    gans: Sequence[str],
    settings: Sequence[str],
    values: dict[str, list[float | None]] | dict[str, list[float]],
    spreads: dict[str, list[float]],
) -> None:
    width = GROUP_WIDTH / len(gans)
    for index, gan in enumerate(gan for gan in gans if gan in values):
        places = np.arange(len(settings)) - GROUP_WIDTH / 2 + (index + 0.5) * width
        heights = [0.0 if value is None else value for value in values[gan]]
        spread = spreads.get(gan, [])
        axes.bar(
            places,
            heights,
            width * 0.92,
            color=colour_of(gan, gans),
            label=name_gan(gan),
            yerr=spread if any(spread) else None,
            error_kw={"linewidth": 0.8},
        )
        for place, value in zip(places, values[gan], strict=True):
            if value is None:
                axes.text(
                    place, 0.0, " diverged", rotation=90, ha="center", va="bottom", fontsize=7, color=MUTED
                )
    axes.set_xticks(np.arange(len(settings)), settings)


def draw_figure3(results: Results) -> Figure:
    """Draw both scores over the training, a column a setting, with the report's (its setting C) at the right."""
    gans, settings = results.grid.gans, results.grid.settings_used
    figure = make_figure(6.4)
    panels = figure.subplots(2, len(settings) + 1, squeeze=False, sharey=False)
    for row, metric in enumerate(METRICS):
        for column, setting in enumerate(settings):
            _draw_curves(panels[row, column], results, setting, metric)
            title = f"{metric.title}, {setting}"
            tidy(panels[row, column], title, "generator step" if row else "")
        _share_range(list(panels[row, :-1]))
        _draw_published_curves(panels[row, -1], gans, metric)
        letter = published_curves(metric.key)[0]
        tidy(panels[row, -1], f"Report, {letter}", "epoch (CIFAR-10)" if row else "")
    _add_legend(figure, panels[0, 0])
    return figure


def _draw_curves(axes: Axes, results: Results, setting: str, metric: Metric) -> None:
    """Draw each GAN's mean over seeds, each seed as a thin line behind it when there are several."""
    gans = results.grid.gans
    for gan in gans:
        colour = colour_of(gan, gans)
        by_step: dict[int, list[float]] = {}
        for result in results.of(gan, setting):
            steps = [point.generator_step for point in result.points]
            values = [metric.of(point) for point in result.points]
            for step, value in zip(steps, values, strict=True):
                by_step.setdefault(step, []).append(value)
            if len(results.grid.seeds) > 1:
                axes.plot(steps, values, color=colour, linewidth=0.6, alpha=0.4)
        means = {step: statistics.fmean(values) for step, values in sorted(by_step.items())}
        _draw_line(axes, list(means), list(means.values()), gan, gans)
    # A line at the real images' level would press the curves together.
    level = f"real data {metric.show(results.real[metric.key])}"
    axes.text(0.98, 0.97, level, transform=axes.transAxes, ha="right", va="top", fontsize=7.5, color=MUTED)


def _draw_line(
    axes: Axes, steps: Sequence[int], values: Sequence[float], gan: str, gans: Sequence[str]
) -> None:
    axes.plot(
        steps,
        values,
        color=colour_of(gan, gans),
        marker=marker_of(gan, gans),
        markersize=4,
        linewidth=1.4,
        label=name_gan(gan),
    )


def _draw_published_curves(axes: Axes, gans: Sequence[str], metric: Metric) -> None:
    _, epochs, curves = published_curves(metric.key)
    for gan in (gan for gan in gans if gan in curves):
        seen = {epoch: value for epoch, value in zip(epochs, curves[gan], strict=True) if value is not None}
        _draw_line(axes, list(seen), list(seen.values()), gan, gans)


def _share_range(panels: Sequence[Axes]) -> None:
    low = min(axes.get_ylim()[0] for axes in panels)
    high = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(low, high)


def _direction(metric: Metric) -> str:
    return "higher is better" if metric.is_higher_better else "lower is better"


def _add_legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=8, frameon=False)
