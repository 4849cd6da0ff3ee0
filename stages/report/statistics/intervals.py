"""Student's interval of a mean over several trainings."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from scipy.stats import t as student

LEVEL = 0.05
CONFIDENCE = 1.0 - LEVEL


class Interval(NamedTuple):
    """A mean with its confidence interval.

    Attributes:
        mean: of the values.
        deviation: their sample standard deviation (divided by count - 1); None for one value.
        low: lower end of the interval of the mean; None for one value, which has no interval.
        high: upper end of that interval.
        size: how many values.
    """

    mean: float
    deviation: float | None
    low: float | None
    high: float | None
    size: int

    def is_above(self, bound: float) -> bool | None:
        """Return True if the whole interval lies above a bound, False if below it, None if around it."""
        if self.low is None or self.high is None:
            return None
        if self.low > bound:
            return True
        return False if self.high < bound else None


def estimate_mean(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Estimate the mean that values of independent trainings scatter around.

    Args:
        values: one or more.
        confidence: how often such an interval holds the mean, in (0, 1).

    Returns:
        mean +- t(n - 1) * deviation / sqrt(n): exact for normally distributed values.

    Source: Student 1908, "The probable error of a mean".
    """
    count, mean = len(values), statistics.fmean(values)
    if count < 2:
        return Interval(mean, None, None, None, count)
    deviation = statistics.stdev(values)
    reach = float(student.ppf((1.0 + confidence) / 2.0, count - 1)) * deviation / math.sqrt(count)
    return Interval(mean, deviation, mean - reach, mean + reach, count)
