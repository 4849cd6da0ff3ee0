"""Fixtures: run the pipeline once, two GANs on scikit-learn's digits, and give each test a copy of its repository."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from mlflow.entities import Run

from pipeline.health import is_healthy
from pipeline.tracking.runs import list_runs
from pipeline.tracking.store import open_store
from tests.driving import call, make_environment, working_copy
from tests.serving import kill, wait_until


def run_tracking_cli(*arguments: str, may_fail: bool = False, **environment: str) -> str:
    command = [sys.executable, "-m", "pipeline.tracking", *arguments]
    return call(*command, folder=None, may_fail=may_fail, **environment)


def find_runs(**tags: str) -> list[Run]:
    """List the runs of the experiment on digits that have these tags; an empty list if there is no such experiment."""
    store = open_store()
    found = store.client.search_experiments(filter_string="name LIKE 'digits%'")
    return [run for one in found for run in list_runs(store, one.experiment_id, **tags)]


@pytest.fixture(scope="session")
def finished_comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tracking") / "finished_comparison"
    with working_copy(folder, lambda params: params.update(settings_used=["A"])):
        call("dvc", "repro", "report")
    call("git", "add", ".", folder=folder)
    call(
        "git",
        "-c",
        "user.name=test",
        "-c",
        "user.email=test@localhost",
        "commit",
        "-qm",
        "run",
        folder=folder,
    )
    return folder


@pytest.fixture
def workspace(finished_comparison: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the finished_comparison comparison without MLflow's store, and go there."""
    folder = tmp_path / "repository"
    shutil.copytree(finished_comparison, folder, symlinks=True)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return folder


def count_table_rows(database: Path = Path("tracking/mlflow.db")) -> dict[str, int]:
    """Count the rows of every table of an MLflow database."""
    with closing(sqlite3.connect(database)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in sorted(names)
        }


@contextmanager
def run_mlflow_server(backend: str, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a real MLflow server until the context ends."""
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    command += ["--backend-store-uri", backend, "--artifacts-destination", str(folder / "artifacts")]
    process = subprocess.Popen(
        command,
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
