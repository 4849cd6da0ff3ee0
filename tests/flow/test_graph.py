import pytest

from pipeline.flow.graph import Graph, parse_graph
from pipeline.flow.schedule import End, Outcome, order_ready, skip_hopeless

DOT = """strict digraph  {
"check";
"prepare";
"check" -> "prepare";
"prepare" -> "train@a-A-0";
"prepare" -> "train@b-A-0";
"prepare" -> "extractor";
"train@a-A-0" -> "evaluate@a-A-0";
"train@b-A-0" -> "evaluate@b-A-0";
"extractor" -> "evaluate@a-A-0";
"extractor" -> "evaluate@b-A-0";
"evaluate@a-A-0" -> "report";
"evaluate@b-A-0" -> "report";
"report" -> "track";
"evaluate@b-A-0" -> "track";
}
"""
DONE, FAILED = End(Outcome.RUN), End(Outcome.FAILED, "it broke")


@pytest.fixture
def graph() -> Graph:
    return parse_graph(DOT)


def test_every_stage_comes_after_what_it_needs(graph: Graph) -> None:
    order = list(graph.needs)
    assert len(order) == 9
    assert all(order.index(need) < order.index(stage) for stage in order for need in graph.needs[stage])


def test_text_without_stages_is_refused() -> None:
    with pytest.raises(ValueError, match="DVC names no stage of dvc.yaml: ERROR"):
        parse_graph("ERROR: nothing here")


def test_up_and_downstream_are_followed_to_the_end(graph: Graph) -> None:
    assert graph.upstream(["evaluate@a-A-0"]) == {
        "evaluate@a-A-0",
        "train@a-A-0",
        "extractor",
        "prepare",
        "check",
    }
    assert graph.downstream(["train@a-A-0"]) == {"train@a-A-0", "evaluate@a-A-0", "report", "track"}


def test_what_trials_share_and_what_is_begun_go_first(graph: Graph) -> None:
    ends = {"check": DONE, "prepare": DONE}
    begun: dict[str, object] = {}
    ready = order_ready(graph, begun, ends, slots=1)
    assert ready == ["extractor", "train@a-A-0", "train@b-A-0"]
    ends |= {"extractor": DONE, "train@a-A-0": DONE}
    assert order_ready(graph, begun, ends, slots=0) == ["evaluate@a-A-0", "train@b-A-0"]


def test_the_last_long_chains_are_begun_before_short_ones(graph: Graph) -> None:
    ends = {"check": DONE, "prepare": DONE, "extractor": DONE, "train@a-A-0": DONE}
    assert order_ready(graph, {}, ends, slots=2) == ["train@b-A-0", "evaluate@a-A-0"]


def test_a_failed_trial_skips_its_own_stages_but_not_the_report(graph: Graph) -> None:
    ends = {"check": DONE, "prepare": DONE, "extractor": DONE, "train@a-A-0": FAILED}
    assert skip_hopeless(graph, ends, tolerant={"report"}) == ["evaluate@a-A-0"]
    ends |= {"train@b-A-0": DONE, "evaluate@b-A-0": DONE}
    assert skip_hopeless(graph, ends, tolerant={"report"}) == []
    assert order_ready(graph, {}, ends, slots=2) == ["report"]


def test_without_any_trial_there_is_no_report_and_nothing_after_it(graph: Graph) -> None:
    ends = {"check": DONE, "prepare": FAILED}
    assert set(skip_hopeless(graph, ends, tolerant={"report"})) == set(graph.needs) - {"check", "prepare"}
    assert ends["train@a-A-0"].reason == "needs prepare"
