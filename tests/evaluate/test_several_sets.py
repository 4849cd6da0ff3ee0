"""A table of several sets is sorted, has three formats, includes earlier scores, and never mixes protocols."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from markdown_it import MarkdownIt

from stages.common.errors import InputError
from stages.evaluate import comparison
from stages.evaluate.earlier_scores import OTHERS
from stages.evaluate.score_cli import main
from stages.evaluate.score_columns import COLUMNS
from stages.scores.protocol import NAMES, Protocol
from tests.driving import thread_count_kept
from tests.scores.factories import make_extractor, make_images, write_folder

OPTIONS = ["--splits", "2", "--compared-count", "50", "--kid-subset-size", "20", "--kid-subsets", "5"]
HOSTILE = "<script>alert(1)</script> | `x` [a](b) <img src=x onerror=y>"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder with an extractor, real images, and two sets of images of which one is darker."""
    monkeypatch.chdir(tmp_path)
    make_extractor()
    np.save("real.npy", make_images(80))
    np.save("good.npy", make_images(60, seed=1))
    np.save("dark.npy", make_images(60, seed=2) // 8)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    monkeypatch.setattr(
        sys, "argv", ["evaluate", "--real", "real.npy", *OPTIONS, "--json", "out.json", *words]
    )
    with thread_count_kept():
        main()
    content: dict[str, Any] = json.loads(Path("out.json").read_text())
    return content


def test_several_sets_make_one_table_sorted_by_a_score_each_as_if_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = {name: run(monkeypatch, "--fake", name) for name in ("dark.npy", "good.npy")}
    capsys.readouterr()
    record = run(monkeypatch, "--fake", "dark.npy", "good.npy")
    assert record["results"] == [alone["good.npy"], alone["dark.npy"]]
    printed = capsys.readouterr().out
    assert printed.index("good.npy") < printed.index("dark.npy")
    assert f"{alone['good.npy']['kid']:.5f} ± " in printed
    by_score = {
        column.key: run(monkeypatch, "--fake", "dark.npy", "--fake", "good.npy", "--sort", column.key)[
            "results"
        ]
        for column in COLUMNS
        if column.key in alone["dark.npy"]
    }
    for column in COLUMNS:
        if column.key in by_score:
            first, second = (row[column.key] for row in by_score[column.key])
            assert first >= second if column.is_higher_better else first <= second


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]
        assert not [name for name, _ in attributes if name.startswith("on")]


def test_markdown_and_page_have_all_rows_and_grids_and_escape_hostile_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hostile = Path(HOSTILE.replace("/", "∕"))
    write_folder(hostile, np.load("good.npy"))
    words = ["--fake", str(hostile), "dark.npy", "--markdown", "out/scores.md", "--html", "out/scores.html"]
    run(monkeypatch, *words)
    html = Path("out/scores.html").read_text(encoding="utf-8")
    page = Tags()
    page.feed(html)
    assert page.tags.count("img") == 3 and "script" not in page.tags
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    markdown = Path("out/scores.md").read_text(encoding="utf-8")
    rendered = Tags()
    rendered.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))
    assert not {"script", "img", "a", "code"} & set(rendered.tags)
    first_table = markdown.split("\n\n")[1].splitlines()
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in first_table} == {11}
    assert sorted(path.name for path in Path("out").iterdir()) == ["scores.html", "scores.md"]


def test_earlier_scores_join_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = run(monkeypatch, "--fake", "dark.npy")
    Path("out.json").rename("earlier.json")
    record = run(monkeypatch, "--fake", "good.npy", "--with", "earlier.json", "--html", "page.html")
    assert [row["fake"] for row in record["results"]] == ["good.npy", "dark.npy"]
    assert record["results"][1] == earlier
    Path("out.json").rename("both.json")
    np.save("third.npy", make_images(60, seed=4))
    assert len(run(monkeypatch, "--fake", "third.npy", "--with", "both.json")["results"]) == 3


@pytest.mark.parametrize("field", [name for name in Protocol.model_fields if name not in NAMES])
def test_scores_whose_protocols_differ_in_any_field_are_refused_with_its_name(
    field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = run(monkeypatch, "--fake", "dark.npy")
    value = record["protocol"].get(field)
    record["protocol"][field] = value + 1 if isinstance(value, int) else f"{value}x"
    Path("earlier.json").write_text(json.dumps(record))
    Path("out.json").unlink()
    with pytest.raises(
        ValueError, match=rf"not comparable: {field} is .* in one and .* in the other; score all"
    ):
        run(monkeypatch, "--fake", "good.npy", "--with", "earlier.json")
    assert not Path("out.json").exists()


def test_sets_of_different_sizes_are_refused_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    np.save("more.npy", make_images(70, seed=4))
    monkeypatch.setattr(comparison, "load_or_extract_reference", None)
    with pytest.raises(
        ValueError, match="good.npy .* and more.npy .*: sample_count is 60 in one and 70 in the other"
    ):
        run(monkeypatch, "--fake", "good.npy", "more.npy")


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        (b"{}", "--with bad", "--with bad is no file of scores that --json wrote"),
        (b"[1, 2]", "--with bad", "--with bad is no file of scores that --json wrote"),
        (b"\x80\x04K.", "--with bad", "--with bad is no file of scores that --json wrote"),
        (b'{"results": 3}', "--with bad", "--with bad is no file of scores that --json wrote"),
        (b"x", "--with missing.json", "missing.json: No such file"),
        (b"x", "--html bad/page.html", "--html bad/page.html cannot be written"),
        (b"x", "--markdown .", "--markdown . is a folder; name a file"),
    ],
)
def test_what_cannot_be_read_or_written_is_named_before_anything_is_computed(
    content: bytes, words: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bad").write_bytes(content)
    monkeypatch.setattr(comparison, "load_or_extract_reference", None)
    with pytest.raises((InputError, OSError), match=message):
        run(monkeypatch, "--fake", "good.npy", *words.split())


def test_every_number_of_a_record_belongs_to_a_score_or_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    record = run(monkeypatch, "--fake", "good.npy")
    numbers = {key for key in record if key not in OTHERS}
    known = {column.key for column in COLUMNS}
    ends = ("", "_deviation", "_standard_error", "_low", "_high")
    assert numbers <= {key + end for key in known for end in ends}
