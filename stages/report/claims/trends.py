"""R5 and what Figure 3 says of all models: scores get better all along, and early orders last."""

import statistics
from itertools import pairwise

from stages.report.claims.verdict import Check, Claim, judge, tell_margin
from stages.report.published import name_gan
from stages.report.results.read import Results, TrialResult
from stages.report.statistics.rank_correlation import compare_orders
from stages.report.statistics.scores import FID, Metric

# "Roughly the same" order: at least this Kendall's tau, which four of five pairs in the same order give.
ROUGHLY_THE_SAME = 0.6


def check_trend(results: Results, metric: Metric) -> Claim:
    """Check that a metric gets better from every evaluation point to the next, for every GAN under every setting."""
    direction = "rises" if metric.is_higher_better else "falls"
    text = f"The {metric.title} of every model {direction} with training (Figure 3)."
    trials = [result for result in results.trials if len(result.points) > 1]
    if not trials:
        return Claim(text, None, "no trial has two evaluation points", "training")
    improved = [
        trial for trial in trials if metric.is_better(metric.of(trial.points[-1]), metric.of(trial.points[0]))
    ]
    always = [trial for trial in trials if _always_improves(trial, metric)]
    told = (
        f"it {direction} from the first to the last point in {len(improved)} of {len(trials)} trials, and from every "
        f"point to the next in {len(always)}"
    )
    lost = sum(trial.diverged_at is not None and len(trial.points) < 2 for trial in results.trials)
    if lost:
        told += f"; {lost} more diverged before their second point"
    if results.missing:
        told += f"; {len(results.missing)} more missing"
    judgement = judge(_list_steps(results, metric))
    told += f"; {tell_margin(judgement, metric.digits)}"
    return Claim(text, judgement.holds, told, "training", bool(judgement.means_say) and not lost)


def _list_steps(results: Results, metric: Metric) -> list[Check]:
    """List by how much each step from a point to the next improves a GAN under a setting, one a seed."""
    sign = 1.0 if metric.is_higher_better else -1.0
    checks = []
    for gan in results.grid.gans:
        for setting in results.grid.settings_used:
            trials = [trial for trial in results.of(gan, setting) if len(trial.points) > 1]
            longest = max((len(trial.points) for trial in trials), default=0)
            for index in range(longest - 1):
                pairs = [trial.points[index : index + 2] for trial in trials if len(trial.points) > index + 1]
                margins = [sign * (metric.of(later) - metric.of(earlier)) for earlier, later in pairs]
                start, end = (point.generator_step for point in pairs[0])
                checks.append(Check(f"{name_gan(gan)} at {setting}, steps {start} to {end}", margins))
    return checks


def _always_improves(trial: TrialResult, metric: Metric) -> bool:
    values = [metric.of(point) for point in trial.points]
    return all(metric.is_better(later, earlier) for earlier, later in pairwise(values))


def check_early_ranking(results: Results) -> Claim:
    """Check that the GANs' order at the first point is roughly that at the last, seed by seed."""
    text = "The order by FID at the first evaluation point is roughly that at the last (Figure 3)."
    checks, told = [], []
    for setting in results.grid.settings_used:
        taus = [
            tau for seed in results.grid.seeds if (tau := _compare_ends(results, setting, seed)) is not None
        ]
        if taus:
            checks.append(Check(f"at {setting}", [tau - ROUGHLY_THE_SAME for tau in taus]))
            told.append(f"{setting}: {statistics.fmean(taus):+.2f}")
    if not checks:
        unknown = "fewer than three GANs have two evaluation points under one setting"
        return Claim(text, None, unknown, "training")
    judgement = judge(checks)
    numbers = (
        f"Kendall's tau of the two orders, mean over seeds, {', '.join(told)}; roughly the same means "
        f"{ROUGHLY_THE_SAME} or more; {tell_margin(judgement, 2)}"
    )
    return Claim(text, judgement.holds, numbers, "training", judgement.means_say)


def _compare_ends(results: Results, setting: str, seed: int) -> float | None:
    trials = [
        trial
        for trial in results.trials
        if trial.trial.setting == setting and trial.trial.seed == seed and len(trial.points) > 1
    ]
    first, last = ({trial.trial.gan: FID.of(trial.points[place]) for trial in trials} for place in (0, -1))
    return compare_orders(first, last).tau
