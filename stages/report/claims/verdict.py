"""What a claim is, and how it is judged over seeds."""

from collections.abc import Sequence
from typing import NamedTuple

from stages.report.intervals import CONFIDENCE, Interval, estimate_mean

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
    """

    name: str
    margins: list[float]
    has_failed: bool = False


class Judgement(NamedTuple):
    """What a claim's comparisons come to.

    Attributes:
        holds: True when every comparison surely goes as claimed, False when any surely does not.
        means_say: the same of the means alone.
        worst: the comparison with the smallest mean margin, None without any.
        margin: its margin over seeds.
    """

    holds: bool | None
    means_say: bool | None
    worst: Check | None
    margin: Interval | None


def judge(checks: Sequence[Check]) -> Judgement:
    """Judge a claim that says that all of its comparisons go one way.

    It holds when each margin's 95 % interval over seeds lies above 0: as all must, no correction is due (Berger 1982,
    "Multiparameter hypothesis testing and acceptance sampling"). It does not hold when any margin's interval lies
    below 0, at Bonferroni's level for as many comparisons. One seed has no interval and settles neither.
    """
    told = [check for check in checks if check.margins]
    failed = any(check.has_failed for check in checks)
    if not told:
        return Judgement(None, False if failed else None, None, None)
    margins = [estimate_mean(check.margins) for check in told]
    strict = 1.0 - (1.0 - CONFIDENCE) / len(told)
    refuted = any(estimate_mean(check.margins, strict).is_above(0.0) is False for check in told)
    proven = len(told) == len(checks) and all(margin.is_above(0.0) for margin in margins)
    worst = min(range(len(told)), key=lambda index: margins[index].mean)
    return Judgement(
        holds=False if refuted else True if proven else None,
        means_say=not failed and all(margin.mean > 0.0 for margin in margins),
        worst=told[worst],
        margin=margins[worst],
    )


def tell_margin(judgement: Judgement, digits: int) -> str:
    """Tell the narrowest margin with its interval, or that one seed has none."""
    if judgement.worst is None or judgement.margin is None:
        return "nothing to compare"
    mean, _, low, high, count = judgement.margin
    told = f"narrowest margin: {judgement.worst.name} {mean:+.{digits}f}"
    if low is None or high is None:
        return f"{told} (n = 1, no interval)"
    return f"{told} [{low:+.{digits}f}, {high:+.{digits}f}] (n = {count})"
