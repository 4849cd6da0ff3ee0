"""Every statistic against numbers worked out by hand."""

from itertools import product

import pytest

from stages.report.claims.best_gan import fit_slope
from stages.report.claims.training import measure_fluctuation
from stages.report.formatting import format_p
from stages.report.statistics.intervals import estimate_mean
from stages.report.statistics.pairwise_tests import (
    compute_friedman_p,
    compute_sign_flip_p,
    correct_p_values,
    count_equal_pairs,
    find_least_p,
    list_shaffer_factors,
    subtract_blocks,
)
from stages.report.statistics.rank_correlation import compare_orders


def test_an_interval_of_three_values_is_students() -> None:
    found = estimate_mean([1.0, 2.0, 3.0])
    # Deviation 1, error 1 / sqrt(3), t(2) = 4.302653 at 95 %.
    assert (found.mean, found.deviation, found.size) == (2.0, 1.0, 3)
    assert found.high == pytest.approx(2.0 + 4.302653 / 3.0**0.5, abs=1e-6)
    assert found.low == pytest.approx(2.0 - 4.302653 / 3.0**0.5, abs=1e-6)


def test_two_values_have_a_wide_interval_and_one_has_none() -> None:
    # t(1) = 12.7062; the deviation of 0 and 2 is sqrt(2), their mean's error 1.
    assert estimate_mean([0.0, 2.0]).high == pytest.approx(1.0 + 12.7062, abs=1e-4)
    one = estimate_mean([5.0])
    assert (one.mean, one.deviation, one.low, one.high, one.size) == (5.0, None, None, None, 1)
    assert one.is_above(0.0) is None


def test_an_interval_is_above_below_or_around_a_bound() -> None:
    found = estimate_mean([1.0, 1.1, 0.9])
    assert [found.is_above(bound) for bound in (0.0, 1.0, 2.0)] == [True, None, False]


def test_sign_flips_are_all_gone_through() -> None:
    # Of 8 patterns only the two with one sign are as far from zero.
    assert compute_sign_flip_p([1.0, 2.0, 3.0]) == pytest.approx(2 / 8)
    # |1 + 2 - 4| = 1: the patterns with |sum| 1 or more are all 8.
    assert compute_sign_flip_p([1.0, 2.0, -4.0]) == 1.0
    # |4 + 2 - 1| = 5: of sums +-7, +-5, +-3, +-1 four are as far from zero.
    assert compute_sign_flip_p([4.0, 2.0, -1.0]) == pytest.approx(4 / 8)


def test_sign_flips_agree_with_going_through_them_by_hand() -> None:
    values = [0.3, -0.1, 0.7, 0.45, -0.02, 0.6, 0.11, 0.5, 0.2]
    sums = [
        sum(sign * value for sign, value in zip(signs, values, strict=True))
        for signs in product((-1, 1), repeat=9)
    ]
    far = sum(abs(total) >= sum(values) - 1e-12 for total in sums)
    assert compute_sign_flip_p(values) == pytest.approx(far / 2**9)


def test_too_few_or_equal_values_differ_in_nothing() -> None:
    assert [compute_sign_flip_p(values) for values in ([], [3.0], [0.0, 0.0, 0.0])] == [1.0, 1.0, 1.0]


def test_friedmans_test_by_hand() -> None:
    values = {
        gan: {("A", seed): score for seed in range(3)} for gan, score in (("a", 1.0), ("b", 2.0), ("c", 3.0))
    }
    # Rank sums 3, 6, 9 of n = 3 blocks: 12 / (3 * 3 * 4) * (9 + 36 + 81) - 3 * 3 * 4 = 6, chi2 of 2: exp(-3).
    assert compute_friedman_p(values) == pytest.approx(0.0497871, abs=1e-6)


def test_friedmans_test_needs_three_gans_and_two_blocks_that_all_have() -> None:
    assert (
        compute_friedman_p({"a": {("A", 0): 1.0, ("A", 1): 1.0}, "b": {("A", 0): 1.0, ("A", 1): 2.0}}) is None
    )
    assert (
        compute_friedman_p({"a": {("A", 0): 1.0}, "b": {("A", 0): 2.0}, "c": {("A", 0): 3.0, ("A", 1): 1.0}})
        is None
    )


