"""Plot the primary score of every GAN: a dot per seed, the geometric mean and its interval, from best to worst."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stages.report.figures.entry_lines import list_drawn_entries, name_entry
from stages.report.figures.palette import choose_colour
from stages.report.figures.plot_style import MUTED, NARROW_INCHES, make_figure, style_axes, use_log_scale
from stages.report.formatting import capitalise, format_percent
from stages.report.model.pictures import Picture
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import CONFIDENCE
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import collect_last_scores, order_gans, take_log
from stages.report.statistics.summary import average

ROOM = 1.6
INCHES_A_GAN = 0.27
TITLE_INCHES = 0.75
# An entry further from the GANs than this is given as a number: its dot would compress theirs.
MOST_FACTOR = 100.0


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
        + (" A GAN of which a training failed stands last." if failed else "")
        + _describe_entries(results),
        description=f"{layout}: a row of dots per GAN, the best on top; the values are in Table 1.",
    )


def _describe_entries(results: Results) -> str:
    """Say what the rows of entries are; nothing where there are none."""
    entries = list_drawn_entries(results)
    if not entries:
        return ""
    several = any(len(entry.points) > 1 for entry in entries)
    means = f"; diamonds are means over files with their {format_percent(CONFIDENCE)} intervals"
    return f" Entries stand below in grey, a dot per file{means if several else ''}."


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
    return TITLE_INCHES + INCHES_A_GAN * max(len(results.grid.gans) + len(list_drawn_entries(results)), 2)


def _plot_metric(axes: Axes, results: Results, metric: Metric) -> None:
    scores, entries = collect_last_scores(results, metric), list_drawn_entries(results)
    order = order_gans(scores, metric)
    for place, gan in enumerate(order):
        _plot_row(axes, place, scores[gan], metric, choose_colour(gan, results.grid.gans))
        if None in scores[gan]:
            _write_note(axes, place, "failed")
    better = "higher" if metric.is_higher_better else "lower"
    style_axes(axes, f"{capitalise(metric.title)} ({better} is better)")
    names = [*map(name_gan, order), *map(name_entry, entries)]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    known = [math.exp(value) for values in scores.values() for value in values if value is not None]
    near: list[float] = []
    for place, entry in enumerate(entries, len(order)):
        values = entry.values_of(metric)
        _plot_row(axes, place, [take_log(value) for value in values], metric, MUTED)
        near += [value for value in values if _is_near(value, known)]
        far = [metric.format(value) for value in values if not _is_near(value, known)]
        if far:
            _write_note(axes, place, f"outside: {', '.join(far)}")
    _limit(axes, known + near)


def _is_near(value: float, known: list[float]) -> bool:
    """Return whether a panel of the GANs' scores has room for an entry's; any has where no GAN has a score."""
    return value > 0 and (not known or min(known) / MOST_FACTOR <= value <= max(known) * MOST_FACTOR)


def _plot_row(axes: Axes, place: int, logarithms: list[float | None], metric: Metric, colour: str) -> None:
    """Plot a dot a seed, and of several the geometric mean with its interval."""
    mean = average(logarithms, metric)
    dots = [math.exp(value) for value in logarithms if value is not None]
    axes.plot(dots, [place] * len(dots), "o", color=colour, markersize=4, alpha=0.7)
    if mean is not None and mean.low is not None and mean.high is not None:
        reach = [[mean.mean - mean.low], [mean.high - mean.mean]]
        axes.errorbar(mean.mean, place, xerr=reach, fmt="D", color=colour, markersize=6, capsize=3)


def _write_note(axes: Axes, place: int, text: str) -> None:
    axes.text(
        1.0,
        place,
        text,
        ha="right",
        va="center",
        fontsize=8,
        color=MUTED,
        transform=axes.get_yaxis_transform(),
    )


def _limit(axes: Axes, values: list[float]) -> None:
    """Limit the logarithmic axis to the scores; an interval that reaches far beyond them is cut off at the edge."""
    if not values:
        axes.set_xticks([])
        return
    use_log_scale(axes, "x", min(values) / ROOM, max(values) * ROOM)
    axes.grid(axis="x", linewidth=0.4, alpha=0.5)
