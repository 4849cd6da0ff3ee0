import math
from collections.abc import Callable

import pytest

from stages.common.artifacts import (
    DATA_MANIFEST,
    EXTRACTOR,
    LOSS_CURVES,
    POINTS,
    SCORES,
    TRAINING,
    read_json,
    write_json,
)
from stages.report.claims.all_claims import check_claims, summarise_claims
from stages.report.claims.best_gan import check_best, check_best_everywhere, check_fastest
from stages.report.claims.decision import Comparison, Margin, decide, describe_margin, describe_power
from stages.report.claims.levels import check_levels, list_differences
from stages.report.claims.published_numbers import do_curves_improve, does_sngan_lead
from stages.report.claims.training import check_fluctuation, check_length, check_ratio
from stages.report.claims.trends import check_early_ranking, check_trend
from stages.report.model.sections import Claim, Outcome
from stages.report.results.all_results import Results, read_results
from stages.report.statistics.metrics import FID, INCEPTION_SCORE

HOLDS, FAILS, OPEN = Outcome.HOLDS, Outcome.FAILS, Outcome.OPEN
Write = Callable[..., None]
Scores = dict[str, list[tuple[float, float]]]


def make_seeds(began: float, sngan: float) -> Scores:
    """Make two GANs with three seeds around the given scores and FIDs; SNGAN's seeds are 0.1 apart."""
    return {
        f"{gan}-A-{seed}": [(centre + noise * (seed - 1), 100.0 - centre + noise * (seed - 1))]
        for gan, centre, noise in (("began", began, 0.0), ("sngan", sngan, 0.1))
        for seed in range(3)
    }


def test_a_claim_holds_when_all_margins_surely_do() -> None:
    sure, unsure = Comparison("sure", [1.0, 1.1, 0.9]), Comparison("unsure", [1.0, -0.5, 0.2])
    assert decide([sure]).outcome is HOLDS
    assert decide([sure, unsure])[:2] == (OPEN, True)
    assert get_decisive([sure, unsure]).comparison == unsure


def get_decisive(comparisons: list[Comparison]) -> Margin:
    decisive = decide(comparisons).decisive
    assert decisive is not None
    return decisive


def test_a_claim_fails_when_one_margin_surely_does() -> None:
    wrong = Comparison("wrong", [-1.0, -1.01, -0.99])
    assert decide([Comparison("sure", [1.0, 1.1, 0.9]), wrong])[:2] == (FAILS, False)


def test_more_comparisons_make_a_refutation_harder() -> None:
    # t = -1 / (0.3 / sqrt(3)) = -5.8: beyond 4.3 of 95 %, not beyond 15.0 of 1 - 0.05 / 11 with two degrees of freedom.
    wrong = Comparison("wrong", [-1.0, -1.3, -0.7])
    assert decide([wrong]).outcome is FAILS
    assert decide([wrong] + [Comparison("right", [1.0, 1.1, 0.9])] * 10)[:2] == (OPEN, False)


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
    assert decision.outcome is OPEN
    assert describe_margin(decision, 2) == "deciding margin: wrong -1.00 [-2.72, +0.72] (99 %, n = 3)"


def test_the_ends_of_one_range_are_one_comparison() -> None:
    # t = 5.8: beyond 4.3 of 95 %, not beyond 6.2 of Bonferroni's 97.5 %.
    below, above = [-1.0, -1.3, -0.7], [3.0, 3.3, 2.7]
    assert decide([Comparison("low end", above), Comparison("high end", below)]).outcome is OPEN
    ends = [Comparison("low end", above, quantity="ratio"), Comparison("high end", below, quantity="ratio")]
    assert decide(ends).outcome is FAILS


def test_margins_without_deviation_are_as_sure_as_can_be() -> None:
    assert decide([Comparison("wrong", [-1.0, -1.0]), Comparison("right", [1.0, 1.0])]).outcome is FAILS
    assert decide([Comparison("none", [0.0, 0.0])])[:2] == (OPEN, False)


def test_a_comparison_that_lacks_a_seed_settles_nothing() -> None:
    sure = [1.0, 1.1, 0.9]
    broken = Comparison("broken", [5.0, None, 5.0])
    assert decide([Comparison("sure", sure), broken]).outcome is OPEN
    assert decide([broken]).decisive is None
    lost = Comparison("lost", [None], is_lost=True)
    assert decide([Comparison("sure", sure), lost])[:2] == (OPEN, False)


