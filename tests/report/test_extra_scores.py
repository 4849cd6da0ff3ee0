"""The scores of `scores.extra` have one value in all four formats of the report; without them nothing is shown."""

import csv
from pathlib import Path
from typing import Any

import pytest

from stages.common.artifacts import REAL_SCORES, read_json, write_json
from tests.report.conftest import Write, read_results_file, write_without_figures
from tests.report.test_entries import write_entry

GRID = {f"{gan}-A-{seed}": [(1.5, 70.0), (2.0, 50.0 + seed)] for gan in ("began", "sngan") for seed in (0, 1)}


def add_scores(path: Path, last: dict[str, Any]) -> None:
    """Add scores to a record: to its last point, and the scores plus 1 to its other points; or to the record itself."""
    record = read_json(path, "a stage")
    points = record.get("points", [record])
    for point in points[:-1]:
        point |= {key: None if value is None else value + 1 for key, value in last.items()}
    points[-1] |= last
    write_json(path, record)


def write_extra(**of_trials: dict[str, Any]) -> None:
    add_scores(REAL_SCORES, {"authenticity": 0.9, "ct": None, "ct_null_deviation": None})
    for name in GRID:
        values = {"authenticity": 0.5, "ct": -1.5, "ct_null_deviation": 0.6} | of_trials.get(name, {})
        add_scores(Path("results/evaluate") / name / "points.json", values)


def test_the_table_has_means_over_seeds_of_the_last_snapshots_in_every_form(write_results: Write) -> None:
    write_results(GRID)
    write_extra(**{"sngan-A-1": {"authenticity": 0.7, "ct": None}})
    write_entry([10.0])
    add_scores(
        Path("results/evaluate/entry-theirs/points.json"),
        {"authenticity": 0.25, "ct": 2.5, "ct_null_deviation": 0.61},
    )
    rows = {row["gan"]: row for row in write_without_figures().extra_scores.rows}
    assert list(rows) == ["real", "began", "sngan", "entry-theirs"]
    assert rows["sngan"]["authenticity"] == pytest.approx(0.6)
    assert (rows["sngan"]["authenticity_low"], rows["sngan"]["authenticity_high"]) == (0.5, 0.7)
    assert rows["sngan"]["ct"] is None and rows["began"]["ct"] == -1.5 and rows["real"]["ct"] is None
    assert rows["entry-theirs"]["ct"] == 2.5
    assert read_results_file()["extra_scores"]["rows"] == list(rows.values())
    with Path("report/extra_scores.csv").open(encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert [row["authenticity"] for row in table] == [str(row["authenticity"]) for row in rows.values()]
    markdown = Path("report/report.md").read_text(encoding="utf-8")
    assert "| SNGAN | A | 2 | 0.600 0.500 to 0.700 | – | 0.60 0.60 to 0.60 |" in markdown
    html = Path("report/index.html").read_text(encoding="utf-8")
    assert '<h2 id="extra-scores">' in html and "0.500 to 0.700" in html


def test_a_training_that_failed_has_none_of_them(write_results: Write) -> None:
    write_results(GRID, diverged={"began-A-0": 7})
    write_extra()
    rows = {row["gan"]: row for row in write_without_figures().extra_scores.rows}
    assert rows["began"]["authenticity"] is None and rows["sngan"]["authenticity"] == 0.5


def test_a_report_without_them_has_no_such_table(write_results: Write) -> None:
    write_results(GRID)
    report = write_without_figures()
    assert report.extra_scores.rows == () and report.extra_scores.columns == ()
    assert not Path("report/extra_scores.csv").exists()
    for name in ("index.html", "report.md"):
        assert "Further scores" not in Path("report", name).read_text(encoding="utf-8")


def test_a_trial_that_was_scored_without_them_is_damaged(write_results: Write) -> None:
    write_results(GRID)
    add_scores(REAL_SCORES, {"authenticity": 0.9})
    with pytest.raises(
        ValueError, match=r"points.json is damaged \(KeyError\('authenticity'\)\); make it anew"
    ):
        write_without_figures()
