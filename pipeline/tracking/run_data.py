"""Write tags, params, metric values and files to an MLflow run; writing the same content twice changes nothing."""

import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from pipeline.tracking.results import MetricValue
from pipeline.tracking.store import Store

# MLflow's limits.
METRICS_PER_REQUEST = 1000
PARAMS_PER_REQUEST = 100
# SQLAlchemy's error has these words if another client deleted a row after MLflow had read it.
STALE_ROW = "0 were matched"
ATTEMPTS = 10


def set_tags(store: Store, run: Run, tags: dict[str, str]) -> None:
    """Set the tags that the run lacks or has with another value."""
    changed = [RunTag(key, value) for key, value in tags.items() if run.data.tags.get(key) != value]
    if changed:
        _retry_if_deleted_meanwhile(lambda: store.client.log_batch(run.info.run_id, tags=changed))


def delete_tag(store: Store, run: Run, key: str) -> None:
    """Delete a tag, unless another machine has deleted it already."""
    try:
        _retry_if_deleted_meanwhile(lambda: store.client.delete_tag(run.info.run_id, key))
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def log_params(store: Store, run: Run, params: dict[str, str]) -> None:
    """Log the params that the run lacks; a param with another value stays, because MLflow cannot change params."""
    missing = [Param(key, value) for key, value in params.items() if key not in run.data.params]
    for chunk in _split(missing, PARAMS_PER_REQUEST):
        store.client.log_batch(run.info.run_id, params=chunk)


def log_missing_values(store: Store, run: Run, values: list[MetricValue]) -> None:
    """Log the values that the run lacks, so that each metric has one value for each generator step."""
    known = {
        key: {metric.step for metric in store.client.get_metric_history(run.info.run_id, key)}
        for key in dict.fromkeys(value.key for value in values)
    }
    log_values(store, run, (value for value in values if value.generator_step not in known[value.key]))


def log_values(store: Store, run: Run, values: Iterable[MetricValue]) -> None:
    """Log values without checking whether the run has them; `log_missing_values` checks.

    A value's time is the run's start plus the seconds of training. It does not depend on the time of the call. So a
    value that is sent again after a lost answer is identical, and MLflow stores it once.
    """
    start = run.info.start_time
    metrics = [
        Metric(value.key, value.value, start + round(1000 * value.seconds), value.generator_step)
        for value in values
    ]
    for chunk in _split(metrics, METRICS_PER_REQUEST):
        store.client.log_batch(run.info.run_id, metrics=chunk)


def log_folder(store: Store, run: Run, folder: Path) -> None:
    """Make all files of a folder writable, and log them as artifacts.

    MLflow copies the permissions of a file, and DVC's links are read-only. MLflow could not overwrite a read-only
    artifact, as it has to after an interruption.
    """
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
    store.client.log_artifacts(run.info.run_id, str(folder))


def _retry_if_deleted_meanwhile(change: Callable[[], object]) -> None:
    """Change tags, and retry if another machine deleted one of them between MLflow's reading and writing."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            change()
            return
        except MlflowException as error:
            if STALE_ROW not in str(error) or attempt == ATTEMPTS:
                raise


def _split(items: list[Any], size: int) -> Iterator[list[Any]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
