"""The flow with the servers of compose.yaml: scheduled, cancelled, killed, and started twice; three trials on digits.

The tests share one repository and one server, and run in the order of this file.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort

from tests.driving import call, dvc, list_run, working_copy
from tests.flow.compose import Services
from tests.flow.driving import (
    LOG,
    find_processes_here,
    flow,
    read_results,
    start_flow,
    wait_for_checkpoint,
    wait_until_alone,
)
from tests.postgresql import find_postgresql, run_postgresql
from tests.serving import find_free_port, kill, wait_until

pytestmark = pytest.mark.slow

GANS = ["began", "wgan_gp", "sngan"]
INTERVAL_SECONDS = 3
# The name in prefect.yaml.
POOL = "compare"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Work in a repository of three trials, with compose.yaml's services, which are not started yet."""
    folder = tmp_path_factory.mktemp("served")

    def edit(params: dict[str, Any]) -> None:
        params.update(gans=GANS, settings_used=["A"])
        params["train"].update(generator_steps=60, checkpoint_every_generator_steps=10)

    prefect, mlflow = f"127.0.0.1:{find_free_port()}", f"127.0.0.1:{find_free_port()}"
    places = {
        "prefect:4200": prefect,
        "127.0.0.1:4200": prefect,
        "--port=4200": f"--port={prefect.partition(':')[2]}",
        "mlflow:5000": mlflow,
        "127.0.0.1:5000": mlflow,
        "--port=5000": f"--port={mlflow.partition(':')[2]}",
        "0.0.0.0": "127.0.0.1",
        "/state": str(folder / "state"),
        "/artifacts": str(folder / "artifacts"),
    }
    with working_copy(folder / "repository", edit) as patch:
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_HOME"):
            patch.delenv(name, raising=False)
        try:
            yield Services(places)
        finally:
            for left in find_processes_here():
                left.kill()


@pytest.fixture(scope="module")
def server(services: Services) -> Iterator[subprocess.Popen[bytes]]:
    """Run Prefect's server, which flows find by their environment variables."""
    process = services.start("prefect")
    wait_until(lambda: services.is_healthy("prefect"), "Prefect's server", 300)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING"):
            patch.setenv(name, services.read_environment("worker")[name])
        yield process
    kill(process)


@pytest.fixture(scope="module")
def mlflow_server(services: Services) -> Iterator[subprocess.Popen[bytes]]:
    """Run MLflow's server on PostgreSQL."""
    programs = find_postgresql()
    if programs is None:
        pytest.skip("PostgreSQL is not installed; on Debian: apt-get install postgresql")
    with run_postgresql(programs) as address:
        services.places["postgresql+psycopg://mlflow@postgres:5432/mlflow"] = address
        process = services.start("mlflow")
        wait_until(lambda: services.is_healthy("mlflow"), "MLflow's server", 300)
        yield process
        kill(process)


@pytest.fixture
def client(server: subprocess.Popen[bytes]) -> Iterator[SyncPrefectClient]:
    auth = os.environ["PREFECT_API_AUTH_STRING"]
    with SyncPrefectClient(os.environ["PREFECT_API_URL"], auth_string=auth) as found:
        yield found


def list_runs(client: SyncPrefectClient) -> list[FlowRun]:
    return client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200, offset=0)


def find_pools(client: SyncPrefectClient) -> list[str | None]:
    found = client.read_deployments(sort=DeploymentSort.NAME_ASC, limit=200, offset=0)
    return [one.work_pool_name for one in found]


def find_states(client: SyncPrefectClient, name: str) -> list[FlowRun]:
    return [run for run in list_runs(client) if run.state is not None and run.state.name == name]


def start_schedule() -> subprocess.Popen[bytes]:
    LOG.unlink(missing_ok=True)
    return start_flow("schedule", "--interval", str(INTERVAL_SECONDS))


def end_schedule(schedule: subprocess.Popen[bytes], server: subprocess.Popen[bytes]) -> None:
    """End a schedule and its current run, as a system that shuts down does."""
    schedule.send_signal(signal.SIGTERM)
    wait_until_alone(server.pid)
    assert wait_for_exit(schedule) in (0, 128 + signal.SIGTERM)
    printed = LOG.read_text()
    assert "Traceback" not in printed and "Warning" not in printed


def run_deployment() -> None:
    call(sys.executable, "-m", "prefect", "deployment", "run", "compare/nightly")


def wait_for_exit(process: subprocess.Popen[bytes], seconds: float = 240) -> int:
    return process.wait(seconds)


