"""The life of MLflow runs: find, create, claim, end and supersede them. Doing any of it twice is the same as once."""

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
# Names of tags, and the values of those that are questions.
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
    """Find the run that followed a training, unless it holds the results of a finished trial already."""
    for run in runs:
        tags = run.data.tags
        if tags.get(TRAINING_KEY) == training_key and CONTENT_KEY not in tags:
            return run
    return None


def find_run_of_content(
    store: Store, experiment_id: str, content_key: str, params: Mapping[str, str], notes: list[str]
) -> Run | None:
    """Find the first run of this content; one that lies in MLflow's trash is restored.

    Complete duplicates, which another machine created meanwhile, are deleted.

    Args:
        store: where to look.
        experiment_id: the id of the experiment of the runs.
        content_key: a tag, which people can change.
        params: that the run has, unless it was interrupted before it had any; people cannot change these.
        notes: gets a line if a run was restored.
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
    """Create a run that this process claims.

    The start is in milliseconds; None stands for now.
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
    """Create a run as `create_run` does, unless another machine has just created one of the same content.

    Returns:
        The run to use: this one, or the other machine's.
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
    """Find the first run of a content, or create one.

    Args:
        store: where to look.
        experiment_id: the id of the experiment of the runs.
        name: the name of a new run.
        tags: the tags of a new run; the content key among them says which run is looked for.
        notes: gets a line if a run was restored from MLflow's trash.
        params: those that tell the run from others of this content; see `find_run_of_content`.
        find_without_key: finds the run whose content key a person has deleted; asked where no run has the key.
    """
    run = find_run_of_content(store, experiment_id, tags[CONTENT_KEY], params or {}, notes)
    return run or find_without_key() or create_run_of_content(store, experiment_id, name, tags)


def claim_run(store: Store, run: Run) -> None:
    """Mark a run as running and as followed by this process."""
    set_tags(store, run, {FOLLOWER: name_process()})
    if run.info.status != RUNNING:
        store.client.update_run(run.info.run_id, status=RUNNING)


def end_run(store: Store, run: Run, status: str, end: int | None = None) -> None:
    """End a run with one of MLflow's statuses, now or at `end` in milliseconds, and delete the name of its follower."""
    store.client.set_terminated(run.info.run_id, status, end_time=end)
    delete_tag(store, run, FOLLOWER)


def end_abandoned_runs(store: Store, experiment_id: str) -> None:
    """End the running runs whose follower was a process of this repository that has died, or that have none.

    A killed follower cannot end its runs itself. Runs that are followed from other repositories stay as they are. A run
    is made with the name of its follower, so one without it has lost it to a person.
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
    """Return the time in MLflow's unit."""
    return int(time.time() * 1000)


def _find_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # The user of a container may have no name.
        return str(os.getuid())
