"""Which pairs of GANs differ: paired over settings and seeds, and corrected for the number of pairs.

Trials of one setting and seed form a block: they share Adam's numbers, the order of the training images and the
noise that samples are drawn from, so differences within a block leave out what these do to all GANs alike.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, permutation_test

from stages.report.results.read import Results
from stages.report.statistics.intervals import Interval, estimate_mean
from stages.report.statistics.scores import Metric

LEVEL = 0.05
# All sign patterns of up to 13 blocks are gone through; of more, this many by chance: scipy takes 20 us each.
MOST_PATTERNS = 2**13
FEWEST_DIFFERENCES = 2
FEWEST_GANS_FOR_FRIEDMAN = 3
FEWEST_BLOCKS_FOR_FRIEDMAN = 2

Block = tuple[str, int]
"""A setting and a seed."""
Values = dict[str, dict[Block, float]]
"""Each trial's best value, by GAN and block."""


class Pair(NamedTuple):
    """How two GANs differ.

    Attributes:
        first: a GAN.
        second: another.
        difference: mean of first minus second over the blocks that have both, with its t-interval; None without any.
        first_better: in how many blocks the first is better.
        ties: in how many neither is.
        p: of the paired sign-flip test, two-sided.
        corrected_p: the same after the correction for all pairs.
    """

    first: str
    second: str
    difference: Interval | None
    first_better: int
    ties: int
    p: float
    corrected_p: float

    @property
    def differs(self) -> bool:
        """Whether the two differ at 95 %."""
        return self.corrected_p < LEVEL


class Comparison(NamedTuple):
    """All pairs of GANs by one metric.

    Attributes:
        metric: what is compared.
        pairs: in the grid's order.
        overall_p: of Friedman's test that no GAN differs from any other; None with fewer than three GANs or two blocks.
        blocks: the most that any pair shares.
        least_p: the smallest corrected p that so many blocks could give at all.
    """

    metric: Metric
    pairs: list[Pair]
    overall_p: float | None
    blocks: int
    least_p: float

    @property
    def can_tell(self) -> bool:
        """Whether any difference, however large, could be told at 95 %."""
        return self.least_p < LEVEL

    @property
    def least_raw_p(self) -> float:
        """The smallest p before the correction."""
        return find_least_p(self.blocks, gan_count=2, is_gated=False)

    def of(self, first: str, second: str) -> Pair:
        """Return a pair, whichever of the two is asked for first."""
        return next(pair for pair in self.pairs if {pair.first, pair.second} == {first, second})


def compare_pairs(results: Results, metric: Metric) -> Comparison:
    """Compare every two GANs by each trial's best value, as Table 1 takes it.

    The overall null hypothesis is tested with Friedman's test, each pair with a sign-flip test, and p values are
    corrected step by step for the largest number of pairs that can be equal at once (Shaffer 1986), which is
    Holm's correction made sharper by logic: with six GANs, where any two differ, at most 10 of 15 pairs are equal.

    Source: Garcia and Herrera 2008, "An extension on statistical comparisons of classifiers over multiple data
        sets for all pairwise comparisons", section 2; Shaffer 1986, "Modified sequentially rejective multiple
        test procedures".
    """
    values = gather_values(results, metric)
    couples = list(combinations(values, 2))
    differences = [subtract(values[first], values[second]) for first, second in couples]
    ps = [flip_signs(found) for found in differences]
    overall = rank_blocks(values)
    pairs = [
        Pair(
            first=first,
            second=second,
            difference=estimate_mean(found) if found else None,
            first_better=sum(metric.is_better(difference, 0.0) for difference in found),
            ties=found.count(0.0),
            p=p,
            corrected_p=corrected,
        )
        for (first, second), found, p, corrected in zip(
            couples, differences, ps, correct(ps, len(values), overall), strict=True
        )
    ]
    blocks = max(map(len, differences), default=0)
    return Comparison(metric, pairs, overall, blocks, find_least_p(blocks, len(values), overall is not None))


def gather_values(results: Results, metric: Metric) -> Values:
    """Take each trial's best value; a trial that diverged before its first point has none."""
    return {
        gan: {
            (result.trial.setting, result.trial.seed): metric.of(metric.choose(result.points))
            for result in results.trials
            if result.trial.gan == gan and result.points
        }
        for gan in results.grid.gans
    }


