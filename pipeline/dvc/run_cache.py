"""Hand the results of stages from one clone to another by DVC's run-cache.

A clone that ran a stage leaves an entry in the run-cache, by which another clone with the same cache, or with the same
remote, restores the outputs without running anything. Each clone writes its own dvc.lock.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.dvc import patches
from pipeline.dvc.repo import DvcError, ReproResult, ReproStatus, list_causes, open_repo, reproduce_stage
from pipeline.dvc.worker import DiedError, WorkerPool
from stages.common.artifacts import write_bytes

LOCK_SCHEMA = "2.0"


@dataclass(frozen=True)
class RunCacheLookup:
    """What was found of a stage in the run-cache.

    Attributes:
        result: the result of restoring it, or of finding it up to date; None where the run-cache does not have it.
        upstream_lock: what dvc.lock says of the upstream stages, by their names.
    """

    result: ReproResult | None
    upstream_lock: dict[str, Any] = field(default_factory=dict)


def find_cache_folder(pool: WorkerPool) -> Path:
    """Return the folder of DVC's cache, which holds `files` and `runs`."""
    return Path(pool.call(_find_cache_folder_in_child))


def restore(
    pool: WorkerPool, stage: str, on_line: Callable[[str], None], remote: str | None = None
) -> RunCacheLookup:
    """Restore a stage, whose dependencies are up to date, from the run-cache; never run it.

    Args:
        pool: where DVC runs.
        stage: the stage, as DVC names it.
        on_line: gets each line that DVC prints.
        remote: a remote of DVC whose run-cache is fetched first; None looks into the cache alone.

    Raises:
        StoppedError: the pool is being stopped.
    """
    try:
        return pool.call(_restore_in_child, stage, remote, on_line=on_line)
    except (DiedError, DvcError) as error:
        return RunCacheLookup(ReproResult(ReproStatus.FAILED, reason=str(error)))


def push(pool: WorkerPool, stages: Collection[str], remote: str) -> None:
    """Push the outputs of stages to a remote, where those that are not there yet.

    Raises:
        DvcError: DVC cannot; says why.
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
    """Take what a stage needs out of the cache, reproduce it, and leave the results where other clones find them.

    Args:
        pool: where DVC runs.
        stage: the stage, as DVC names it.
        upstream_lock: what dvc.lock is to say of the upstream stages; it replaces this clone's.
        on_line: gets each line that the stage and DVC print.
        environment: variables beside this process's own.
        remote: a remote of DVC from which dependencies come and to which results go; None for the cache alone.

    Raises:
        StoppedError: the pool is being stopped.
    """
    import yaml

    content = yaml.safe_dump({"schema": LOCK_SCHEMA, "stages": dict(upstream_lock)}, sort_keys=False)
    write_bytes(Path(patches.LOCK_FILE), content.encode())
    try:
        return pool.call(
            _reproduce_for_others_in_child, stage, remote, on_line=on_line, environment=environment
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


def _restore_in_child(stage: str, remote: str | None) -> RunCacheLookup:
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
        return RunCacheLookup(None, _read_upstream_lock(repo, stage))


def _read_upstream_lock(repo: Any, stage: str) -> dict[str, Any]:
    """Read what dvc.lock says of the stages that a stage depends on."""
    to_lock = import_module("dvc.stage.serialize").to_single_stage_lockfile
    return {need.addressing: _to_plain(to_lock(need)) for need in _list_upstream_stages(repo, stage)}


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _to_plain(item) for key, item in value.items()}
    return [_to_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _reproduce_for_others_in_child(stage: str, remote: str | None) -> ReproResult:
    try:
        with open_repo(remote) as (repo, log):
            # Stages, not paths of outputs: of both kinds together DVC 3.67 takes the last stage alone (docs/log.md),
            # and `extractor` is the name of a stage and of a folder.
            needed = [need.addressing for need in _list_upstream_stages(repo, stage)]
            if needed and remote is None:
                repo.checkout(targets=needed, force=True)
            elif needed:
                repo.pull(targets=needed, force=True)
            result = reproduce_stage(repo, log, stage)
            if remote is not None:
                repo.push(targets=[stage], run_cache=True)
            return result
    except DvcError as error:
        return ReproResult(ReproStatus.FAILED, patches.command_seconds(), str(error))


def _list_upstream_stages(repo: Any, stage: str) -> list[Any]:
    (wanted,) = repo.stage.collect(stage)
    # DVC's edges lead from a stage to what it needs.
    return list(repo.index.graph.successors(wanted))
