"""Where runs are stored: in an SQLite file with artifacts beside it, or on the server of MLFLOW_TRACKING_URI."""

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
# A tag of the experiment.
IDENTITY_KEY = "identity_key"


class StoreDownError(OSError):
    """The store cannot be used at this moment; the message says why, and what to do."""


class Store(NamedTuple):
    """An open store.

    Attributes:
        uri: MLflow's URI of it; that of the embedded store has an absolute path.
        client: a client that is connected to it.
        artifacts: the folder for the artifacts of new experiments; None if the server decides.
    """

    uri: str
    client: MlflowClient
    artifacts: Path | None


def open_store() -> Store:
    """Open the store that `find_uri` names, and create the embedded one if it does not exist.

    Several processes may call this at the same time.

    Raises:
        InputError: MLFLOW_TRACKING_URI is wrong, or the file holds something else than MLflow's tables.
        STORE_ERRORS (pipeline/tracking/store_errors.py): the store cannot be used.
    """
    uri = find_uri()
    # Asked before MLflow, which adds its tables to any database, and waits long for a server that is not there.
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
    """Return the lock of this repository's tracking, for a `with` statement; it is released when its process dies."""
    folder = find_folder()
    folder.mkdir(exist_ok=True)
    return FileLock(folder / LOCK)


def ensure_experiment(store: Store, name: str, notes: list[str]) -> str:
    """Return the id of the experiment of this name; it is created if it does not exist.

    It is known by a tag, so that a person may give it another name; one in MLflow's trash is restored. `notes` gets a
    line for either.
    """
    # The key stands for the name, which may hold quotes.
    key = hashlib.sha256(name.encode()).hexdigest()[:32]
    found = store.client.search_experiments(ViewType.ALL, filter_string=f"tags.{IDENTITY_KEY} = '{key}'")
    # One that is not in the trash comes first.
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
        # Another machine was faster.
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    experiment = store.client.get_experiment_by_name(name)
    assert experiment is not None
    return experiment


def _create_database(path: Path) -> None:
    """Create the database under a temporary name and rename it, since MLflow cannot repair a half-created one.

    The caller holds the lock: of several processes that created it at once, all but one would fail.
    """
    temporary = path.with_name(f"{path.name}.unfinished")
    for file in path.parent.glob(f"{temporary.name}*"):
        file.unlink()
    with closing(sqlite3.connect(temporary)) as database:
        # In this mode the readers (the UI) and the writer do not wait for each other, and MLflow's hundreds of small
        # changes to its tables wait a third as long for the disk.
        database.execute("PRAGMA journal_mode=WAL")
    SqlAlchemyStore(make_sqlite_url(temporary), (path.parent / ARTIFACTS).as_uri()).engine.dispose()
    temporary.replace(path)


def _connect(uri: str) -> MlflowClient:
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _update_location(folder: Path) -> None:
    """Correct the absolute paths in the database if the repository has moved, and note where it is now."""
    location = folder / LOCATION
    former = location.read_text(encoding="utf-8") if location.exists() else str(folder)
    if former != str(folder) and (folder / DATABASE).exists():
        if not is_verified_version():
            # The former location stays noted until a version is installed whose tables are known.
            return
        replace_folder(folder / DATABASE, Path(former), folder)
    write_bytes(location, str(folder).encode())
