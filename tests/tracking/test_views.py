"""Links and the choice of what is shown side by side."""

import json
from typing import Any, cast
from urllib.parse import unquote

from pipeline.tracking.content import TrialContent
from pipeline.tracking.page import TrialLink, lay_out_page, link_run
from pipeline.tracking.views import choose_best, link_comparison, link_view
from stages.common.artifacts import Trial


def make_content(gan: str, setting: str, fid: float | None) -> TrialContent:
    best = {} if fid is None else {"best_fid": fid}
    unused = cast(Any, None)
    return TrialContent(Trial(gan, setting, 0), unused, {}, {}, [], {}, {}, 0.0, {}, best)


def test_the_best_trial_of_each_gan_is_the_one_with_the_lowest_fid() -> None:
    contents = [
        make_content("began", "A", 20.0),
        make_content("began", "B", 10.0),
        make_content("ebgan", "A", None),
        make_content("sngan", "A", 5.0),
        make_content("sngan", "B", 5.0),
    ]
    assert choose_best(contents) == ["began-B-0", "sngan-A-0"]


def test_links_hold_the_ids_as_mlflow_reads_them() -> None:
    link = link_comparison("7", ["a", "b"])
    assert unquote(link) == '#/compare-runs?runs=["a","b"]&experiments=["7"]'
    assert '"' not in link and json.loads(unquote(link).partition("runs=")[2].partition("&")[0]) == ["a", "b"]
    assert (
        link_view("7", "best", charts=True)
        == "#/experiments/7/runs?viewStateShareKey=best&compareRunsMode=CHART"
    )


def test_the_page_of_links_leads_from_a_trial_to_its_run_commit_hashes_and_params() -> None:
    trial = TrialLink(
        "sngan-A-0", link_run("7", "abc"), "c0ffee", {"train": "12ab"}, {"adam.beta1": "0.5", "a": "<b>"}
    )
    page = lay_out_page("http://localhost:5000", {"All": "#/experiments/7"}, [trial])
    assert '<dt id="sngan-A-0"><a href="http://localhost:5000/#/experiments/7/runs/abc">' in page
    assert "commit <code>c0ffee</code>" in page and "train <code>12ab</code>" in page
    assert "adam.beta1 0.5, a &lt;b&gt;" in page
    # Asked for a trial, it goes on to its run where MLflow answers.
    assert '"sngan-A-0": "http://localhost:5000/#/experiments/7/runs/abc"' in page
    assert "location.replace(runs[trial] || " in page
