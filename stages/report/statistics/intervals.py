"""Student's interval of a mean over several trainings."""

import math
import statistics
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from scipy.stats import t as student

LEVEL = 0.05
CONFIDENCE = 1.0 - LEVEL
LARGEST_LOGARITHM = 700.0


class Interval(NamedTuple):
    """A mean with its confidence interval.

    Attributes:
        mean: the mean of the values.
        deviation: the sample standard deviation of the values (divided by count - 1); None for one value.
        low: lower end of the interval of the mean; None for one value, which has no interval.
        high: upper end of that interval.
        size: the number of values.
    """

    mean: float
    deviation: float | None
    low: float | None
    high: float | None
    size: int

    def is_above(self, bound: float) -> bool | None:
        """Return True if the whole interval lies above a bound, False if below it, None if it contains the bound."""
        if self.low is None or self.high is None:
            return None
        if self.low > bound:
            return True
        return False if self.high < bound else None


def estimate_mean(
    values: Sequence[float], confidence: float = CONFIDENCE, least_deviation: float = 0.0
) -> Interval:
    """Estimate the mean of values of independent trainings, with its confidence interval.

    Args:
        values: one value or more.
        confidence: the probability, in (0, 1), that such an interval holds the mean.
        least_deviation: a lower bound that replaces a smaller deviation in the interval.

    Returns:
        mean +- t(n - 1) * deviation / sqrt(n): exact for normally distributed values.

    Source: Student 1908, "The probable error of a mean".
    """
    count, mean = len(values), statistics.fmean(values)
    if count < 2:
        return Interval(mean, None, None, None, count)
    deviation = max(statistics.stdev(values), least_deviation)
    reach = _find_quantile(confidence, count - 1) * deviation / math.sqrt(count)
    return Interval(mean, deviation, mean - reach, mean + reach, count)


@cache
def _find_quantile(confidence: float, freedom: int) -> float:
    return float(student.ppf((1.0 + confidence) / 2.0, freedom))


def estimate_geometric_mean(logarithms: Sequence[float]) -> Interval:
    """Estimate the geometric mean of positive values from their natural logarithms.

    Returns:
        The geometric mean and the ends of its interval, which are above 0; the deviation is that of the logarithms.
    """
    mean = estimate_mean(logarithms)
    return mean._replace(mean=math.exp(mean.mean), low=to_ratio(mean.low), high=to_ratio(mean.high))


def to_ratio(difference: float | None) -> float | None:
    """Return the ratio that a difference of logarithms stands for; None stays None.

    The end of an interval from two seeds can exceed the range of floats; it becomes the largest float.
    """
    return None if difference is None else math.exp(min(difference, LARGEST_LOGARITHM))
