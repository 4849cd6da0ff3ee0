"""Decide whether a claim holds from its comparisons' margins over seeds."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from stages.report.formatting import format_percent, format_ratio
from stages.report.model.sections import Claim, Outcome
from stages.report.statistics.contrasts import POWER, find_tellable_difference
from stages.report.statistics.intervals import CONFIDENCE, LEVEL, Interval, estimate_mean, to_ratio
from stages.report.statistics.seed_scores import require_all


class Comparison(NamedTuple):
    """One comparison that a claim makes.

    Attributes:
        name: what is compared.
        margins: one per seed; above 0 where it goes as claimed, None where a training that it needs failed.
        is_ratio: whether margins are logarithms of ratios, and are shown as ratios.
        is_lost: whether the side that the claim favours failed.
        quantity: what the margins are measured from, where several comparisons share it, as the two ends of a range do.
        step: the smallest by which margins can differ, where they are counts; their deviation is not taken to be less,
            as equal counts of few seeds are no sign of certainty.
    """

    name: str
    margins: Sequence[float | None]
    is_ratio: bool = False
    is_lost: bool = False
    quantity: str = ""
    step: float = 0.0

    @property
    def known(self) -> list[float]:
        """The margins, none where one is missing: a failure is never left out of a mean."""
        return require_all(self.margins) or []


class Margin(NamedTuple):
    """A comparison's mean margin over seeds.

    Attributes:
        comparison: the comparison.
        interval: the interval of the mean margin.
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
        outcome: HOLDS when every comparison surely goes as claimed, FAILS when any surely does not, else OPEN.
        means_agree: the outcome by the means alone, without their intervals; None without any.
        decisive: the margin that decides: the one that refutes the claim most surely, proves it least surely, or
            leaves it open; None without any.
    """

    outcome: Outcome
    means_agree: bool | None
    decisive: Margin | None


def decide(comparisons: Sequence[Comparison]) -> Decision:
    """Decide on a claim that says that all of its comparisons go one way.

    It holds when each margin's interval over seeds lies above 0: as all must, no correction is due (Berger 1982,
    "Multiparameter hypothesis testing and acceptance sampling"). It does not hold when any margin's interval lies
    below 0, at Bonferroni's level for as many quantities as are compared: one interval of a quantity decides on both
    ends of its range. One seed has no interval, and a failed training no margin: neither settles anything.
    """
    measured = [comparison for comparison in comparisons if comparison.known]
    lost = any(comparison.is_lost for comparison in comparisons)
    if not measured:
        return Decision(Outcome.OPEN, False if lost else None, None)
    strict = 1.0 - LEVEL / len({comparison.quantity or comparison.name for comparison in measured})
    margins = [_measure(comparison, strict) for comparison in measured]
    # The mean decides where nothing is sure: with one seed, or with margins that are all equal.
    decisive = min(margins, key=lambda margin: (margin.sureness, margin.interval.mean))
    is_proven = len(measured) == len(comparisons) and all(margin.interval.is_above(0.0) for margin in margins)
    is_refuted = decisive.interval.is_above(0.0) is False
    return Decision(
        outcome=Outcome.FAILS if is_refuted else Outcome.HOLDS if is_proven else Outcome.OPEN,
        means_agree=not lost and all(margin.interval.mean > 0.0 for margin in margins),
        decisive=decisive,
    )


def _measure(comparison: Comparison, strict: float) -> Margin:
    """Measure a margin by the interval that decides: the strict one where it can only refute."""
    known = comparison.known
    level = CONFIDENCE if statistics.fmean(known) > 0.0 else strict
    return Margin(comparison, estimate_mean(known, level, comparison.step), level)


def describe_margin(decision: Decision, digits: int = 2) -> str:
    """Write the margin that decides with its interval and the interval's level, or that one seed has none."""
    if decision.decisive is None:
        return "nothing to compare"
    comparison, (mean, _, low, high, count), level = decision.decisive
    text = f"deciding margin: {comparison.name} {format_margin(mean, comparison, digits)}"
    if low is None or high is None:
        return f"{text} (n = 1, no interval)"
    ends = ", ".join(format_margin(end, comparison, digits) for end in (low, high))
    return f"{text} [{ends}] ({100.0 * level:.4g} %, n = {count})"


def describe_power(decision: Decision, digits: int = 2) -> str:
    """Write what an open comparison would have told; empty where the claim is decided, or has no interval."""
    if decision.outcome is not Outcome.OPEN or decision.decisive is None:
        return ""
    comparison, interval, level = decision.decisive
    tellable = find_tellable_difference(interval, 1.0 - level)
    if tellable is None:
        return ""
    margin = format_margin(tellable, comparison, digits)
    return f"would have told a margin of {margin} with probability {format_percent(POWER)}"


def format_margin(margin: float, comparison: Comparison, digits: int) -> str:
    """Write a margin for people: a ratio with its sign of times, another one with its sign."""
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
    """Make a claim with its verdict in words; where it cannot be told, the verdict says what `who` say."""
    verdict = outcome.value
    if outcome is Outcome.OPEN and means_agree is not None:
        verdict += f" ({who} {'yes' if means_agree else 'no'})"
    return Claim(text, form, outcome, verdict, means_agree, published, numbers, power, section)


def make_decided(
    text: str, form: str, decision: Decision, numbers: str, section: str, published: bool | None
) -> Claim:
    """Make a claim that margins over seeds decide."""
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
