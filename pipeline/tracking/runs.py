"""Find, make, fill and end runs, so that doing any of it twice leaves what doing it once does."""

import getpass
import os
import time
from collections.abc import Iterable, Iterator
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from pipeline.tracking.content import Value
from pipeline.tracking.store import Store

METRICS_AT_A_TIME = 1000  # MLflow's limits of one batch
PARAMS_AT_A_TIME = 100
KIND = "kind"
TRIAL = "trial"
COMPARISON = "comparison"
CONTENT_KEY = "content_key"
COMPLETE = "complete"
SUPERSEDED = "superseded"
SUPERSEDED_BY = "superseded_by"
PARENT = "mlflow.parentRunId"
YES, NO = "yes", "no"
FLOW_RUN_VARIABLE = "PREFECT__FLOW_RUN_ID"


def list_runs(store: Store, experiment_id: str, **tags: str) -> list[Run]:
    """List an experiment's runs that have all of these tags, the earliest first."""
    clauses = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = store.client.search_runs(
            [experiment_id],
            filter_string=" and ".join(clauses),
            max_results=500,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        runs += page
        token = page.token
        if not token:
            return runs


def now_milliseconds() -> int:
    """Return the time in MLflow's unit."""
    return int(time.time() * 1000)


def create_run(store: Store, experiment_id: str, name: str, tags: dict[str, str], start: int) -> Run:
    """Create a run; of several made for the same content at once, on other machines, the first is kept.

    Args:
        store: where.
        experiment_id: in which experiment.
        name: shown in the table.
        tags: of which `content_key` tells whether there is such a run already.
        start: in milliseconds.

    Returns:
        The run to use.
    """
    own = {"mlflow.user": _find_user(), SUPERSEDED: NO, **tags}
    if FLOW_RUN_VARIABLE in os.environ:
        own["prefect_flow_run"] = os.environ[FLOW_RUN_VARIABLE]
    run: Run = store.client.create_run(experiment_id, start_time=start, tags=own, run_name=name)
    if CONTENT_KEY not in tags:
        return run
    same = list_runs(store, experiment_id, **{KIND: tags[KIND], CONTENT_KEY: tags[CONTENT_KEY]})
    first = min(same, key=lambda run: (run.info.start_time, run.info.run_id), default=run)
    if first.info.run_id != run.info.run_id:
        store.client.delete_run(run.info.run_id)
    return first


def set_tags(store: Store, run: Run, tags: dict[str, str]) -> None:
    """Set those tags that the run does not have already."""
    changed = {key: value for key, value in tags.items() if run.data.tags.get(key) != value}
    if changed:
        store.client.log_batch(run.info.run_id, tags=[RunTag(key, value) for key, value in changed.items()])


def log_params(store: Store, run: Run, params: dict[str, str]) -> None:
    """Log those params that the run does not have already."""
    missing = [Param(key, value) for key, value in params.items() if key not in run.data.params]
    for part in _split(missing, PARAMS_AT_A_TIME):
        store.client.log_batch(run.info.run_id, params=part)


def log_missing_values(store: Store, run: Run, values: Iterable[Value], is_new: bool = False) -> int:
    """Log the values that the run lacks: of a metric one value a generator step, however often this is called.

    Args:
        store: where.
        run: gets them.
        values: all that it should have.
        is_new: the run is known to have none yet, so there is nothing to ask for.

    Returns:
        How many were logged.
    """
    values = list(values)
    if not is_new:
        known = {
            key: {metric.step for metric in store.client.get_metric_history(run.info.run_id, key)}
            for key in dict.fromkeys(value.key for value in values)
        }
        values = [value for value in values if value.generator_step not in known[value.key]]
    log_values(store, run, values)
    return len(values)


def log_values(store: Store, run: Run, values: Iterable[Value]) -> None:
    """Log values in batches.

    A value's time is the run's start and the seconds of training until then, and nothing else: one that is sent
    again, because the answer to the first time got lost, is the same to the last digit and the store keeps one.
    """
    start = run.info.start_time
    metrics = [
        Metric(value.key, value.value, start + round(1000 * value.seconds), value.generator_step)
        for value in values
    ]
    for part in _split(metrics, METRICS_AT_A_TIME):
        store.client.log_batch(run.info.run_id, metrics=part)


def supersede(store: Store, others: Iterable[Run], by: Run) -> None:
    """Tag runs as superseded by another, and that one as not superseded."""
    for other in others:
        if other.info.run_id != by.info.run_id:
            set_tags(store, other, {SUPERSEDED: YES, SUPERSEDED_BY: by.info.run_id})
    if by.data.tags.get(SUPERSEDED) != NO:
        set_tags(store, by, {SUPERSEDED: NO})
    if SUPERSEDED_BY in by.data.tags:
        delete_tag(store, by, SUPERSEDED_BY)


def delete_tag(store: Store, run: Run, key: str) -> None:
    """Delete a tag; another machine that works on the same run may have done so already."""
    try:
        store.client.delete_tag(run.info.run_id, key)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def _find_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return str(os.getuid())


def _split(items: list[Any], size: int) -> Iterator[list[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
