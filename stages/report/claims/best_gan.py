"""R2 and R6: SNGAN is the best, under every setting, and rises fastest."""

import statistics
from collections.abc import Callable, Sequence
from functools import partial

from stages.report.claims.verdict import Check, Claim, judge, tell_margin
from stages.report.published import SNGAN, name_gan
from stages.report.results.read import Results, TrialResult
from stages.report.statistics.scores import INCEPTION_SCORE, METRICS, Metric, rank_gans

NO_RIVAL = "the grid does not hold SNGAN and another GAN"
Measure = Callable[[str, int], float | None]
"""A number of a GAN for a seed; None where it has none."""


def check_best(results: Results) -> Claim:
    """Check that SNGAN has the best value over settings and points in both metrics."""
    text = "SNGAN is closest to real data in both Inception Score and FID (Table 1)."
    return _check_wins(results, text, [None], "table")


def check_best_everywhere(results: Results) -> Claim:
    """Check that SNGAN has the best value under each setting in both metrics."""
    text = "SNGAN is better than the others under every setting (Figure 2; its own bars give WGAN-GP the FID at A)."
    return _check_wins(results, text, results.grid.settings_used, "settings")


def check_fastest(results: Results) -> Claim:
    """Check that SNGAN's Inception Score has the steepest slope under each setting."""
    text = "SNGAN's Inception Score rises fastest (Figure 3)."
    if not can_compare(results):
        return Claim(text, None, NO_RIVAL, "training")
    checks, told = [], []
    for setting in results.grid.settings_used:
        measure = partial(_find_slope, results, setting)
        checks += _list_checks(results, measure, 1.0, f"at {setting}")
        slopes = {gan: _mean_of(results, measure, gan) for gan in results.grid.gans}
        known = {gan: slope for gan, slope in slopes.items() if slope is not None}
        if len(known) > 1:
            gan = max(known, key=lambda name: known[name])
            told.append(f"{setting}: {name_gan(gan)} ({known[gan]:+.3g} per epoch)")
    if not told:
        unknown = "fewer than two GANs have two evaluation points under one setting"
        return Claim(text, None, unknown, "training")
    judgement = judge(checks)
    numbers = f"steepest line through all points at {', '.join(told)}; {tell_margin(judgement, 2)}"
    return Claim(text, judgement.holds, numbers, "training", judgement.means_say)


def can_compare(results: Results) -> bool:
    """Tell whether SNGAN has rivals in the grid."""
    return SNGAN in results.grid.gans and len(results.grid.gans) > 1


def fit_slope(steps: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the line through two or more points with the least squared errors."""
    return float(statistics.linear_regression(steps, values).slope)


def _check_wins(results: Results, text: str, settings: Sequence[str | None], section: str) -> Claim:
    """Check that SNGAN leads in both metrics under each setting, None being each GAN's best."""
    if not can_compare(results):
        return Claim(text, None, NO_RIVAL, section)
    told, checks = [], []
    for setting in settings:
        where = "" if setting is None else f" at {setting}"
        for metric in METRICS:
            order = rank_gans(results, metric, setting)
            told.append(f"{metric.title}{where}: {_tell_lead(order, metric)}")
            sign = 1.0 if metric.is_higher_better else -1.0
            measure = partial(_find_best, results, setting, metric)
            checks += _list_checks(results, measure, sign, f"in {metric.title}{where}")
    judgement = judge(checks)
    numbers = f"{'; '.join(told)}; {tell_margin(judgement, 2)}"
    return Claim(text, judgement.holds, numbers, section, judgement.means_say)


def _list_checks(results: Results, measure: Measure, sign: float, where: str) -> list[Check]:
    """Compare SNGAN with every other GAN, seed by seed."""
    seeds = results.grid.seeds
    own = {seed: measure(SNGAN, seed) for seed in seeds}
    checks = []
    for gan in results.grid.gans:
        pairs = [(own[seed], measure(gan, seed)) for seed in seeds if gan != SNGAN]
        margins = [sign * (a - b) for a, b in pairs if a is not None and b is not None]
        has_lost = any(b is not None for _, b in pairs) and all(a is None for a, _ in pairs)
        if margins or has_lost:
            checks.append(Check(f"over {name_gan(gan)} {where}", margins, has_lost))
    return checks


def _find_best(results: Results, setting: str | None, metric: Metric, gan: str, seed: int) -> float | None:
    """Take a GAN's best value for one seed, under one setting or all of them."""
    points = [
        point
        for result in results.trials
        if result.trial.gan == gan and result.trial.seed == seed and setting in (None, result.trial.setting)
        for point in result.points
    ]
    return metric.of(metric.choose(points)) if points else None


def _find_slope(results: Results, setting: str, gan: str, seed: int) -> float | None:
    trials = [
        trial for trial in results.of(gan, setting) if trial.trial.seed == seed and len(trial.points) > 1
    ]
    return _slope_of(trials[0]) if trials else None


def _slope_of(trial: TrialResult) -> float:
    return fit_slope([point.epoch for point in trial.points], list(map(INCEPTION_SCORE.of, trial.points)))


def _mean_of(results: Results, measure: Measure, gan: str) -> float | None:
    values = [value for seed in results.grid.seeds if (value := measure(gan, seed)) is not None]
    return statistics.fmean(values) if values else None


def _tell_lead(order: dict[str, float], metric: Metric) -> str:
    """Name the first of an order and, beside it, SNGAN, or the second where SNGAN is the first."""
    if not order:
        return "none, all diverged"
    first, *others = order
    beside = others[0] if first == SNGAN and others else SNGAN
    other = (
        f"{name_gan(beside)} {metric.show(order[beside])}"
        if beside in order
        else f"{name_gan(beside)} diverged"
    )
    told = f"{name_gan(first)} {metric.show(order[first])}"
    return told if beside == first else f"{told}, {other}"
