"""The kept copy of a run has no links to files that were not copied."""

from pathlib import Path

import pytest

from benchmarks.keep_run import keep_run
from stages.common.errors import InputError
from tests.documents.pages import Page, find_dead_links
from tests.driving import ROOT

PAGE = """<nav><a href="#table">Table 1</a>
<a
href="../tracking/compare.html" title="x">In <b>MLflow</b></a></nav>
<table id="table"><tr><td><a href="../tracking/compare.html#sngan-A-0">MLflow</a></td>
<td><a href="trials.csv">all</a></td></tr></table>
"""


def test_what_is_kept_of_a_run_is_whole(tmp_path: Path) -> None:
    report, kept = tmp_path / "report", tmp_path / "kept"
    report.mkdir()
    (report / "index.html").write_text(PAGE)
    (report / "trials.csv").write_text("trial\n")
    (report / "secret.txt").write_text("x")
    (tmp_path / "params.yaml").write_text("gans: []\n")
    keep_run(report, kept)
    assert {path.name for path in kept.iterdir()} == {"index.html", "trials.csv", "params.yaml"}
    page = Page(kept / "index.html")
    assert page.links == {"#table", "trials.csv"}
    assert "MLflow" not in (kept / "index.html").read_text()
    assert find_dead_links({kept / "index.html": page}, kept / "index.html") == []


def test_a_folder_that_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"index\.html does not exist"):
        keep_run(tmp_path, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs/results").glob("*/index.html")), ids=lambda page: page.parent.name
)
def test_every_link_of_a_kept_page_leads_somewhere(page: Path) -> None:
    assert find_dead_links({page: Page(page)}, page) == []
