"""Summarise a GAN under one setting over seeds, and find its best training."""

from typing import NamedTuple

from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.intervals import Interval, estimate_geometric_mean
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import (
    collect_best_scores,
    collect_last_scores,
    has_failed,
    require_all,
)


class Cell(NamedTuple):
    """The values of a metric for one GAN under one setting, over seeds.

    Attributes:
        best: geometric mean of each training's best value; None if any training has no value.
        last: geometric mean of the values at the last evaluation point; None if any training failed.
        planned: the number of trainings.
        failed: the number of failed trainings.
    """

    best: Interval | None
    last: Interval | None
    planned: int
    failed: int


def summarise_cell(results: Results, gan: str, setting: str, metric: Metric) -> Cell:
    """Summarise a GAN under a setting."""
    trials = results.select_trials(gan, setting)
    return Cell(
        best=average(collect_best_scores(results, metric, [setting])[gan], metric),
        last=average(collect_last_scores(results, metric, [setting])[gan], metric),
        planned=len(trials),
        failed=sum(map(has_failed, trials)),
    )


def average(logarithms: list[float | None], metric: Metric) -> Interval | None:
    """Return the geometric mean over seeds; None if any seed has no value, because a mean must not leave it out.

    The interval does not extend below the smallest possible value of the metric.
    """
    known = require_all(logarithms)
    if known is None:
        return None
    mean = estimate_geometric_mean(known)
    return mean if mean.low is None else mean._replace(low=max(mean.low, metric.least))


def find_best_trial(results: Results, gan: str, metric: Metric) -> TrialResult | None:
    """Find a GAN's training with the best value at any evaluation point; None if no training has a point."""
    trials = [result for result in results.trials if result.trial.gan == gan and result.points]
    if not trials:
        return None
    return metric.choose_by(trials, lambda result: metric.value_of(metric.choose(result.points)))
