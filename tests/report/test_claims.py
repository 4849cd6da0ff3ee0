from collections.abc import Callable

import pytest

from stages.common.artifacts import DATA_MANIFEST, EXTRACTOR, LOSS_CURVES, TRAINING, read_json, write_json
from stages.report.claims.absolute_values import check_absolute_values
from stages.report.claims.all_claims import check_claims
from stages.report.claims.best_gan import check_best, check_best_everywhere, check_fastest
from stages.report.claims.decision import Comparison, Margin, decide, describe_margin
from stages.report.claims.training import check_fluctuation, check_length, check_ratio
from stages.report.claims.trends import check_early_ranking, check_trend
from stages.report.results.all_results import read_results
from stages.report.statistics.metrics import FID, INCEPTION_SCORE

Write = Callable[..., None]
Scores = dict[str, list[tuple[float, float]]]


def make_seeds(began: float, sngan: float) -> Scores:
    """Two GANs with three seeds: their scores' and FIDs' centres, SNGAN's apart by 0.1 a seed."""
    return {
        f"{gan}-A-{seed}": [(centre + noise * (seed - 1), 100.0 - centre + noise * (seed - 1))]
        for gan, centre, noise in (("began", began, 0.0), ("sngan", sngan, 0.1))
        for seed in range(3)
    }


def test_a_claim_holds_when_all_margins_surely_do() -> None:
    sure, unsure = Comparison("sure", [1.0, 1.1, 0.9]), Comparison("unsure", [1.0, -0.5, 0.2])
    assert decide([sure]).holds is True
    assert decide([sure, unsure])[:2] == (None, True)
    assert get_decisive([sure, unsure]).comparison == unsure


def get_decisive(comparisons: list[Comparison]) -> Margin:
    decisive = decide(comparisons).decisive
    assert decisive is not None
    return decisive


def test_a_claim_fails_when_one_margin_surely_does() -> None:
    wrong = Comparison("wrong", [-1.0, -1.01, -0.99])
    assert decide([Comparison("sure", [1.0, 1.1, 0.9]), wrong])[:2] == (False, False)


def test_more_comparisons_make_a_refutation_harder() -> None:
    # t = -1 / (0.3 / sqrt(3)) = -5.8: beyond 4.3 of 95 %, not beyond 15.0 of 1 - 0.05 / 11 with two degrees of freedom.
    wrong = Comparison("wrong", [-1.0, -1.3, -0.7])
    assert decide([wrong]).holds is False
    assert decide([wrong] + [Comparison("right", [1.0, 1.1, 0.9])] * 10)[:2] == (None, False)


def test_the_margin_that_refutes_is_told_not_a_larger_unsure_one() -> None:
    sure, unsure = Comparison("sure", [-1.0, -1.01, -0.99]), Comparison("unsure", [-90.0, 30.0, -30.0])
    decisive = get_decisive([unsure, sure])
    assert (decisive.comparison, decisive.level) == (sure, 0.975)
    assert decisive.interval.high is not None and decisive.interval.high < 0.0


def test_a_margin_is_told_with_the_interval_it_is_judged_by() -> None:
    # Below 0 at 95 %, around it at the 99 % of five comparisons: what is shown must not look like a refutation.
    wrong, right = (
        Comparison("wrong", [-1.0, -1.3, -0.7]),
        [Comparison(name, [1.0, 1.1, 0.9]) for name in "abcd"],
    )
    decision = decide([wrong, *right])
    assert decision.holds is None
    assert describe_margin(decision, 2) == "deciding margin: wrong -1.00 [-2.72, +0.72] (99 %, n = 3)"


def test_the_ends_of_one_range_are_one_comparison() -> None:
    # t = 5.8: beyond 4.3 of 95 %, not beyond 6.2 of Bonferroni's 97.5 %.
    below, above = [-1.0, -1.3, -0.7], [3.0, 3.3, 2.7]
    assert decide([Comparison("low end", above), Comparison("high end", below)]).holds is None
    ends = [Comparison("low end", above, quantity="ratio"), Comparison("high end", below, quantity="ratio")]
    assert decide(ends).holds is False


def test_margins_without_deviation_are_as_sure_as_can_be() -> None:
    assert decide([Comparison("wrong", [-1.0, -1.0]), Comparison("right", [1.0, 1.0])]).holds is False
    assert decide([Comparison("none", [0.0, 0.0])])[:2] == (None, False)


def test_one_seed_settles_nothing_but_its_numbers_are_told(write_results: Write) -> None:
    write_results({"began-A-0": [(3.0, 10.0)], "sngan-A-0": [(2.0, 60.0)]})
    claim = check_best(read_results())
    assert (claim.holds, claim.means_agree) == (None, False)
    assert claim.verdict == "cannot be told (the means say no)"
    assert claim.numbers.startswith(
        "Inception Score: BEGAN 3.00, SNGAN 2.00; FID: BEGAN 10.0, SNGAN 60.0; deciding"
    )
    assert claim.numbers.endswith("over BEGAN in FID -50.00 (n = 1, no interval)")


@pytest.mark.parametrize(("sngan", "holds"), [(9.0, True), (1.0, False), (5.01, None)])
def test_sngan_is_best_where_its_lead_is_sure(write_results: Write, sngan: float, holds: bool | None) -> None:
    write_results(make_seeds(began=5.0, sngan=sngan))
    results = read_results()
    assert check_best(results).holds is holds


def test_a_large_lead_under_the_only_setting_is_sure(write_results: Write) -> None:
    write_results(make_seeds(began=5.0, sngan=6.0))
    assert check_best_everywhere(read_results()).holds is True


