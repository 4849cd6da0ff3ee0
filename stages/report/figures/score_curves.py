"""Plot Figure 3: the scores over generator steps, a panel per setting, and the published curves.

Other figures show the same curves over discriminator steps, and over processor seconds.
"""

import math
import statistics
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stages.report.figures.entry_lines import (
    MOST_STRETCH,
    describe_entry_lines,
    draw_entry_lines,
    limit_y,
    scale_value,
    unscale_value,
)
from stages.report.figures.palette import choose_colour, choose_marker
from stages.report.figures.plot_style import (
    MUTED,
    add_legend,
    make_figure,
    mark_unpublished,
    style_axes,
)
from stages.report.formatting import capitalise, join_words, pluralise
from stages.report.model.pictures import Picture
from stages.report.published import name_gan, published_curves
from stages.report.results.all_results import Results
from stages.report.results.trials import Point
from stages.report.statistics.budgets import GENERATOR_STEPS, PROCESSOR_SECONDS, Budget
from stages.report.statistics.intervals import Interval, estimate_mean
from stages.report.statistics.metrics import Metric

MOST_COLUMNS = 4
# If the line of real data would compress the curves, a text above or below them states the score. The text takes this
# share of the range.
ROOM = 0.12
MOST_TICKS = 5


def describe_figure3(results: Results) -> Picture:
    """Describe Figure 3, with its bands of one standard deviation where there are several seeds."""
    seeds = len(results.grid.seeds)
    spread = (
        f", mean over {pluralise(seeds, 'seed')}, as far as all of them go, with a band of one standard deviation"
        if seeds > 1
        else ""
    )
    entries = describe_entry_lines(results)
    scale = join_words([metric.title for metric in results.metrics if metric.is_log])
    return Picture(
        file="figure3.png",
        caption=f"Figure 3. The scores over the training under each setting, the {scale} on a logarithmic "
        f"scale{spread}{' (of the logarithm)' if seeds > 1 else ''}; last, those of Feng et al.{entries}",
        description="Curves of each score over generator steps, one curve per GAN and one panel per "
        "setting; all ends are in the table of trials.",
    )


def describe_curves(results: Results, budget: Budget) -> Picture:
    """Describe the curves of Figure 3 over another budget than generator steps."""
    figure3 = describe_figure3(results)
    return Picture(
        file=f"curves_{budget.key}.png",
        caption=f"The curves of Figure 3 over {budget.nouns}, of which GANs take more or fewer per generator step.",
        description=figure3.description.replace("generator steps", budget.nouns),
    )


def plot_figure3(results: Results) -> Figure:
    """Plot the scores over the training, one panel per setting, and the published curves of setting C as the last."""
    return plot_curves(results, GENERATOR_STEPS)


def plot_curves(results: Results, budget: Budget) -> Figure:
    """Plot the scores over a budget, one panel per setting, and the published curves of setting C as the last."""
    settings = results.grid.settings_used
    rows = math.ceil((len(settings) + 1) / MOST_COLUMNS)
    columns = math.ceil((len(settings) + 1) / rows)
    figure = make_figure(0.4 + 3.0 * rows * len(results.metrics))
    panels = figure.subplots(rows * len(results.metrics), columns, squeeze=False).reshape(
        len(results.metrics), -1
    )
    for metric, places in zip(results.metrics, panels, strict=True):
        for axes, setting in zip(places, settings, strict=False):
            _plot_curves(axes, results, setting, metric, budget)
            style_axes(
                axes, f"{capitalise(metric.short)}, {setting}", _label_x_axis(results, setting, budget)
            )
        own, published = list(places[: len(settings)]), places[len(settings)]
        _share_y_limits(own, metric)
        draw_entry_lines(own, results, metric)
        _draw_real_data_score(own, metric, results.real[metric.key])
        _plot_published_curves(published, results.grid.gans, metric)
        style_axes(
            published,
            f"Feng et al., {published_curves(metric.key)[0]}: {metric.published_short}",
            "epoch (CIFAR-10)\n",
        )
        for axes in places[len(settings) + 1 :]:
            axes.set_axis_off()
    add_legend(figure, panels[0, 0])
    return figure


def _label_x_axis(results: Results, setting: str, budget: Budget) -> str:
    """Return the label of the x axis, with the epochs of the longest training under the setting."""
    ends = [
        trial.points[-1]
        for gan in results.grid.gans
        for trial in results.select_trials(gan, setting)
        if trial.points
    ]
    if not ends or budget is PROCESSOR_SECONDS:
        return f"{budget.noun}\n"
    # After equal generator steps, GANs may have had different numbers of epochs.
    end = max(ends, key=lambda point: (budget.value_of(point), point.epoch))
    epochs = sorted({point.epoch for point in ends if budget.value_of(point) == budget.value_of(end)})
    span = " to ".join(f"{epoch:.3g}" for epoch in dict.fromkeys((epochs[0], epochs[-1])))
    return f"{budget.noun}\n({budget.value_of(end):.0f} = {span} epochs)"


