"""Compare scores that are not paired by seed: those of an entry with those of a GAN."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.stats import t as student

from stages.report.statistics.intervals import CONFIDENCE, estimate_mean, to_ratio


class UnpairedRatio(NamedTuple):
    """The ratio of two geometric means.

    Attributes:
        ratio: the ratio of the first to the second.
        low: lower end of the interval of the ratio; None if a side has only one value.
        high: upper end of this interval.
        p: the two-sided p value for the hypothesis of a ratio of 1; None if a side has only one value.
    """

    ratio: float | None
    low: float | None
    high: float | None
    p: float | None


def compare_unpaired(first: Sequence[float], second: Sequence[float]) -> UnpairedRatio:
    """Compare logarithms of scores by Welch's test, which assumes neither pairs nor equal variances.

    Args:
        first: one or more natural logarithms of scores.
        second: one or more natural logarithms of the other side's scores.

    Source: Welch 1947, "The generalization of Student's problem when several different population variances are
        involved".
    """
    a, b = estimate_mean(first), estimate_mean(second)
    difference = a.mean - b.mean
    ratio = to_ratio(difference)
    if a.deviation is None or b.deviation is None:
        return UnpairedRatio(ratio, None, None, None)
    parts = (a.deviation**2 / a.size, b.deviation**2 / b.size)
    variance = sum(parts)
    if variance == 0.0:
        return UnpairedRatio(ratio, ratio, ratio, 1.0 if difference == 0.0 else 0.0)
    freedom = variance**2 / (parts[0] ** 2 / (a.size - 1) + parts[1] ** 2 / (b.size - 1))
    error = math.sqrt(variance)
    reach = float(student.ppf((1.0 + CONFIDENCE) / 2.0, freedom)) * error
    return UnpairedRatio(
        ratio,
        to_ratio(difference - reach),
        to_ratio(difference + reach),
        float(2.0 * student.sf(abs(difference) / error, freedom)),
    )
