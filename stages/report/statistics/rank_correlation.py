"""Kendall's rank correlation of two orders of the same GANs."""

import math
from typing import NamedTuple

from scipy.stats import kendalltau

from stages.report.formatting import format_p

FEWEST_IN_COMMON = 3


class Agreement(NamedTuple):
    """The agreement of two orders.

    Attributes:
        tau: Kendall's tau-b, 1 for the same order and -1 for its reverse; None with fewer than three GANs in common, or
            if all values of one side are equal.
        gans_in_common: the number of GANs that both orders have.
        p: the two-sided p value, the probability that unrelated orders agree or disagree as much; exact without ties.
    """

    tau: float | None
    gans_in_common: int
    p: float | None = None

    @property
    def least_p(self) -> float:
        """The p value of two equal orders of n GANs, 2 / n!, which is the smallest possible one."""
        return min(1.0, 2.0 / math.factorial(self.gans_in_common))

    def describe(self) -> str:
        """Format tau, n and p, or the reason why there is no tau."""
        if self.gans_in_common < FEWEST_IN_COMMON:
            return f"none computed, only {self.gans_in_common} in common"
        if self.tau is None or self.p is None:
            return f"none computed, all values of one side are equal (n = {self.gans_in_common})"
        return f"{self.tau:+.2f} (n = {self.gans_in_common}, p {format_p(self.p)})"


def compare_orders(first: dict[str, float], second: dict[str, float]) -> Agreement:
    """Compare the orders of the GANs that both have a value for.

    Source: Kendall 1938, "A new measure of rank correlation".
    """
    common = [gan for gan in first if gan in second]
    if len(common) < FEWEST_IN_COMMON:
        return Agreement(None, len(common))
    outcome = kendalltau([first[gan] for gan in common], [second[gan] for gan in common])
    # The statistic is NaN if all values of one side are equal, so that there is no order to compare.
    if math.isnan(outcome.statistic):
        return Agreement(None, len(common))
    return Agreement(float(outcome.statistic), len(common), float(outcome.pvalue))
