"""Tests of MLflow backends other than the local SQLite file: PostgreSQL, a remote server, a server that is down."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow.artifacts
import pytest
from mlflow import MlflowClient

from pipeline.health import is_healthy
from pipeline.tracking.commands import sync_store
from pipeline.tracking.run_data import delete_tag, set_tags
from pipeline.tracking.store import Store, open_store
from pipeline.tracking.sync import sync
from tests.driving import make_environment
from tests.postgresql import find_postgresql, run_postgresql
from tests.serving import find_free_port, kill, wait_until
from tests.tracking.conftest import find_runs, run_mlflow_server

pytestmark = pytest.mark.slow


@pytest.fixture
def postgresql() -> Iterator[str]:
    """Yield the address of an empty database of a PostgreSQL cluster of its own."""
    programs = find_postgresql()
    if programs is None:
        pytest.skip("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    with run_postgresql(programs) as address:
        yield address


def count_metric_values() -> dict[str, int]:
    client, runs = open_store().client, find_runs()
    assert {run.info.status for run in runs} == {"FINISHED"}
    return {
        f"{run.info.run_name}: {key}": len(client.get_metric_history(run.info.run_id, key))
        for run in runs
        for key in run.data.metrics
    }


def test_a_server_on_postgresql_gets_the_same_data_as_the_local_file(
    workspace: Path, postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(open_store())
    embedded = count_metric_values()
    port = find_free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    with run_mlflow_server(postgresql, tmp_path, port):
        for _ in range(2):
            result = sync(open_store())
            assert set(result.run_ids) == {"began-A-0", "sngan-A-0"} and not result.notes
            assert count_metric_values() == embedded
        (run,) = find_runs(trial="sngan-A-0")
        assert run.info.artifact_uri.startswith("mlflow-artifacts:")
        copy = mlflow.artifacts.download_artifacts(
            run_id=run.info.run_id,
            artifact_path="checkpoints/last/state.safetensors",
            tracking_uri=f"http://127.0.0.1:{port}",
        )
        assert Path(copy).read_bytes() == (workspace / "models/sngan-A-0/state.safetensors").read_bytes()


def test_syncing_from_two_clones_at_once_creates_no_run_twice(
    workspace: Path, empty_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = find_free_port()
    uri = f"http://127.0.0.1:{port}"
    shutil.copytree(workspace, tmp_path / "other", symlinks=True)
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copyfile(empty_database, folder / "server.db")
    with run_mlflow_server(f"sqlite:///{folder / 'server.db'}", folder, port):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", "pipeline.tracking", "sync"],
                cwd=clone,
                env=make_environment(MLFLOW_TRACKING_URI=uri),
                stdout=subprocess.DEVNULL,
            )
            for clone in (workspace, tmp_path / "other")
        ]
        assert [process.wait(timeout=120) for process in processes] == [0, 0]
        sync(open_store())
        names = sorted(run.info.run_name for run in find_runs())
        assert names == ["began-A-0", "comparison", "sngan-A-0"]


def test_a_tag_may_be_set_and_deleted_by_two_machines_at_once(empty_database: Path, tmp_path: Path) -> None:
    """During the test, each machine often finds that the other has deleted the tag that it has just read."""
    shutil.copyfile(empty_database, tmp_path / "server.db")
    port = find_free_port()
    uri = f"http://127.0.0.1:{port}"
    with run_mlflow_server(f"sqlite:///{tmp_path / 'server.db'}", tmp_path, port):
        store = Store(uri, MlflowClient(tracking_uri=uri), None)
        run = store.client.create_run("0")

        def use_tag() -> None:
            for number in range(100):
                set_tags(store, run, {"follower": str(number)})
                delete_tag(store, run, "follower")

        with ThreadPoolExecutor(2) as machines:
            for machine in [machines.submit(use_tag) for _ in range(2)]:
                machine.result()
        assert "follower" not in store.client.get_run(run.info.run_id).data.tags


@pytest.mark.usefixtures("workspace")
def test_an_invalid_tracking_uri_is_named_in_the_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "./mlruns")
    assert sync_store() == 1
    assert "error: MLFLOW_TRACKING_URI = './mlruns' is no tracking server" in capsys.readouterr().err


@pytest.mark.usefixtures("workspace")
def test_a_server_that_is_down_gives_one_error_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{find_free_port()}")
    assert sync_store() == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith(
        "error: MLflow did not take the results: no server answers at MLFLOW_TRACKING_URI"
    )


@pytest.mark.usefixtures("workspace")
def test_the_ui_listens_on_localhost_and_syncs_results_first() -> None:
    port = find_free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.tracking", "ui", "--port", str(port)],
        env=make_environment(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until(lambda: is_healthy(f"http://127.0.0.1:{port}/health"), "the UI", 120)
        assert f"http://127.0.0.1:{port}/#/compare-runs?runs=" in Path("tracking/compare.html").read_text()
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    finally:
        kill(process)
