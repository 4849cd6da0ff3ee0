"""The flow with a real Prefect server: scheduled, cancelled, killed, twice at once; six legs on digits.

The tests share one repository and one server, and run in the order in which they stand.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import DeploymentSort, FlowRunSort

from tests.driving import call, dvc, working_copy
from tests.flow.driving import (
    LOG,
    find_here,
    flow,
    read_results,
    start_flow,
    wait_for_checkpoint,
    wait_until_alone,
)
from tests.tracking.conftest import answers, find_free_port, kill, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("served flow")]

GANS = ["began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan"]
INTERVAL_SECONDS = 3
# As prefect.yaml has it.
POOL = "compare"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    """Be in a repository of six legs where `make server` runs."""
    folder, port = tmp_path_factory.mktemp("served") / "repository", find_free_port()

    def edit(params: dict[str, Any]) -> None:
        params.update(gans=GANS, settings_used=["A"])
        params["train"].update(generator_steps=60, checkpoint_every_generator_steps=10)

    with working_copy(folder, edit) as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.delenv("PREFECT_HOME", raising=False)
        process = start_flow("server", "--port", str(port))
        try:
            address = f"http://127.0.0.1:{port}/api"
            wait_until(lambda: answers(f"{address}/health"), "Prefect's server", 120)
            patch.setenv("PREFECT_API_URL", address)
            yield process
        finally:
            for left in find_here():
                left.kill()
            kill(process)


@pytest.fixture
def client(server: subprocess.Popen[bytes]) -> Iterator[SyncPrefectClient]:
    with SyncPrefectClient(os.environ["PREFECT_API_URL"]) as found:
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
    """End a schedule, and the run that it has under way, as a system does that goes down."""
    schedule.send_signal(signal.SIGTERM)
    wait_until_alone(server.pid)
    assert wait_for_exit(schedule) in (0, 128 + signal.SIGTERM)
    printed = LOG.read_text()
    assert "Traceback" not in printed and "Warning" not in printed


def run_deployment() -> None:
    call(sys.executable, "-m", "prefect", "deployment", "run", "compare/nightly")


def wait_for_exit(process: subprocess.Popen[bytes], seconds: float = 240) -> int:
    return process.wait(seconds)


def test_of_six_legs_one_that_fails_leaves_five_done(client: SyncPrefectClient) -> None:
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
    assert summary.startswith("5 of 6 legs done; ")
    assert "train@began-A-0 failed" in summary and "broken on purpose" in summary
    assert "Not started: sample@began-A-0, evaluate@began-A-0" in summary
    assert "<b>Missing from all that follows:</b> began-A-0" in Path("report/index.html").read_text()


def test_a_schedule_fires_by_itself_and_the_second_run_finds_all_cached(
    client: SyncPrefectClient, server: subprocess.Popen[bytes]
) -> None:
    schedule = start_schedule()
    wait_for_checkpoint(schedule)
    end_schedule(schedule, server)
    # Neither a run that was ended midway nor a restart stops the clock.
    schedule = start_schedule()
    wait_until(lambda: len(find_states(client, "Completed")) >= 2, "two scheduled runs")
    end_schedule(schedule, server)
    first, second = find_states(client, "Completed")[:2]
    assert first.auto_scheduled and second.auto_scheduled
    assert "6 of 6 legs done; " in str(first.state) and " 0 stages run" not in str(first.state)
    assert "6 of 6 legs done; 0 stages run, " in str(second.state)


def test_cancelled_or_killed_mid_leg_and_then_two_at_once_it_ends_as_if_undisturbed(
    client: SyncPrefectClient, server: subprocess.Popen[bytes]
) -> None:
    undisturbed = read_results()
    assert len(undisturbed) > 30
    forget_everything()
    worker = start_flow("worker")
    wait_until(lambda: bool(client.read_work_pools()), "the worker's pool")
    wait_until(lambda: POOL in find_pools(client), "the deployment of prefect.yaml")
    run_deployment()
    wait_for_checkpoint(worker)
    (run,) = find_states(client, "Running")
    call(sys.executable, "-m", "prefect", "flow-run", "cancel", str(run.id))
    wait_until_alone(server.pid, worker.pid)
    wait_until(lambda: client.read_flow_run(run.id).state.is_cancelled(), "its state", 30)  # type: ignore[union-attr]

    run_deployment()
    wait_for_checkpoint(worker)
    (run,) = find_states(client, "Running")
    # The worker and the flow; what they started has to notice by itself.
    kill_flow(worker)
    wait_until_alone(server.pid)

    flows = [start_flow(), start_flow()]
    assert [wait_for_exit(one) for one in flows] == [0, 0]
    assert client.read_flow_run(run.id).state.is_crashed()  # type: ignore[union-attr]
    assert "Data and pipelines are up to date." in dvc("repro")
    assert read_results() == undisturbed


def forget_everything() -> None:
    """Remove all results, and DVC's memory of them."""
    for folder in ("models", "samples", "results", ".scratch", ".dvc/cache", "report"):
        shutil.rmtree(folder, ignore_errors=True)
    Path("dvc.lock").unlink()


def kill_flow(worker: subprocess.Popen[bytes]) -> None:
    """Kill a worker and the flow that it runs, without warning; not what the flow has started."""
    flows = psutil.Process(worker.pid).children()
    worker.kill()
    worker.wait()
    for process in flows:
        for one in [process, *process.children()]:
            if one.is_running() and "pipeline.flow.host" not in one.cmdline():
                one.kill()
