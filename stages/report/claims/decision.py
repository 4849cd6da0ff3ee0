"""Decide whether a claim holds, from the margins over seeds of its comparisons."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from stages.report.formatting import format_percent, format_ratio
from stages.report.model.sections import Claim, Outcome
from stages.report.statistics.contrasts import POWER, find_detectable_difference
from stages.report.statistics.intervals import CONFIDENCE, LEVEL, Interval, estimate_mean, to_ratio
from stages.report.statistics.seed_scores import require_all


class Comparison(NamedTuple):
    """One comparison that a claim makes.

    Attributes:
        name: what is compared, in words.
        margins: one margin per seed; above 0 if the seed agrees with the claim, None if a training that it needs
            failed.
        is_ratio: whether margins are logarithms of ratios, and are shown as ratios.
        is_lost: whether the side that the claim favours failed.
        quantity: the name of the measured quantity, if several comparisons share it, like the two ends of a range.
        step: the smallest difference between two margins, if these are discrete. The deviation is assumed to be at
            least this, because equal discrete values for a few seeds do not show certainty.
    """

    name: str
    margins: Sequence[float | None]
    is_ratio: bool = False
    is_lost: bool = False
    quantity: str = ""
    step: float = 0.0

    @property
    def known(self) -> list[float]:
        """The margins; an empty list if any is missing, because a mean must not leave out a failure."""
        return require_all(self.margins) or []


class Margin(NamedTuple):
    """A comparison's mean margin over seeds.

    Attributes:
        comparison: the comparison.
        interval: the interval of the mean margin.
        level: the confidence of that interval, in (0, 1): that of a refutation for a mean below 0, else that of a
            proof.
    """

    comparison: Comparison
    interval: Interval
    level: float

    @property
    def sureness(self) -> float:
        """The mean divided by half the interval's width: above 1 a proof, below -1 a refutation, 0 for no interval."""
        mean, _, low, _, _ = self.interval
        if low is None or mean == 0.0:
            return 0.0
        reach = mean - low
        return mean / reach if reach > 0.0 else math.copysign(math.inf, mean)


class Decision(NamedTuple):
    """The decision on a claim.

    Attributes:
        outcome: HOLDS if every comparison is surely as claimed, FAILS if any is surely not, else OPEN.
        means_agree: whether the means alone, without intervals, agree with the claim; None without any margin.
        decisive: the margin with the least `sureness`, which refutes the claim, leaves it open, or is the weakest
            proof; None without any margin.
    """

    outcome: Outcome
    means_agree: bool | None
    decisive: Margin | None


def decide(comparisons: Sequence[Comparison]) -> Decision:
    """Decide on a claim that all of its comparisons have a margin above 0.

    The claim holds if each margin's interval over seeds lies above 0. No correction is needed, because all intervals
    must (Berger 1982, "Multiparameter hypothesis testing and acceptance sampling"). The claim does not hold if any
    margin's interval lies below 0, at Bonferroni's level for the number of quantities compared; the two ends of a range
    count as one quantity. One seed has no interval and a failed training no margin, so neither decides anything.
    """
    measured = [comparison for comparison in comparisons if comparison.known]
    lost = any(comparison.is_lost for comparison in comparisons)
    if not measured:
        return Decision(Outcome.OPEN, False if lost else None, None)
    strict = 1.0 - LEVEL / len({comparison.quantity or comparison.name for comparison in measured})
    margins = [_measure(comparison, strict) for comparison in measured]
    # Ties in sureness, as with one seed or with margins that are all equal, are broken by the mean.
    decisive = min(margins, key=lambda margin: (margin.sureness, margin.interval.mean))
    is_proven = len(measured) == len(comparisons) and all(margin.interval.is_above(0.0) for margin in margins)
    is_refuted = decisive.interval.is_above(0.0) is False
    return Decision(
        outcome=Outcome.FAILS if is_refuted else Outcome.HOLDS if is_proven else Outcome.OPEN,
        means_agree=not lost and all(margin.interval.mean > 0.0 for margin in margins),
        decisive=decisive,
    )


def _measure(comparison: Comparison, strict: float) -> Margin:
    """Estimate the mean margin with the interval that decides: the strict one where it can only refute."""
    known = comparison.known
    level = CONFIDENCE if statistics.fmean(known) > 0.0 else strict
    return Margin(comparison, estimate_mean(known, level, comparison.step), level)


def describe_margin(decision: Decision, digits: int = 2) -> str:
    """Format the deciding margin with its interval and the interval's level; one seed has no interval."""
    if decision.decisive is None:
        return "nothing to compare"
    comparison, (mean, _, low, high, count), level = decision.decisive
    text = f"deciding margin: {comparison.name} {format_margin(mean, comparison, digits)}"
    if low is None or high is None:
        return f"{text} (n = 1, no interval)"
    ends = ", ".join(format_margin(end, comparison, digits) for end in (low, high))
    return f"{text} [{ends}] ({100.0 * level:.4g} %, n = {count})"


def describe_power(decision: Decision, digits: int = 2) -> str:
    """Format the margin that an open comparison would have detected; "" if the claim is decided or has no interval."""
    if decision.outcome is not Outcome.OPEN or decision.decisive is None:
        return ""
    comparison, interval, level = decision.decisive
    detectable = find_detectable_difference(interval, 1.0 - level)
    if detectable is None:
        return ""
    margin = format_margin(detectable, comparison, digits)
    return f"would have told a margin of {margin} with probability {format_percent(POWER)}"


def format_margin(margin: float, comparison: Comparison, digits: int) -> str:
    """Format a margin: a ratio after a multiplication sign, any other margin with its sign."""
    if not comparison.is_ratio:
        return f"{margin:+.{digits}f}"
    return f"×{format_ratio(to_ratio(margin))}"


def make_claim(
    text: str,
    form: str,
    outcome: Outcome,
    numbers: str,
    section: str,
    means_agree: bool | None = None,
    power: str = "",
    published: bool | None = None,
    who: str = "the means say",
) -> Claim:
    """Make a claim with its verdict in words; an open verdict adds what the means say, introduced by `who`."""
    verdict = outcome.value
    if outcome is Outcome.OPEN and means_agree is not None:
        verdict += f" ({who} {'yes' if means_agree else 'no'})"
    return Claim(text, form, outcome, verdict, means_agree, published, numbers, power, section)


def make_decided(
    text: str, form: str, decision: Decision, numbers: str, section: str, published: bool | None
) -> Claim:
    """Make a claim whose verdict comes from a decision on margins over seeds."""
    parts = "; ".join(filter(None, (numbers, describe_margin(decision))))
    return make_claim(
        text,
        form,
        decision.outcome,
        parts,
        section,
        decision.means_agree,
        describe_power(decision),
        published,
        "the run says" if decision.decisive and decision.decisive.interval.size == 1 else "the means say",
    )
