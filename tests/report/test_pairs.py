from collections.abc import Callable
from pathlib import Path

import pytest

from stages.report.__main__ import main
from stages.report.results.read import read_results
from stages.report.statistics.pairs import compare_pairs
from stages.report.statistics.scores import FID

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
    assert (comparison.blocks, comparison.can_tell) == (3, False)
    assert comparison.of("began", "sngan").p == 0.25
    assert not any(pair.differs for pair in comparison.pairs)
    main()
    text = Path("report/index.html").read_text(encoding="utf-8")
    assert "<b>Cannot be told:</b> with 3 blocks the smallest p\nthat can come out is 0.25" in text


def test_with_three_seeds_a_gan_that_is_always_better_is_told_apart(write_results: Write) -> None:
    write_results(make_grid(seeds=3))
    comparison = compare_pairs(read_results(), FID)
    assert comparison.can_tell
    best = comparison.of("sngan", "ebgan")
    assert (best.differs, best.first_better, best.ties) == (True, 9, 0)
    # Friedman's p is above 2 / 512 here and bounds it.
    assert best.corrected_p == pytest.approx(max(comparison.overall_p or 0.0, 2 / 512))
    assert best.difference is not None and best.difference.mean == pytest.approx(-20.0)
    assert not comparison.of("began", "ebgan").differs


def test_a_trial_that_never_scored_takes_its_block_from_its_pairs_alone(write_results: Write) -> None:
    scores = make_grid(seeds=2) | {"began-B-1": []}
    write_results(scores, diverged={"began-B-1": 5})
    comparison = compare_pairs(read_results(), FID)
    sizes = [pair.difference.size for pair in comparison.pairs if pair.difference]
    assert sorted(sizes) == [5, 5, 6]


def test_one_gan_has_nobody_to_differ_from(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)], "sngan-A-1": [(2.0, 61.0)]})
    assert compare_pairs(read_results(), FID).pairs == []
    main()
    assert Path("report/pairs.csv").read_text(encoding="utf-8").strip() == ""
