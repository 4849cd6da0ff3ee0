"""The page of links, and the choice of the trials that it compares."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import pytest
from mlflow.entities import Run, RunData, RunInfo, RunTag

from pipeline.tracking.entries import EntryRun
from pipeline.tracking.lineage import Lineage
from pipeline.tracking.links import link_comparison, link_run, link_view
from pipeline.tracking.results import RunContent
from pipeline.tracking.saved_views import make_seeds_view, make_view
from pipeline.tracking.ui import choose_best_trials, render_page
from stages.common.artifacts import Trial


def make_results(gan: str, setting: str, fid: float | None) -> RunContent:
    best = {} if fid is None else {"best_fid": fid}
    unused = cast(Any, None)
    return RunContent(Trial(gan, setting, 0), unused, {}, {}, [], {}, {}, 0.0, {}, best)


def test_the_best_trial_of_each_gan_is_the_one_with_the_lowest_fid() -> None:
    results = [
        make_results("began", "A", 20.0),
        make_results("began", "B", 10.0),
        make_results("ebgan", "A", None),
        make_results("sngan", "A", 5.0),
        make_results("sngan", "B", 5.0),
    ]
    assert choose_best_trials(results) == ["began-B-0", "sngan-A-0"]


def test_links_hold_the_ids_as_mlflow_reads_them() -> None:
    link = link_comparison("7", ["a", "b"])
    assert unquote(link).startswith('#/compare-runs?runs=["a","b"]&experiments=["7"]&')
    assert '"' not in link and json.loads(unquote(link).partition("runs=")[2].partition("&")[0]) == ["a", "b"]
    charts = link_view("7", "best", charts=True)
    assert charts.endswith("&viewStateShareKey=best&compareRunsMode=CHART")
    # Without this MLflow shows its pages for language models.
    links = (link, charts, link_view("7", "trials"), link_run(make_run("abc")))
    assert all("workflowType=machine_learning" in link.partition("?")[2].split("&") for link in links)


def make_run(run_id: str, **tags: str) -> Run:
    info = RunInfo(run_id, "7", "tester", "FINISHED", 0, 1, "active")
    return Run(info, RunData(tags=[RunTag(key, value) for key, value in tags.items()]))


def test_the_page_of_links_leads_from_a_trial_to_its_run_commit_hashes_and_params() -> None:
    lineage = Lineage("", {"train": "12ab", "sample": "34cd"}, {}, {})
    results = make_results("sngan", "A", 5.0)._replace(
        lineage=lineage, params={"adam.beta1": "0.5", "a": "<b>"}
    )
    runs = {"sngan-A-0": make_run("abc", **{"mlflow.source.git.commit": "c0ffee"})}
    page = render_page("http://localhost:5000", {"All": "#/experiments/7"}, [results], runs)
    assert (
        '<dt id="sngan-A-0"><a href="http://localhost:5000/#/experiments/7/runs/abc?workflowType=machine_learning">'
        in page
    )
    assert "commit <code>c0ffee</code>" in page
    assert "train <code>12ab</code>,\nsample <code>34cd</code>\n" in page
    assert "adam.beta1 0.5,\na &lt;b&gt;\n" in page
    # If MLflow answers, the page redirects to the trial that the address names; without a trial the page stays.
    assert 'fetch("http://localhost:5000/health"' in page and "location.replace(link.href)" in page


@pytest.mark.parametrize(
    ("extractor", "name"),
    [("inception", "FID"), ("classifier", "Fréchet distance of classifier features")],
)
def test_the_page_of_links_begins_with_images_and_scores_of_the_best_trial(extractor: str, name: str) -> None:
    results = [
        make_results(gan, "A", fid)._replace(
            lineage=Lineage("", {}, {}, {}),
            grids={20: Path(f"samples/{gan}-A-0/grid_00000020.png")},
            best={}
            if fid is None
            else {"best_fid": fid, "best_fid_generator_step": 20.0, "best_inception_score": 2.0},
            protocol={"extractor": extractor},
        )
        for gan, fid in (("began", 30.25), ("mine", None), ("sngan", 5.0))
    ]
    runs = {result.trial.name: make_run(result.trial.gan) for result in results}
    page = render_page("http://localhost:5000", {"All": "#/experiments/7"}, results, runs)
    assert f"The large number is the lowest {name}," in page
    places = [
        page.index(text)
        for text in ("sngan-A-0/grid", "<b>5.0</b>", "began-A-0/grid", "<b>30.2</b>", "no score")
    ]
    assert places == sorted(places) and places[-1] < page.index('#/experiments/7"')


def test_the_page_of_links_shows_entries_and_leads_to_their_runs_with_their_checksums() -> None:
    results = make_results("sngan", "A", 5.0)._replace(lineage=Lineage("", {}, {}, {}))
    points = [
        {"seed": seed, "sha256": sha256, "fid": fid, "inception_score": None}
        for seed, sha256, fid in ((0, "ab" * 32, 9.0), (1, "cd" * 32, 7.0))
    ]
    record = {"entry": "aaa", "title": "<b>Theirs</b>", "points": points}
    entry = EntryRun("entry-aaa", record, make_run("def"))
    runs = {"sngan-A-0": make_run("abc")}
    page = render_page("http://localhost:5000", {"All": "#"}, [results], runs, [entry])
    assert 'src="../results/evaluate/entry-aaa/grids/grid_00000001.png"' in page and "<b>7.0</b>" in page
    assert "<b>Theirs" not in page and page.index("sngan-A-0") < page.index("&lt;b&gt;Theirs")
    assert '<dt id="entry-aaa"><a href="http://localhost:5000/#/experiments/7/runs/def' in page
    assert "ab" * 32 in page and "cd" * 32 in page
    assert "Entries" not in render_page("http://localhost:5000", {"All": "#"}, [results], runs)


def test_the_page_of_links_names_no_commit_outside_a_git_repository() -> None:
    results = make_results("sngan", "A", 5.0)._replace(lineage=Lineage("", {}, {}, {}))
    page = render_page("http://localhost:5000", {"All": "#"}, [results], {"sngan-A-0": make_run("abc")})
    assert "/runs/abc" in page and "commit" not in page


@pytest.mark.parametrize(
    "make", [partial(make_view, "", 1), partial(make_seeds_view, "")], ids=["trials", "seeds"]
)
def test_a_view_shows_no_score_that_the_extractor_does_not_give(make: Callable[..., dict[str, Any]]) -> None:
    whole, one_score = make(tells_classes=True), make(tells_classes=False)
    assert "inception_score" in json.dumps(whole) and "inception_score" not in json.dumps(one_score)
    assert "best_fid" in json.dumps(one_score["compareRunCharts"]) and "best_fid" in str(
        one_score["selectedColumns"]
    )


def test_the_page_of_links_says_nothing_of_a_score_that_there_is_not() -> None:
    results = make_results("sngan", "A", 5.0)._replace(
        lineage=Lineage("", {}, {}, {}), protocol={"extractor": "principal_components"}
    )
    page = render_page("http://localhost:5000", {"All": "#"}, [results], {"sngan-A-0": make_run("abc")})
    assert "lowest Fréchet distance of principal_components features, where lower is better. A name" in page
