"""Plot the primary score of every GAN: a dot per seed, the geometric mean and its interval, from best to worst."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.report.figures.palette import choose_colour
from stages.report.figures.plot_style import MUTED, NARROW_INCHES, make_figure, style_axes, use_log_scale
from stages.report.formatting import capitalise, format_percent
from stages.report.model.pictures import Picture
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import CONFIDENCE
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import collect_last_scores, order_gans
from stages.report.statistics.summary import average

ROOM = 1.6
INCHES_A_GAN = 0.27
TITLE_INCHES = 0.75


def describe_answer(results: Results) -> Picture:
    """Describe the figure, which has no intervals for one seed."""
    several = len(results.grid.settings_used) > 1
    meaning = "A dot is a GAN's geometric mean over settings" if several else "A dot is a GAN"
    if len(results.grid.seeds) > 1:
        meaning = (
            "A dot is a seed, averaged over settings; diamonds are geometric means over seeds with their "
            f"{format_percent(CONFIDENCE)} intervals"
        )
    failed = any(None in scores for scores in collect_last_scores(results, results.distance).values())
    several_scores = len(results.metrics) > 1
    what = "Both scores" if several_scores else capitalise(results.distance.title)
    scale = "logarithmic scales" if several_scores else "a logarithmic scale"
    layout = "Two panels, one per score" if several_scores else "One panel"
    return Picture(
        file="answer.png",
        caption=f"{what} at the end of the training, from best to worst, on {scale}. {meaning}."
        + (" A GAN of which a training failed stands last." if failed else ""),
        description=f"{layout}: a row of dots per GAN, the best on top; the values are in Table 1.",
    )


def plot_answer(results: Results) -> Figure:
    """Plot a panel per metric side by side, with the best GAN on top."""
    figure = make_figure(_measure_panel(results))
    panels = figure.subplots(1, len(results.metrics), squeeze=False)
    for axes, metric in zip(panels.flat, results.metrics, strict=True):
        _plot_metric(axes, results, metric)
    return figure


def plot_narrow_answer(results: Results) -> Figure:
    """Plot the panels of `plot_answer` one above the other, for the screen of a phone."""
    count = len(results.metrics)
    figure = make_figure(count * _measure_panel(results), NARROW_INCHES)
    for axes, metric in zip(figure.subplots(count, 1, squeeze=False).flat, results.metrics, strict=True):
        _plot_metric(axes, results, metric)
    return figure


def _measure_panel(results: Results) -> float:
    """Return the height of a panel in inches."""
    return TITLE_INCHES + INCHES_A_GAN * max(len(results.grid.gans), 2)


def _plot_metric(axes: Axes, results: Results, metric: Metric) -> None:
    scores = collect_last_scores(results, metric)
    order = order_gans(scores, metric)
    for place, gan in enumerate(order):
        colour, mean = choose_colour(gan, results.grid.gans), average(scores[gan], metric)
        dots = [math.exp(value) for value in scores[gan] if value is not None]
        axes.plot(dots, [place] * len(dots), "o", color=colour, markersize=4, alpha=0.7)
        if mean is not None and mean.low is not None and mean.high is not None:
            reach = [[mean.mean - mean.low], [mean.high - mean.mean]]
            axes.errorbar(mean.mean, place, xerr=reach, fmt="D", color=colour, markersize=6, capsize=3)
        if None in scores[gan]:
            axes.text(
                1.0,
                place,
                "failed",
                ha="right",
                va="center",
                fontsize=8,
                color=MUTED,
                transform=axes.get_yaxis_transform(),
            )
    better = "higher" if metric.is_higher_better else "lower"
    style_axes(axes, f"{capitalise(metric.title)} ({better} is better)")
    axes.set_yticks(range(len(order)), map(name_gan, order))
    axes.set_ylim(len(order) - 0.5, -0.5)
    _limit(axes, [math.exp(value) for values in scores.values() for value in values if value is not None])


def _limit(axes: Axes, values: list[float]) -> None:
    """Limit the logarithmic axis to the scores; an interval that reaches far beyond them is cut off at the edge."""
    if not values:
        axes.set_xticks([])
        return
    use_log_scale(axes, "x", min(values) / ROOM, max(values) * ROOM)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
