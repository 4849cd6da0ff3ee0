"""With an extractor without classes, the report has only the Fréchet distance, and says so."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stages.common.artifacts import EXTRACTOR, SCORES, read_json, write_json
from stages.common.errors import InputError
from stages.report.figures.answer import describe_answer, plot_answer, plot_narrow_answer
from stages.report.figures.score_curves import plot_figure3
from stages.report.figures.settings import plot_figure2
from stages.report.results.all_results import read_results
from stages.report.statistics.metrics import NO_CLASSES, name_metrics
from tests.report.conftest import read_results_file, remove_classes, write_without_figures

Write = Callable[..., None]
# SNGAN is ahead of BEGAN and behind EBGAN; over the seeds the values vary little.
LEVELS = {"began": 90.0, "ebgan": 20.0, "sngan": 50.0}
GRID = {
    f"{gan}-C-{seed}": [(2.0, 2 * level + seed / 10), (2.5, level + seed / 10)]
    for gan, level in LEVELS.items()
    for seed in range(3)
}
RENDERINGS = (
    "index.html",
    "report.md",
    "results.json",
    "table1.csv",
    "trials.csv",
    "cells.csv",
    "table1.txt",
)


def strip_names(text: str) -> str:
    """Remove parts of a page that may contain the searched words: style, scripts, pictures, and two known sentences."""
    text = re.sub(r"<style>.*?</style>|<script>.*?</script>|data:image[^\"]*", " ", text, flags=re.DOTALL)
    return text.replace(NO_CLASSES, "").replace("None of the trainings", "")


@pytest.mark.parametrize("name", RENDERINGS)
def test_no_rendering_has_a_number_in_place_of_the_missing_score(write_results: Write, name: str) -> None:
    write_results(GRID)
    remove_classes()
    write_without_figures()
    text = strip_names(Path("report", name).read_text(encoding="utf-8"))
    assert not re.search(r"\b(nan|NaN|None|inf|Infinity)\b", text)
    if name.endswith((".csv", ".txt")):
        assert "inception_score" not in text.lower() and " IS" not in text and "fid" in text.lower()
    if name in ("index.html", "report.md"):
        assert "Fréchet distance of pixels" in text and "principal_components score" not in text
        assert "not asked" in text


def test_the_value_has_one_score_in_every_part(write_results: Write) -> None:
    write_results(GRID)
    remove_classes()
    report = write_without_figures()
    content = read_results_file()
    assert list(content["metrics"]) == ["fid"]
    for part in ("orders", "contrasts", "rankings"):
        assert [found["metric"] for found in content[part]] == ["fid"]
    for rows in (report.table1, report.cells, report.budgets, report.trials):
        assert not [key for row in rows for key in row if "inception_score" in key]
    assert report.answer.startswith(
        "SNGAN is not the best of these GANs, from 3 seeds: by Fréchet distance of pixels'"
    )


def test_claims_about_the_inception_score_are_not_asked_and_those_about_both_can_be_refuted_alone(
    write_results: Write,
) -> None:
    write_results(GRID)
    remove_classes()
    claims = {claim.text: claim for claim in write_without_figures().claims}
    about = [claim for text, claim in claims.items() if "Inception Score" in text and "FID" not in text]
    assert len(about) == 4
    for claim in about:
        assert (claim.verdict, claim.numbers) == ("not asked in this run", NO_CLASSES)
        assert claim.published is not None
    best = claims["SNGAN is closest to real data in both Inception Score and FID (Table 1)."]
    assert best.verdict == "does not hold" and "over EBGAN in Fréchet distance" in best.numbers
    assert claims["The FID of every model falls with training (Figure 3)."].verdict == "holds"


def test_a_lead_by_the_distance_alone_does_not_confirm_a_claim_about_both_scores(
    write_results: Write,
) -> None:
    write_results({name: points for name, points in GRID.items() if not name.startswith("ebgan")})
    remove_classes()
    report = write_without_figures()
    (best,) = [claim for claim in report.claims if "Table 1" in claim.text]
    assert best.verdict == "not asked in this run"
    assert best.numbers.startswith(
        f"{NO_CLASSES}; Fréchet distance: SNGAN 50.1, BEGAN 90.1; deciding margin:"
    )
    assert report.answer.startswith(
        "SNGAN is the best of these GANs, from 3 seeds: by Fréchet distance of pixels'"
    )


def test_every_figure_has_a_panel_for_the_one_score(write_results: Write) -> None:
    write_results(GRID)
    remove_classes()
    results = read_results()
    assert describe_answer(results).caption.startswith(
        "Fréchet distance of pixels' principal components at the end"
    )
    # The last panels are those of the publication.
    for plot, count in ((plot_answer, 1), (plot_narrow_answer, 1), (plot_figure2, 2), (plot_figure3, 2)):
        assert len(plot(results).axes) == count


def test_a_score_that_is_missing_although_the_extractor_tells_classes_is_damage(write_results: Write) -> None:
    write_results(GRID)
    card = read_json(EXTRACTOR / "card.json", "")
    remove_classes()
    write_json(EXTRACTOR / "card.json", card)
    with pytest.raises(InputError, match=f"{SCORES}/began-C-0/points.json is damaged .*evaluate@began-C-0"):
        read_results()


@pytest.mark.parametrize(
    ("extractor", "name"),
    [
        ("dinov2", "Fréchet distance of DINOv2 features"),
        ("clip", "Fréchet distance of CLIP features"),
        ("principal_components", "Fréchet distance of pixels' principal components"),
        ("mine", "Fréchet distance of mine features"),
    ],
)
def test_the_distance_is_named_by_what_it_is_of(extractor: str, name: str) -> None:
    (metric,) = name_metrics(extractor, tells_classes=False)
    assert (metric.key, metric.title) == ("fid", name)
    assert [metric.key for metric in name_metrics(extractor, tells_classes=True)] == [
        "inception_score",
        "fid",
    ]
