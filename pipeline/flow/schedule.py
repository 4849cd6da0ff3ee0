"""Which stage runs next, and what became of each: every stage starts as soon as what it needs is there."""

import queue
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

from prefect.futures import PrefectFuture

from pipeline.flow.graph import Graph, name_trial

# What Prefect says of an error stands before what the error says.
EXCEPTION = "StageError: "
Slot = dict[str, str]
Start = Callable[[str, Slot, list[PrefectFuture[Any]]], PrefectFuture[Any]]


class Outcome(Enum):
    """What became of a stage."""

    RUN = "run"
    CACHED = "cached"
    FAILED = "failed"
    SKIPPED = "skipped"


class End(NamedTuple):
    """How a stage ended, and why where it did not end well."""

    outcome: Outcome
    reason: str = ""

    @property
    def is_good(self) -> bool:
        """Whether what needs the stage can run."""
        return self.outcome in (Outcome.RUN, Outcome.CACHED)


def run_graph(
    graph: Graph, slots: list[Slot], start: Start, tolerant: set[str], ended: Callable[[str, End], None]
) -> dict[str, End]:
    """Run stages side by side, each once all it needs has ended well; a failure skips only what needs it.

    Args:
        graph: of the stages to run.
        slots: where stages may run at once.
        start: starts a stage in a slot, given the futures of what it needs.
        tolerant: stages that run without the trials that failed, if one has not.
        ended: told of every stage that has ended.

    Returns:
        How each stage ended, in the order in which they did.
    """
    ends: dict[str, End] = {}
    futures: dict[str, PrefectFuture[Any]] = {}
    free, done = list(slots), queue.SimpleQueue[tuple[str, Slot]]()
    while len(ends) < len(graph.needs):
        for stage in order_ready(graph, futures, ends, len(slots))[: len(free)]:
            slot = free.pop(0)
            # Prefect would not start a task beside a failed one that it waits for.
            needs = [futures[need] for need in graph.needs[stage] if need in futures and ends[need].is_good]
            futures[stage] = start(stage, slot, needs)
            futures[stage].add_done_callback(lambda _, stage=stage, slot=slot: done.put((stage, slot)))  # type: ignore[misc]
        stage, slot = done.get()
        free.append(slot)
        ends[stage] = judge(futures[stage])
        ended(stage, ends[stage])
        for hopeless in skip_hopeless(graph, ends, tolerant):
            ended(hopeless, ends[hopeless])
    return ends


def skip_hopeless(graph: Graph, ends: dict[str, End], tolerant: set[str]) -> list[str]:
    """Mark and name the stages that cannot run any more, since something they need did not end well."""
    bad = {stage for stage, end in ends.items() if not end.is_good}
    skipped = []
    for stage, needs in graph.needs.items():
        if stage in ends or not needs & bad:
            continue
        trials = {need for need in needs if name_trial(need)}
        if stage in tolerant and not (needs - trials) & bad and not trials <= bad:
            continue
        ends[stage] = End(Outcome.SKIPPED, f"needs {', '.join(sorted(needs & bad))}")
        bad.add(stage)
        skipped.append(stage)
    return skipped


def order_ready(graph: Graph, begun: dict[str, Any], ends: dict[str, End], slots: int) -> list[str]:
    """Order the stages that can start now.

    What is begun is finished first, so that scores come early; what trials share goes before trials. At the end that
    would leave slots idle beside one last long chain: once no more chains are left to begin than slots, beginning
    them goes first.
    """
    ready = [
        stage
        for stage, needs in graph.needs.items()
        if stage not in begun and stage not in ends and all(need in ends for need in needs)
    ]
    depth = measure_depth(graph)
    deepest = max((depth[stage] for stage in ready), default=0)
    is_ending = sum(depth[stage] == deepest for stage in ready) <= slots
    return sorted(
        ready, key=lambda stage: (-depth[stage] if is_ending else depth[stage], bool(name_trial(stage)))
    )


def measure_depth(graph: Graph) -> dict[str, int]:
    """Count the stages on the longest way from each stage to the end."""
    depth = dict.fromkeys(graph.needs, 1)
    for stage, needs in reversed(graph.needs.items()):
        for need in needs:
            depth[need] = max(depth[need], depth[stage] + 1)
    return depth


def judge(future: PrefectFuture[Any]) -> End:
    """Tell how a stage ended from its task's final state."""
    future.wait()
    state = future.state
    if not state.is_completed():
        return End(
            Outcome.FAILED, (state.message or state.name or "").partition(EXCEPTION)[2] or state.message or ""
        )
    return End(Outcome.CACHED if state.name == "Cached" else Outcome.RUN)
