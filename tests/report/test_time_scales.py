"""The claim about two time scales is tested with two settings that differ only in their time scales."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stages.report.claims.time_scales import check_time_scales, find_settings
from stages.report.results.all_results import read_results
from tests.report.conftest import remove_classes

Write = Callable[..., None]
C = {
    "generator_learning_rate": 0.002,
    "discriminator_learning_rate": 0.002,
    "beta1": 0.5,
    "beta2": 0.999,
    "discriminator_steps": 1,
}
T = C | {"generator_learning_rate": 0.001, "discriminator_learning_rate": 0.004}


def write_settings(write: Write, two: float, one: float, gan: str = "sngan") -> None:
    """Write results of three seeds under T and C with the given score levels; a higher score has a lower distance."""
    levels = {"T": two, "C": one}
    write(
        {
            f"{gan}-{letter}-{seed}": [(level + seed / 100, 100.0 - level - seed / 50)]
            for letter, level in levels.items()
            for seed in range(3)
        }
    )
    path = Path("params.yaml")
    params = yaml.safe_load(path.read_text())
    params["settings"] |= {"T": T, "C": C}
    path.write_text(yaml.safe_dump(params))


@pytest.mark.parametrize(("two", "verdict"), [(30.0, "holds"), (10.0, "does not hold")])
def test_a_sure_difference_decides(write_results: Write, two: float, verdict: str) -> None:
    write_settings(write_results, two, 20.0)
    claim = check_time_scales(read_results())
    assert claim.verdict == verdict
    assert claim.numbers.startswith(f"classifier score: T {two + 0.01:.2f}, C 20.01; Fréchet distance: T ")
    remove_classes()
    assert check_time_scales(read_results()).verdict == verdict


def test_a_difference_within_the_noise_of_seeds_cannot_be_told(write_results: Write) -> None:
    write_settings(write_results, 20.0, 20.0)
    assert check_time_scales(read_results()).verdict == "cannot be told (the means say no)"


def test_it_is_not_asked_without_such_settings_or_sngan(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)], "sngan-C-0": [(2.0, 60.0)]})
    claim = check_time_scales(read_results())
    assert claim.verdict == "not asked in this run" and "preset ablations" in claim.numbers
    write_settings(write_results, 30.0, 20.0, gan="began")
    assert check_time_scales(read_results()).numbers == "there is no SNGAN"


def test_settings_that_differ_in_more_or_in_another_way_are_no_pair() -> None:
    assert find_settings({"C": C, "T": T}) == ("T", "C")
    for other in ({"beta2": 0.9}, {"discriminator_steps": 5}, {"generator_learning_rate": 0.002}):
        assert find_settings({"C": C, "T": T | other}) is None
    assert find_settings({"C": C | {"discriminator_learning_rate": 0.004}, "T": T}) is None
    assert find_settings({"T": T}) is None