def test_equal_counts_of_few_seeds_are_no_sign_of_certainty() -> None:
    equal = [0.1, 0.1, 0.1]
    assert decide([Comparison("measured", equal)]).outcome is HOLDS
    assert decide([Comparison("counted", equal, step=0.13)]).outcome is OPEN


def test_a_ratio_is_told_as_one() -> None:
    decision = decide([Comparison("lead", [math.log(1.5), math.log(2.0), math.log(3.0)], is_ratio=True)])
    assert describe_margin(decision) == "deciding margin: lead ×2.08 [×0.88, ×4.94] (95 %, n = 3)"


def test_what_cannot_be_told_says_what_could_have_been() -> None:
    # The deviation is 0.5 and its error 0.289: five and a half of these are told by t(2) with 80 %.
    decision = decide([Comparison("lead", [0.0, 0.5, 1.0])])
    assert describe_power(decision) == "would have told a margin of +1.63 with probability 80 %"
    assert describe_power(decide([Comparison("sure", [1.0, 1.1, 0.9])])) == ""
    assert describe_power(decide([Comparison("alone", [1.0])])) == ""


def test_one_seed_settles_nothing_but_its_numbers_are_told(write_results: Write) -> None:
    write_results({"began-A-0": [(3.0, 10.0)], "sngan-A-0": [(2.0, 60.0)]})
    claim = check_best(read_results())
    assert (claim.outcome, claim.means_agree) == (OPEN, False)
    assert claim.verdict == "cannot be told (the run says no)"
    assert claim.numbers.startswith(
        "classifier score: BEGAN 3.00, SNGAN 2.00; Fréchet distance: BEGAN 10.0, SNGAN 60.0; deciding"
    )
    assert claim.numbers.endswith("over BEGAN in Fréchet distance ×0.17 (n = 1, no interval)")


@pytest.mark.parametrize(("sngan", "outcome"), [(9.0, HOLDS), (1.0, FAILS), (5.01, OPEN)])
def test_sngan_is_best_where_its_lead_is_sure(write_results: Write, sngan: float, outcome: Outcome) -> None:
    write_results(make_seeds(began=5.0, sngan=sngan))
    assert check_best(read_results()).outcome is outcome


def test_a_large_lead_under_the_only_setting_is_sure(write_results: Write) -> None:
    write_results(make_seeds(began=5.0, sngan=9.0))
    assert check_best_everywhere(read_results()).outcome is HOLDS


def test_the_best_of_a_seed_is_chosen_over_settings_and_points(write_results: Write) -> None:
    # Each seed of BEGAN has its best elsewhere; SNGAN's lead is of 60 over 50, of 61 over 50.5.
    write_results(
        {
            "began-A-0": [(1.0, 60.0), (1.0, 90.0)],
            "began-C-0": [(1.0, 95.0), (1.0, 95.0)],
            "began-A-1": [(1.0, 95.0), (1.0, 95.0)],
            "began-C-1": [(1.0, 95.0), (1.0, 61.0)],
            **{f"sngan-{setting}-{seed}": [(2.0, 50.0 + seed / 2)] for setting in "AC" for seed in (0, 1)},
        }
    )
    claim = check_best(read_results())
    assert "Fréchet distance: SNGAN 50.2, BEGAN 60.5" in claim.numbers


def test_sngan_that_failed_once_is_not_the_best(write_results: Write) -> None:
    scores = make_seeds(began=5.0, sngan=9.0) | {"sngan-A-1": []}
    write_results(scores, diverged={"sngan-A-1": 3})
    claim = check_best(read_results())
    assert (claim.outcome, claim.means_agree) == (OPEN, False)
    assert "SNGAN failed" in claim.numbers


def check_trends(results: Results) -> list[Claim]:
    return [check_trend(results, metric) for metric in results.metrics]


def test_a_trend_is_that_of_the_whole_training(write_results: Write) -> None:
    # A score that falls at one step may still rise on the whole.
    points = [(1.0, 90.0), (2.0, 70.0), (1.9, 75.0), (3.0, 50.0)]
    write_results(
        {f"sngan-C-{seed}": [(score + 0.1 * seed, fid + seed) for score, fid in points] for seed in range(3)}
    )
    assert [claim.outcome for claim in check_trends(read_results())] == [HOLDS, HOLDS]


def test_a_score_that_falls_with_every_seed_contradicts_a_rise(write_results: Write) -> None:
    write_results({f"sngan-C-{seed}": [(2.0 + 0.1 * seed, 9.0), (1.0, 9.5)] for seed in range(3)})
    assert [claim.outcome for claim in check_trends(read_results())] == [FAILS, FAILS]


