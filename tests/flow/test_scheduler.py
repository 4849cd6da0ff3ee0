import networkx as nx
import pytest

from pipeline.dvc.repo import Graph
from pipeline.flow.flow import choose_stages
from pipeline.flow.scheduler import Outcome, StageResult, measure_depth, order_ready, skip_blocked
from stages.common.artifacts import Trial

NEEDS = {
    "check": [],
    "prepare": ["check"],
    "train@a-A-0": ["prepare"],
    "train@b-A-0": ["prepare"],
    "extractor": ["prepare"],
    "evaluate@a-A-0": ["train@a-A-0", "extractor"],
    "evaluate@b-A-0": ["train@b-A-0", "extractor"],
    "report": ["evaluate@a-A-0", "evaluate@b-A-0"],
    "track": ["report", "evaluate@b-A-0"],
}
DONE, FAILED = StageResult(Outcome.RUN), StageResult(Outcome.FAILED, "it broke")


@pytest.fixture
def graph() -> Graph:
    return nx.DiGraph((need, stage) for stage, needs in NEEDS.items() for need in needs)


def test_chosen_trials_bring_all_that_they_need(graph: Graph) -> None:
    assert set(choose_stages(graph, [Trial("a", "A", 0)])) == {
        "evaluate@a-A-0",
        "train@a-A-0",
        "extractor",
        "prepare",
        "check",
    }
    assert choose_stages(graph, None) is graph


def test_the_depth_is_the_number_of_stages_to_the_end(graph: Graph) -> None:
    depth = measure_depth(graph)
    assert (depth["track"], depth["report"], depth["train@a-A-0"], depth["check"]) == (1, 2, 4, 6)


def test_what_trials_share_and_what_is_begun_go_first(graph: Graph) -> None:
    results = {"check": DONE, "prepare": DONE}
    begun: dict[str, object] = {}
    depth = measure_depth(graph)
    ready = order_ready(graph, depth, begun, results, slots=1)
    assert ready == ["extractor", "train@a-A-0", "train@b-A-0"]
    results |= {"extractor": DONE, "train@a-A-0": DONE}
    assert order_ready(graph, depth, begun, results, slots=0) == ["evaluate@a-A-0", "train@b-A-0"]


def test_the_last_long_chains_are_begun_before_short_ones(graph: Graph) -> None:
    results = {"check": DONE, "prepare": DONE, "extractor": DONE, "train@a-A-0": DONE}
    assert order_ready(graph, measure_depth(graph), {}, results, slots=2) == ["train@b-A-0", "evaluate@a-A-0"]


def test_a_failed_trial_skips_its_own_stages_but_not_the_report(graph: Graph) -> None:
    results = {"check": DONE, "prepare": DONE, "extractor": DONE, "train@a-A-0": FAILED}
    assert skip_blocked(graph, results, allow_failure={"report"}) == ["evaluate@a-A-0"]
    results |= {"train@b-A-0": DONE, "evaluate@b-A-0": DONE}
    assert skip_blocked(graph, results, allow_failure={"report"}) == []
    assert order_ready(graph, measure_depth(graph), {}, results, slots=2) == ["report"]


def test_without_any_trial_there_is_no_report_and_nothing_after_it(graph: Graph) -> None:
    results = {"check": DONE, "prepare": FAILED}
    assert set(skip_blocked(graph, results, allow_failure={"report"})) == set(graph) - {"check", "prepare"}
    assert results["train@a-A-0"].reason == "needs prepare"