def subtract(first: dict[Block, float], second: dict[Block, float]) -> list[float]:
    """Subtract within the blocks that have both."""
    return [value - second[block] for block, value in first.items() if block in second]


def flip_signs(differences: Sequence[float]) -> float:
    """Test whether paired differences scatter around zero, by their mean under all ways to flip their signs.

    Exact, whatever the values' distribution: if two GANs do not differ, each difference is as likely with the
    other sign. With n differences no p is below 2 / 2^n.

    Returns:
        The two-sided p; 1 for fewer than two differences.

    Source: Fisher 1935, "The design of experiments", section 21.
    """
    if len(differences) < FEWEST_DIFFERENCES:
        return 1.0
    outcome = permutation_test(
        (np.asarray(differences),),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=MOST_PATTERNS,
        rng=np.random.default_rng(0),
    )
    return float(outcome.pvalue)


def rank_blocks(values: Values) -> float | None:
    """Test with Friedman's ranks whether any GAN differs from any other, over the blocks that all of them have."""
    blocks = set.intersection(*(set(found) for found in values.values())) if values else set()
    if len(values) < FEWEST_GANS_FOR_FRIEDMAN or len(blocks) < FEWEST_BLOCKS_FOR_FRIEDMAN:
        return None
    table: NDArray[np.float64] = np.array([[found[block] for block in blocks] for found in values.values()])
    # Where all GANs tie in every block there is nothing to rank.
    return 1.0 if (table == table[0]).all() else float(friedmanchisquare(*table).pvalue)


def correct(ps: Sequence[float], gan_count: int, overall_p: float | None) -> list[float]:
    """Correct p values of all pairs of GANs by Shaffer's procedure, in the order given.

    Where the overall test was made, no corrected p is below its p, and not all pairs need be reckoned equal.
    """
    factors = list_factors(gan_count, is_gated=overall_p is not None)
    corrected, least = [0.0] * len(ps), overall_p or 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        least = max(least, min(1.0, factors[rank] * ps[index]))
        corrected[index] = least
    return corrected


def list_factors(gan_count: int, is_gated: bool) -> list[int]:
    """List what the smallest p, the second smallest and so on are multiplied with.

    It is the largest number of pairs that can be equal while as many are not as have been told apart before.
    """
    pairs = math.comb(gan_count, 2)
    possible = sorted(count_equal_pairs(gan_count))
    bounds = [pairs - rank for rank in range(pairs)]
    if is_gated:
        bounds = [min(bound, pairs - 1) for bound in bounds]
    return [max(1, max(count for count in possible if count <= bound)) for bound in bounds]


@cache
def count_equal_pairs(gan_count: int) -> frozenset[int]:
    """List how many pairs can be equal at once: GANs fall into groups of equals, of any sizes (Shaffer's S)."""
    if gan_count < 2:
        return frozenset({0})
    return frozenset(
        math.comb(size, 2) + rest
        for size in range(1, gan_count + 1)
        for rest in count_equal_pairs(gan_count - size)
    )


def find_least_p(blocks: int, gan_count: int, is_gated: bool) -> float:
    """Find the smallest corrected p that a number of blocks could give, all differences having one sign."""
    if blocks == 0 or gan_count < 2:
        return 1.0
    return min(1.0, list_factors(gan_count, is_gated)[0] * 2.0 / float(min(2**blocks, MOST_PATTERNS)))


def tabulate_pairs(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Write all comparisons as plain records, one a metric and pair."""
    return [
        {
            "metric": comparison.metric.key,
            "first": pair.first,
            "second": pair.second,
            "blocks": 0 if pair.difference is None else pair.difference.size,
            "first_better": pair.first_better,
            "difference": pair.difference and pair.difference.mean,
            "difference_low": pair.difference and pair.difference.low,
            "difference_high": pair.difference and pair.difference.high,
            "p": pair.p,
            "corrected_p": pair.corrected_p,
            "overall_p": comparison.overall_p,
            "least_p": comparison.least_p,
        }
        for comparison in comparisons
        for pair in comparison.pairs
    ]
