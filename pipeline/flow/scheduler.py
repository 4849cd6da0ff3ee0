"""Choose which stage runs next, and collect the results. A stage starts after all the stages that it needs."""

import queue
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, NamedTuple

import networkx as nx
from prefect.futures import PrefectFuture

from pipeline.dvc.repo import Graph

# Prefect's message of a failed task has the error's class before the error's own text.
EXCEPTION = "StageError: "
Slot = dict[str, str]
Start = Callable[[str, Slot, list[PrefectFuture[Any]]], PrefectFuture[Any]]


class Outcome(Enum):
    """How a stage ended."""

    RUN = "run"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"


class StageResult(NamedTuple):
    """How a stage ended, and the reason if it did not succeed."""

    outcome: Outcome
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the stages that need this one can run."""
        return self.outcome in (Outcome.RUN, Outcome.CACHED)


def name_trial(stage: str) -> str:
    """Return the trial of a stage of DVC's matrix: `sngan-A-0` of `train@sngan-A-0`; "" of a shared stage."""
    return stage.partition("@")[2]


def run_graph(
    graph: Graph,
    slots: list[Slot],
    start: Start,
    allow_failure: set[str],
    on_end: Callable[[str, StageResult], None],
) -> dict[str, StageResult]:
    """Run stages in parallel; a failed stage skips only the stages that need it.

    Args:
        graph: the stages to run; an edge leads from a stage to one that needs it.
        slots: one slot for each stage that can run at the same time.
        start: a function that starts a stage in a slot, given the futures of the stages that it needs.
        allow_failure: stages that run even if some of the trials that they need have failed, but not all.
        on_end: a function that is called with every stage that has ended, and its result.

    Returns:
        The result of each stage, in the order in which they ended.
    """
    results: dict[str, StageResult] = {}
    futures: dict[str, PrefectFuture[Any]] = {}
    depth = measure_depth(graph)
    free, done = list(slots), queue.SimpleQueue[tuple[str, Slot]]()
    while len(results) < len(graph):
        for stage in order_ready(graph, depth, futures, results, len(slots))[: len(free)]:
            slot = free.pop(0)
            # Prefect would not start a task that waits for a failed one.
            needs = [
                futures[need]
                for need in graph.predecessors(stage)
                if need in futures and results[need].is_good
            ]
            futures[stage] = start(stage, slot, needs)
            futures[stage].add_done_callback(lambda _, stage=stage, slot=slot: done.put((stage, slot)))  # type: ignore[misc]
        stage, slot = done.get()
        free.append(slot)
        results[stage] = to_result(futures[stage])
        on_end(stage, results[stage])
        for blocked in skip_blocked(graph, results, allow_failure):
            on_end(blocked, results[blocked])
    return results


def skip_blocked(graph: Graph, results: dict[str, StageResult], allow_failure: set[str]) -> list[str]:
    """Record and list the stages that cannot run any more, because a stage that they need did not succeed."""
    bad = {stage for stage, result in results.items() if not result.is_good}
    if not bad:
        return []
    skipped = []
    for stage in nx.topological_sort(graph):
        needs = set(graph.predecessors(stage))
        if stage in results or not needs & bad:
            continue
        trials = {need for need in needs if name_trial(need)}
        if stage in allow_failure and not (needs - trials) & bad and not trials <= bad:
            continue
        results[stage] = StageResult(Outcome.SKIPPED, f"needs {', '.join(sorted(needs & bad))}")
        bad.add(stage)
        skipped.append(stage)
    return skipped


def order_ready(
    graph: Graph,
    depth: Mapping[str, int],
    begun: Mapping[str, Any],
    results: Mapping[str, StageResult],
    slots: int,
) -> list[str]:
    """Order the stages that can start now.

    Later stages of a trial come before the first stages of new trials, so that scores come early, and shared stages
    come before the stages of trials. Near the end this order would leave slots idle while one last trial runs all its
    stages. So as soon as there are no more new trials than slots, their first stages come first.
    """
    ready = [
        stage
        for stage in graph
        if stage not in begun
        and stage not in results
        and all(need in results for need in graph.predecessors(stage))
    ]
    deepest = max((depth[stage] for stage in ready), default=0)
    is_ending = sum(depth[stage] == deepest for stage in ready) <= slots
    return sorted(
        ready, key=lambda stage: (-depth[stage] if is_ending else depth[stage], bool(name_trial(stage)))
    )


def measure_depth(graph: Graph) -> dict[str, int]:
    """Count the stages on the longest path from each stage to the end of the graph, itself included."""
    depth: dict[str, int] = {}
    for stage in reversed(list(nx.topological_sort(graph))):
        depth[stage] = 1 + max((depth[user] for user in graph.successors(stage)), default=0)
    return depth


def to_result(future: PrefectFuture[Any]) -> StageResult:
    """Turn the final state of a stage's task into its result."""
    future.wait()
    state = future.state
    if not state.is_completed():
        message = state.message or state.name or ""
        return StageResult(Outcome.FAILED, message.partition(EXCEPTION)[2] or message)
    return StageResult(Outcome.CACHED if state.name == "Cached" else Outcome.RUN)
