"""Entries on the page have rows below the GANs, with their seeds and tests, and no part in the claims."""

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy.stats import ttest_ind

from stages.common.artifacts import entry_folder, grid_name, read_json, write_json
from stages.common.errors import InputError
from stages.report.figures.answer import describe_answer, plot_answer, plot_narrow_answer
from stages.report.figures.galleries import copy_entry_neighbours, write_entry_samples, write_strip
from stages.report.figures.score_curves import describe_figure3, plot_figure3
from stages.report.figures.settings import describe_figure2, plot_figure2
from stages.report.results.all_results import read_results
from stages.report.statistics.unpaired import compare_unpaired
from tests.report.conftest import TRIAL_PROTOCOL, Write, read_results_file, write_without_figures

GANS = {
    f"{gan}-A-{seed}": [(2.0 + seed / 10, fid + seed)]
    for gan, fid in (("sngan", 30.0), ("began", 60.0))
    for seed in (0, 1, 2)
}
HOSTILE = "<b>Theirs</b> | `x`"


def write_entry(
    fids: list[float],
    protocol: dict[str, Any] = TRIAL_PROTOCOL,
    title: str = "Theirs",
    suspicious: list[float] | None = None,
) -> None:
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
        Image.fromarray(np.full((16, 24), seed, dtype=np.uint8)).save(folder / "grids" / grid_name(seed))
    if suspicious is not None:
        write_entry_neighbours(suspicious)


def write_entry_neighbours(shares: list[float]) -> None:
    folder = entry_folder("theirs") / "neighbours"
    seeds = {}
    for seed, share in enumerate(shares):
        distances = {"median_distance": 1.25, "held_out_median_distance": 2.0, "suspicious_share": share}
        seeds[f"seed_{seed}"] = {"pixels": distances, "features": distances, "picture": f"seed_{seed}.png"}
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.full((24, 24), 100 + seed, dtype=np.uint8)).save(folder / f"seed_{seed}.png")
    write_json(folder / "neighbours.json", {"seeds": seeds})


def read_page() -> str:
    """Read the page's text with every white space as one space."""
    return " ".join(Path("report/index.html").read_text(encoding="utf-8").split())


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
    assert {row["rival"] for row in told} == {"sngan", "began"} and all(row["is_significant"] for row in told)
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


def test_an_entry_without_results_stands_as_missing_and_breaks_no_figure(write_results: Write) -> None:
    write_results(GANS)
    write_entry([10.0])
    (entry_folder("theirs") / "points.json").unlink()
    report = write_without_figures()
    assert report.cells[-1]["trials_missing"] == 1 and report.cells[-1]["fid_last"] is None
    assert all(source.trial != "entry-theirs" for source in report.provenance)
    page = read_page()
    assert "Without results: theirs" in page and "Distances of all trials and" not in page
    results = read_results()
    labels = [label.get_text() for label in plot_answer(results).axes[0].get_yticklabels()]
    assert labels == ["SNGAN", "BEGAN"] and "Entries" not in describe_answer(results).caption
    assert copy_entry_neighbours(results.entries, Path("out")) == ()
    assert "entries" not in describe_figure2(results).caption


def test_the_table_by_setting_and_the_provenance_have_a_row_for_the_entry(write_results: Write) -> None:
    write_results(GANS)
    trials = write_without_figures()
    write_entry([10.0, 12.0], title=HOSTILE)
    report = write_without_figures()
    assert report.cells[:-1] == trials.cells and set(report.cells[-1]) == set(trials.cells[0])
    row = report.cells[-1]
    assert row["gan"] == "entry-theirs" and row["setting"] is None
    assert row["fid_best"] == row["fid_last"] == report.entries.rows[0]["fid"]
    assert "entry-theirs" in Path("report/cells.csv").read_text()
    points = entry_folder("theirs") / "points.json"
    (source,) = report.provenance[len(trials.provenance) :]
    assert source.trial == "entry-theirs" and source.settings == {}
    assert source.files == {str(points): hashlib.md5(points.read_bytes()).hexdigest()}
    page, markdown = read_page(), Path("report/report.md").read_text(encoding="utf-8")
    assert 'href="../tracking/compare.html#entry-theirs"' in page and 'href="#entries">Entries</a>' in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r' id="([^"]+)"', page))
    assert "<b>Theirs" not in page and "<b>Theirs" not in markdown.replace(r"\<b\>", "")
    assert "; beside them, 1 entry of others." in page and "that is about trainings" in page


@pytest.mark.parametrize(
    ("suspicious", "text"),
    [
        ([0.0, 0.75], "with the most suspicious images among features is Theirs, seed 1: 75&nbsp;%"),
        ([0.0, 0.0], "No image of any entry is suspicious among features"),
        ([0.5], "with the most suspicious images among features is Theirs, seed 0: 50&nbsp;%"),
        (None, 'Theirs, entry, seed 1</a></th><td class="group">–</td>'),
    ],
)
def test_the_nearest_training_images_of_entries_stand_beside_those_of_trials(
    suspicious: list[float] | None, text: str, write_results: Write
) -> None:
    write_results(GANS)
    write_entry([10.0, 11.0], suspicious=suspicious)
    report = write_without_figures()
    assert text in read_page()
    rows = report.entries.seeds
    known = len(suspicious or ())
    assert [row["features_suspicious_share"] for row in rows] == [*(suspicious or ()), *[None] * (2 - known)]
    assert "features_suspicious_share" in Path("report/entries.csv").read_text()
    assert rows[0]["pixels_median"] == (1.25 if suspicious else None)


