"""The repository through DVC's Python API: its graph, what is stale, and bringing one stage up to date.

Each function takes the pool whose child process does the work; what the child calls is named likewise, with an
underscore.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, TextIO, TypeAlias

import networkx as nx

from pipeline.dvc import patches
from pipeline.dvc.worker import DiedError, WorkerPool

# Stages by name; an edge leads from a stage to one that needs its outputs.
Graph: TypeAlias = nx.DiGraph


class Outcome(Enum):
    """What bringing a stage up to date came to."""

    RAN = "run"
    RESTORED = "restored from DVC's cache"
    UP_TO_DATE = "up to date"
    FAILED = "failed"


@dataclass(frozen=True)
class Reproduction:
    """What bringing one stage up to date came to.

    Attributes:
        outcome: what happened.
        command_seconds: that the stage's own command took; 0.0 where it did not run.
        reason: why it failed, in DVC's words; empty otherwise.
    """

    outcome: Outcome
    command_seconds: float = 0.0
    reason: str = ""


class DvcError(ValueError):
    """DVC refuses the repository: dvc.yaml, params.yaml, a lock."""


def read_graph(pool: WorkerPool) -> tuple[Graph, set[str]]:
    """Read the graph of all stages, and find which are stale.

    Returns:
        The graph, and the names of the stages that DVC finds changed and of all that need them.

    Raises:
        DvcError: DVC refuses dvc.yaml or params.yaml; says why.
    """
    needs, stale = pool.call(_read_graph)
    if not needs:
        raise DvcError("dvc.yaml has no stage")
    graph = nx.DiGraph()
    graph.add_nodes_from(needs)
    graph.add_edges_from((need, stage) for stage in needs for need in needs[stage])
    return graph, stale


def reproduce(
    pool: WorkerPool,
    stage: str,
    on_line: Callable[[str], None],
    environment: Mapping[str, str],
) -> Reproduction:
    """Bring one stage up to date, whose needs are.

    Args:
        pool: where it runs.
        stage: as DVC names it, such as `train@sngan-A-0`.
        on_line: gets each line that the stage and DVC print.
        environment: variables beside this process's own.

    Raises:
        StoppedError: the pool is being stopped.
    """
    try:
        return pool.call(_reproduce, stage, on_line=on_line, environment=environment)
    except DiedError as error:
        return Reproduction(Outcome.FAILED, reason=str(error))


def reproduce_all(pool: WorkerPool, graph: Graph) -> list[str]:
    """Bring the whole repository up to date, stage after stage, and name the stages that this ran.

    Raises:
        DvcError: a stage failed, or DVC did; says which and why.
    """
    return pool.call(_reproduce_all, [stage for stage in graph if graph.out_degree(stage) == 0])


# What the child calls


def _read_graph() -> tuple[dict[str, list[str]], set[str]]:
    with _open_repo() as (repo, _):
        from dvc.repo import lock_repo

        # The lock is held for both, since DVC reads everything anew whenever it has acquired it.
        with lock_repo(repo):
            # DVC's edges lead from a stage to what it needs.
            graph = repo.index.graph
            stale: set[Any] = set()
            for stage in nx.topological_sort(graph.reverse(copy=False)):
                # What needs a stale stage is stale; DVC takes long to compare what it depends on.
                if not stale.isdisjoint(graph.successors(stage)) or stage.status():
                    stale.add(stage)
            needs = {stage: list(graph.successors(stage)) for stage in repo.index.stages}
    names = {stage: [need.addressing for need in needs[stage]] for stage in needs}
    return {stage.addressing: names[stage] for stage in names}, {stage.addressing for stage in stale}


def _reproduce(stage: str) -> Reproduction:
    try:
        with _open_repo() as (repo, log):
            changed = repo.reproduce(stage, single_item=True)
    except DvcError as error:
        return Reproduction(Outcome.FAILED, patches.command_seconds(), str(error))
    if not changed:
        return Reproduction(Outcome.UP_TO_DATE)
    return Reproduction(Outcome.RAN if log.has_command else Outcome.RESTORED, patches.command_seconds())


def _reproduce_all(targets: Iterable[str]) -> list[str]:
    with _open_repo() as (repo, _):
        return [stage.addressing for stage in repo.reproduce(list(targets))]


@contextmanager
def _open_repo() -> Iterator[tuple[Any, "_Log"]]:
    """Open the repository of the working folder, waiting for its lock however long another has it.

    Yields:
        DVC's `Repo`, and what it logs.

    Raises:
        DvcError: DVC raised an error of its own.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    patches.apply_patches()
    log = _Log()
    for name in ("dvc", "dvc_objects", "dvc_data"):
        logging.getLogger(name).handlers[:] = [log]
    try:
        with Repo(_wait_for_lock=True) as repo:
            yield repo, log
    except DvcException as error:
        raise DvcError(": ".join(_list_causes(error))) from None


def _list_causes(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        error = error.__cause__


class _Log(logging.StreamHandler[TextIO]):
    """Prints DVC's warnings and the commands that it runs, none of its hints for people at a terminal.

    Attributes:
        has_command: whether DVC has run a command.
    """

    has_command = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, or leave it out."""
        is_of_command = record.name == "dvc.stage.run"
        self.has_command |= is_of_command
        if is_of_command or record.levelno >= logging.WARNING:
            super().emit(record)
