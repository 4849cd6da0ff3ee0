"""What a claim is, and how it is judged over seeds."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

from stages.report.statistics.intervals import CONFIDENCE, Interval, estimate_mean

HOLDS, FAILS, UNKNOWN = "holds", "does not hold", "cannot be told"


class Claim(NamedTuple):
    """A claim and what became of it.

    Attributes:
        text: what the report says, and where.
        holds: whether our numbers say so too, at 95 %; None when they cannot tell.
        numbers: what that rests on.
        section: of the page, that shows more of it; the table of claims where none does.
        means_say: what the bare means say, however unsure; None when they cannot tell either.
    """

    text: str
    holds: bool | None
    numbers: str
    section: str = "claims"
    means_say: bool | None = None

    @property
    def verdict(self) -> str:
        """The verdict in words; where it cannot be told, with what the means say."""
        if self.holds is not None:
            return HOLDS if self.holds else FAILS
        return (
            UNKNOWN
            if self.means_say is None
            else f"{UNKNOWN} (the means say {'yes' if self.means_say else 'no'})"
        )


class Check(NamedTuple):
    """One comparison that a claim makes.

    Attributes:
        name: what is compared.
        margins: one a seed; above 0 where it goes as claimed. None where a seed has no value on one side.
        has_failed: whether the side that the claim favours diverged everywhere.
        quantity: what the margins are measured from, where several comparisons share it, as the two ends of a range do.
    """

    name: str
    margins: list[float]
    has_failed: bool = False
    quantity: str = ""


class Margin(NamedTuple):
    """A comparison's margin over seeds.

    Attributes:
        check: the comparison.
        interval: of the mean margin.
        level: of that interval, in (0, 1): below 0 that of a refutation, above 0 that of a proof.
    """

    check: Check
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


class Judgement(NamedTuple):
    """What a claim's comparisons come to.

    Attributes:
        holds: True when every comparison surely goes as claimed, False when any surely does not.
        means_say: the same of the means alone.
        decisive: the margin that decides: the one that refutes it most surely, proves it least surely, or leaves it
            open; None without any.
    """

    holds: bool | None
    means_say: bool | None
    decisive: Margin | None


def judge(checks: Sequence[Check]) -> Judgement:
    """Judge a claim that says that all of its comparisons go one way.

    It holds when each margin's 95 % interval over seeds lies above 0: as all must, no correction is due (Berger 1982,
    "Multiparameter hypothesis testing and acceptance sampling"). It does not hold when any margin's interval lies
    below 0, at Bonferroni's level for as many quantities as are compared: one interval of a quantity rules on both ends
    of its range. One seed has no interval and settles neither.
    """
    told = [check for check in checks if check.margins]
    failed = any(check.has_failed for check in checks)
    if not told:
        return Judgement(None, False if failed else None, None)
    strict = 1.0 - (1.0 - CONFIDENCE) / len({check.quantity or check.name for check in told})
    margins = [_measure(check, strict) for check in told]
    # By the mean where nothing is sure: one seed, or margins of no interval.
    decisive = min(margins, key=lambda margin: (margin.sureness, margin.interval.mean))
    proven = len(told) == len(checks) and all(margin.interval.is_above(0.0) for margin in margins)
    return Judgement(
        holds=False if decisive.interval.is_above(0.0) is False else True if proven else None,
        means_say=not failed and all(margin.interval.mean > 0.0 for margin in margins),
        decisive=decisive,
    )


def tell_margin(judgement: Judgement, digits: int) -> str:
    """Tell the margin that decides with its interval and the interval's level, or that one seed has none."""
    if judgement.decisive is None:
        return "nothing to compare"
    check, (mean, _, low, high, count), level = judgement.decisive
    told = f"deciding margin: {check.name} {mean:+.{digits}f}"
    if low is None or high is None:
        return f"{told} (n = 1, no interval)"
    return f"{told} [{low:+.{digits}f}, {high:+.{digits}f}] ({100.0 * level:.4g} %, n = {count})"


def _measure(check: Check, strict: float) -> Margin:
    """Measure a margin by the interval that it is judged by: the strict one where only a refutation can come of it."""
    level = CONFIDENCE if statistics.fmean(check.margins) > 0.0 else strict
    return Margin(check, estimate_mean(check.margins, level), level)
