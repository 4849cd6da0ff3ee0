"""Decide whether a claim holds from its comparisons' margins over seeds."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from stages.report.model.sections import Claim
from stages.report.statistics.intervals import CONFIDENCE, LEVEL, Interval, estimate_mean

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be told"


class Comparison(NamedTuple):
    """One comparison that a claim makes.

    Attributes:
        name: what is compared.
        margins: one per seed; above 0 where it goes as claimed. A seed without a value on one side has none.
        has_failed: whether the side that the claim favours diverged everywhere.
        quantity: what the margins are measured from, where several comparisons share it, as the two ends of a range do.
    """

    name: str
    margins: list[float]
    has_failed: bool = False
    quantity: str = ""


class Margin(NamedTuple):
    """A comparison's mean margin over seeds.

    Attributes:
        comparison: the comparison.
        interval: of the mean margin.
        level: confidence of that interval, in (0, 1): below a mean of 0 that of a refutation, above it of a proof.
    """

    comparison: Comparison
    interval: Interval
    level: float

    @property
    def sureness(self) -> float:
        """The mean in half widths of its interval: above 1 it proves, below -1 it refutes; 0 without an interval."""
        mean, _, low, _, _ = self.interval
        if low is None or mean == 0.0:
            return 0.0
        reach = mean - low
        return mean / reach if reach > 0.0 else math.copysign(math.inf, mean)


class Decision(NamedTuple):
    """What a claim's comparisons come to.

    Attributes:
        holds: True when every comparison surely goes as claimed, False when any surely does not, else None.
        means_agree: the same of the means alone.
        decisive: the margin that decides: the one that refutes the claim most surely, proves it least surely, or
            leaves it open; None without any.
    """

    holds: bool | None
    means_agree: bool | None
    decisive: Margin | None


def decide(comparisons: Sequence[Comparison]) -> Decision:
    """Decide on a claim that says that all of its comparisons go one way.

    It holds when each margin's interval over seeds lies above 0: as all must, no correction is due (Berger 1982,
    "Multiparameter hypothesis testing and acceptance sampling"). It does not hold when any margin's interval lies
    below 0, at Bonferroni's level for as many quantities as are compared: one interval of a quantity decides on both
    ends of its range. One seed has no interval and settles neither.
    """
    measured = [comparison for comparison in comparisons if comparison.margins]
    failed = any(comparison.has_failed for comparison in comparisons)
    if not measured:
        return Decision(None, False if failed else None, None)
    strict = 1.0 - LEVEL / len({comparison.quantity or comparison.name for comparison in measured})
    margins = [_measure(comparison, strict) for comparison in measured]
    # The mean decides where nothing is sure: with one seed, or with margins that are all equal.
    decisive = min(margins, key=lambda margin: (margin.sureness, margin.interval.mean))
    is_proven = len(measured) == len(comparisons) and all(margin.interval.is_above(0.0) for margin in margins)
    is_refuted = decisive.interval.is_above(0.0) is False
    return Decision(
        holds=False if is_refuted else True if is_proven else None,
        means_agree=not failed and all(margin.interval.mean > 0.0 for margin in margins),
        decisive=decisive,
    )


def _measure(comparison: Comparison, strict: float) -> Margin:
    """Measure a margin by the interval that decides: the strict one where it can only refute."""
    level = CONFIDENCE if statistics.fmean(comparison.margins) > 0.0 else strict
    return Margin(comparison, estimate_mean(comparison.margins, level), level)


def describe_margin(decision: Decision, digits: int) -> str:
    """Write the margin that decides with its interval and the interval's level, or that one seed has none."""
    if decision.decisive is None:
        return "nothing to compare"
    comparison, (mean, _, low, high, count), level = decision.decisive
    text = f"deciding margin: {comparison.name} {mean:+.{digits}f}"
    if low is None or high is None:
        return f"{text} (n = 1, no interval)"
    return f"{text} [{low:+.{digits}f}, {high:+.{digits}f}] ({100.0 * level:.4g} %, n = {count})"


def make_claim(
    text: str, holds: bool | None, numbers: str, section: str, means_agree: bool | None = None
) -> Claim:
    """Make a claim with its verdict in words; where it cannot be told, the verdict says what the means say."""
    if holds is not None:
        verdict = HOLDS if holds else FAILS
    elif means_agree is None:
        verdict = UNKNOWN
    else:
        verdict = f"{UNKNOWN} (the means say {'yes' if means_agree else 'no'})"
    return Claim(text, verdict, holds, means_agree, numbers, section)