def test_claims_of_figure_3_are_about_setting_c(write_results: Write) -> None:
    write_results({f"{gan}-A-0": [(1.0, 9.0), (2.0, 8.0)] for gan in ("began", "ebgan", "sngan")})
    results = read_results()
    claims = [*check_trends(results), check_early_ranking(results), check_fastest(results)]
    assert {claim.outcome for claim in claims} == {Outcome.UNASKED}
    assert all("setting C" in claim.numbers for claim in claims)


def test_a_model_that_diverged_does_not_rise_with_training(write_results: Write) -> None:
    scores = {f"sngan-C-{seed}": [(1.0, 9.0), (2.0 + seed / 10, 8.0)] for seed in range(3)}
    scores |= {f"began-C-{seed}": scores[f"sngan-C-{seed}"][: 1 + seed] for seed in range(3)}
    write_results(scores, diverged={"began-C-0": 15})
    rises = check_trends(read_results())[0]
    assert (rises.outcome, rises.means_agree) == (OPEN, False)
    assert "1 training failed" in rises.numbers


def test_an_order_that_turns_round_is_not_roughly_the_same(write_results: Write) -> None:
    gans = ("began", "ebgan", "sngan", "layer_norm", "wgan_gp")
    write_results({f"{gan}-C-{seed}": [(1.0, 10.0 + place), (1.0, 20.0 - place)]
                   for place, gan in enumerate(gans) for seed in range(3)})  # fmt: skip
    claim = check_early_ranking(read_results())
    assert claim.outcome is FAILS
    assert claim.numbers.startswith("Kendall's tau of the two orders, mean over seeds -1.00")


def test_a_gan_that_fails_on_the_way_is_last_in_the_order(write_results: Write) -> None:
    scores = {f"{gan}-C-0": [(1.0, 10.0 + place), (1.0, 20.0 + place)]
              for place, gan in enumerate(("began", "ebgan", "sngan"))}  # fmt: skip
    write_results(scores | {"began-C-0": scores["began-C-0"][:1]}, diverged={"began-C-0": 15})
    # First of three at the first point, last at the end: two of three pairs turn round.
    assert "-0.33" in check_early_ranking(read_results()).numbers


def test_the_steepest_score_is_that_of_the_line_through_all_points(write_results: Write) -> None:
    # Points at epochs 0.1 and 0.2: 10 and 5 a tenth of an epoch.
    write_results({"began-C-0": [(1.0, 9.0), (1.5, 9.0)], "sngan-C-0": [(1.0, 9.0), (2.0, 9.0)]})
    claim = check_fastest(read_results())
    assert (claim.outcome, claim.means_agree) == (OPEN, True)
    assert claim.numbers.startswith("steepest: SNGAN, +10 per epoch")


def test_levels_of_scores_made_in_another_way_are_not_compared(write_results: Write) -> None:
    write_results(make_seeds(began=2.0, sngan=3.7))
    results = read_results()
    claims = check_levels(results)
    assert {claim.outcome for claim in claims} == {Outcome.INCOMPARABLE}
    assert list_differences(results) == [
        "data set scikit-learn's digits, not CIFAR-10",
        "network a classifier trained here, not torchvision's Inception",
        "pixels a side 8, not 28",
        "distinct images 30, not 50",
    ]
    assert "SNGAN 3.70" in claims[0].numbers


def test_a_larger_number_of_distinct_images_is_another_level(write_results: Write) -> None:
    write_results(make_seeds(began=2.0, sngan=3.7))
    make_published_protocol()
    path = SCORES / "sngan-A-0" / POINTS
    record = read_json(path, "")
    record["points"][0]["distinct_images"] = 51
    write_json(path, record)
    assert list_differences(read_results()) == ["distinct images 51, not 50"]


def make_published_protocol() -> None:
    """Make the results on disk look as if they had been made as the published ones were."""
    write_json(DATA_MANIFEST, read_json(DATA_MANIFEST, "") | {"dataset": "cifar10", "image_size": 28})
    card = EXTRACTOR / "card.json"
    write_json(card, read_json(card, "") | {"name": "torchvision's Inception"})
    for path in SCORES.glob(f"*/{POINTS}"):
        record = read_json(path, "")
        for point in record["points"]:
            point["distinct_images"] = 50
        write_json(path, record)


