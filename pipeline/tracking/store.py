"""Where runs are stored: in an SQLite file with artifacts beside it, or on the server of MLFLOW_TRACKING_URI."""

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

from pipeline import tracking
from pipeline.tracking.dvc_experiment import find_repository
from pipeline.tracking.mlflow_version import is_verified_version
from pipeline.tracking.relocation import replace_folder
from stages.common.artifacts import write_bytes

FOLDER = Path(tracking.FOLDER)
DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"
LOCATION = "location.txt"
LOCK = "lock"
# The errors of a store that is down, slow or restarting.
STORE_ERRORS = (MlflowException, SQLAlchemyError, OSError)
URI_VARIABLE = "MLFLOW_TRACKING_URI"
SERVERS = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")


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


def find_uri() -> str:
    """Return MLFLOW_TRACKING_URI or, if it is not set, the URI of the embedded store.

    Raises:
        ValueError: MLFLOW_TRACKING_URI names neither a server nor a database.
    """
    uri = os.environ.get(URI_VARIABLE)
    if not uri:
        return _embedded_uri()
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if scheme not in SERVERS + DATABASES:
        raise ValueError(
            f"{URI_VARIABLE} = {uri!r} is no tracking server; give http(s)://host:port or a database such as "
            f"postgresql://user@host/name, or unset it to use {FOLDER / DATABASE} (MLflow no longer stores runs in "
            "plain folders)"
        )
    return uri


def open_store() -> Store:
    """Open the store that `find_uri` names, and create the embedded one if it does not exist.

    Several processes may call this at the same time.

    Raises:
        ValueError: MLFLOW_TRACKING_URI is wrong.
        MlflowException: the server cannot be reached.
    """
    uri = find_uri()
    if uri != _embedded_uri():
        return Store(uri, _connect(uri), None)
    folder = find_folder().resolve()
    with lock_store():
        _update_location(folder)
        if not (folder / DATABASE).exists():
            _create_database(folder / DATABASE)
    return Store(uri, _connect(uri), folder / ARTIFACTS)


def find_folder() -> Path:
    """Return the folder of the embedded store."""
    return find_repository() / FOLDER


def lock_store() -> FileLock:
    """Return the lock of this repository's tracking, for a `with` statement; it is released when its process dies."""
    folder = find_folder()
    folder.mkdir(exist_ok=True)
    return FileLock(folder / LOCK)


def ensure_experiment(store: Store, name: str) -> str:
    """Return the id of the experiment of this name; it is created if it does not exist."""
    experiment = store.client.get_experiment_by_name(name)
    if experiment is None:
        folder = re.sub(r"[^A-Za-z0-9_]+", "-", name)
        location = (store.artifacts / folder).as_uri() if store.artifacts else None
        try:
            return str(store.client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            experiment = store.client.get_experiment_by_name(name)
            assert experiment is not None
    if experiment.lifecycle_stage == "deleted":
        store.client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)


def _create_database(path: Path) -> None:
    """Create the database under a temporary name and rename it, since MLflow cannot repair a half-created one.

    The caller holds the lock: of several processes that created it at once, all but one would fail.
    """
    temporary = path.with_name(f"{path.name}.unfinished")
    for file in path.parent.glob(f"{temporary.name}*"):
        file.unlink()
    SqlAlchemyStore(f"sqlite:///{temporary}", (path.parent / ARTIFACTS).as_uri()).engine.dispose()
    with closing(sqlite3.connect(temporary)) as database:
        # In this mode the readers (the UI) and the writer do not wait for each other.
        database.execute("PRAGMA journal_mode=WAL")
    temporary.replace(path)


def _connect(uri: str) -> MlflowClient:
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _embedded_uri() -> str:
    return f"sqlite:///{(find_folder() / DATABASE).resolve()}"


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
