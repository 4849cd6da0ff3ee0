"""Compare the scores of trainings that share no seeds: those of an entry from outside with those of a GAN."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from scipy.stats import t as student

from stages.report.statistics.intervals import CONFIDENCE, estimate_mean, to_ratio


class UnpairedRatio(NamedTuple):
    """The ratio of two geometric means.

    Attributes:
        ratio: the ratio of the first to the second.
        low: lower end of its interval; None where a side has one value.
        high: upper end.
        p: two-sided, of a ratio of 1; None where a side has one value.
    """

    ratio: float | None
    low: float | None
    high: float | None
    p: float | None


def compare_unpaired(first: Sequence[float], second: Sequence[float]) -> UnpairedRatio:
    """Compare logarithms of scores by Welch's test, which supposes neither pairs nor equal variances.

    Args:
        first: natural logarithms, one or more.
        second: natural logarithms of the other side, one or more.

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
