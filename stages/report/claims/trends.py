"""Check the claims on the course of the training: scores improve throughout, and the first order lasts."""

import statistics
from itertools import pairwise

from stages.report.claims.decision import Comparison, decide, describe_margin, make_claim
from stages.report.formatting import pluralise
from stages.report.model.sections import Claim
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.results.trials import TrialResult
from stages.report.statistics.metrics import FID, Metric
from stages.report.statistics.rank_correlation import compare_orders

# What the published report's "roughly the same" order is taken to mean: at least this Kendall's tau, which four of
# five pairs in the same order give.
ROUGHLY_THE_SAME = 0.6


def check_trend(results: Results, metric: Metric) -> Claim:
    """Check that a metric improves from every evaluation point to the next, for every GAN under every setting."""
    direction = "rises" if metric.is_higher_better else "falls"
    text = f"The {metric.title} of every model {direction} with training (Figure 3)."
    trials = [result for result in results.trials if len(result.points) > 1]
    if not trials:
        return make_claim(text, None, "no trial has two evaluation points", "training")
    improved = [
        trial
        for trial in trials
        if metric.is_better(metric.value_of(trial.points[-1]), metric.value_of(trial.points[0]))
    ]
    always = [trial for trial in trials if _always_improves(trial, metric)]
    lost = sum(trial.diverged_at is not None and len(trial.points) < 2 for trial in results.trials)
    decision = decide(_compare_steps(results, metric))
    parts = [
        f"it {direction} from the first to the last point in {len(improved)} of {pluralise(len(trials), 'trial')}, "
        f"and from every point to the next in {len(always)}",
        f"{lost} more diverged before the second point" if lost else "",
        f"{len(results.missing)} more missing" if results.missing else "",
        describe_margin(decision, metric.digits),
    ]
    numbers = "; ".join(filter(None, parts))
    return make_claim(text, decision.holds, numbers, "training", bool(decision.means_agree) and not lost)


def _compare_steps(results: Results, metric: Metric) -> list[Comparison]:
    """Compare each point with the next, for each GAN and setting: the margins are the improvements, one per seed."""
    comparisons = []
    for gan in results.grid.gans:
        for setting in results.grid.settings_used:
            trials = [trial for trial in results.select_trials(gan, setting) if len(trial.points) > 1]
            longest = max((len(trial.points) for trial in trials), default=0)
            for index in range(longest - 1):
                pairs = [trial.points[index : index + 2] for trial in trials if len(trial.points) > index + 1]
                margins = [
                    metric.sign * (metric.value_of(later) - metric.value_of(earlier))
                    for earlier, later in pairs
                ]
                start, end = (point.generator_step for point in pairs[0])
                name = f"{name_gan(gan)} at {setting}, steps {start} to {end}"
                comparisons.append(Comparison(name, margins))
    return comparisons


def _always_improves(trial: TrialResult, metric: Metric) -> bool:
    values = [metric.value_of(point) for point in trial.points]
    return all(metric.is_better(later, earlier) for earlier, later in pairwise(values))


def check_early_ranking(results: Results) -> Claim:
    """Check that the GANs' order at the first point is roughly that at the last, seed by seed."""
    text = "The order by FID at the first evaluation point is roughly that at the last (Figure 3)."
    comparisons, means = [], []
    for setting in results.grid.settings_used:
        taus = [
            tau
            for seed in results.grid.seeds
            if (tau := _correlate_first_and_last(results, setting, seed)) is not None
        ]
        if taus:
            comparisons.append(Comparison(f"at {setting}", [tau - ROUGHLY_THE_SAME for tau in taus]))
            means.append(f"{setting}: {statistics.fmean(taus):+.2f}")
    if not comparisons:
        reason = "fewer than three GANs have two evaluation points under one setting"
        return make_claim(text, None, reason, "training")
    decision = decide(comparisons)
    average = ", mean over seeds" if len(results.grid.seeds) > 1 else ""
    numbers = (
        f"Kendall's tau of the two orders{average}, {', '.join(means)}; roughly the same means "
        f"{ROUGHLY_THE_SAME} or more; {describe_margin(decision, 2)}"
    )
    return make_claim(text, decision.holds, numbers, "training", decision.means_agree)


def _correlate_first_and_last(results: Results, setting: str, seed: int) -> float | None:
    """Return Kendall's tau of the GANs' orders by FID at the first and the last point."""
    trials = [
        trial
        for trial in results.trials
        if trial.trial.setting == setting and trial.trial.seed == seed and len(trial.points) > 1
    ]
    first, last = (
        {trial.trial.gan: FID.value_of(trial.points[place]) for trial in trials} for place in (0, -1)
    )
    return compare_orders(first, last).tau
