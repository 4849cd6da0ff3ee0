"""Wrap DVC's Python API: read the graph of stages, find the stale stages, reproduce one stage or all.

The public functions take the pool in whose child processes DVC runs. The child calls the private function whose name is
that of the public function with the suffix `_in_child`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import networkx as nx

from pipeline.dvc import patches
from pipeline.dvc.cache_access import require_writable_cache
from pipeline.dvc.hash_database import use_private_folder
from pipeline.dvc.leftovers import clear_leftovers
from pipeline.dvc.lock_file import LOCK_FILE
from pipeline.dvc.worker import DiedError, WorkerPool
from stages.common.errors import InputError

# Stages by name; an edge leads from a stage to one that needs its outputs.
Graph: TypeAlias = nx.DiGraph
# DVC prints lines with these beginnings before a stage runs.
DVC_LINES = ("Running stage ", "> ")


class ReproStatus(Enum):
    """How the reproduction of a stage ended."""

    RAN = "run"
    RESTORED = "restored from DVC's cache"
    UP_TO_DATE = "up to date"
    FAILED = "failed"


# DVC's error has these words in a folder that was unpacked from an archive. The cure is appended to it.
NO_GIT = "is not a git repository"
NO_GIT_CURE = (
    ", and DVC looks for one: `git init && git add . && git commit -m unpacked` makes one, `dvc config --local "
    "core.no_scm true` lets DVC do without"
)


@dataclass(frozen=True)
class ReproResult:
    """The result of reproducing one stage.

    Attributes:
        status: how the reproduction ended.
        command_seconds: the seconds that the stage's own command took; 0.0 if it did not run.
        reason: DVC's message if the stage failed; otherwise empty.
    """

    status: ReproStatus
    command_seconds: float = 0.0
    reason: str = ""


class DvcError(InputError):
    """DVC raised an error: dvc.yaml, params.yaml or dvc.lock is invalid, or a stage failed."""


def read_graph_and_status(
    pool: WorkerPool, on_line: Callable[[str], None] = lambda line: None
) -> tuple[Graph, set[str]]:
    """Read the graph of all stages, and find which are stale.

    Stages that DVC always runs are run first, and count as up to date if they succeed.

    Args:
        pool: the processes in which DVC runs.
        on_line: a function that is called with each line that these stages print.

    Returns:
        The graph, and the names of the stages that DVC finds changed and of all stages that need them.

    Raises:
        DvcError: dvc.yaml or params.yaml is not valid; the message is DVC's.
        InputError: this user cannot write to DVC's cache.
    """

    def pass_on(line: str) -> None:
        if line and not line.startswith(DVC_LINES):
            on_line(line)

    needs, stale = pool.call(_read_graph_and_status_in_child, on_line=pass_on)
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
) -> ReproResult:
    """Reproduce one stage, whose dependencies are up to date.

    Args:
        pool: the processes in which DVC runs.
        stage: the stage, as DVC names it, such as `train@sngan-A-0`.
        on_line: a function that is called with each line that the stage and DVC print.
        environment: further environment variables, which override those of this process.

    Raises:
        StoppedError: the pool is being stopped.
    """
    try:
        return pool.call(_reproduce_in_child, stage, on_line=on_line, environment=environment)
    except DiedError as error:
        return ReproResult(ReproStatus.FAILED, reason=str(error))


def reproduce_all(pool: WorkerPool, graph: Graph) -> list[str]:
    """Reproduce all stages in order, and return the names of those that were executed, except always-changed stages.

    Raises:
        DvcError: a stage or DVC failed; the message says which and why.
    """
    return pool.call(_reproduce_all_in_child, [stage for stage in graph if graph.out_degree(stage) == 0])


# What the child calls


def _read_graph_and_status_in_child() -> tuple[dict[str, list[str]], set[str]]:
    with open_repo() as (repo, _):
        from dvc.repo import lock_repo

        require_writable_cache(Path(repo.cache.legacy.path))
        watching = {
            stage.addressing: _can_reproduce(repo, stage)
            for stage in repo.index.stages
            if stage.always_changed
        }

        # The lock is held for the whole block, because DVC reads everything again after each acquisition.
        with lock_repo(repo):
            clear_leftovers(Path(repo.root_dir), Path(repo.cache.legacy.path))
            # The edges of DVC's graph lead from a stage to the stages that it needs.
            graph = repo.index.graph
            stale: set[Any] = set()
            for stage in nx.topological_sort(graph.reverse(copy=False)):
                # A stage that needs a stale stage is stale; this saves DVC's slow comparison of its dependencies.
                if not stale.isdisjoint(graph.successors(stage)) or _is_stale(stage, watching):
                    stale.add(stage)
            needs = {
                stage.addressing: [need.addressing for need in graph.successors(stage)]
                for stage in repo.index.stages
            }
    return needs, {stage.addressing for stage in stale}


def _can_reproduce(repo: Any, stage: Any) -> bool:
    """Run an always-changed stage, and tell whether it succeeded; if not, the flow runs it again to show the error."""
    from dvc.exceptions import DvcException

    try:
        repo.reproduce(stage.addressing, single_item=True)
    except DvcException:
        return False
    return True


def _is_stale(stage: Any, watching: Mapping[str, bool]) -> bool:
    """Tell whether DVC finds a stage changed; an always-changed stage is stale if its run failed."""
    has_succeeded = watching.get(stage.addressing)
    return bool(stage.status()) if has_succeeded is None else not has_succeeded


def _reproduce_in_child(stage: str) -> ReproResult:
    try:
        with open_repo() as (repo, log):
            return reproduce_stage(repo, log, stage)
    except DvcError as error:
        return ReproResult(ReproStatus.FAILED, patches.command_seconds(), str(error))


def reproduce_stage(repo: Any, log: "DvcLogHandler", stage: str, **options: Any) -> ReproResult:
    """Reproduce one stage in this process.

    Args:
        repo: DVC's `Repo`, from `open_repo`.
        log: DVC's log handler, from `open_repo`.
        stage: the stage, as DVC names it.
        options: the options of DVC's `reproduce`.
    """
    if not repo.reproduce(stage, single_item=True, **options):
        return ReproResult(ReproStatus.UP_TO_DATE)
    status = ReproStatus.RAN if log.has_command else ReproStatus.RESTORED
    return ReproResult(status, patches.command_seconds())


def _reproduce_all_in_child(targets: Iterable[str]) -> list[str]:
    with open_repo() as (repo, _):
        stages = repo.reproduce(list(targets))
        return [stage.addressing for stage in stages if not stage.always_changed]


@contextmanager
def open_repo(remote: str | None = None) -> Iterator[tuple[Any, "DvcLogHandler"]]:
    """Open the repository of the current folder, and wait for its lock as long as another process holds it.

    Args:
        remote: the remote for commands that name none; None for that of DVC's configuration.

    Yields:
        DVC's `Repo`, and its log handler.

    Raises:
        DvcError: DVC raised an error.
        InputError: others can write to the folder of DVC's database of hashes.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    use_private_folder()
    patches.apply_patches()
    log = DvcLogHandler()
    for name in ("dvc", "dvc_objects", "dvc_data"):
        logging.getLogger(name).handlers[:] = [log]
    try:
        config = None if remote is None else {"core": {"remote": remote}}
        with Repo(_wait_for_lock=True, config=config) as repo:
            yield repo, log
    except DvcException as error:
        reason = ": ".join(map(str, list_causes(error)))
        if LOCK_FILE in reason:
            reason += f"\n`git checkout {LOCK_FILE}` restores the one of the last commit"
        raise DvcError(reason + (NO_GIT_CURE if NO_GIT in reason else "")) from None


def list_causes(error: BaseException | None) -> Iterator[BaseException]:
    """List an exception and the chain of its causes."""
    while error is not None:
        yield error
        error = error.__cause__


class DvcLogHandler(logging.StreamHandler[TextIO]):
    """Prints DVC's warnings and the commands that it runs, but none of its hints for interactive use.

    Attributes:
        has_command: whether DVC has run a command.
    """

    has_command = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record if it is a warning or a command."""
        is_of_command = record.name == "dvc.stage.run"
        self.has_command |= is_of_command
        if is_of_command or record.levelno >= logging.WARNING:
            super().emit(record)