def test_neighbours_of_entries_alone_or_a_damaged_record_are_told(write_results: Write) -> None:
    write_results(GANS)
    write_entry([10.0], suspicious=[1.0])
    path = Path("results/neighbours/neighbours.json")
    write_json(path, read_json(path, "") | {"trials": {}})
    write_without_figures()
    page = read_page()
    assert "Theirs, seed 0: 100&nbsp;%" in page and "The trial with the most suspicious" not in page
    write_json(entry_folder("theirs") / "neighbours/neighbours.json", {"seeds": {"seed_0": {}}})
    with pytest.raises(InputError, match="is damaged .*`dvc repro -f entry_neighbours@theirs`"):
        read_results()


def test_pictures_are_of_the_file_with_the_best_fid_and_a_missing_one_names_its_stage(
    write_results: Write,
) -> None:
    write_results(GANS)
    write_entry([10.0, 9.0], suspicious=[0.0, 0.0])
    results = read_results()
    (picture,) = copy_entry_neighbours(results.entries, Path("out"))
    assert picture.file == "neighbours_entry-theirs.png" and picture.caption == "Theirs, entry, seed 1"
    assert np.asarray(Image.open(Path("out", picture.file)))[0, 0] == 101
    strip = write_strip(np.zeros((16, 24), dtype=np.uint8), [], results.entries, 8, Path("out"))
    assert np.asarray(Image.open(Path("out", strip[-1].file)))[0, 0] == 1
    (entry_folder("theirs") / "neighbours/seed_1.png").write_bytes(b"")
    with pytest.raises(InputError, match="`dvc repro -f entry_neighbours@theirs`"):
        copy_entry_neighbours(results.entries, Path("out"))
    (entry_folder("theirs") / "grids" / grid_name(1)).unlink()
    with pytest.raises(InputError, match="`dvc repro entry@theirs`"):
        write_entry_samples(results.entries, results.distance, Path("out"))


def test_what_is_said_of_noise_and_intervals_is_said_of_the_gans_alone(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 30.0)], "began-A-0": [(2.0, 60.0)]})
    write_without_figures()
    page = read_page()
    assert "All draw from the same noise" in page and "so no score has an interval" in page
    write_entry([10.0, 12.0])
    write_without_figures()
    page = read_page()
    assert "Each GAN and entry at its lowest" in page and "All GANs draw from the same noise" in page
    assert "so no score of theirs has an interval" in page


@pytest.mark.parametrize(
    ("fids", "note", "caption"),
    [
        ([10.0], None, "a dot per file."),
        ([10.0, 40.0], None, "diamonds are means over files"),
        ([0.0], "outside: 0.0", "a dot per file."),
        ([1e-12, 20.0], "outside: 0.0", "diamonds are means over files"),
        ([1e6], "outside: 1e+06", "a dot per file."),
    ],
)
def test_the_first_figure_has_a_row_for_the_entry_and_a_far_one_does_not_compress_the_others(
    fids: list[float], note: str | None, caption: str, write_results: Write
) -> None:
    write_results(GANS)
    write_entry(fids, title="$_" + 98 * "x")
    results = read_results()
    for figure in (
        plot_answer(results),
        plot_narrow_answer(results),
        plot_figure2(results),
        plot_figure3(results),
    ):
        figure.canvas.draw()
    axes = plot_answer(results).axes[1]
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        *("SNGAN", "BEGAN"),
        r"\$_" + 29 * "x" + "…",
    ]
    low, high = axes.get_xlim()
    assert low > 1.0 and high < 1000.0
    notes = [text.get_text() for text in axes.texts]
    assert notes == ([] if note is None else [note])
    assert caption in describe_answer(results).caption
    for panel in (plot_figure2(results).axes[1], plot_figure3(results).axes[2]):
        low, high = panel.get_ylim()
        assert low > 0.1 and high < 10_000


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
    bars = {line.get_label() for line in plot_figure2(results).axes[1].get_lines()}
    assert r"entry: \$\broken{ _Theirs" in bars and "entries" in describe_figure2(results).caption


def test_the_unpaired_test_is_welchs() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(1, 0.2, 4), random.normal(0.5, 0.6, 7)
    found = compare_unpaired(first.tolist(), second.tolist())
    expected = ttest_ind(first, second, equal_var=False)
    low, high = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.low == pytest.approx(math.exp(low)) and found.high == pytest.approx(math.exp(high))
    assert compare_unpaired([1.0], [0.5, 0.6]).p is None
