"""The answer's sentence is right for each score: SNGAN is the best, is not the best, or neither can be shown."""

from collections.abc import Mapping

import pytest

from stages.report.results.all_results import read_results
from stages.report.sections.answer import write_answer
from stages.report.sections.ranking import rank_gans
from stages.report.statistics.contrasts import contrast_with_rivals
from tests.report.conftest import Write

SCORE, DISTANCE = "classifier score", "Fréchet distance of classifier features"
# For SNGAN ahead of a rival (+), behind it (-), or not significantly different (0): the ratio of their score levels.
RATIOS = {"+": 0.5, "-": 2.0, "0": 1.0}


def write_levels(
    write_results: Write, rivals: Mapping[str, str], seeds: int = 4, diverged: dict[str, int] | None = None
) -> None:
    """Write a run in which two signs give each rival's comparison with SNGAN, by the score and by the distance."""
    trials = {}
    for seed in range(seeds):
        trials[f"sngan-A-{seed}"] = [(4.0 * (1 + seed / 100), 80.0 * (1 + seed / 100))]
        for number, (rival, signs) in enumerate(rivals.items()):
            # Each GAN has its own noise, so that equal levels differ in either direction.
            noise = 1 + (seed % 2 - 0.5) / (20 + number)
            score, distance = RATIOS[signs[0]], 1 / RATIOS[signs[1]]
            trials[f"{rival}-A-{seed}"] = [(4.0 * score * noise, 80.0 * distance / noise)]
    for name in diverged or {}:
        trials[name] = []
    write_results(trials, diverged=diverged)


def answer() -> str:
    results = read_results()
    contrasts = [contrast_with_rivals(results, metric) for metric in results.metrics]
    return write_answer(results, contrasts, [rank_gans(results, metric) for metric in results.metrics])


@pytest.mark.parametrize(
    ("rivals", "beginning"),
    [
        ({"began": "++", "ebgan": "++"}, "SNGAN is the best of these GANs by both scores"),
        ({"began": "--", "ebgan": "++"}, "SNGAN is not the best of these GANs by either score"),
        ({"began": "-0", "ebgan": "0-"}, "SNGAN is not the best of these GANs by either score"),
        (
            {"began": "00", "ebgan": "+0"},
            "Whether SNGAN is the best of these GANs cannot be told by either score",
        ),
        (
            {"began": "+-", "ebgan": "+0"},
            f"SNGAN is the best of these GANs by {SCORE}, but not by {DISTANCE}",
        ),
        (
            {"began": "-+", "ebgan": "0+"},
            f"SNGAN is the best of these GANs by {DISTANCE}, but not by {SCORE}",
        ),
        (
            {"began": "++", "ebgan": "+0"},
            f"SNGAN is the best of these GANs by {SCORE}; by {DISTANCE} this cannot be told",
        ),
        (
            {"began": "0-", "ebgan": "++"},
            f"SNGAN is not the best of these GANs by {DISTANCE}; by {SCORE} this cannot be told",
        ),
    ],
)
def test_the_beginning_says_by_which_score(
    write_results: Write, rivals: dict[str, str], beginning: str
) -> None:
    write_levels(write_results, rivals)
    assert answer().startswith(f"{beginning}, from 4 seeds: by {SCORE} ")


def test_what_both_scores_say_is_said_once(write_results: Write) -> None:
    write_levels(write_results, {"began": "++", "ebgan": "--"})
    assert answer().endswith(
        f"from 4 seeds: by {SCORE} and {DISTANCE} it is ahead of BEGAN and is behind EBGAN."
    )


def test_places_name_the_first_without_saying_that_it_is_next(write_results: Write) -> None:
    write_levels(write_results, {"began": "--", "ebgan": "++", "mine": "-+", "layer_norm": "-+"}, seeds=1)
    assert answer().startswith(
        f"SNGAN is fourth of 5 (LN is first) by {SCORE} and second of 5 (BEGAN is first) by {DISTANCE}, in one"
    )


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (["sngan-A-0"], "SNGAN, of which a training failed, is last"),
        (["began-A-0"], "BEGAN, of which a training failed, is last"),
        (["began-A-0", "ebgan-A-0"], "BEGAN and EBGAN, of which trainings failed, are last"),
    ],
)
def test_a_failed_training_is_said_where_it_ranks_a_gan_last(
    write_results: Write, failed: list[str], words: str
) -> None:
    write_levels(write_results, {"began": "-+", "ebgan": "+-"}, seeds=1, diverged=dict.fromkeys(failed, 7))
    assert f" ({words}), in one training of each GAN" in answer()


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_no_gan_is_first_where_each_has_a_training_that_failed(write_results: Write, seeds: int) -> None:
    diverged = {"sngan-A-0": 7, "began-A-0": 9}
    write_levels(write_results, {"began": "++"}, seeds, diverged)
    assert (
        answer()
        == "Each of these GANs has a training that failed, so this run cannot tell which is the best."
    )
