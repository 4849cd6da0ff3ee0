"""Check the claims that SNGAN is the best, that it is so under every setting, and that its score rises fastest."""

import statistics
from collections.abc import Callable, Sequence
from functools import partial

from stages.report.claims.decision import Comparison, decide, describe_margin, make_claim
from stages.report.model.sections import Claim
from stages.report.published import SNGAN, name_gan
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.metrics import INCEPTION_SCORE, METRICS, Metric
from stages.report.statistics.summary import rank_gans

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
    if not has_rivals(results):
        return make_claim(text, None, NO_RIVAL, "training")
    comparisons, fastest = [], []
    for setting in results.grid.settings_used:
        measure = partial(_find_slope, results, setting)
        comparisons += _compare_with_others(results, measure, 1.0, f"at {setting}")
        slopes = {gan: _average_over_seeds(results, measure, gan) for gan in results.grid.gans}
        known = {gan: slope for gan, slope in slopes.items() if slope is not None}
        if len(known) > 1:
            gan = max(known, key=lambda name: known[name])
            fastest.append(f"{setting}: {name_gan(gan)} ({known[gan]:+.3g} per epoch)")
    if not fastest:
        reason = "fewer than two GANs have two evaluation points under one setting"
        return make_claim(text, None, reason, "training")
    decision = decide(comparisons)
    numbers = f"steepest line through all points at {', '.join(fastest)}; {describe_margin(decision, 2)}"
    return make_claim(text, decision.holds, numbers, "training", decision.means_agree)


def has_rivals(results: Results) -> bool:
    """Return whether the grid holds SNGAN and another GAN."""
    return SNGAN in results.grid.gans and len(results.grid.gans) > 1


def fit_slope(steps: Sequence[float], values: Sequence[float]) -> float:
    """Return the slope of the least-squares line through two or more points."""
    return float(statistics.linear_regression(steps, values).slope)


def _check_wins(results: Results, text: str, settings: Sequence[str | None], section: str) -> Claim:
    """Check that SNGAN leads in both metrics under each setting; None stands for each GAN's best setting."""
    if not has_rivals(results):
        return make_claim(text, None, NO_RIVAL, section)
    leaders, comparisons = [], []
    for setting in settings:
        where = "" if setting is None else f" at {setting}"
        for metric in METRICS:
            order = rank_gans(results, metric, setting)
            leaders.append(f"{metric.title}{where}: {_describe_lead(order, metric)}")
            measure = partial(_find_best, results, setting, metric)
            comparisons += _compare_with_others(results, measure, metric.sign, f"in {metric.title}{where}")
    decision = decide(comparisons)
    numbers = f"{'; '.join(leaders)}; {describe_margin(decision, 2)}"
    return make_claim(text, decision.holds, numbers, section, decision.means_agree)


def _compare_with_others(results: Results, measure: Measure, sign: float, where: str) -> list[Comparison]:
    """Compare SNGAN with every other GAN, seed by seed."""
    seeds = results.grid.seeds
    own = {seed: measure(SNGAN, seed) for seed in seeds}
    comparisons = []
    for gan in results.grid.gans:
        pairs = [(own[seed], measure(gan, seed)) for seed in seeds if gan != SNGAN]
        margins = [sign * (a - b) for a, b in pairs if a is not None and b is not None]
        has_lost = any(b is not None for _, b in pairs) and all(a is None for a, _ in pairs)
        if margins or has_lost:
            comparisons.append(Comparison(f"over {name_gan(gan)} {where}", margins, has_lost))
    return comparisons


def _find_best(results: Results, setting: str | None, metric: Metric, gan: str, seed: int) -> float | None:
    """Find a GAN's best value for one seed, under one setting or all of them."""
    points = [
        point
        for result in results.trials
        if result.trial.gan == gan and result.trial.seed == seed and setting in (None, result.trial.setting)
        for point in result.points
    ]
    return metric.value_of(metric.choose(points)) if points else None


def _find_slope(results: Results, setting: str, gan: str, seed: int) -> float | None:
    trials = [
        trial
        for trial in results.select_trials(gan, setting)
        if trial.trial.seed == seed and len(trial.points) > 1
    ]
    return _fit_trial_slope(trials[0]) if trials else None


def _fit_trial_slope(trial: TrialResult) -> float:
    return fit_slope(
        [point.epoch for point in trial.points], list(map(INCEPTION_SCORE.value_of, trial.points))
    )


def _average_over_seeds(results: Results, measure: Measure, gan: str) -> float | None:
    values = [value for seed in results.grid.seeds if (value := measure(gan, seed)) is not None]
    return statistics.fmean(values) if values else None


def _describe_lead(order: dict[str, float], metric: Metric) -> str:
    """Name the first of an order and, beside it, SNGAN, or the second where SNGAN is the first."""
    if not order:
        return "none, all diverged"
    first, *others = order
    beside = others[0] if first == SNGAN and others else SNGAN
    lead = f"{name_gan(first)} {metric.format(order[first])}"
    if beside == first:
        return lead
    value = metric.format(order[beside]) if beside in order else "diverged"
    return f"{lead}, {name_gan(beside)} {value}"
