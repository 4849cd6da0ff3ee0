from collections.abc import Callable

import pytest

from stages.common.artifacts import POINTS, SCORES
from stages.prepare.params import DATASETS
from stages.report.formatting import format_value
from stages.report.published import name_data_set
from stages.report.results.all_results import read_results
from stages.report.sections.ranking import build_orders
from stages.report.sections.score_tables import build_table1, build_trial_table
from stages.report.statistics.metrics import FID
from stages.report.statistics.rank_correlation import compare_orders
from stages.report.text_table import render_text_table
from tests.report.conftest import build

Write = Callable[..., None]

PUBLISHED_GANS = ("began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan")
LONGEST_NAME = "a_gan_with_a_name_as_long_as_params_yaml_allows_it_to_be_".ljust(64, "x")
TWO_SETTINGS = {
    "began-A-0": [(1.0, 90.0), (1.5, 95.0), (1.2, 99.0)],
    "began-C-0": [(1.1, 80.0), (1.4, 70.0), (1.3, 75.0)],
    "sngan-A-0": [(2.0, 60.0), (2.5, 50.0), (3.0, 40.0)],
    "sngan-C-0": [(2.1, 65.0), (2.2, 55.0), (2.3, 45.0)],
}


def test_the_primary_score_is_the_mean_over_settings_at_the_last_point(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    _, began, sngan = build_table1(read_results())
    assert began["fid"] == pytest.approx((99.0 * 75.0) ** 0.5)
    assert sngan["inception_score"] == pytest.approx((3.0 * 2.3) ** 0.5)
    assert (began["fid_low"], began["fid_best_probability"]) == (None, None)


def test_each_metric_takes_its_own_best_point_and_setting(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    began = build_table1(read_results())[1]
    places = [
        [began[f"{key}_best{name}"] for name in ("", "_settings", "_generator_step")]
        for key in ("inception_score", "fid")
    ]
    assert places == [[pytest.approx(1.5), "A", 20], [pytest.approx(70.0), "C", 20]]


def test_table1_starts_with_real_data_and_shows_the_published_numbers_and_ranks(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    real, began, sngan = build_table1(read_results())
    assert (real["inception_score"], real["fid"], real["report_fid"]) == (3.9, 0.5, 17.269)
    assert (began["inception_score_rank"], sngan["inception_score_rank"], sngan["fid_rank"]) == (2, 1, 1)
    assert (began["report_inception_score"], began["miyato2018_fid"]) == (2.8899, None)
    assert "SNGAN      2.63              1     42.4              1" in render_text_table(build())


def write_grid(write_results: Write, gans: tuple[str, ...], seeds: int, factor: float = 1.0) -> None:
    scores = {
        f"{gan}-{setting}-{seed}": [
            (1.0 + place / 3 + seed / 9, factor * (500.0 - 70.0 * place - 5.0 * seed))
        ]
        for place, gan in enumerate(gans)
        for setting in "ABC"
        for seed in range(seeds)
    }
    write_results(scores)


@pytest.mark.parametrize(
    ("gans", "seeds", "factor"),
    [
        (PUBLISHED_GANS, 1, 1.0),
        (PUBLISHED_GANS, 3, 1.0),
        (PUBLISHED_GANS, 12, 1.0),
        (PUBLISHED_GANS, 3, 180.0),
        (("sngan", LONGEST_NAME), 1, 1.0),
        (("sngan", LONGEST_NAME), 4, 180.0),
    ],
)
def test_the_table_for_terminals_fits_eighty_columns(
    write_results: Write, gans: tuple[str, ...], seeds: int, factor: float
) -> None:
    write_grid(write_results, gans, seeds, factor)
    text = render_text_table(build())
    *tables, _ = text.split("\n\n")
    assert max(map(len, text.splitlines())) <= 80
    for table in tables:
        assert len(table.splitlines()) == 3 + len(gans)
    assert text.count("rank") == 2 and len(tables) == (1 if seeds == 1 and gans is PUBLISHED_GANS else 2)


def test_scores_below_each_other_have_all_that_one_table_has(write_results: Write) -> None:
    write_grid(write_results, PUBLISHED_GANS, seeds=3)
    first, second = render_text_table(build()).split("\n\n")[:2]
    assert first.splitlines()[0].split() == ["Classifier", "score", "rank", "Feng", "et", "al.", "IS"]
    assert second.splitlines()[0].split() == ["Fréchet", "distance", "rank", "Feng", "et", "al.", "FID"]
    for table, published in ((first, "2.89"), (second, "193.1")):
        (began,) = [line for line in table.splitlines() if line.startswith("BEGAN")]
        assert "[" in began and began.endswith(published)


def test_every_data_set_has_a_name_for_people() -> None:
    assert [name_data_set(name) for name in DATASETS][:2] == ["Fashion-MNIST", "CIFAR-10"]


def test_over_seeds_a_value_is_the_geometric_mean_with_its_interval(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0), (3.0, 50.0)], "sngan-A-1": [(5.0, 40.0), (4.0, 46.0)]})
    row = build_table1(read_results())[1]
    assert row["inception_score_best"] == pytest.approx(15.0**0.5)
    assert row["inception_score"] == pytest.approx(12.0**0.5)
    # The logarithms of 3 and 4 lie log(4 / 3) apart; t(1) = 12.7062 halves of that.
    assert row["inception_score_high"] == pytest.approx(12.0**0.5 * (4 / 3) ** (12.7062 / 2), rel=1e-4)
    assert row["inception_score_low"] == 1.0
    assert (row["inception_score_best_settings"], row["inception_score_best_generator_step"]) == (
        "A ×2",
        None,
    )