@pytest.mark.usefixtures("server")
def test_the_pages_look_for_the_api_where_they_are() -> None:
    """Prefect's default is an absolute address, which is wrong if a port is forwarded."""
    address = os.environ["PREFECT_API_URL"]
    with urllib.request.urlopen(f"{address.removesuffix('/api')}/ui-settings", timeout=10) as reply:
        assert json.load(reply)["api_url"] == "/api"


def test_of_three_trials_one_that_fails_leaves_two_done(client: SyncPrefectClient) -> None:
    path = Path("stages/gans/began.py")
    good = path.read_text()
    broken = (
        "\n\ndef fail(*_):\n    raise RuntimeError('broken on purpose')\n\n\nGAN.discriminator_loss = fail\n"
    )
    path.write_text(good + broken)
    flow(may_fail=True)
    path.write_text(good)
    (run,) = list_runs(client)
    assert run.state is not None and run.state.is_failed()
    summary = run.state.message or ""
    assert summary.startswith("2 of 3 trials done; ")
    assert "train@began-A-0 failed" in summary and "broken on purpose" in summary
    assert "Not started: lipschitz@began-A-0, sample@began-A-0, evaluate@began-A-0" in summary
    assert (
        "<strong>Missing from all that follows:</strong> began-A-0" in Path("report/index.html").read_text()
    )


def test_a_schedule_fires_by_itself_and_the_second_run_finds_all_cached(
    client: SyncPrefectClient, server: subprocess.Popen[bytes]
) -> None:
    schedule = start_schedule()
    wait_for_checkpoint(schedule)
    end_schedule(schedule, server)
    # The schedule goes on after a run that was ended midway and after a restart.
    schedule = start_schedule()
    wait_until(lambda: len(find_states(client, "Completed")) >= 2, "two scheduled runs")
    # The states are read before the schedule ends, because Prefect may then change that of a run whose process is left.
    first, second = find_states(client, "Completed")[:2]
    end_schedule(schedule, server)
    assert first.auto_scheduled and second.auto_scheduled
    assert "3 of 3 trials done; " in str(first.state) and " 0 stages run" not in str(first.state)
    assert "3 of 3 trials done; 0 stages run, " in str(second.state)


def test_cancelled_or_killed_mid_trial_and_then_two_at_once_it_ends_as_if_undisturbed(
    client: SyncPrefectClient,
    services: Services,
    server: subprocess.Popen[bytes],
    mlflow_server: subprocess.Popen[bytes],
) -> None:
    undisturbed = read_results()
    assert len(undisturbed) > 15
    forget_everything()
    keep = [process.pid for one in (server, mlflow_server) for process in list_family(one)]
    worker = services.start("worker")
    wait_until(lambda: bool(client.read_work_pools()), "the worker's pool")
    wait_until(lambda: POOL in find_pools(client), "the deployment of prefect.yaml")
    run_deployment()
    wait_for_checkpoint(worker)
    (run,) = find_states(client, "Running")
    workers = [worker.pid, *(process.pid for process in psutil.Process(worker.pid).children())]
    call(sys.executable, "-m", "prefect", "flow-run", "cancel", str(run.id))
    wait_until_alone(*keep, *workers)
    wait_until(lambda: client.read_flow_run(run.id).state.is_cancelled(), "its state", 30)  # type: ignore[union-attr]

    run_deployment()
    wait_for_checkpoint(worker)
    (run,) = find_states(client, "Running")
    # The worker's child processes, such as the flow, have to notice by themselves that it was killed.
    worker.kill()
    worker.wait()
    wait_until_alone(*keep)
    # The next worker ends the killed run; otherwise Prefect would cancel other runs for five minutes to keep its slot.
    worker = services.start("worker")
    wait_until(lambda: client.read_flow_run(run.id).state.is_crashed(), "its end", 60)  # type: ignore[union-attr]
    worker.terminate()
    wait_for_exit(worker)

    flows = [start_flow(), start_flow()]
    assert [wait_for_exit(one) for one in flows] == [0, 0]
    assert list_run(dvc("repro")) == []
    assert read_results() == undisturbed
    # The worker's flows and the flows of this environment have sent the runs to different stores.
    tracking = services.read_environment("worker")["MLFLOW_TRACKING_URI"]
    told = call(sys.executable, "-m", "pipeline.tracking", "sync", MLFLOW_TRACKING_URI=tracking)
    assert f"MLflow has 3 of 3 trials in {tracking}" in told


def forget_everything() -> None:
    """Remove all results, with DVC's cache and lock file."""
    for folder in ("models", "samples", "results", ".scratch", ".dvc/cache", "report"):
        shutil.rmtree(folder, ignore_errors=True)
    Path("dvc.lock").unlink()


def list_family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    first = psutil.Process(process.pid)
    return [first, *first.children(recursive=True)]
