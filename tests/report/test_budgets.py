"""GANs are compared after equal numbers of generator steps, and after equal numbers of discriminator steps."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from stages.report.figures.score_curves import plot_curves
from stages.report.results.all_results import read_results
from stages.report.sections.budget_table import build_budget_table
from stages.report.sections.limits import list_limits
from stages.report.statistics.budgets import BUDGETS, DISCRIMINATOR_STEPS, GENERATOR_STEPS, find_common_budget

Write = Callable[..., None]
# Points are ten generator steps apart; wgan_gp takes five discriminator steps in each, the others one.
GRID = {
    f"{gan}-{setting}-{seed}": [(1.0 + point, best - 10.0 * point - seed) for point in range(5)]
    for gan, best in (("wgan_gp", 100.0), ("sngan", 80.0))
    for setting in "AC"
    for seed in (0, 1)
}


def find_row(budget: str, gan: str) -> dict[str, object]:
    return next(
        row for row in build_budget_table(read_results()) if (row["budget"], row["gan"]) == (budget, gan)
    )


def test_gans_compare_at_their_last_points_within_the_most_steps_that_all_reached(
    write_results: Write,
) -> None:
    write_results(GRID)
    results = read_results()
    assert [find_common_budget(results, "A", budget) for budget in BUDGETS] == [50, 50]
    for budget, gan, point, steps in (
        ("generator_step", "wgan_gp", 4, (50, 250)),
        ("generator_step", "sngan", 4, (50, 50)),
        ("discriminator_steps", "wgan_gp", 0, (10, 50)),
        ("discriminator_steps", "sngan", 4, (50, 50)),
    ):
        row = find_row(budget, gan)
        fids = [GRID[f"{gan}-A-{seed}"][point][1] for seed in (0, 1)]
        assert row["fid"] == pytest.approx(math.sqrt(fids[0] * fids[1]))
        assert row["inception_score"] == pytest.approx(1.0 + point)
        assert tuple(row[f"most_{key}"] for key in ("generator_step", "discriminator_steps")) == steps
        assert row["fid_low"] is not None and 0.0 < row["fid_low"] < row["fid"]  # type: ignore[operator]
    assert find_row("generator_step", "sngan")["fid_rank"] == 1
    assert find_row("discriminator_steps", "wgan_gp")["inception_score_rank"] == 2


def test_a_gan_that_has_no_point_so_early_has_no_score(write_results: Write) -> None:
    # The one point of sngan comes after ten discriminator steps, the first of wgan_gp after fifty.
    write_results({name: points[:1] for name, points in GRID.items()})
    assert find_row("discriminator_steps", "wgan_gp")["fid"] is None
    assert find_row("discriminator_steps", "wgan_gp")["most_generator_step"] is None
    assert find_row("discriminator_steps", "sngan")["fid_rank"] == 1
    assert find_row("generator_step", "wgan_gp")["fid_rank"] == 2


@pytest.mark.parametrize("budget", [GENERATOR_STEPS, DISCRIMINATOR_STEPS])
def test_a_training_that_diverged_lowers_no_budget_and_ranks_its_gan_last(
    write_results: Write, budget: object
) -> None:
    write_results(GRID | {"sngan-A-1": GRID["sngan-A-1"][:1]}, diverged={"sngan-A-1": 15})
    row = find_row(getattr(budget, "key"), "sngan")  # noqa: B009
    assert (row["fid"], row["fid_rank"]) == (None, 2)
    assert find_row("generator_step", "wgan_gp")["most_generator_step"] == 50


def test_the_curves_over_discriminator_steps_go_as_far_as_each_gan_went(write_results: Write) -> None:
    write_results(GRID)
    figure = plot_curves(read_results(), DISCRIMINATOR_STEPS)
    axes = figure.axes[0]
    curves = [np.asarray(line.get_xdata(), dtype=float) for line in axes.lines]
    ends = {float(steps.max()) for steps in curves if len(steps) == 5}
    assert ends == {50.0, 250.0}
    assert axes.get_xlabel() == "discriminator step\n(250 = 2.5 epochs)"
    assert "0.5 to 2.5 epochs" in plot_curves(read_results(), GENERATOR_STEPS).axes[0].get_xlabel()


def test_the_limits_name_the_discriminator_steps_of_every_gan(write_results: Write) -> None:
    write_results(GRID)
    assert any("(SNGAN: 1; WGAN-GP: 5)" in limit for limit in list_limits(read_results()))
    write_results({name: points for name, points in GRID.items() if "sngan" in name})
    assert any(
        "Each takes 1 discriminator step per generator step." in limit
        for limit in list_limits(read_results())
    )


def test_a_curve_ends_where_the_first_seed_does(write_results: Write) -> None:
    whole = [(1.0, 90.0), (2.0, 80.0), (3.0, 70.0)]
    scores = {f"{gan}-A-{seed}": whole for gan in ("wgan_gp", "sngan") for seed in range(3)}
    write_results(scores | {"sngan-A-1": whole[:1]}, diverged={"sngan-A-1": 15})
    lines = plot_curves(read_results(), GENERATOR_STEPS).axes[0].get_lines()
    ends = {str(line.get_label()): len(list(line.get_xdata())) for line in lines}  # type: ignore[arg-type]
    assert (ends["WGAN-GP"], ends["SNGAN"]) == (3, 1)
