"""Pass the results of stages from one clone to another by DVC's run-cache.

A clone that runs a stage leaves an entry in the run-cache. Another clone with the same cache or the same remote uses it
to restore the outputs without running the stage. Each clone writes its own dvc.lock.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.dvc import patches
from pipeline.dvc.lock_file import LOCK_FILE, format_lock_file, load_entries
from pipeline.dvc.repo import DvcError, ReproResult, ReproStatus, list_causes, open_repo, reproduce_stage
from pipeline.dvc.worker import DiedError, WorkerPool
from stages.common.artifacts import write_bytes


@dataclass(frozen=True)
class RunCacheLookup:
    """The result of looking for a stage in the run-cache.

    Attributes:
        result: the result if the stage was restored or is up to date; None if the run-cache does not have it.
        upstream_lock: the entries of the upstream stages in dvc.lock, by stage.
    """

    result: ReproResult | None
    upstream_lock: dict[str, Any] = field(default_factory=dict)


def find_cache_folder(pool: WorkerPool) -> Path:
    """Return the folder of DVC's cache, the folder with `files` and `runs`."""
    return Path(pool.call(_find_cache_folder_in_child))


def restore(
    pool: WorkerPool,
    stage: str,
    upstream: Collection[str],
    on_line: Callable[[str], None],
    remote: str | None = None,
) -> RunCacheLookup:
    """Restore a stage, whose dependencies are up to date, from the run-cache; never run it.

    Args:
        pool: the processes in which DVC runs.
        stage: the stage, as DVC names it.
        upstream: the stages that it depends on; reading them from DVC's graph would take seconds with many stages.
        on_line: a function that is called with each line that DVC prints.
        remote: a DVC remote whose run-cache is fetched first; None uses only the local cache.

    Raises:
        StoppedError: the pool is being stopped.
    """
    try:
        return pool.call(_restore_in_child, stage, list(upstream), remote, on_line=on_line)
    except (DiedError, DvcError) as error:
        return RunCacheLookup(ReproResult(ReproStatus.FAILED, reason=str(error)))


def push(pool: WorkerPool, stages: Collection[str], remote: str) -> None:
    """Push those outputs of stages to a remote that the remote lacks.

    Raises:
        DvcError: the push failed; the message is DVC's.
    """
    pool.call(_push_in_child, sorted(stages), remote)


def reproduce_for_others(
    pool: WorkerPool,
    stage: str,
    upstream_lock: Mapping[str, Any],
    on_line: Callable[[str], None],
    environment: Mapping[str, str],
    remote: str | None = None,
) -> ReproResult:
    """Check out a stage's dependencies, reproduce the stage, and leave its results in the run-cache for other clones.

    Args:
        pool: the processes in which DVC runs.
        stage: the stage, as DVC names it.
        upstream_lock: the entries of the upstream stages in dvc.lock; they replace this clone's dvc.lock.
        on_line: a function that is called with each line that the stage and DVC print.
        environment: further environment variables, which override those of this process.
        remote: the DVC remote from which dependencies are pulled and to which results are pushed; None uses only the
            cache.

    Raises:
        StoppedError: the pool is being stopped.
    """
    write_bytes(Path(LOCK_FILE), format_lock_file({"schema": "2.0", "stages": dict(upstream_lock)}).encode())
    try:
        return pool.call(
            _reproduce_for_others_in_child,
            stage,
            list(upstream_lock),
            remote,
            on_line=on_line,
            environment=environment,
        )
    except DiedError as error:
        return ReproResult(ReproStatus.FAILED, reason=str(error))


# What the child calls


def _push_in_child(stages: list[str], remote: str) -> None:
    with open_repo(remote) as (repo, _):
        repo.push(targets=stages)


def _find_cache_folder_in_child() -> str:
    with open_repo() as (repo, _):
        return str(repo.cache.legacy.path)


def _restore_in_child(stage: str, upstream: list[str], remote: str | None) -> RunCacheLookup:
    class NotCachedError(import_module("dvc.exceptions").DvcException):  # type: ignore[misc]
        pass

    def refuse(*_: Any, **__: Any) -> None:
        raise NotCachedError("the run-cache does not have it")

    # This process restores one stage, and runs none.
    import_module("dvc.stage.run").cmd_run = refuse  # type: ignore[attr-defined]
    with open_repo(remote) as (repo, log):
        try:
            return RunCacheLookup(reproduce_stage(repo, log, stage, pull=remote is not None))
        except Exception as error:
            if not any(isinstance(cause, NotCachedError) for cause in list_causes(error)):
                raise
        return RunCacheLookup(None, _read_upstream_lock(upstream))


def _read_upstream_lock(stages: list[str]) -> dict[str, Any]:
    entries = load_entries(Path(LOCK_FILE).read_text(encoding="utf-8")).get("stages", {}) if stages else {}
    lacking = [stage for stage in stages if stage not in entries]
    if lacking:
        raise DvcError(
            f"{LOCK_FILE} has no entry of {', '.join(lacking)}: was the file changed during the run?"
        )
    return {stage: entries[stage] for stage in stages}


def _reproduce_for_others_in_child(stage: str, upstream: list[str], remote: str | None) -> ReproResult:
    try:
        with open_repo(remote) as (repo, log):
            # Stages, not paths of outputs: of both kinds together DVC 3.67 takes the last stage alone (docs/log.md),
            # and `extractor` is the name of a stage and of a folder.
            if upstream and remote is None:
                repo.checkout(targets=upstream, force=True)
            elif upstream:
                repo.pull(targets=upstream, force=True)
            result = reproduce_stage(repo, log, stage)
            if remote is not None:
                repo.push(targets=[stage], run_cache=True)
            return result
    except DvcError as error:
        return ReproResult(ReproStatus.FAILED, patches.command_seconds(), str(error))
