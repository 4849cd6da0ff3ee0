"""Summarise a GAN's scores over seeds: the best over evaluation points and settings, and the last."""

from typing import NamedTuple

from stages.report.results.all_results import Results
from stages.report.results.trials import Point, TrialResult
from stages.report.statistics.intervals import Interval, estimate_mean
from stages.report.statistics.metrics import Metric


class Cell(NamedTuple):
    """A metric of one GAN under one setting, over its seeds.

    Attributes:
        setting: the setting's letter.
        best: each trial's best value, over seeds.
        seeds_planned: how many trials there are.
        seeds_diverged: how many of them diverged, before their first point or later.
        point: the best point of the best trial.
        trial: that trial.
        last: the value at the end, over seeds; None when any trial diverged.
    """

    setting: str
    best: Interval
    seeds_planned: int
    seeds_diverged: int
    point: Point
    trial: TrialResult
    last: Interval | None


def summarise_cell(results: Results, gan: str, setting: str, metric: Metric) -> Cell | None:
    """Summarise a GAN under a setting; None when none of its trials has a point."""
    planned = results.select_trials(gan, setting)
    trials = [result for result in planned if result.points]
    if not trials:
        return None
    best_points = [metric.choose(result.points) for result in trials]
    point, trial = metric.choose_by(
        zip(best_points, trials, strict=True), lambda found: metric.value_of(found[0])
    )
    diverged = sum(result.diverged_at is not None for result in planned)
    return Cell(
        setting=setting,
        best=estimate_mean([metric.value_of(point) for point in best_points]),
        seeds_planned=len(planned),
        seeds_diverged=diverged,
        point=point,
        trial=trial,
        last=estimate_mean([metric.value_of(result.points[-1]) for result in trials])
        if not diverged
        else None,
    )


def find_best_cell(results: Results, gan: str, metric: Metric) -> Cell | None:
    """Find a GAN's best setting, as the published Table 1 does: for each metric on its own."""
    cells = [summarise_cell(results, gan, setting, metric) for setting in results.grid.settings_used]
    found = [cell for cell in cells if cell is not None]
    return metric.choose_by(found, lambda cell: cell.best.mean) if found else None


def rank_gans(results: Results, metric: Metric, setting: str | None = None) -> dict[str, float]:
    """Order the GANs that have a value from best to worst.

    Args:
        results: all results.
        metric: what to order by.
        setting: the setting; None takes each GAN's best setting.

    Returns:
        The values by GAN, the best first.
    """
    cells = {
        gan: find_best_cell(results, gan, metric)
        if setting is None
        else summarise_cell(results, gan, setting, metric)
        for gan in results.grid.gans
    }
    values = {gan: cell.best.mean for gan, cell in cells.items() if cell is not None}
    return dict(sorted(values.items(), key=lambda item: item[1], reverse=metric.is_higher_better))