def test_sngan_that_diverged_is_not_the_best(write_results: Write) -> None:
    write_results({"began-A-0": [(1.0, 90.0)], "sngan-A-0": []}, diverged={"sngan-A-0": 3})
    claim = check_best(read_results())
    assert (claim.holds, claim.means_agree) == (None, False)
    assert "SNGAN diverged" in claim.numbers


def test_scores_that_rise_with_every_seed_rise(write_results: Write) -> None:
    write_results({f"sngan-A-{seed}": [(1.0, 9.0), (2.0 + 0.1 * seed, 9.5)] for seed in range(3)})
    rises, falls = (check_trend(read_results(), metric) for metric in (INCEPTION_SCORE, FID))
    assert (rises.holds, falls.holds) == (True, False)
    assert rises.numbers.startswith(
        "it rises from the first to the last point in 3 of 3 trials, and from every point to the next in 3"
    )


def test_a_model_that_diverged_early_does_not_rise_with_training(write_results: Write) -> None:
    scores = {"began-A-0": [(1.0, 9.0)], "sngan-A-0": [(1.0, 9.0), (2.0, 8.0)]}
    write_results(scores, diverged={"began-A-0": 15})
    rises = check_trend(read_results(), INCEPTION_SCORE)
    assert rises.means_agree is False
    assert "in 1; 1 more diverged before the second point" in rises.numbers


def test_an_order_that_turns_round_is_not_roughly_the_same(write_results: Write) -> None:
    gans = ("began", "ebgan", "sngan")
    write_results({f"{gan}-A-{seed}": [(1.0, 10.0 + place), (1.0, 20.0 - place)]
                   for place, gan in enumerate(gans) for seed in range(2)})  # fmt: skip
    claim = check_early_ranking(read_results())
    assert claim.holds is False
    assert claim.numbers.startswith("Kendall's tau of the two orders, mean over seeds, A: -1.00")


def test_the_steepest_score_is_that_of_the_line_through_all_points(write_results: Write) -> None:
    # Points at epochs 0.1 and 0.2: 10 and 5 a tenth of an epoch.
    write_results({"began-A-0": [(1.0, 9.0), (1.5, 9.0)], "sngan-A-0": [(1.0, 9.0), (2.0, 9.0)]})
    claim = check_fastest(read_results())
    assert (claim.holds, claim.means_agree) == (None, True)
    assert claim.numbers.startswith("steepest line through all points at A: SNGAN (+10 per epoch)")


def test_absolute_values_are_not_compared_under_another_protocol(write_results: Write) -> None:
    write_results(make_seeds(began=2.0, sngan=3.7))
    claims = check_absolute_values(read_results())
    assert [claim.holds for claim in claims] == [None, None]
    assert "ours to scikit-learn's digits seen by the classifier" in claims[0].numbers
    assert "SNGAN 3.70" in claims[0].numbers


def test_absolute_values_are_compared_under_the_reports_protocol(write_results: Write) -> None:
    write_results(make_seeds(began=2.0, sngan=3.7))
    for path, key, value in (
        (DATA_MANIFEST, "dataset", "cifar10"),
        (EXTRACTOR / "card.json", "name", "inception"),
    ):
        write_json(path, read_json(path, "") | {key: value})
    scores, fids = check_absolute_values(read_results())
    assert scores.holds is None and scores.means_agree is True  # 3.7 +- 0.25 is not surely below 4
    # BEGAN's FID of 98 is not above 200.
    assert fids.holds is False


def test_300_epochs_are_more_generator_steps_than_the_originals(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    claim = check_length(read_results())
    assert claim.holds is False
    assert "300 epochs of 50,000 // 64 batches are 234,300 generator steps" in claim.numbers


def write_losses(trial: str, rows: list[tuple[int, float, float]]) -> None:
    lines = [f"{step},{discriminator},{generator}" for step, discriminator, generator in rows]
    text = "\n".join(["generator_step,discriminator_loss,generator_loss", *lines]) + "\n"
    (TRAINING / trial / LOSS_CURVES).write_text(text)


def test_fluctuations_are_compared_before_and_after_100000_steps(write_results: Write) -> None:
    write_results({f"sngan-A-{seed}": [(2.0, 60.0)] for seed in range(3)})
    assert check_fluctuation(read_results()).holds is None
    for seed in range(3):
        rows = [(step, (-1.0) ** step, (-1.0) ** step) for step in range(99_900, 100_001)]
        rows += [
            (step, (3.0 + seed / 10) * (-1.0) ** step, 4.0 * (-1.0) ** step)
            for step in range(100_001, 100_100)
        ]
        write_losses(f"sngan-A-{seed}", rows)
    claim = check_fluctuation(read_results())
    # Three to 3.2 times as much, less 1.
    assert claim.holds is True
    assert "+2.10" in claim.numbers


@pytest.mark.parametrize(("factor", "holds"), [(2.0, True), (4.0, False)])
def test_the_ratio_of_the_losses_fluctuations_is_about_two_or_not(
    write_results: Write, factor: float, holds: bool
) -> None:
    write_results({f"sngan-A-{seed}": [(2.0, 60.0)] for seed in range(3)})
    for seed in range(3):
        ratio = factor + 0.01 * seed
        write_losses(
            f"sngan-A-{seed}", [(step, (-1.0) ** step, ratio * (-1.0) ** step) for step in range(50)]
        )
    claim = check_ratio(read_results())
    assert claim.holds is holds
    assert f"ratio of the deviations {factor + 0.01:.2f}" in claim.numbers


def test_claims_about_sngan_cannot_be_told_without_it(write_results: Write) -> None:
    write_results({"began-A-0": [(1.0, 90.0)]})
    claims = check_claims(read_results())
    assert [claim.verdict for claim in claims if claim.holds is not None] == ["does not hold"]
    assert len(claims) == 16
