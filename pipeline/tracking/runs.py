"""The life of MLflow runs: find, create, claim, end and supersede them. Doing any of it twice is the same as once."""

import getpass
import os
import socket
import time
from collections.abc import Iterable

import psutil
from mlflow.entities import Run

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
    clauses = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
    return list(
        store.client.search_runs(
            [experiment_id],
            filter_string=" and ".join(clauses),
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


def find_run_of_content(store: Store, experiment_id: str, kind: str, content_key: str) -> Run | None:
    """Find the first run of this content. Complete duplicates, which another machine created meanwhile, are deleted."""
    runs = list_runs(store, experiment_id, kind=kind, content_key=content_key)
    runs.sort(key=lambda run: (run.info.start_time, run.info.run_id))
    for run in runs[1:]:
        if run.data.tags.get(COMPLETE) == YES:
            store.client.delete_run(run.info.run_id)
    return runs[0] if runs else None


def create_run(
    store: Store, experiment_id: str, name: str, tags: dict[str, str], start: int | None = None
) -> Run:
    """Create a run that this process claims, unless another machine has just created one of the same content.

    Of the tags, `kind` and `content_key` identify the content. The start is in milliseconds; None stands for now.

    Returns:
        The run to use: this one, or the other machine's.
    """
    all_tags = {"mlflow.user": _find_user(), SUPERSEDED: NO, FOLLOWER: name_process(), **tags}
    if FLOW_RUN_VARIABLE in os.environ:
        all_tags["prefect_flow_run"] = os.environ[FLOW_RUN_VARIABLE]
    start = now_milliseconds() if start is None else start
    run: Run = store.client.create_run(experiment_id, start_time=start, tags=all_tags, run_name=name)
    if CONTENT_KEY not in tags:
        return run
    first = find_run_of_content(store, experiment_id, tags["kind"], tags[CONTENT_KEY]) or run
    if first.info.run_id != run.info.run_id:
        store.client.delete_run(run.info.run_id)
    return first


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
    """End the running trials whose follower was a process of this host that has died.

    A killed follower cannot end its runs itself. Runs that are followed from other hosts stay as they are.
    """
    for run in list_runs(store, experiment_id, kind="trial"):
        follower = run.data.tags.get(FOLLOWER)
        is_open = run.info.status == RUNNING and run.data.tags.get(COMPLETE) != YES
        if is_open and follower is not None and _has_died(follower):
            end_run(store, run, KILLED)


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


def name_process() -> str:
    """Name this process by host, process id and start time, so that others can tell whether it still runs."""
    process = psutil.Process()
    return f"{socket.gethostname()} {process.pid} {process.create_time():.2f}"


def _has_died(follower: str) -> bool:
    host, pid, start_time = follower.rsplit(" ", 2)
    if host != socket.gethostname():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" != start_time
    except psutil.NoSuchProcess:
        return True


def _find_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # The user of a container may have no name.
        return str(os.getuid())
