"""Test which pairs of GANs differ: paired over settings and seeds, and corrected for the number of pairs.

Trials of one setting and seed form a block: they share Adam's numbers, the order of the training images and the
noise of their samples, so differences within a block leave out what these do to all GANs alike.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import friedmanchisquare, permutation_test

from stages.report.model.comparisons import PairTest, PairwiseTests
from stages.report.results.all_results import Results
from stages.report.statistics.intervals import LEVEL, estimate_mean
from stages.report.statistics.metrics import Metric

# The test goes through all sign patterns of so many blocks, and through as many random ones of more blocks: scipy needs
# 20 us for each.
EXACT_BLOCK_COUNT = 13
MOST_PATTERNS = 2**EXACT_BLOCK_COUNT
FEWEST_DIFFERENCES = 2
FEWEST_GANS_FOR_FRIEDMAN = 3
FEWEST_BLOCKS_FOR_FRIEDMAN = 2

Block = tuple[str, int]
"""A setting and a seed."""
Values = dict[str, dict[Block, float]]
"""Each trial's best value, by GAN and block."""


def compare_pairs(results: Results, metric: Metric) -> PairwiseTests:
    """Compare every two GANs by each trial's best value, as Table 1 does.

    The overall null hypothesis is tested with Friedman's test, each pair with a sign-flip test, and p values are
    corrected step by step for the largest number of pairs that can be equal at once (Shaffer 1986), which is
    Holm's correction made sharper by logic: with six GANs, where any two differ, at most 10 of 15 pairs are equal.

    Source: Garcia and Herrera 2008, "An extension on statistical comparisons of classifiers over multiple data
        sets for all pairwise comparisons", section 2; Shaffer 1986, "Modified sequentially rejective multiple
        test procedures".
    """
    values = collect_best_values(results, metric)
    couples = list(combinations(values, 2))
    differences = [subtract_blocks(values[first], values[second]) for first, second in couples]
    p_values = [compute_sign_flip_p(found) for found in differences]
    overall_p = compute_friedman_p(values)
    corrected = correct_p_values(p_values, len(values), overall_p)
    blocks = max(map(len, differences), default=0)
    least_p = find_least_p(blocks, len(values), overall_p is not None)
    return PairwiseTests(
        metric=metric.key,
        pairs=tuple(
            _describe_pair(*arguments, metric=metric)
            for arguments in zip(couples, differences, p_values, corrected, strict=True)
        ),
        overall_p=overall_p,
        blocks=blocks,
        least_p=least_p,
        least_raw_p=find_least_p(blocks, gan_count=2, is_gated=False),
        can_differ=least_p < LEVEL,
    )


def _describe_pair(
    couple: tuple[str, str], differences: list[float], p: float, corrected_p: float, metric: Metric
) -> PairTest:
    first, second = couple
    mean = estimate_mean(differences) if differences else None
    return PairTest(
        first=first,
        second=second,
        blocks=len(differences),
        first_better=sum(metric.is_better(difference, 0.0) for difference in differences),
        ties=differences.count(0.0),
        difference=mean and mean.mean,
        difference_low=mean and mean.low,
        difference_high=mean and mean.high,
        p=p,
        corrected_p=corrected_p,
        differs=corrected_p < LEVEL,
    )


def collect_best_values(results: Results, metric: Metric) -> Values:
    """Collect each trial's best value; a trial that diverged before its first point has none."""
    return {
        gan: {
            (result.trial.setting, result.trial.seed): metric.value_of(metric.choose(result.points))
            for result in results.trials
            if result.trial.gan == gan and result.points
        }
        for gan in results.grid.gans
    }


def subtract_blocks(first: dict[Block, float], second: dict[Block, float]) -> list[float]:
    """Subtract the second GAN's values from the first's, in the blocks that both have."""
    return [value - second[block] for block, value in first.items() if block in second]


def compute_sign_flip_p(differences: Sequence[float]) -> float:
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


def compute_friedman_p(values: Values) -> float | None:
    """Test with Friedman's ranks whether any GAN differs from any other, over the blocks that all of them have.

    Returns:
        The p; None with fewer than three GANs or two blocks.
    """
    blocks = set.intersection(*(set(found) for found in values.values())) if values else set()
    if len(values) < FEWEST_GANS_FOR_FRIEDMAN or len(blocks) < FEWEST_BLOCKS_FOR_FRIEDMAN:
        return None
    table: NDArray[np.float64] = np.array([[found[block] for block in blocks] for found in values.values()])
    # Where all GANs are equal in every block there is nothing to rank.
    return 1.0 if (table == table[0]).all() else float(friedmanchisquare(*table).pvalue)


def correct_p_values(p_values: Sequence[float], gan_count: int, overall_p: float | None) -> list[float]:
    """Correct the p values of all pairs of GANs by Shaffer's procedure, in the order given.

    Where the overall test was made, no corrected p is below its p, and at least one pair is taken to differ.
    """
    factors = list_shaffer_factors(gan_count, is_gated=overall_p is not None)
    corrected, least = [0.0] * len(p_values), overall_p or 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        least = max(least, min(1.0, factors[rank] * p_values[index]))
        corrected[index] = least
    return corrected


def list_shaffer_factors(gan_count: int, is_gated: bool) -> list[int]:
    """List the factors of the smallest p, the second smallest and so on.

    A factor is the largest number of pairs that can be equal when as many pairs as have a smaller p differ.

    Args:
        gan_count: GANs compared.
        is_gated: whether an overall test has found that at least one pair differs.
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
    """Find the smallest corrected p that a number of blocks could give: that of differences of one sign."""
    if blocks == 0 or gan_count < 2:
        return 1.0
    factor = list_shaffer_factors(gan_count, is_gated)[0]
    return min(1.0, factor * 2.0 / float(min(2**blocks, MOST_PATTERNS)))