def _plot_curves(axes: Axes, results: Results, setting: str, metric: Metric, budget: Budget) -> None:
    """Plot each GAN's mean over seeds; with several seeds also a band of one deviation and a thin line per seed."""
    gans = results.grid.gans
    for gan in gans:
        colour = choose_colour(gan, gans)
        by_step: dict[int, list[Point]] = {}
        for result in results.select_trials(gan, setting):
            for point in result.points:
                by_step.setdefault(point.generator_step, []).append(point)
            if len(results.grid.seeds) > 1:
                spent = [budget.value_of(point) for point in result.points]
                values = [metric.value_of(point) for point in result.points]
                axes.plot(spent, values, color=colour, linewidth=0.6, alpha=0.4)
        # Seeds have equal steps at a point, and nearly equal seconds. The mean ends where the first seed ends, because
        # a mean over the remaining seeds would only cover the better ones.
        whole = {
            statistics.fmean(map(budget.value_of, points)): [metric.value_of(point) for point in points]
            for _, points in sorted(by_step.items())
            if len(points) == len(results.grid.seeds)
        }
        means = {
            step: estimate_mean([scale_value(value, metric) for value in values])
            for step, values in whole.items()
        }
        _plot_band(axes, means, metric, colour)
        _plot_line(
            axes, list(means), [unscale_value(found.mean, metric) for found in means.values()], gan, gans
        )


def _plot_band(axes: Axes, means: dict[float, Interval], metric: Metric, colour: str) -> None:
    """Shade one sample standard deviation over seeds around the mean, where several seeds have a value."""
    several = {
        step: (found.mean, found.deviation) for step, found in means.items() if found.deviation is not None
    }
    low, high = (
        [unscale_value(mean + sign * deviation, metric) for mean, deviation in several.values()]
        for sign in (-1.0, 1.0)
    )
    axes.fill_between(list(several), low, high, color=colour, alpha=0.15, linewidth=0)


def _draw_real_data_score(panels: Sequence[Axes], metric: Metric, level: float) -> None:
    """Draw the score of real data as a dashed line, or write its value where that would compress the curves."""
    low, high = (scale_value(end, metric) for end in panels[0].get_ylim())
    height, place_of_level = high - low, scale_value(level, metric)
    label = f"real data {metric.format(level)}"
    if max(high, place_of_level) - min(low, place_of_level) <= MOST_STRETCH * height:
        for axes in panels:
            axes.axhline(level, color=MUTED, linewidth=1, linestyle="--")
            axes.annotate(
                label,
                (0.98, level),
                (0, 3),
                ("axes fraction", "data"),
                "offset points",
                ha="right",
                fontsize=7.5,
            )
            # The limits leave room for the label if the line is the highest or the lowest.
            limit_y(
                axes,
                min(low, place_of_level - 0.05 * height),
                max(high, place_of_level + ROOM * height),
                metric,
            )
        return
    is_above = place_of_level > high
    for axes in panels:
        limit_y(axes, low - ROOM * height * (place_of_level < low), high + ROOM * height * is_above, metric)
        place, alignment, arrow = (0.97, "top", "↑") if is_above else (0.03, "bottom", "↓")
        axes.text(
            0.98, place, f"{label} {arrow}", ha="right", va=alignment, fontsize=7.5, transform=axes.transAxes
        )


def _plot_line(
    axes: Axes, steps: Sequence[float], values: Sequence[float], gan: str, gans: Sequence[str]
) -> None:
    axes.plot(
        steps,
        values,
        color=choose_colour(gan, gans),
        marker=choose_marker(gan, gans),
        markersize=4,
        linewidth=1.4,
        label=name_gan(gan),
    )
    axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS, steps=[1, 2, 5, 10], integer=True))


def _plot_published_curves(axes: Axes, gans: Sequence[str], metric: Metric) -> None:
    _, epochs, curves = published_curves(metric.key)
    known = [gan for gan in gans if gan in curves]
    if not known:
        mark_unpublished(axes)
    for gan in known:
        seen = {epoch: value for epoch, value in zip(epochs, curves[gan], strict=True) if value is not None}
        _plot_line(axes, list(seen), list(seen.values()), gan, gans)


def _share_y_limits(panels: Sequence[Axes], metric: Metric) -> None:
    """Give all panels the limits that hold the curves of each, once their axes have the metric's scale."""
    for axes in panels:
        axes.set_yscale("log" if metric.is_log else "linear")
    ends = [[scale_value(end, metric) for end in axes.get_ylim()] for axes in panels]
    for axes in panels:
        limit_y(axes, min(low for low, _ in ends), max(high for _, high in ends), metric)
