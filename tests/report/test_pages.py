import csv
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from PIL import Image

from stages.common.artifacts import EXTRACTOR, read_json, write_json
from stages.report import formatting
from stages.report.__main__ import main
from stages.report.figures.sample_progression import choose_tiles
from stages.report.statistics.simulated import find_simulated
from tests.report.conftest import read_results_file, write_without_figures
from tests.report.test_one_value import normalise

Write = Callable[..., None]
SCORES = {
    "began-A-0": [(1.0, 90.0), (1.5, 95.0)],
    "sngan-A-0": [(2.0, 60.0), (2.5, 50.0)],
    "mine-A-0": [(2.0, 61.0), (2.4, 51.0)],
}


VOID = {"meta", "img", "br", "link", "input", "source"}


class Page(HTMLParser):
    """Gathers what a page loads, and checks that its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.alternatives: list[str | None] = []
        self.tags: set[str] = set()
        self.names: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.names += [name] if (name := values.get("id")) else []
        # A link in the text may lead to another site, because a browser loads nothing by it.
        keys = ("src", "srcset") if tag == "a" else ("src", "href", "srcset")
        self.sources += [value for key in keys if (value := values.get(key)) is not None]
        self.links += [values.get("href") or ""] if tag == "a" else []
        if tag == "img":
            self.alternatives.append(values.get("alt"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def hash_report() -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in Path("report").iterdir()}


@pytest.mark.parametrize("channels", [1, 3])
def test_the_page_needs_nothing_but_itself(write_results: Write, channels: int) -> None:
    write_results(SCORES, channels=channels)
    main()
    text = Path("report/index.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    kinds = ("data:image/png;base64,", "data:image/svg+xml,")  # the second is the icon of the browser's tab
    assert all(source.startswith(kinds) for source in page.sources)
    assert [link for link in page.links if not link.startswith("#")] == [
        "../tracking/compare.html",
        *(f"../tracking/compare.html#{trial}" for trial in ("began-A-0", "sngan-A-0", "mine-A-0")),
        "https://digits.example",
    ]
    assert page.alternatives and all(page.alternatives)
    assert "iframe" not in page.tags
    assert not re.search(r"@import|url\(|fetch\(|import\(", text)


def test_every_link_within_the_page_leads_somewhere(write_results: Write) -> None:
    write_results(SCORES)
    write_without_figures()
    page = Page(Path("report/index.html").read_text(encoding="utf-8"))
    inner = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inner and inner <= set(page.names)
    assert len(page.names) == len(set(page.names))


def test_every_picture_of_the_markdown_lies_beside_it(write_results: Write) -> None:
    write_results(SCORES)
    main()
    named = re.findall(r"!\[[^]]+\]\(([^)]+)\)", Path("report/report.md").read_text(encoding="utf-8"))
    assert {"figure1.png", "figure2.png", "figure3.png", "samples_mine.png"} <= set(named)
    assert all((Path("report") / name).exists() for name in named)


def test_the_markdown_tables_have_as_many_cells_in_every_row(write_results: Write) -> None:
    write_results(SCORES)
    write_without_figures()
    blocks = re.findall(
        r"(?:^\|.*\n)+", Path("report/report.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(blocks) == 8
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1, block


def test_the_same_results_give_the_same_bytes(write_results: Write) -> None:
    write_results(SCORES)
    main()
    first = hash_report()
    main()
    assert hash_report() == first


def test_a_title_is_text_and_no_markup(write_results: Write) -> None:
    write_results(SCORES, title="<script>alert(1)</script>")
    write_without_figures()
    assert "<script>alert" not in Path("report/index.html").read_text(encoding="utf-8")


def test_table1_and_the_way_to_the_page_are_printed(
    write_results: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write_results(SCORES)
    main()
    printed = capsys.readouterr().out
    assert Path("report/table1.txt").read_text(encoding="utf-8") in printed
    assert "report/index.html" in printed


def test_the_page_shows_the_weights_hash_short_and_whole(write_results: Write) -> None:
    write_results(SCORES)
    write_without_figures()
    assert f'title="{"ab" * 32}">abababababab…<' in Path("report/index.html").read_text(encoding="utf-8")


def test_the_epoch_of_a_best_point_is_shown(write_results: Write) -> None:
    write_results(SCORES)
    write_without_figures()
    assert '<small class="place">A, step 20, epoch 0.2</small>' in Path("report/index.html").read_text(
        encoding="utf-8"
    )
    assert (
        "| SNGAN | 2.50 | 1 | 50.0 | 1 | 2.50 | A, step 20, epoch 0.2 | 50.0 | A, step 20, epoch 0.2 |"
        in Path("report/report.md").read_text(encoding="utf-8")
    )


def test_a_gan_that_nobody_published_gets_dashes_beside_it(write_results: Write) -> None:
    write_results({f"mine-{setting}-0": [(1.0, 9.0), (2.0, 8.0)] for setting in "ABCDEF"})
    main()
    text = Path("report/table1.txt").read_text(encoding="utf-8")
    (row,) = [" ".join(line.split()) for line in text.splitlines() if line.startswith("mine")]
    assert row == "mine 2.00 1 8.0 1 – –"


def test_a_grid_of_one_diverged_trial_still_has_its_report(write_results: Write) -> None:
    write_results({"began-B-3": []}, diverged={"began-B-3": 2})
    main()
    assert "diverged at generator step 2" in Path("report/index.html").read_text(encoding="utf-8")


def test_several_seeds_are_plotted_and_named(write_results: Write) -> None:
    write_results({f"{gan}-{setting}-{seed}": [(1.0 + seed, 9.0), (2.0, 8.0 - seed)]
                   for gan in ("began", "sngan") for setting in "AC" for seed in (0, 1, 2)})  # fmt: skip
    main()
    text = Path("report/index.html").read_text(encoding="utf-8")
    assert "Values are geometric means over 3 seeds" in text
    assert "A ×3" in text


@pytest.mark.parametrize("name", ["table1.csv", "cells.csv", "contrasts.csv", "trials.csv"])
def test_every_row_of_a_file_says_what_its_scores_were_made_with(write_results: Write, name: str) -> None:
    write_results(SCORES)
    write_without_figures()
    rows = list(csv.DictReader(Path("report", name).read_text(encoding="utf-8").splitlines()))
    kept = ("extractor", "weights_sha256", "splits", "sample_count", "reference_split", "reference_count")
    assert {tuple(row[key] for key in kept) for row in rows} == {
        ("classifier", "ab" * 32, "2", "30", "train", "40")
    }


def test_the_slider_goes_through_every_point_of_the_longest_trial(write_results: Write) -> None:
    write_results(SCORES | {"began-A-0": [(1.0, 90.0)]}, diverged={"began-A-0": 15})
    main()
    text = Path("report/index.html").read_text(encoding="utf-8")
    assert 'data-steps="10,20"' in text and 'type="range" id="point" min="0" max="1"' in text
    assert 'data-own="1"' in text and 'data-own="2"' in text
    assert "diverged at 15" in text


def test_the_pictures_behind_the_slider_stack_all_points(write_results: Write) -> None:
    write_results(SCORES)
    main()
    # Two points of a grid of two by three images of 8 pixels.
    assert Image.open("report/progression_sngan-A-0.png").size == (24, 32)


@pytest.mark.parametrize(
    ("points", "values", "tiles"),
    [(90, 28 * 28, 4), (90, 32 * 32 * 3, 3), (90, 128 * 128 * 3, 1), (9, 8 * 8, 4)],
)
def test_the_slider_shows_fewer_images_where_they_are_many_or_large(
    points: int, values: int, tiles: int
) -> None:
    assert choose_tiles(points, values) == tiles


def test_a_trials_files_are_named_by_the_hash_that_dvc_keeps_them_under(write_results: Write) -> None:
    write_results(SCORES)
    write_without_figures()
    digest = hashlib.md5(Path("results/evaluate/sngan-A-0/points.json").read_bytes()).hexdigest()
    text = Path("report/index.html").read_text(encoding="utf-8")
    assert f"results/evaluate/sngan-A-0/points.json <code>{digest}</code>" in text


def test_the_page_leads_with_the_answer_its_figure_and_every_gans_images(write_results: Write) -> None:
    write_results(SCORES)
    main()
    text = Path("report/index.html").read_text(encoding="utf-8")
    headings = re.findall(r'<h2 id="(\w+)"', text)
    assert headings[:3] == ["answer", "table", "claims"] and headings[-2:] == ["lipschitz", "ablation"]
    top = text[: text.index('id="table"')]
    assert read_results_file()["answer"] in top.replace("\n", " ")
    assert top.count("<img") == 1 + 1 + len(SCORES)


def test_one_seed_answers_nothing_about_seeds(write_results: Write) -> None:
    write_results(SCORES)
    write_without_figures()
    content = read_results_file()
    assert content["answer"] == (
        "SNGAN is first of 3 by classifier score and Fréchet distance of classifier features, in one training of each "
        "GAN, which cannot tell which GAN is the best."
    )
    assert {row["p"] for found in content["contrasts"] for row in found["rows"]} == {None}
    page = Path("report/index.html").read_text(encoding="utf-8")
    text = normalise(re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL))
    assert "From one training each there is no test" in text and "with probability" not in text
    # What is left are names of trials, a column of their table, and the seed that images are shuffled by.
    text = re.sub(r", seed 0|GAN setting seed|shuffled with seed 0", "", text)
    assert not re.findall(r"[^.]*\bseeds?\b[^.]*", text)


@pytest.mark.parametrize(
    ("levels", "answer"),
    [
        (
            {"began": (2.0, 60.0), "sngan": (2.5, 80.0), "mine": (1.0, 90.0)},
            "SNGAN is first of 3 by classifier score and second of 3 (BEGAN is first) by Fréchet distance of "
            "classifier features, in one training of each GAN, which cannot tell which GAN is the best.",
        ),
        (
            {"began": (2.0, 60.0), "mine": (2.5, 80.0)},
            "mine is first of 2 by classifier score and BEGAN is first of 2 by Fréchet distance of classifier "
            "features, in one training of each GAN, which cannot tell which GAN is the best.",
        ),
        ({"began": (2.0, 60.0)}, "This run trained BEGAN alone, so it compares nothing."),
    ],
)
def test_the_answer_of_one_training_each_is_one_sentence(
    write_results: Write, levels: dict[str, tuple[float, float]], answer: str
) -> None:
    write_results({f"{gan}-A-0": [level] for gan, level in levels.items()})
    write_without_figures()
    assert read_results_file()["answer"] == answer


def test_the_answer_names_whom_sngan_is_ahead_of_behind_and_not_told_from(write_results: Write) -> None:
    levels = {"began": 90.0, "ebgan": 20.0, "layer_norm": 51.0, "sngan": 50.0}
    write_results({f"{gan}-A-{seed}": [(2.0 + seed / 100, level * (1 + (gan < "m") * seed / 50))]
                   for gan, level in levels.items() for seed in range(3)})  # fmt: skip
    write_without_figures()
    answer = read_results_file()["answer"]
    assert answer.startswith(
        "SNGAN is not the best of these GANs by Fréchet distance of classifier features; by classifier score this "
        "cannot be told, from 3 seeds: by classifier score it "
    )
    assert answer.endswith(
        "by Fréchet distance of classifier features it is ahead of BEGAN, is behind EBGAN and cannot be told from LN."
    )


def test_with_three_seeds_the_page_says_what_a_test_of_signs_could_tell(write_results: Write) -> None:
    write_results(
        {f"{gan}-A-{seed}": [(2.0, 60.0 + seed)] for gan in ("began", "sngan") for seed in range(3)}
    )
    write_without_figures()
    text = " ".join(Path("report/index.html").read_text(encoding="utf-8").split())
    assert "has a smallest p value with 3 seeds of 0.25, so that it could tell nothing." in text
    simulated = find_simulated(3)
    assert simulated is not None
    size = formatting.format_percent(simulated.error, 1).replace(" ", "&nbsp;")
    assert f"some difference is told where there is none in {size} at most" in text


@pytest.mark.parametrize(
    ("extractor", "names"),
    [
        ("classifier", ("Classifier score", "Fréchet distance of classifier features")),
        ("inception", ("Inception Score", "FID")),
    ],
)
def test_scores_are_named_by_the_network_that_they_come_from(
    write_results: Write, extractor: str, names: tuple[str, str]
) -> None:
    write_results(SCORES)
    card = EXTRACTOR / "card.json"
    write_json(card, read_json(card, "") | {"name": extractor})
    write_without_figures()
    text = Path("report/index.html").read_text(encoding="utf-8")
    assert all(f'class="group">{name}<small>' in text for name in names)
    assert ('class="group">FID<small>' in text) is (extractor == "inception")


def test_the_settings_say_which_reading_of_the_report_a_run_is(write_results: Write) -> None:
    write_results({"began-A-0": [(1.0, 90.0)], "sngan-A-0": [(2.0, 60.0)]})
    path = Path("params.yaml")
    params = yaml.safe_load(path.read_text())
    for rate, gamma, reading in (
        (0.001, 0.5, "as described"),
        (0.001, 1.0, "as run"),
        (0.0001, 0.5, "as corrected"),
        (0.0002, 0.5, "settings of its own"),
    ):
        params["settings"]["A"] |= {"generator_learning_rate": rate, "discriminator_learning_rate": rate}
        params["options"]["began"]["gamma"] = gamma
        path.write_text(yaml.safe_dump(params))
        write_without_figures()
        assert read_results_file()["reading"] == reading
        assert f"Here, {reading}" in Path("report/index.html").read_text(encoding="utf-8")


def test_an_interval_stands_below_each_mean_over_seeds(write_results: Write) -> None:
    write_results({"sngan-A-0": [(2.0, 60.0)], "sngan-A-1": [(4.0, 62.0)]})
    write_without_figures()
    # Geometric mean 60.99; the logarithms lie log(62 / 60) apart, t(1) = 12.706 halves of that.
    assert '61.0<small class="interval">[49.5, 75.1]</small>' in Path("report/index.html").read_text(
        encoding="utf-8"
    )
