"""Find, create, claim, end and supersede MLflow runs; doing any of this twice has the same effect as once."""

import getpass
import os
import time
from collections.abc import Callable, Iterable, Mapping

from mlflow.entities import LifecycleStage, Run, ViewType

from pipeline.tracking.follower_lock import has_died, name_process
from pipeline.tracking.run_data import delete_tag, set_tags
from pipeline.tracking.store import Store

RUNS_PER_REQUEST = 50_000  # MLflow's limit.
FLOW_RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"
# The names of tags, and the values of yes-or-no tags.
CONTENT_KEY = "content_key"
TRAINING_KEY = "training_key"
FOLLOWER = "followed_by"
COMPLETE = "complete"
SUPERSEDED = "superseded"
SUPERSEDED_BY = "superseded_by"
YES, NO = "yes", "no"
RUNNING, FINISHED, KILLED, FAILED = "RUNNING", "FINISHED", "KILLED", "FAILED"


def list_runs(store: Store, experiment_id: str, **tags: str) -> list[Run]:
    """List an experiment's runs that have all of these tags, the earliest first."""
    return _search_runs(store, experiment_id, tags, ViewType.ACTIVE_ONLY)


def _search_runs(store: Store, experiment_id: str, tags: Mapping[str, str], view: int) -> list[Run]:
    clauses = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
    return list(
        store.client.search_runs(
            [experiment_id],
            filter_string=" and ".join(clauses),
            run_view_type=view,
            max_results=RUNS_PER_REQUEST,
            order_by=["attributes.start_time ASC"],
        )
    )


def find_run_of_training(runs: list[Run], training_key: str) -> Run | None:
    """Find the run that was created while a training ran, unless it already has the results of a finished trial."""
    for run in runs:
        tags = run.data.tags
        if tags.get(TRAINING_KEY) == training_key and CONTENT_KEY not in tags:
            return run
    return None


def find_run_of_content(
    store: Store, experiment_id: str, content_key: str, params: Mapping[str, str], notes: list[str]
) -> Run | None:
    """Find the first run with this content key; a run in MLflow's trash is restored.

    Complete duplicates, which another machine created at the same time, are deleted.

    Args:
        store: the store of the runs.
        experiment_id: the id of the experiment of the runs.
        content_key: the value of the tag `content_key`, a hash of the content. People can edit tags.
        params: params that the run must have, unless it was interrupted before they were logged. People cannot edit
            params.
        notes: a list to which a line is added if a run was restored.
    """
    found = _search_runs(store, experiment_id, {CONTENT_KEY: content_key}, ViewType.ALL)
    runs = [
        run for run in found if all(run.data.params.get(key, params[key]) == params[key] for key in params)
    ]
    runs.sort(key=lambda run: (_is_deleted(run), run.info.start_time, run.info.run_id))
    for run in runs[1:]:
        if not _is_deleted(run) and run.data.tags.get(COMPLETE) == YES:
            store.client.delete_run(run.info.run_id)
    if not runs:
        return None
    if _is_deleted(runs[0]):
        store.client.restore_run(runs[0].info.run_id)
        notes.append(f"the run {runs[0].info.run_name} was in MLflow's trash, and is restored")
    return runs[0]


def _is_deleted(run: Run) -> bool:
    return bool(run.info.lifecycle_stage == LifecycleStage.DELETED)


def create_run(
    store: Store, experiment_id: str, name: str, tags: dict[str, str], start: int | None = None
) -> Run:
    """Create a run that is tagged as followed by this process.

    `start` is in milliseconds since 1970; None stands for now.
    """
    all_tags = {"mlflow.user": _find_user(), SUPERSEDED: NO, FOLLOWER: name_process(), **tags}
    if FLOW_RUN_VARIABLE in os.environ:
        all_tags["prefect_flow_run"] = os.environ[FLOW_RUN_VARIABLE]
    start = now_milliseconds() if start is None else start
    run: Run = store.client.create_run(experiment_id, start_time=start, tags=all_tags, run_name=name)
    return run


def create_run_of_content(
    store: Store, experiment_id: str, name: str, tags: dict[str, str], start: int | None = None
) -> Run:
    """Create a run as `create_run` does, unless another machine has just created a run of the same content.

    Returns:
        The new run, or the other machine's.
    """
    run = create_run(store, experiment_id, name, tags, start)
    first = find_run_of_content(store, experiment_id, tags[CONTENT_KEY], {}, []) or run
    if first.info.run_id != run.info.run_id:
        store.client.delete_run(run.info.run_id)
    return first


def find_or_create_run(
    store: Store,
    experiment_id: str,
    name: str,
    tags: dict[str, str],
    notes: list[str],
    params: Mapping[str, str] | None = None,
    find_without_key: Callable[[], Run | None] = lambda: None,
) -> Run:
    """Find the first run with a content key, or create one.

    Args:
        store: the store of the runs.
        experiment_id: the id of the experiment of the runs.
        name: the name of a new run.
        tags: the tags of a new run; among them is the content key to search for.
        notes: a list to which a line is added if a run was restored from MLflow's trash.
        params: params that the run must have; see `find_run_of_content`.
        find_without_key: a function that is called if no run has the content key; it finds a run whose key a person has
            deleted.
    """
    run = find_run_of_content(store, experiment_id, tags[CONTENT_KEY], params or {}, notes)
    return run or find_without_key() or create_run_of_content(store, experiment_id, name, tags)


def claim_run(store: Store, run: Run) -> None:
    """Mark a run as running and as followed by this process."""
    set_tags(store, run, {FOLLOWER: name_process()})
    if run.info.status != RUNNING:
        store.client.update_run(run.info.run_id, status=RUNNING)


def end_run(store: Store, run: Run, status: str, end: int | None = None) -> None:
    """End a run with one of MLflow's statuses and delete its follower's tag; `end` is in milliseconds, None is now."""
    store.client.set_terminated(run.info.run_id, status, end_time=end)
    delete_tag(store, run, FOLLOWER)


def end_abandoned_runs(store: Store, experiment_id: str) -> None:
    """End the running runs whose follower has died, or that have no follower.

    A killed follower cannot end its runs itself. Runs whose follower works in another repository are left unchanged.
    Every run is created with the name of its follower; if the name is missing, a person has deleted it.
    """
    for run in list_runs(store, experiment_id):
        if run.info.status != RUNNING or "kind" not in run.data.tags:
            continue
        follower = run.data.tags.get(FOLLOWER)
        if follower is None or has_died(follower):
            is_complete = run.data.tags.get(COMPLETE) == YES
            end_run(store, run, FINISHED if is_complete else KILLED, run.info.end_time)


def supersede_runs(store: Store, others: Iterable[Run], by: Run) -> None:
    """Tag other runs as superseded by this one, and this one as current."""
    for other in others:
        if other.info.run_id != by.info.run_id:
            set_tags(store, other, {SUPERSEDED: YES, SUPERSEDED_BY: by.info.run_id})
    set_tags(store, by, {SUPERSEDED: NO})
    if SUPERSEDED_BY in by.data.tags:
        delete_tag(store, by, SUPERSEDED_BY)


def now_milliseconds() -> int:
    """Return the present time in milliseconds since 1970, as MLflow stores times."""
    return int(time.time() * 1000)


def _find_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # The user of a container may have no name.
        return str(os.getuid())
