"""Every statistic against numbers worked out by hand."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_1samp, ttest_rel

from stages.report.claims.slopes import fit_slope
from stages.report.claims.training import measure_fluctuation
from stages.report.formatting import format_p
from stages.report.statistics.contrasts import compare_rivals, correct_by_holm, find_effect
from stages.report.statistics.intervals import estimate_geometric_mean, estimate_mean
from stages.report.statistics.metrics import FID, INCEPTION_SCORE
from stages.report.statistics.rank_correlation import compare_orders
from stages.report.statistics.ranks import estimate_ranks
from stages.report.statistics.seed_scores import SeedScores


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


def test_a_geometric_mean_has_an_interval_above_zero() -> None:
    found = estimate_geometric_mean([math.log(1.0), math.log(100.0)])
    # The logarithms' mean is log 10, its error half of log 100: t(1) = 12.7062 of them.
    assert found.mean == pytest.approx(10.0)
    assert found.low == pytest.approx(10.0 / math.exp(12.7062 * math.log(100.0) / 2), rel=1e-3)
    assert found.low is not None and found.low > 0.0


def test_an_end_that_no_number_is_large_enough_for_is_still_a_number() -> None:
    high = estimate_geometric_mean([0.0, 200.0]).high
    assert high is not None and math.isfinite(high)


def make_scores(**seeds: list[float | None]) -> SeedScores:
    return seeds


def test_a_contrast_is_students_paired_test_of_logarithms() -> None:
    (row,) = compare_rivals(
        make_scores(sngan=[0.0, 0.1, 0.3], began=[1.0, 1.3, 1.2]), {"sngan": 0, "began": 0}
    )
    outcome = ttest_rel([0.0, 0.1, 0.3], [1.0, 1.3, 1.2])
    assert row.p == pytest.approx(float(outcome.pvalue))
    interval = outcome.confidence_interval()
    assert (row.low, row.high) == pytest.approx((math.exp(interval.low), math.exp(interval.high)))
    assert row.ratio == pytest.approx(math.exp(-3.1 / 3))
    assert row.is_significant and row.is_ahead(is_higher_better=False) is True and row.is_ahead(True) is False


def test_p_values_are_corrected_step_by_step() -> None:
    # Holm: 4 * 0.01, 3 * 0.02, 2 * 0.04 and no less than the one before; a test that was not made is counted.
    assert correct_by_holm([0.02, 0.01, None, 0.04]) == pytest.approx([0.06, 0.04, None, 0.08])
    assert correct_by_holm([0.03, 0.01, 0.011]) == pytest.approx([0.03, 0.03, 0.03])


def test_a_failure_takes_the_test_and_stays_in_the_correction() -> None:
    whole = make_scores(sngan=[0.0, 0.1, 0.3], began=[1.0, 1.3, 1.2], ebgan=[2.0, None, 2.0])
    began, ebgan = compare_rivals(whole, {"sngan": 0, "began": 0, "ebgan": 1})
    assert (ebgan.ratio, ebgan.p, ebgan.failed) == (None, None, 1)
    assert began.p is not None and began.corrected_p == pytest.approx(2 * began.p)


def test_one_seed_has_a_ratio_and_no_test() -> None:
    (row,) = compare_rivals(make_scores(sngan=[0.0], began=[math.log(2.0)]), {"sngan": 0, "began": 0})
    assert (row.p, row.corrected_p, row.low, row.detectable_ratio, row.is_significant) == (
        None,
        None,
        None,
        None,
        False,
    )
    assert row.ratio == pytest.approx(0.5)


@pytest.mark.parametrize(("seeds", "level"), [(3, 0.05), (5, 0.01), (8, 0.05)])
def test_what_would_have_been_told_is_told_as_often_as_said(seeds: int, level: float) -> None:
    random = np.random.default_rng(0)
    difference = find_effect(seeds - 1, level) / math.sqrt(seeds)
    draws = difference + random.standard_normal((20_000, seeds))
    assert np.mean(ttest_1samp(draws, 0.0, axis=1).pvalue < level) == pytest.approx(0.8, abs=0.01)


def test_ranks_are_sure_where_means_lie_far_apart_and_open_where_they_do_not() -> None:
    far = make_scores(a=[0.0, 0.1, -0.1], b=[9.0, 9.1, 8.9], c=[20.0, 20.1, 19.9])
    first, second, third = estimate_ranks(far, FID)
    assert [(row.gan, row.rank, row.low, row.high) for row in (first, second, third)] == [
        ("a", 1, 1, 1),
        ("b", 2, 2, 2),
        ("c", 3, 3, 3),
    ]
    near = estimate_ranks(make_scores(a=[0.0, 0.1, -0.1], b=[0.01, 0.11, -0.09]), FID)
    assert near[0].gan == "a" and (near[0].low, near[0].high) == (1, 2)
    assert near[0].best_probability == pytest.approx(0.53, abs=0.05)
    assert sum(near[1].probabilities) == pytest.approx(1.0)


def test_a_gan_that_failed_is_last_in_every_draw() -> None:
    rows = estimate_ranks(make_scores(a=[0.0, None, 0.0], b=[1.0, 1.1, 1.2], c=[None, None, None]), FID)
    assert [(row.gan, row.rank, row.low, row.high) for row in rows] == [
        ("b", 1, 1, 1),
        ("a", 2, 2, 2),
        ("c", 3, 3, 3),
    ]
    assert [row.best_probability for row in rows] == [1.0, 0.0, 0.0]


def test_one_seed_has_ranks_and_nothing_that_says_how_sure_they_are() -> None:
    rows = estimate_ranks(make_scores(a=[1.0], b=[0.0]), FID)
    assert [(row.gan, row.low, row.best_probability, row.probabilities) for row in rows] == [
        ("b", None, None, ()),
        ("a", None, None, ()),
    ]


def test_higher_is_better_for_the_score_of_single_images() -> None:
    assert [row.gan for row in estimate_ranks(make_scores(a=[1.0, 1.1], b=[0.0, 0.1]), INCEPTION_SCORE)] == [
        "a",
        "b",
    ]


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
