"""Where runs are kept: an SQLite file with its artifacts beside it, or the server that MLFLOW_TRACKING_URI names."""

import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from sqlalchemy.exc import SQLAlchemyError

from stages.common.artifacts import write_bytes

FOLDER = Path("tracking")
DATABASE = "mlflow.db"
ARTIFACTS = "artifacts"
LOCATION = "location.txt"
LOCK = "lock"
# What a store that is down, slow or being restarted answers with.
STORE_ERRORS = (MlflowException, SQLAlchemyError, OSError)
URI_VARIABLE = "MLFLOW_TRACKING_URI"
SERVERS = ("http", "https")
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
# Every place where MLflow writes down an absolute path.
LOCATION_COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


class Store(NamedTuple):
    """An open store.

    Attributes:
        uri: for MLflow; of the embedded default an absolute one.
        client: connected to it.
        artifacts: folder for the artifacts of new experiments; None leaves it to the server.
    """

    uri: str
    client: MlflowClient
    artifacts: Path | None


def find_uri() -> str:
    """Return the address of the store: MLFLOW_TRACKING_URI, or else the embedded default's.

    Raises:
        ValueError: MLFLOW_TRACKING_URI names no server and no database.
    """
    given = os.environ.get(URI_VARIABLE)
    if not given:
        return _embedded_uri()
    scheme = given.partition(":")[0].partition("+")[0].lower()
    if scheme not in SERVERS + DATABASES:
        raise ValueError(
            f"{URI_VARIABLE} = {given!r} is no tracking server; give http(s)://host:port or a database such as "
            f"postgresql://user@host/name, or unset it to use {FOLDER / DATABASE} (MLflow keeps no runs in plain "
            "folders any more)"
        )
    return given


def open_store() -> Store:
    """Open the store that `find_uri` names; the embedded one is made, once, when it is not there yet.

    Any number of processes may call this at once.

    Raises:
        ValueError: MLFLOW_TRACKING_URI is wrong.
        MlflowException: the server cannot be reached.
    """
    uri = find_uri()
    if uri != _embedded_uri():
        return Store(uri, _connect(uri), None)
    folder = FOLDER.resolve()
    with lock_store():
        _follow_a_move(folder)
        if not (folder / DATABASE).exists():
            _make_database(folder / DATABASE)
    return Store(uri, _connect(uri), folder / ARTIFACTS)


@contextmanager
def lock_store() -> Iterator[None]:
    """Hold the one lock of this repository's tracking; the kernel frees it when the process dies."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def ensure_experiment(store: Store, name: str) -> str:
    """Return the id of the experiment with this name, made when it is not there yet."""
    found = store.client.get_experiment_by_name(name)
    if found is None:
        location = (
            (store.artifacts / re.sub(r"[^A-Za-z0-9_]+", "-", name)).as_uri() if store.artifacts else None
        )
        try:
            return str(store.client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = store.client.get_experiment_by_name(name)
            assert found is not None
    if found.lifecycle_stage == "deleted":
        store.client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _make_database(path: Path) -> None:
    """Make the database under another name first: one whose making was killed half-way cannot be mended.

    Of several processes that make it at once, all but one would fail; the caller holds the lock.
    """
    unfinished = path.with_name(f"{path.name}.unfinished")
    for file in path.parent.glob(f"{unfinished.name}*"):
        file.unlink()
    SqlAlchemyStore(f"sqlite:///{unfinished}", (path.parent / ARTIFACTS).as_uri()).engine.dispose()
    with closing(sqlite3.connect(unfinished)) as database:
        # Readers (the UI) and one writer do not wait for each other.
        database.execute("PRAGMA journal_mode=WAL")
    unfinished.replace(path)


def _connect(uri: str) -> MlflowClient:
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.search_experiments(max_results=1)
    return client


def _embedded_uri() -> str:
    return f"sqlite:///{(FOLDER / DATABASE).resolve()}"


def _follow_a_move(folder: Path) -> None:
    """Put right the absolute paths that MLflow wrote down, when the repository has moved since."""
    location = folder / LOCATION
    if location.exists() and (folder / DATABASE).exists():
        former = location.read_text(encoding="utf-8")
        if former != str(folder):
            _replace_locations(folder / DATABASE, Path(former), folder)
    write_bytes(location, str(folder).encode())


def _replace_locations(database: Path, former: Path, present: Path) -> None:
    pairs = [(former.as_uri(), present.as_uri()), (str(former), str(present))]
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in LOCATION_COLUMNS:
            for old, new in pairs:
                # Table and column come from the list above, never from outside.
                connection.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608
                    f"WHERE substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, len(old) + 1, f"{old}/"),
                )
