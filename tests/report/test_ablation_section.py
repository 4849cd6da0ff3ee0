"""The section on the effect of the evaluation's own choices, from scores that are set by hand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages.common.artifacts import ABLATION, write_json
from stages.report.__main__ import main
from stages.report.model.published import PublishedRange
from stages.report.published import published_range
from stages.report.results.all_results import Results, read_results
from stages.report.sections.ablation import build_ablation
from tests.report.conftest import write_without_figures

Write = Callable[..., None]
TRIALS = {"began-A-0": [(1.0, 70.0)], "sngan-A-0": [(2.0, 50.0)]}


def read_pages() -> list[str]:
    return [Path("report", name).read_text(encoding="utf-8") for name in ("index.html", "report.md")]


def test_each_artefact_names_the_gans_that_real_images_then_fall_behind(write_results: Write) -> None:
    write_results(TRIALS)
    rows = build_ablation(read_results()).rows
    assert [row.worse_than for row in rows] == [(), ("SNGAN",), (), (), ("SNGAN",), ()]
    assert rows[1].title == "5 of them, repeated up to 10"
    assert rows[5].missing == "a reason"
    assert all(row.share is None for row in rows)


def test_shares_of_the_published_numbers_need_its_network_and_data_set(write_results: Write) -> None:
    write_results(TRIALS)
    results = read_results()
    same: Results = results._replace(
        card=results.card | {"name": "inception"}, data=results.data | {"dataset": "cifar10"}
    )
    section = build_ablation(same)
    assert published_range("fid") == PublishedRange(lowest=173.387, highest=243.652, real=17.269)
    assert section.rows[1].share == 60.0 / 173.387


def test_the_pages_show_every_row_and_say_what_compares(write_results: Write) -> None:
    write_results(TRIALS)
    write_without_figures()
    for text in read_pages():
        assert "5 of them, repeated up to 10" in text
        assert "not measured: a reason" in text
        assert "173.4 to 243.7" in text.replace("\n", " ")
    assert 'href="#ablation"' in read_pages()[0] and 'id="ablation"' in read_pages()[0]
    assert len(json.loads(Path("report/results.json").read_text())["ablation"]["rows"]) == 6


def test_a_report_without_it_says_so(write_results: Write) -> None:
    write_results(TRIALS)
    write_json(ABLATION, {"is_enabled": False, "rows": []})
    write_without_figures()
    assert all("It is switched off" in text for text in read_pages())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": [{"name": "repeated"}]}, "scores.json is damaged .*`dvc repro -f ablation`"),
        ({"protocol": {}}, "^the scores of .*are not comparable: .*extractor is"),
    ],
)
def test_a_damaged_record_or_another_protocol_is_refused(
    write_results: Write, change: dict[str, Any], message: str
) -> None:
    write_results(TRIALS)
    write_json(ABLATION, json.loads(ABLATION.read_text()) | change)
    with pytest.raises(ValueError, match=message):
        main()
