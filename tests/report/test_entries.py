"""Entries on the page have rows below the GANs, with their seeds and tests, and no part in the claims."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy.stats import ttest_ind

from stages.common.artifacts import entry_folder, grid_name, write_json
from stages.common.errors import InputError
from stages.report.figures.galleries import write_entry_samples
from stages.report.figures.score_curves import describe_figure3, plot_figure3
from stages.report.results.all_results import read_results
from stages.report.statistics.unpaired import compare_unpaired
from tests.report.conftest import TRIAL_PROTOCOL, Write, read_results_file, write_without_figures

GANS = {
    f"{gan}-A-{seed}": [(2.0 + seed / 10, fid + seed)]
    for gan, fid in (("sngan", 30.0), ("began", 60.0))
    for seed in (0, 1, 2)
}
HOSTILE = "<b>Theirs</b> | `x`"


def write_entry(fids: list[float], protocol: dict[str, Any] = TRIAL_PROTOCOL, title: str = "Theirs") -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["entries"] = {"theirs": {"title": title, "files": ["x"] * len(fids)}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    points = [
        {"seed": seed, "sha256": f"{seed}" * 64, "inception_score": 2.5, "inception_score_deviation": 0.1}
        | {"fid": fid, "fid_low": fid - 1, "fid_high": fid + 1, "distinct_images": 30}
        for seed, fid in enumerate(fids)
    ]
    folder = entry_folder("theirs")
    write_json(
        folder / "points.json", {"entry": "theirs", "title": title, "protocol": protocol, "points": points}
    )
    (folder / "grids").mkdir(exist_ok=True)
    for seed in range(len(fids)):
        Image.fromarray(np.zeros((16, 24), dtype=np.uint8)).save(folder / "grids" / grid_name(seed))


def test_an_entry_has_a_row_below_the_gans_and_tests_where_it_has_seeds(write_results: Write) -> None:
    write_results(GANS)
    without = write_without_figures()
    write_entry([10.0, 11.0, 12.0])
    report = write_without_figures()
    assert [row["gan"] for row in report.all_rows] == ["real", "sngan", "began", "entry-theirs"]
    row = report.entries.rows[0]
    assert row["fid"] == pytest.approx(math.exp(np.mean(np.log([10.0, 11.0, 12.0]))))
    assert row["fid_low"] < row["fid"] < row["fid_high"] and row["fid_rank"] is None
    assert set(row) == set(report.table1[1])
    # The claims and ranks concern the GANs only.
    assert (report.table1, report.claims, report.rankings) == (
        without.table1,
        without.claims,
        without.rankings,
    )
    told = [row for row in report.entries.contrasts if row["metric"] == "fid"]
    assert {row["rival"] for row in told} == {"sngan", "began"} and all(row["is_told"] for row in told)
    assert all(row["high"] < 1 for row in told)
    assert read_results_file()["entries"]["seeds"][0]["sha256"] == "0" * 64


def test_pages_and_tables_name_the_entry_and_escape_its_title(write_results: Write) -> None:
    write_results(GANS)
    write_entry([10.0], title=HOSTILE)
    write_without_figures()
    html, markdown, table = (
        Path("report", name).read_text(encoding="utf-8") for name in ("index.html", "report.md", "table1.txt")
    )
    assert "<b>Theirs" not in html and "&lt;b&gt;Theirs&lt;/b&gt;" in html and '<h2 id="entries">' in html
    assert "<b>Theirs" not in markdown.replace(r"\<b\>", "")
    assert HOSTILE in table
    assert "entry-theirs" in Path("report/table1.csv").read_text()
    assert Path("report/entries.csv").exists()


def test_a_report_without_entries_says_nothing_of_them(write_results: Write) -> None:
    write_results(GANS)
    write_without_figures()
    assert 'id="entries"' not in Path("report/index.html").read_text(encoding="utf-8")
    assert not Path("report/entries.csv").exists()


def test_an_entry_without_results_is_missing_and_one_of_another_protocol_refused(
    write_results: Write,
) -> None:
    write_results(GANS)
    write_entry([10.0], protocol=TRIAL_PROTOCOL | {"splits": 3})
    with pytest.raises(
        InputError, match="not comparable: splits is 2 in one and 3 in the other.*entry@theirs"
    ):
        read_results()
    (entry_folder("theirs") / "points.json").unlink()
    report = write_without_figures()
    assert report.entries.missing == ("theirs",)
    assert report.entries.rows[0]["trials_missing"] == 1 and report.entries.rows[0]["fid"] is None


def test_the_gallery_has_the_entrys_grid(write_results: Write) -> None:
    write_results(GANS)
    write_entry([10.0, 9.0])
    results = read_results()
    (picture,) = write_entry_samples(results.entries, results.metrics[1], Path("out"))
    assert picture.file == "samples_entry-theirs.png" and "9.0" in picture.caption
    assert Path("out", picture.file).exists()


def test_the_curves_have_a_line_for_the_entry_whatever_its_title(write_results: Write) -> None:
    write_results(GANS)
    without = [line.get_label() for line in plot_figure3(read_results()).axes[0].get_lines()]
    write_entry([10.0, 40.0], title=r"$\broken{ _Theirs")
    results = read_results()
    figure = plot_figure3(results)
    figure.canvas.draw()
    for axes, level in zip(figure.axes[0:3:2], (2.5, 20.0), strict=True):
        lines = {line.get_label(): line for line in axes.get_lines()}
        assert np.asarray(lines[r"entry: \$\broken{ _Theirs"].get_ydata())[0] == pytest.approx(level)
    assert len(figure.axes[0].get_lines()) == len(without) + 1
    assert "Level lines are entries" in describe_figure3(results).caption


def test_the_unpaired_test_is_welchs() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(1, 0.2, 4), random.normal(0.5, 0.6, 7)
    found = compare_unpaired(first.tolist(), second.tolist())
    expected = ttest_ind(first, second, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.low == pytest.approx(math.exp(low)) and found.high == pytest.approx(math.exp(high))
    assert compare_unpaired([1.0], [0.5, 0.6]).p is None