def test_equal_gans_have_no_friedman_order() -> None:
    assert compute_friedman_p({gan: {("A", 0): 1.0, ("A", 1): 1.0} for gan in "abc"}) == 1.0


def test_the_numbers_of_pairs_that_can_be_equal_are_shaffers() -> None:
    # Shaffer 1986, and Garcia and Herrera 2008: S(3), S(4), S(5).
    assert [sorted(count_equal_pairs(count)) for count in (2, 3, 4, 5)] == [
        [0, 1],
        [0, 1, 3],
        [0, 1, 2, 3, 6],
        [0, 1, 2, 3, 4, 6, 10],
    ]


def test_factors_of_four_gans() -> None:
    # Six pairs; once two differ, at most three are equal.
    assert list_shaffer_factors(4, is_gated=False) == [6, 3, 3, 3, 2, 1]
    assert list_shaffer_factors(4, is_gated=True) == [3, 3, 3, 3, 2, 1]
    assert list_shaffer_factors(2, is_gated=False) == [1]


def test_p_values_are_corrected_step_by_step() -> None:
    # Three GANs, factors 3, 1, 1; none below an earlier one.
    assert correct_p_values([0.01, 0.04, 0.02], 3, None) == pytest.approx([0.03, 0.04, 0.03])
    # Behind the overall test the factors are 1, 1, 1, and no p is below its.
    assert correct_p_values([0.01, 0.04, 0.02], 3, 0.015) == pytest.approx([0.015, 0.04, 0.02])


def test_the_smallest_p_that_a_grid_can_give() -> None:
    # Three settings with one seed: 2 / 8 for a pair, no pair of six GANs can be told apart.
    assert find_least_p(3, 2, is_gated=False) == 0.25
    assert find_least_p(3, 6, is_gated=True) == 1.0
    # With three seeds: 2 / 512 times at most 10 equal pairs.
    assert find_least_p(9, 6, is_gated=True) == pytest.approx(10 * 2 / 512)
    assert find_least_p(0, 6, is_gated=False) == 1.0


def test_only_blocks_that_both_have_are_compared() -> None:
    assert subtract_blocks({("A", 0): 3.0, ("B", 0): 5.0}, {("B", 0): 1.0, ("C", 0): 9.0}) == [4.0]


def test_kendalls_p_is_exact() -> None:
    # Of 4! orders two, the same and the reverse, agree or disagree that much.
    ours = {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}
    agreement = compare_orders(ours, ours)
    assert agreement.p == pytest.approx(2 / 24)
    assert agreement.least_p == pytest.approx(2 / 24)
    assert agreement.describe() == "+1.00 (n = 4, p = 0.083)"


def test_p_values_are_written_with_as_many_digits_as_tell() -> None:
    assert [format_p(p) for p in (0.25, 0.0586, 0.0039, 0.0001)] == [
        "= 0.25",
        "= 0.059",
        "= 0.0039",
        "< 0.001",
    ]


def test_the_slope_of_a_line_and_of_points_beside_it() -> None:
    assert fit_slope([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(2.0)
    # Means 1 and 1: (1 * 1 + 0 + 1 * 1) / 2, whatever the middle point is.
    assert fit_slope([0.0, 1.0, 2.0], [0.0, 1.0, 2.0]) == fit_slope([0.0, 1.0, 2.0], [0.0, 4.0, 2.0]) == 1.0


def test_a_fluctuation_leaves_out_a_drift() -> None:
    # Steps +2, -2, +2: root of (4 + 4 + 4) / 3 / 2.
    assert measure_fluctuation([0.0, 2.0, 0.0, 2.0]) == pytest.approx(2.0**0.5)
    # The drift of 0.01 a step adds 0.01^2 / 2 to the square.
    drift = [0.01 * index for index in range(100)]
    assert measure_fluctuation(drift) == pytest.approx(0.01 / 2**0.5)
