"""Fit how fast scores change under the setting of the published Figure 3."""

import statistics
from collections.abc import Sequence

from stages.report.published import published_curves
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.metrics import INCEPTION_SCORE, Metric
from stages.report.statistics.seed_scores import SeedScores, has_failed, take_log

FIGURE3_SETTING = published_curves(INCEPTION_SCORE.key)[0]
NO_FIGURE3_SETTING = f"the claim is about setting {FIGURE3_SETTING}, which settings_used does not name"
FEWEST_POINTS = 2


def fit_slope(steps: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the least-squares line through two or more points."""
    return float(statistics.linear_regression(steps, values).slope)


def collect_slopes(results: Results, metric: Metric, is_log: bool) -> SeedScores:
    """Fit a line through all evaluation points of each GAN and seed under Figure 3's setting.

    Args:
        results: all results.
        metric: the score.
        is_log: whether to fit the score's logarithm and return its change from the first point to the last; if not, the
            score is fitted and its slope per epoch is returned.

    Returns:
        By GAN, one value per seed; None where a training failed or has one evaluation point.
    """
    return {
        gan: [_fit_trial(trial, metric, is_log) for trial in results.select_trials(gan, FIGURE3_SETTING)]
        for gan in results.grid.gans
    }


def _fit_trial(trial: TrialResult, metric: Metric, is_log: bool) -> float | None:
    if has_failed(trial) or len(trial.points) < FEWEST_POINTS:
        return None
    epochs = [point.epoch for point in trial.points]
    values = [metric.value_of(point) for point in trial.points]
    if not is_log:
        return fit_slope(epochs, values)
    return fit_slope(epochs, [take_log(value) for value in values]) * (epochs[-1] - epochs[0])