def test_levels_are_compared_under_the_reports_protocol(write_results: Write) -> None:
    write_results(make_seeds(began=2.0, sngan=3.7))
    make_published_protocol()
    scores, fids, early = check_levels(read_results())
    assert scores.outcome is OPEN and scores.means_agree is True  # 3.7 +- 0.25 is not surely below 4
    # BEGAN's FID of 98 is not above 200.
    assert fids.outcome is FAILS
    assert early.outcome is Outcome.INCOMPARABLE and "setting C" in early.numbers


def test_early_levels_are_those_of_the_first_point_at_c(write_results: Write) -> None:
    write_results({f"sngan-C-{seed}": [(2.2 + seed / 100, 9.0), (4.0, 8.0)] for seed in range(3)})
    make_published_protocol()
    assert check_levels(read_results())[2].outcome is HOLDS


def test_the_reports_own_numbers_are_asked_too() -> None:
    # Its Table 1 has SNGAN first; its bars give WGAN-GP the FID at A; its lines all go the better way.
    assert does_sngan_lead(everywhere=False) and not does_sngan_lead(everywhere=True)
    assert all(map(do_curves_improve, (INCEPTION_SCORE, FID)))


def test_300_epochs_are_more_generator_steps_than_the_originals(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)]})
    claim = check_length(read_results())
    assert claim.outcome is FAILS
    assert "300 epochs of 50,000 // 64 batches are 234,300 generator steps" in claim.numbers


def write_losses(trial: str, rows: list[tuple[int, float, float]]) -> None:
    lines = [f"{step},{discriminator},{generator}" for step, discriminator, generator in rows]
    text = "\n".join(["generator_step,discriminator_loss,generator_loss", *lines]) + "\n"
    (TRAINING / trial / LOSS_CURVES).write_text(text)


def test_fluctuations_are_compared_before_and_after_100000_steps(write_results: Write) -> None:
    write_results({f"sngan-A-{seed}": [(2.0, 60.0)] for seed in range(3)})
    assert check_fluctuation(read_results()).outcome is Outcome.UNASKED
    for seed in range(3):
        rows = [(step, (-1.0) ** step, (-1.0) ** step) for step in range(99_900, 100_001)]
        rows += [
            (step, (3.0 + seed / 10) * (-1.0) ** step, 4.0 * (-1.0) ** step)
            for step in range(100_001, 100_100)
        ]
        write_losses(f"sngan-A-{seed}", rows)
    claim = check_fluctuation(read_results())
    # Three to 3.2 times as much, less 1.
    assert claim.outcome is HOLDS
    assert "+2.10" in claim.numbers


@pytest.mark.parametrize(("factor", "outcome"), [(2.0, HOLDS), (4.0, FAILS)])
def test_the_ratio_of_the_losses_fluctuations_is_about_two_or_not(
    write_results: Write, factor: float, outcome: Outcome
) -> None:
    write_results({f"sngan-A-{seed}": [(2.0, 60.0)] for seed in range(3)})
    for seed in range(3):
        ratio = factor + 0.01 * seed
        write_losses(
            f"sngan-A-{seed}", [(step, (-1.0) ** step, ratio * (-1.0) ** step) for step in range(50)]
        )
    claim = check_ratio(read_results())
    assert claim.outcome is outcome
    assert f"ratio of the deviations {factor + 0.01:.2f}" in claim.numbers


def test_a_seed_without_losses_leaves_the_ratio_open(write_results: Write) -> None:
    write_results({f"sngan-A-{seed}": [(2.0, 60.0)] for seed in range(3)})
    for seed in range(2):
        write_losses(f"sngan-A-{seed}", [(step, (-1.0) ** step, 2.0 * (-1.0) ** step) for step in range(50)])
    assert check_ratio(read_results()).outcome is OPEN


def test_claims_about_sngan_are_not_asked_without_it(write_results: Write) -> None:
    write_results({"began-A-0": [(1.0, 90.0)]})
    claims = check_claims(read_results())
    assert [claim.verdict for claim in claims if claim.outcome in (HOLDS, FAILS)] == ["does not hold"]
    assert len(claims) == 18


def test_decided_claims_come_first_and_numbers_agree_with_their_verbs(write_results: Write) -> None:
    write_results(make_seeds(began=5.0, sngan=9.0))
    claims = check_claims(read_results())
    order = list(Outcome)
    places = [order.index(claim.outcome) for claim in claims]
    assert places == sorted(places)
    assert summarise_claims(claims, 3) == (
        "Of 18 claims of Feng et al., 2 hold, 1 does not, 3 are not comparable and 12 were not asked, at 95 % and "
        "with 3 seeds."
    )
