import csv
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

from stages.report.__main__ import main

Write = Callable[..., None]
SCORES = {
    "began-A-0": [(1.0, 90.0), (1.5, 95.0)],
    "sngan-A-0": [(2.0, 60.0), (2.5, 50.0)],
    "mine-A-0": [(2.0, 61.0), (2.4, 51.0)],
}


VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Gathers what a page loads, and checks that its tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.links: list[str] = []
        self.alternatives: list[str | None] = []
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        # A link of the text may lead out; nothing is loaded by it.
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
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert [link for link in page.links if not link.startswith("#")] == [
        "../tracking/compare.html",
        "https://digits.example",
    ]
    assert page.alternatives and all(page.alternatives)
    assert not page.tags & {"script", "link", "iframe"}
    assert not re.search(r"@import|url\(", text)


def test_every_picture_of_the_markdown_lies_beside_it(write_results: Write) -> None:
    write_results(SCORES)
    main()
    named = re.findall(r"!\[[^]]+\]\(([^)]+)\)", Path("report/report.md").read_text(encoding="utf-8"))
    assert {"figure1.png", "figure2.png", "figure3.png", "samples_mine.png"} <= set(named)
    assert all((Path("report") / name).exists() for name in named)


def test_the_markdown_tables_have_as_many_cells_in_every_row(write_results: Write) -> None:
    write_results(SCORES)
    main()
    blocks = re.findall(
        r"(?:^\|.*\n)+", Path("report/report.md").read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    assert len(blocks) == 4
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
    main()
    assert "<script>" not in Path("report/index.html").read_text(encoding="utf-8")


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
    main()
    assert f'title="{"ab" * 32}">abababababab…<' in Path("report/index.html").read_text(encoding="utf-8")


def test_the_epoch_of_a_best_point_is_shown(write_results: Write) -> None:
    write_results(SCORES)
    main()
    assert "A, step 20<small>epoch 0.2</small>" in Path("report/index.html").read_text(encoding="utf-8")
    assert "| SNGAN | 2.50 ± 0.25 | A, step 20, epoch 0.2 |" in Path("report/report.md").read_text(
        encoding="utf-8"
    )


def test_a_gan_that_nobody_published_gets_dashes_beside_it(write_results: Write) -> None:
    write_results({f"mine-{setting}-0": [(1.0, 9.0), (2.0, 8.0)] for setting in "ABCDEF"})
    main()
    text = Path("report/table1.txt").read_text(encoding="utf-8")
    (row,) = [" ".join(line.split()) for line in text.splitlines() if line.startswith("mine")]
    assert row == "mine 2.00 ± 0.25 A, step 20 2.00 1 8.0 (7.0 to 9.0) A, step 20 8.0 1 – –"


def test_a_grid_of_one_diverged_leg_still_has_its_report(write_results: Write) -> None:
    write_results({"began-B-3": []}, diverged={"began-B-3": 2})
    main()
    assert "diverged at generator step 2" in Path("report/index.html").read_text(encoding="utf-8")


def test_several_seeds_are_drawn_and_told(write_results: Write) -> None:
    write_results({f"{gan}-{setting}-{seed}": [(1.0 + seed, 9.0), (2.0, 8.0 - seed)]
                   for gan in ("began", "sngan") for setting in "AC" for seed in (0, 1, 2)})  # fmt: skip
    main()
    text = Path("report/index.html").read_text(encoding="utf-8")
    assert "3 seeds: values are means over seeds" in text
    assert "mean of 3 seeds" in text


@pytest.mark.parametrize("name", ["table1.csv", "legs.csv"])
def test_every_row_of_a_file_says_what_its_scores_were_made_with(write_results: Write, name: str) -> None:
    write_results(SCORES)
    main()
    rows = list(csv.DictReader(Path("report", name).read_text(encoding="utf-8").splitlines()))
    kept = ("extractor", "weights_sha256", "splits", "sample_count", "reference_split", "reference_count")
    assert {tuple(row[key] for key in kept) for row in rows} == {
        ("classifier", "ab" * 32, "2", "30", "train", "40")
    }
