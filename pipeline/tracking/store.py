"""Open the store of the runs: an SQLite file with artifacts beside it, or the server of MLFLOW_TRACKING_URI."""

import hashlib
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.entities import Experiment, LifecycleStage, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

from pipeline.sqlite_url import make_sqlite_url
from pipeline.tracking.address import DATABASE, embedded_uri, find_folder, find_uri
from pipeline.tracking.mlflow_version import is_verified_version
from pipeline.tracking.relocation import replace_folder
from pipeline.tracking.store_check import check_store
from stages.common.artifacts import write_bytes

ARTIFACTS = "artifacts"
LOCATION = "location.txt"
LOCK = "lock"
# The name of the tag by which an experiment is found.
IDENTITY_KEY = "identity_key"


class StoreDownError(OSError):
    """The store cannot be used at this moment; the message says why, and what to do."""


class Store(NamedTuple):
    """An open store.

    Attributes:
        uri: the store's tracking URI; that of the embedded store has an absolute path.
        client: a client that is connected to the store.
        artifacts: the folder for the artifacts of new experiments; None if the server decides.
    """

    uri: str
    client: MlflowClient
    artifacts: Path | None


def open_store() -> Store:
    """Open the store that `find_uri` names, and create the embedded one if it does not exist.

    Several processes may call this at the same time.

    Raises:
        InputError: MLFLOW_TRACKING_URI is not valid, or the file has other tables than MLflow's.
        STORE_ERRORS (pipeline/tracking/store_errors.py): the store cannot be used.
    """
    uri = find_uri()
    # This check comes before MLflow's, which adds its tables to any database, and waits long for a missing server.
    reason = check_store()
    if reason is not None:
        raise StoreDownError(reason)
    if uri != embedded_uri():
        return Store(uri, _connect(uri), None)
    folder = find_folder().resolve()
    with lock_store():
        _update_location(folder)
        database = folder / DATABASE
        if not database.exists() or database.stat().st_size == 0:
            _create_database(database)
    return Store(uri, _connect(uri), folder / ARTIFACTS)


def lock_store() -> FileLock:
    """Return the lock of this repository's store, for a `with` statement; it is released if the process dies."""
    folder = find_folder()
    folder.mkdir(exist_ok=True)
    return FileLock(folder / LOCK)


def ensure_experiment(store: Store, name: str, notes: list[str]) -> str:
    """Return the id of the experiment of this name; it is created if it does not exist.

    The experiment is found by a tag, so a person may rename it. If it is in MLflow's trash, it is restored. In both
    cases a line is added to `notes`.
    """
    # The tag has a hash of the name, because the name may have quotes.
    key = hashlib.sha256(name.encode()).hexdigest()[:32]
    found = store.client.search_experiments(ViewType.ALL, filter_string=f"tags.{IDENTITY_KEY} = '{key}'")
    # Experiments that are not in the trash come first.
    found.sort(key=lambda one: one.lifecycle_stage == LifecycleStage.DELETED)
    experiment = found[0] if found else store.client.get_experiment_by_name(name)
    if experiment is None:
        experiment = _create_experiment(store, name)
    if experiment.lifecycle_stage == LifecycleStage.DELETED:
        store.client.restore_experiment(experiment.experiment_id)
        notes.append(
            f"the experiment {experiment.name!r} was in MLflow's trash, and is restored with its runs"
        )
    if experiment.name != name:
        notes.append(
            f"the experiment {name!r} was renamed to {experiment.name!r}, and is used under that name"
        )
    if experiment.tags.get(IDENTITY_KEY) != key:
        store.client.set_experiment_tag(experiment.experiment_id, IDENTITY_KEY, key)
    return str(experiment.experiment_id)


def _create_experiment(store: Store, name: str) -> Experiment:
    folder = re.sub(r"[^A-Za-z0-9_]+", "-", name)
    location = (store.artifacts / folder).as_uri() if store.artifacts else None
    try:
        store.client.create_experiment(name, artifact_location=location)
    except MlflowException as error:
        # Another machine may have created it at the same time.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    experiment = store.client.get_experiment_by_name(name)
    assert experiment is not None
    return experiment


def _create_database(path: Path) -> None:
    """Create the database under a temporary name and rename it, because MLflow cannot repair an incomplete database.

    The caller holds the lock: if several processes created it at once, all but one would fail.
    """
    temporary = path.with_name(f"{path.name}.unfinished")
    for file in path.parent.glob(f"{temporary.name}*"):
        file.unlink()
    with closing(sqlite3.connect(temporary)) as database:
        # In this mode readers (the UI) and the writer do not wait for each other, and MLflow's hundreds of small
        # changes wait for the disk a third as long.
        database.execute("PRAGMA journal_mode=WAL")
    SqlAlchemyStore(make_sqlite_url(temporary), (path.parent / ARTIFACTS).as_uri()).engine.dispose()
    temporary.replace(path)


def _connect(uri: str) -> MlflowClient:
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _update_location(folder: Path) -> None:
    """Correct the absolute paths in the database if the repository has moved, and write its present path to a file."""
    location = folder / LOCATION
    former = location.read_text(encoding="utf-8") if location.exists() else str(folder)
    if former != str(folder) and (folder / DATABASE).exists():
        if not is_verified_version():
            # The file keeps the former path until a version of MLflow is installed whose tables are known.
            return
        replace_folder(folder / DATABASE, Path(former), folder)
    write_bytes(location, str(folder).encode())