def test_no_interval_of_a_distance_reaches_below_zero(write_results: Write) -> None:
    write_results({f"sngan-A-{seed}": [(2.0, fid)] for seed, fid in enumerate((1.0, 500.0, 3.0))})
    row = build_table1(read_results())[1]
    assert 0.0 < row["fid_low"] < row["fid"] < row["fid_high"]


def test_no_interval_of_a_score_of_single_images_reaches_below_one(write_results: Write) -> None:
    write_results({f"sngan-A-{seed}": [(score, 60.0)] for seed, score in enumerate((1.1, 2.5, 1.2))})
    row = build_table1(read_results())[1]
    assert (row["inception_score_low"], row["inception_score_best_low"]) == (1.0, 1.0)


def test_divergence_is_counted_and_ranked_last(write_results: Write) -> None:
    scores = {"began-A-0": [], "sngan-A-0": [(2.0, 60.0)], "ebgan-A-0": [(1.5, 70.0)]}
    write_results(scores, diverged={"began-A-0": 7, "sngan-A-0": 15})
    results = read_results()
    began, sngan, ebgan = build_table1(results)[1:]
    assert [row["fid"] for row in (began, sngan, ebgan)] == [None, None, pytest.approx(70.0)]
    assert [row["fid_rank"] for row in (began, sngan, ebgan)] == [2, 3, 1]
    # The best score before the divergence is the best of the training.
    assert (began["fid_best"], sngan["fid_best"]) == (None, pytest.approx(60.0))
    text = render_text_table(build()).splitlines()
    assert text[3].split()[:2] == ["BEGAN", "diverged"]
    assert [row["diverged_at_generator_step"] for row in build_trial_table(results)] == [7, 15, None]


@pytest.mark.parametrize(("lost", "words"), [("diverged", "1 of 6 diverged"), ("missing", "1 of 6 missing")])
def test_one_failure_of_many_leaves_no_mean(write_results: Write, lost: str, words: str) -> None:
    good = {
        f"{gan}-{setting}-{seed}": [(2.0, 60.0)]
        for gan in ("began", "sngan")
        for setting in "AC"
        for seed in range(3)
    }
    write_results(good, diverged={"began-C-1": 5} if lost == "diverged" else {})
    if lost == "missing":
        (SCORES / "began-C-1" / POINTS).unlink()
    began, sngan = build_table1(read_results())[1:]
    assert (began["fid"], began["fid_rank"], sngan["fid_rank"]) == (None, 2, 1)
    assert format_value(began, FID) == words


def test_kendalls_tau_by_hand() -> None:
    ours = {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}
    assert compare_orders(ours, ours).tau == pytest.approx(1.0)
    assert compare_orders(ours, {name: -value for name, value in ours.items()}).tau == pytest.approx(-1.0)
    # Of six pairs one is the other way round: (5 - 1) / 6.
    assert compare_orders(ours, ours | {"a": 3.0, "b": 4.0}).tau == pytest.approx(4 / 6)
    few = compare_orders(ours, {"a": 1.0, "b": 2.0, "x": 3.0})
    assert (few.tau, few.gans_in_common) == (None, 2)


def test_equal_values_have_no_order_to_compare() -> None:
    flat = compare_orders({"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1.0, "b": 2.0, "c": 3.0})
    assert flat.tau is None
    assert flat.describe() == "none computed, all values of one side are equal (n = 3)"


def test_an_end_that_no_table_has_room_for_is_written_in_powers_of_ten() -> None:
    assert [FID.format(value) for value in (None, 99.94, 99_999.0, 2.5e7, 1e304)] == [
        "–",
        "99.9",
        "99999.0",
        "2e+07",
        "1e+304",
    ]


def test_a_gan_that_failed_is_last_in_the_order_that_is_compared(write_results: Write) -> None:
    # The published order by FID is SNGAN, WGAN-GP, BEGAN; here SNGAN failed, so of three pairs two are turned round.
    write_results(
        {"sngan-A-0": [], "wgan_gp-A-0": [(2.0, 50.0)], "began-A-0": [(1.0, 60.0)]}, diverged={"sngan-A-0": 3}
    )
    order = build_orders(read_results())[1]
    assert order.names == ("WGAN-GP", "BEGAN", "SNGAN")
    assert order.agreements[0].tau == pytest.approx(-1 / 3)
