from collections.abc import Callable
from pathlib import Path

import pytest

from stages.report.results.all_results import read_results
from stages.report.statistics.metrics import FID
from stages.report.statistics.pairwise_tests import compare_pairs
from tests.report.conftest import write_without_figures

Write = Callable[..., None]


def make_grid(seeds: int) -> dict[str, list[tuple[float, float]]]:
    """Three GANs; the first has the lower FID in every block, the others take turns."""
    levels = {"sngan": 40.0, "began": 60.0, "ebgan": 60.0}
    scores = {}
    for place, setting in enumerate("ABC"):
        for seed in range(seeds):
            for gan, level in levels.items():
                turn = (-1.0) ** (place + seed) * (gan == "began")
                scores[f"{gan}-{setting}-{seed}"] = [(2.0, level + turn + seed)]
    return scores


def test_with_one_seed_no_pair_can_be_told_apart_and_the_page_says_so(write_results: Write) -> None:
    write_results(make_grid(seeds=1))
    comparison = compare_pairs(read_results(), FID)
    assert (comparison.blocks, comparison.can_differ) == (3, False)
    assert comparison.find_pair("began", "sngan").p == 0.25
    assert not any(pair.differs for pair in comparison.pairs)
    write_without_figures()
    text = Path("report/index.html").read_text(encoding="utf-8")
    assert "<strong>Cannot be told:</strong> with 3 blocks the smallest p that can come out is\n0.25" in text


def test_with_three_seeds_a_gan_that_is_always_better_is_told_apart(write_results: Write) -> None:
    write_results(make_grid(seeds=3))
    comparison = compare_pairs(read_results(), FID)
    assert comparison.can_differ
    best = comparison.find_pair("sngan", "ebgan")
    assert (best.differs, best.first_better, best.ties) == (True, 9, 0)
    # Friedman's p is above 2 / 512 here and bounds it.
    assert best.corrected_p == pytest.approx(max(comparison.overall_p or 0.0, 2 / 512))
    assert best.difference == pytest.approx(-20.0)
    assert not comparison.find_pair("began", "ebgan").differs


def test_a_trial_that_never_scored_takes_its_block_from_its_pairs_alone(write_results: Write) -> None:
    scores = make_grid(seeds=2) | {"began-B-1": []}
    write_results(scores, diverged={"began-B-1": 5})
    comparison = compare_pairs(read_results(), FID)
    sizes = [pair.blocks for pair in comparison.pairs if pair.difference is not None]
    assert sorted(sizes) == [5, 5, 6]


def test_one_gan_has_nobody_to_differ_from(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)], "sngan-A-1": [(2.0, 61.0)]})
    assert compare_pairs(read_results(), FID).pairs == ()
    write_without_figures()
    assert Path("report/pairs.csv").read_text(encoding="utf-8").strip() == ""
