"""Check the report's tests and intervals on simulated experiments whose true values are known."""

import math
from pathlib import Path

import pytest
import yaml

from benchmarks.inference import SEED_COUNTS, SHAPES, Rates, simulate
from stages.report.statistics import simulated
from stages.report.statistics.simulated import INTERVALS, find_simulated

RATES: dict[str, dict[int, Rates]] = yaml.safe_load(
    Path(simulated.__file__).with_name("simulated.yaml").read_text(encoding="utf-8")
)
ERRORS = ("some difference told, none there", "order decided wrongly")
# The largest rate of wrong decisions on a claim. It is held or refuted wrongly, each at half of the level at most.
VERDICTS = ("claim holds wrongly", "claim refuted wrongly")
CASES = [(shape, seeds) for shape in SHAPES for seeds in SEED_COUNTS]
EXPERIMENTS = 250
# The error of a rate near 5 % or 95 % from 4000 experiments.
NOISE = 3 * math.sqrt(0.05 * 0.95 / 4000)


@pytest.mark.parametrize(("shape", "seeds"), CASES)
def test_no_test_errs_above_5_percent_and_every_interval_covers_about_95(shape: str, seeds: int) -> None:
    rates = RATES[shape][seeds]
    assert max(rates[error] for error in ERRORS) <= 0.05 + NOISE
    assert sum(rates[error] for error in VERDICTS) <= 0.05
    assert all(0.93 <= rates[interval] <= 0.97 for interval in INTERVALS)
    # Ranges of ranks are whole numbers, so they hold the true rank more often than their level says.
    assert rates["ranks"] >= 0.95
    assert rates["surely best and not"] <= 0.05 * rates["surely best"] + 3 * math.sqrt(0.001 / 4000)


def test_the_bootstrap_over_few_seeds_is_too_sure() -> None:
    # This is why the report does not bootstrap over seeds: with three seeds, an eighth of the sure winners are wrong.
    rates = RATES["normal"][3]
    assert rates["ranks by bootstrap"] < 0.93
    assert rates["surely best by bootstrap and not"] > 0.1 * rates["surely best by bootstrap"]


def test_what_is_shown_is_of_the_largest_number_of_seeds_that_a_run_has() -> None:
    assert find_simulated(1) is None
    assert [found and found.seeds for found in map(find_simulated, (2, 4, 5, 30))] == [2, 3, 5, 8]
    three = find_simulated(3)
    assert three is not None and three.error == max(RATES[shape][3][ERRORS[0]] for shape in SHAPES)


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "seeds"), [("normal", 3), ("skewed", 5), ("heavy-tailed", 8)])
def test_the_rates_shown_are_those_of_the_code(shape: str, seeds: int) -> None:
    found = simulate(shape, seeds, EXPERIMENTS)
    for key, rate in RATES[shape][seeds].items():
        # A rate is the mean of experiments that each give a share between 0 and 1.
        noise = 4.5 * math.sqrt(max(rate * (1.0 - rate), 0.01) / EXPERIMENTS)
        assert found[key] == pytest.approx(rate, abs=noise), key
