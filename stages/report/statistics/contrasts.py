"""Compare SNGAN with each of its rivals, as the published report does; the comparisons were planned before any run."""

import math
from collections.abc import Sequence
from functools import cache

from scipy.optimize import brentq
from scipy.stats import nct
from scipy.stats import t as student

from stages.report.model.comparisons import Contrast, Contrasts
from stages.report.published import SNGAN
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import LEVEL, Interval, estimate_mean, to_ratio
from stages.report.statistics.metrics import Metric
from stages.report.statistics.seed_scores import (
    SeedScores,
    collect_last_scores,
    count_failures,
    subtract_scores,
)

# The probability with which the test finds a difference that is called detectable.
POWER = 0.8
# The largest difference that is searched for, in standard errors.
LARGEST_EFFECT = 1e4


def contrast_with_rivals(results: Results, metric: Metric) -> Contrasts:
    """Compare SNGAN with each other GAN by the primary score; without SNGAN there is nothing to compare."""
    scores = collect_last_scores(results, metric)
    failed = {gan: count_failures(results, gan) for gan in scores}
    return Contrasts(
        metric=metric.key,
        seeds=len(results.grid.seeds),
        least_sign_p=2.0 ** (1 - len(results.grid.seeds)),
        rows=compare_rivals(scores, failed) if SNGAN in scores else (),
    )


def compare_rivals(
    scores: SeedScores, failed: dict[str, int], reference: str = SNGAN
) -> tuple[Contrast, ...]:
    """Test the mean difference between a GAN and each other GAN, paired by seed, with Holm's correction.

    Student's paired test assumes that differences of logarithms over seeds are nearly normally distributed. The
    correction counts all rivals, including those without a test.

    Args:
        scores: the scores by GAN and seed.
        failed: the number of failed trainings of each GAN.
        reference: the GAN that is compared with all others.

    Source: Student 1908, "The probable error of a mean"; Holm 1979, "A simple sequentially rejective multiple test
        procedure".
    """
    rivals = [gan for gan in scores if gan != reference]
    differences = [subtract_scores(scores[reference], scores[gan]) for gan in rivals]
    means = [None if found is None else estimate_mean(found) for found in differences]
    p_values = [compute_p(mean) for mean in means]
    return tuple(
        Contrast(
            rival=rival,
            ratio=to_ratio(mean and mean.mean),
            low=to_ratio(mean and mean.low),
            high=to_ratio(mean and mean.high),
            p=p,
            corrected_p=corrected,
            is_significant=corrected is not None and corrected < LEVEL,
            detectable_ratio=to_ratio(find_detectable_difference(mean, LEVEL / len(rivals))),
            failed=failed[reference] + failed[rival],
        )
        for rival, mean, p, corrected in zip(rivals, means, p_values, correct_by_holm(p_values), strict=True)
    )


def compute_p(mean: Interval | None) -> float | None:
    """Return Student's two-sided p value for the hypothesis of a mean of zero; None for fewer than two values."""
    if mean is None or mean.deviation is None:
        return None
    if mean.deviation == 0.0:
        return 1.0 if mean.mean == 0.0 else 0.0
    t = abs(mean.mean) / (mean.deviation / math.sqrt(mean.size))
    return float(2.0 * student.sf(t, mean.size - 1))


def correct_by_holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Correct p values by Holm's stepwise procedure; None stays None, but counts in the number of tests."""
    corrected: list[float | None] = [None] * len(p_values)
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    least = 0.0
    for rank, (p, place) in enumerate(known):
        least = max(least, min(1.0, (len(p_values) - rank) * p))
        corrected[place] = least
    return corrected


def find_detectable_difference(mean: Interval | None, level: float) -> float | None:
    """Find the true difference that a two-sided test would tell with probability `POWER`.

    Args:
        mean: the mean, whose deviation is taken as the true one; None where there is none.
        level: the level of the test.

    Returns:
        The difference in the units of the values, above 0; None for fewer than two values.
    """
    if mean is None or mean.deviation is None:
        return None
    return find_effect(mean.size - 1, level) * mean.deviation / math.sqrt(mean.size)


@cache
def find_effect(freedom: int, level: float) -> float:
    """Find the true mean, in standard errors, that Student's two-sided test tells with probability `POWER`.

    Args:
        freedom: the degrees of freedom.
        level: the level of the test.
    """
    limit = float(student.ppf(1.0 - level / 2.0, freedom))
    return float(brentq(lambda size: float(nct.sf(limit, freedom, size)) - POWER, 0.0, LARGEST_EFFECT))
