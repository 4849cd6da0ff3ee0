"""Check the claims that SNGAN is the best, overall and under every setting, and that its score rises fastest."""

from collections.abc import Sequence

from stages.report.claims.decision import Comparison, decide, describe_margin, make_claim, make_decided
from stages.report.claims.published_numbers import does_sngan_lead, does_sngan_rise_fastest
from stages.report.claims.slopes import FIGURE3_SETTING, NO_FIGURE3_SETTING, collect_slopes
from stages.report.model.sections import Claim, Outcome
from stages.report.published import SNGAN, name_gan
from stages.report.results.all_results import Results
from stages.report.statistics.metrics import INCEPTION_SCORE, NO_CLASSES, Metric
from stages.report.statistics.seed_scores import (
    SeedScores,
    average_scores,
    collect_best_scores,
    order_gans,
    subtract_scores,
)
from stages.report.statistics.summary import average

NO_RIVAL = "the grid does not hold SNGAN and another GAN"


def check_best(results: Results) -> Claim:
    """Check that SNGAN has the best value over settings and points in both metrics."""
    text = "SNGAN is closest to real data in both Inception Score and FID (Table 1)."
    form = (
        "The best over evaluation points and settings: SNGAN is ahead of every other GAN in both scores. One that is "
        "surely ahead of it contradicts."
    )
    return _check_wins(results, text, form, [()], "table", does_sngan_lead(everywhere=False))


def check_best_everywhere(results: Results) -> Claim:
    """Check that SNGAN has the best value under each setting in both metrics."""
    text = "SNGAN is better than the others under every setting (Figure 2)."
    form = (
        "The best over evaluation points, setting by setting: SNGAN is ahead of every other GAN in both scores under "
        "each. One that is surely ahead of it under one contradicts."
    )
    settings = [(setting,) for setting in results.grid.settings_used]
    return _check_wins(results, text, form, settings, "settings", does_sngan_lead(everywhere=True))


def check_fastest(results: Results) -> Claim:
    """Check that SNGAN's Inception Score, or classifier score, has the steepest slope under Figure 3's setting."""
    text = "SNGAN's Inception Score rises fastest (Figure 3)."
    form = (
        f"Setting {FIGURE3_SETTING}: the line through all evaluation points is steeper for SNGAN than for "
        "every other GAN. One that is surely steeper contradicts."
    )
    published = does_sngan_rise_fastest()
    metric = results.find_metric(INCEPTION_SCORE.key)
    if metric is None:
        return make_claim(text, form, Outcome.UNASKED, NO_CLASSES, "training", published=published)
    if not has_rivals(results):
        return make_claim(text, form, Outcome.UNASKED, NO_RIVAL, "training", published=published)
    if FIGURE3_SETTING not in results.grid.settings_used:
        return make_claim(text, form, Outcome.UNASKED, NO_FIGURE3_SETTING, "training", published=published)
    slopes = collect_slopes(results, metric, is_log=False)
    known = average_scores(slopes)
    if len(known) < 2:
        reason = "fewer than two GANs have two evaluation points in every training"
        return make_claim(text, form, Outcome.UNASKED, reason, "training", published=published)
    steepest = max(known, key=lambda gan: known[gan])
    numbers = f"steepest: {name_gan(steepest)}, {known[steepest]:+.3g} per epoch"
    decision = decide(_compare_with_others(slopes, 1.0, "per epoch", is_ratio=False))
    return make_decided(text, form, decision, numbers, "training", published)


def has_rivals(results: Results) -> bool:
    """Return whether the grid holds SNGAN and another GAN."""
    return SNGAN in results.grid.gans and len(results.grid.gans) > 1


def _check_wins(
    results: Results,
    text: str,
    form: str,
    settings: Sequence[tuple[str, ...]],
    section: str,
    published: bool | None,
) -> Claim:
    """Check that SNGAN leads in both metrics; an empty tuple stands for all settings together.

    With an extractor that gives only the distance, the claim can be refuted but not confirmed.
    """
    if not has_rivals(results):
        return make_claim(text, form, Outcome.UNASKED, NO_RIVAL, section, published=published)
    leaders, comparisons = [], []
    for chosen in settings:
        where = f" at {chosen[0]}" if chosen else ""
        for metric in results.metrics:
            scores = collect_best_scores(results, metric, chosen)
            leaders.append(f"{metric.short}{where}: {_describe_lead(scores, metric)}")
            comparisons += _compare_with_others(scores, metric.sign, f"in {metric.short}{where}")
    decision, numbers = decide(comparisons), "; ".join(leaders)
    if results.find_metric(INCEPTION_SCORE.key) is None and decision.outcome is not Outcome.FAILS:
        reason = f"{NO_CLASSES}; {numbers}; {describe_margin(decision)}"
        return make_claim(text, form, Outcome.UNASKED, reason, section, published=published)
    return make_decided(text, form, decision, numbers, section, published)


def _compare_with_others(
    scores: SeedScores, sign: float, where: str, is_ratio: bool = True
) -> list[Comparison]:
    """Compare SNGAN with every other GAN, seed by seed."""
    comparisons = []
    for gan in scores:
        if gan != SNGAN:
            found = subtract_scores(scores[SNGAN], scores[gan])
            margins = [None] if found is None else [sign * difference for difference in found]
            is_lost = None in scores[SNGAN]
            comparisons.append(Comparison(f"over {name_gan(gan)} {where}", margins, is_ratio, is_lost))
    return comparisons


def _describe_lead(scores: SeedScores, metric: Metric) -> str:
    """Describe the first GAN and SNGAN, or the first two if SNGAN is the first."""
    first, *others = order_gans(scores, metric)
    beside = others[0] if first == SNGAN else SNGAN
    return f"{_describe_score(first, scores, metric)}, {_describe_score(beside, scores, metric)}"


def _describe_score(gan: str, scores: SeedScores, metric: Metric) -> str:
    mean = average(scores[gan], metric)
    return f"{name_gan(gan)} {'failed' if mean is None else metric.format(mean.mean)}"
