"""Check the claims that scores improve during training, and that the order of the GANs stays (Figure 3)."""

import math
import statistics

from stages.report.claims.decision import Comparison, decide, make_claim, make_decided
from stages.report.claims.published_numbers import correlate_first_and_last, do_curves_improve
from stages.report.claims.slopes import FIGURE3_SETTING, NO_FIGURE3_SETTING, collect_slopes
from stages.report.formatting import pluralise
from stages.report.model.sections import Claim, Outcome
from stages.report.published import name_gan
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import to_ratio
from stages.report.statistics.metrics import NO_CLASSES, Metric
from stages.report.statistics.rank_correlation import compare_orders
from stages.report.statistics.seed_scores import average_scores, has_failed

# The least Kendall's tau that we take the published report's "roughly the same" order to mean. It means that four of
# five pairs are in the same order.
ROUGHLY_THE_SAME = 0.6


def check_trend(results: Results, metric: Metric) -> Claim:
    """Check that a published metric of every GAN improves over the training as a whole."""
    direction = "rises" if metric.is_higher_better else "falls"
    text = f"The {metric.published_title} of every model {direction} with training (Figure 3)."
    form = (
        f"Setting {FIGURE3_SETTING}: the line through the logarithm of the score at all evaluation points "
        f"{direction} for "
        "every GAN. One that surely goes the other way contradicts."
    )
    published = do_curves_improve(metric)
    if results.find_metric(metric.key) is None:
        return make_claim(text, form, Outcome.UNASKED, NO_CLASSES, "training", published=published)
    if FIGURE3_SETTING not in results.grid.settings_used:
        return make_claim(text, form, Outcome.UNASKED, NO_FIGURE3_SETTING, "training", published=published)
    changes = collect_slopes(results, metric, is_log=True)
    comparisons = [
        Comparison(
            f"{name_gan(gan)}, from first to last point",
            [None if value is None else metric.sign * value for value in values],
            is_ratio=True,
            is_lost=None in values,
        )
        for gan, values in changes.items()
    ]
    if not any(comparison.known for comparison in comparisons):
        reason = "no GAN has two evaluation points in every training"
        return make_claim(text, form, Outcome.UNASKED, reason, "training", published=published)
    ends = {gan: to_ratio(change) for gan, change in average_scores(changes).items()}
    parts = [f"{name_gan(gan)} ×{ratio:.2f}" for gan, ratio in ends.items() if ratio is not None]
    failed = sum(value is None for values in changes.values() for value in values)
    lost = f"; {pluralise(failed, 'training')} failed" if failed else ""
    numbers = f"the fitted score at the end over that at the first point: {', '.join(parts)}{lost}"
    return make_decided(text, form, decide(comparisons), numbers, "training", published)


def check_early_ranking(results: Results) -> Claim:
    """Check, seed by seed, that the GANs' order at the first point is roughly the order at the last."""
    text = "The order by FID at the first evaluation point is roughly that at the last (Figure 3)."
    form = (
        f"Setting {FIGURE3_SETTING}: Kendall's tau of the two orders is {ROUGHLY_THE_SAME} or more in the mean. One "
        "surely below contradicts."
    )
    tau = correlate_first_and_last()
    published = None if tau is None else tau >= ROUGHLY_THE_SAME
    if FIGURE3_SETTING not in results.grid.settings_used:
        return make_claim(text, form, Outcome.UNASKED, NO_FIGURE3_SETTING, "training", published=published)
    taus = [tau for seed in results.grid.seeds if (tau := _correlate_orders(results, seed)) is not None]
    if len(taus) < len(results.grid.seeds):
        reason = "fewer than three GANs have two evaluation points in every training"
        return make_claim(text, form, Outcome.UNASKED, reason, "training", published=published)
    margins = [tau - ROUGHLY_THE_SAME for tau in taus]
    decision = decide(
        [Comparison(f"tau less {ROUGHLY_THE_SAME}", margins, step=find_step(len(results.grid.gans)))]
    )
    average = ", mean over seeds" if len(taus) > 1 else ""
    numbers = f"Kendall's tau of the two orders{average} {statistics.fmean(taus):+.2f}"
    return make_decided(text, form, decision, numbers, "training", published)


def find_step(gan_count: int) -> float:
    """Return the change of Kendall's tau when two pairs of neighbours change places, its least assumed deviation.

    The taus of few seeds are bounded by 1 and often equal by chance. With a smaller deviation the claim is decided
    wrongly in more than 5 % of simulated experiments (docs/inference.md).
    """
    return 2.0 * 4.0 / (gan_count * (gan_count - 1))


def _correlate_orders(results: Results, seed: int) -> float | None:
    """Return Kendall's tau between the GANs' orders by FID at the first and the last point; failed GANs are last."""
    trials = [
        trial
        for trial in results.trials
        if (trial.trial.setting, trial.trial.seed) == (FIGURE3_SETTING, seed)
        and (has_failed(trial) or len(trial.points) > 1)
    ]
    first = {trial.trial.gan: trial.points[0].fid if trial.points else math.inf for trial in trials}
    last = {trial.trial.gan: math.inf if has_failed(trial) else trial.points[-1].fid for trial in trials}
    return compare_orders(first, last).tau
