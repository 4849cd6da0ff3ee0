"""A workspace with the finished comparison for each test, and MLflow stores and servers for it."""

import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from mlflow.entities import Run
from mlflow.tracking._tracking_service import utils

from pipeline.health import is_healthy
from pipeline.tracking.commands import sync_with_retries
from pipeline.tracking.runs import list_runs
from pipeline.tracking.store import open_store
from tests.conftest import build_once
from tests.driving import ROOT, call, make_environment
from tests.serving import kill, wait_until

OPEN_STORE = "from pipeline.tracking.store import open_store; open_store()"
DATABASE = Path("tracking/mlflow.db")


def find_runs(**tags: str) -> list[Run]:
    """List the runs of the experiment on digits that have these tags; none while there is no experiment."""
    store = open_store()
    found = store.client.search_experiments(filter_string="name LIKE 'digits%'")
    return [run for one in found for run in list_runs(store, one.experiment_id, **tags)]


@pytest.fixture(scope="session")
def empty_database(shared_folder: Path) -> Path:
    """Return a database without runs. MLflow takes some seconds to create one."""

    def build(folder: Path) -> None:
        folder.mkdir()
        call(sys.executable, "-c", OPEN_STORE, folder=folder, PYTHONPATH=str(ROOT))
        with closing(sqlite3.connect(folder / DATABASE)) as database:
            # This writes SQLite's log into the database, so that a copy of this one file is complete.
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return build_once(shared_folder / "empty_store", build) / DATABASE


@pytest.fixture
def workspace(
    finished_comparison: Path, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Copy the finished comparison with a store that holds no runs, and go to the copy."""
    folder = tmp_path / "repository"
    shutil.copytree(finished_comparison, folder, symlinks=True)
    shutil.rmtree(folder / "tracking")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    DATABASE.parent.mkdir()
    shutil.copyfile(empty_database, DATABASE)
    return folder


@pytest.fixture(scope="session")
def synced_comparison(finished_comparison: Path, empty_database: Path, shared_folder: Path) -> Path:
    """Return a finished comparison whose runs are in its store. No test changes it."""

    def build(folder: Path) -> None:
        shutil.copytree(finished_comparison, folder, symlinks=True)
        shutil.rmtree(folder / "tracking")
        (folder / DATABASE).parent.mkdir()
        shutil.copyfile(empty_database, folder / DATABASE)
        call(sys.executable, "-m", "pipeline.tracking", "sync", folder=folder)

    return build_once(shared_folder / "synced", build)


@pytest.fixture
def synced(synced_comparison: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the synced comparison, and go to the copy."""
    # MLflow caches the folder of a run's artifacts by the run's id, but each copy has another folder.
    monkeypatch.setattr(utils, "_artifact_repos_cache", OrderedDict())
    folder = tmp_path / "repository"
    shutil.copytree(synced_comparison, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return folder


@pytest.fixture(scope="session")
def start_sync() -> Callable[[], BaseProcess]:
    """Return a function that starts a sync of the current folder in a separate process."""
    # `forkserver` cannot be used, because a process has only one fork server, which the tests of the flow set up.
    context = multiprocessing.get_context("spawn")

    def start() -> BaseProcess:
        process = context.Process(target=sync_with_retries)
        process.start()
        return process

    return start


def count_table_rows(database: Path = DATABASE) -> dict[str, int]:
    """Count the rows of every table of an MLflow database."""
    with closing(sqlite3.connect(database)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in sorted(names)
        }


@contextmanager
def run_mlflow_server(backend: str, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a real MLflow server in a process group of its own until the block ends."""
    command = f"-m mlflow server --host 127.0.0.1 --port {port} --workers 1 --backend-store-uri".split()
    process = subprocess.Popen(
        [sys.executable, *command, backend, "--artifacts-destination", str(folder / "artifacts")],
        cwd=folder,
        env=make_environment(MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: is_healthy(f"http://127.0.0.1:{port}/health"), "the server's start", 120)
        yield process
    finally:
        kill(process)
