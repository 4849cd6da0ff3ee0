from collections.abc import Callable

import pytest

from stages.prepare.params import DATASETS
from stages.report.formatting import format_place
from stages.report.published import name_data_set
from stages.report.render import render_text_table
from stages.report.results.all_results import read_results
from stages.report.sections.score_tables import build_table1, build_trial_table
from stages.report.statistics.metrics import FID, INCEPTION_SCORE
from stages.report.statistics.rank_correlation import compare_orders
from stages.report.statistics.summary import find_best_cell, rank_gans
from tests.report.conftest import build

Write = Callable[..., None]

TWO_SETTINGS = {
    "began-A-0": [(1.0, 90.0), (1.5, 95.0), (1.2, 99.0)],
    "began-C-0": [(1.1, 80.0), (1.4, 70.0), (1.3, 75.0)],
    "sngan-A-0": [(2.0, 60.0), (2.5, 50.0), (3.0, 40.0)],
    "sngan-C-0": [(2.1, 65.0), (2.2, 55.0), (2.3, 45.0)],
}


def test_each_metric_takes_its_own_best_point_and_setting(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    results = read_results()
    score, fid = find_best_cell(results, "began", INCEPTION_SCORE), find_best_cell(results, "began", FID)
    assert score is not None and fid is not None and score.last is not None and fid.last is not None
    assert (score.best.mean, score.setting, score.point.generator_step, score.last.mean) == (
        1.5,
        "A",
        20,
        1.2,
    )
    assert (fid.best.mean, fid.setting, fid.point.generator_step, fid.last.mean) == (70.0, "C", 20, 75.0)


def test_table1_starts_with_real_data_and_shows_the_published_numbers_and_ranks(write_results: Write) -> None:
    write_results(TWO_SETTINGS)
    real, began, sngan = build_table1(read_results())
    assert (real["inception_score"], real["fid"], real["report_fid"]) == (3.9, 0.5, 17.269)
    assert (began["inception_score_rank"], sngan["inception_score_rank"], sngan["fid_rank"]) == (2, 1, 1)
    assert (began["report_inception_score"], began["miyato2018_fid"]) == (2.8899, None)
    text = render_text_table(build())
    assert "SNGAN      3.00 ± 0.25      A, step 30  3.00  1" in text


def test_every_data_set_has_a_name_for_people() -> None:
    assert [name_data_set(name) for name in DATASETS][:2] == ["Fashion-MNIST", "CIFAR-10"]


def test_over_seeds_a_value_is_the_mean_of_each_trials_best_with_its_deviation(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0), (3.0, 50.0)], "sngan-A-1": [(5.0, 40.0), (4.0, 46.0)]})
    cell = find_best_cell(read_results(), "sngan", INCEPTION_SCORE)
    assert cell is not None and cell.last is not None
    assert (cell.best.mean, cell.best.size, cell.last.mean) == (4.0, 2, 3.5)
    assert cell.best.deviation == pytest.approx(2.0**0.5)
    row = build_table1(read_results())[1]
    assert (row["inception_score_seeds"], row["inception_score_generator_step"]) == (2, None)
    assert "A, mean of 2 seeds" in render_text_table(build())


def test_divergence_is_shown_and_not_hidden(write_results: Write) -> None:
    scores = {"began-A-0": [], "sngan-A-0": [(2.0, 60.0)], "ebgan-A-0": [(1.5, 70.0)]}
    write_results(scores, diverged={"began-A-0": 7, "sngan-A-0": 15})
    results = read_results()
    began, sngan, _ = build_table1(results)[1:]
    assert began["inception_score"] is None and began["inception_score_rank"] is None
    assert sngan["inception_score"] == 2.0 and sngan["inception_score_last"] is None
    text = render_text_table(build()).splitlines()
    assert text[3].split()[:2] == ["BEGAN", "diverged"]
    assert [row["diverged_at_generator_step"] for row in build_trial_table(results)] == [7, 15, None]
    assert list(rank_gans(results, FID)) == ["sngan", "ebgan"]


def test_kendalls_tau_by_hand() -> None:
    ours = {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}
    assert compare_orders(ours, ours).tau == pytest.approx(1.0)
    assert compare_orders(ours, {name: -value for name, value in ours.items()}).tau == pytest.approx(-1.0)
    # Of six pairs one is the other way round: (5 - 1) / 6.
    assert compare_orders(ours, ours | {"a": 3.0, "b": 4.0}).tau == pytest.approx(4 / 6)
    few = compare_orders(ours, {"a": 1.0, "b": 2.0, "x": 3.0})
    assert (few.tau, few.gans_in_common) == (None, 2)


def test_seeds_that_diverged_are_counted_where_the_others_are_shown(write_results: Write) -> None:
    scores = {"sngan-A-0": [(2.0, 60.0)], "sngan-A-1": [], "sngan-A-2": [(3.0, 50.0)]}
    write_results(scores, diverged={"sngan-A-1": 5})
    row = build_table1(read_results())[1]
    assert format_place(row, FID) == "A, mean of 2 seeds, 1 of 3 diverged"
    assert row["fid"] == 55.0 and row["fid_last"] is None


def test_equal_values_have_no_order_to_compare() -> None:
    flat = compare_orders({"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1.0, "b": 2.0, "c": 3.0})
    assert flat.tau is None
    assert flat.describe() == "none computed, all values of one side are equal (n = 3)"
