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
    """A metric of one GAN under one setting, over its seeds.

    Attributes:
        best: geometric mean of each training's best value; None where one has no value.
        last: geometric mean of the values at the end; None where a training failed.
        planned: how many trainings there are.
        failed: how many of them failed.
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
    """Return the geometric mean over seeds; None where a seed has no value, which is never left out of a mean.

    The interval is of scores that there can be: it ends at the least that the metric can have.
    """
    known = require_all(logarithms)
    if known is None:
        return None
    mean = estimate_geometric_mean(known)
    return mean if mean.low is None else mean._replace(low=max(mean.low, metric.least))


def find_best_trial(results: Results, gan: str, metric: Metric) -> TrialResult | None:
    """Find a GAN's training with the best value at any evaluation point; None where none has a point."""
    trials = [result for result in results.trials if result.trial.gan == gan and result.points]
    if not trials:
        return None
    return metric.choose_by(trials, lambda result: metric.value_of(metric.choose(result.points)))
