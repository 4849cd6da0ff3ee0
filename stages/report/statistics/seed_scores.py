"""Reduce each GAN's trainings of a seed to one number, the replicate of every interval and test.

Trainings of one seed share their initial weights, the order of the training images and the noise of their samples under
all settings, so they are not replicates of each other; all results of a seed are combined into one number. It is the
logarithm of a score, so that comparisons are of ratios, and no interval of a distance reaches below zero.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import TypeVar

from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.metrics import Metric

T = TypeVar("T")
SeedScores = dict[str, list[float | None]]
"""The natural logarithm of a score for each seed, by GAN; None where a training that it needs failed."""
# The distance of finite sets of images is above zero, but rounding may make it zero.
LEAST = 1e-9


def has_failed(result: TrialResult) -> bool:
    """Return whether a training has no last score, because it diverged, or a stage of it failed or was not run."""
    return result.is_missing or result.diverged_at is not None or not result.points


def count_failures(results: Results, gan: str) -> int:
    """Return how many trainings of a GAN failed."""
    return sum(has_failed(result) for result in results.trials if result.trial.gan == gan)


def collect_last_scores(results: Results, metric: Metric, settings: Sequence[str] = ()) -> SeedScores:
    """Collect the primary score: a seed's mean over settings at the last evaluation point.

    A GAN with a failed training under one of the settings has None for that seed.

    Args:
        results: all results.
        metric: the score.
        settings: the settings to average over; empty for all.
    """
    return {
        gan: [
            _average_last(_list_trials(results, gan, seed, settings), metric) for seed in results.grid.seeds
        ]
        for gan in results.grid.gans
    }


def collect_best_scores(results: Results, metric: Metric, settings: Sequence[str] = ()) -> SeedScores:
    """Collect each seed's best score over evaluation points and settings, the quantity of the published Table 1.

    The best is chosen for each seed separately, so that an interval over seeds includes the effect of the choice. A
    training that diverged is represented by its points before the divergence.
    """
    return {
        gan: [_choose_best(_list_trials(results, gan, seed, settings), metric) for seed in results.grid.seeds]
        for gan in results.grid.gans
    }


def require_all(values: Iterable[T | None]) -> list[T] | None:
    """Return the values; None if any is missing or there are none, because a mean must not leave out a failure."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return known if known and len(known) == len(listed) else None


def take_log(value: float) -> float:
    """Return a score's natural logarithm."""
    return math.log(max(value, LEAST))


def order_gans(scores: SeedScores, metric: Metric) -> list[str]:
    """Order GANs from best to worst by their means over seeds; GANs with a failed training come last."""

    def place(gan: str) -> tuple[int, float]:
        known = [value for value in scores[gan] if value is not None]
        failed = len(scores[gan]) - len(known)
        return failed, -metric.sign * statistics.fmean(known) if known else 0.0

    return sorted(scores, key=place)


def average_scores(scores: SeedScores) -> dict[str, float]:
    """Return the mean over seeds of each GAN that has a score for every seed."""
    return {
        gan: statistics.fmean(known)
        for gan, values in scores.items()
        if (known := require_all(values)) is not None
    }


def subtract_scores(first: Sequence[float | None], second: Sequence[float | None]) -> list[float] | None:
    """Subtract the second GAN's scores from the first's, seed by seed; None if either failed in any seed."""
    pairs = zip(first, second, strict=True)
    return require_all(None if a is None or b is None else a - b for a, b in pairs)


def _list_trials(results: Results, gan: str, seed: int, settings: Sequence[str]) -> list[TrialResult]:
    return [
        result
        for result in results.trials
        if (result.trial.gan, result.trial.seed) == (gan, seed)
        and (not settings or result.trial.setting in settings)
    ]


def _average_last(trials: list[TrialResult], metric: Metric) -> float | None:
    if not trials or any(map(has_failed, trials)):
        return None
    return statistics.fmean([take_log(metric.value_of(trial.points[-1])) for trial in trials])


def _choose_best(trials: list[TrialResult], metric: Metric) -> float | None:
    points = [point for trial in trials for point in trial.points]
    return take_log(metric.value_of(metric.choose(points))) if points else None
