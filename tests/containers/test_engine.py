"""The image and the services of compose.yaml on a container engine: run, stopped, killed and started again.

The tests share the services, and run in the order of this file.
"""

import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from tests.containers.engine import (
    NAMELESS,
    Stack,
    build_image,
    find_compose,
    give_to,
    require_engine,
    run_image,
)
from tests.driving import ROOT, call, copy_working_tree, working_copy
from tests.serving import wait_until

pytestmark = pytest.mark.slow

# This is compose.yaml's stop_grace_period, after which the engine kills a container.
GRACE_SECONDS = 30


@pytest.fixture(scope="module")
def image() -> None:
    """Build the image."""
    require_engine()
    build_image()


@pytest.mark.usefixtures("image")
def test_the_image_runs_the_smoke_preset_as_a_user_without_a_name_and_without_a_network(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "repository"
    copy_working_tree(folder)
    give_to(folder, NAMELESS, NAMELESS)
    try:
        printed = run_image(
            *("--network", "none", "--user", f"{NAMELESS}:{NAMELESS}", "--volume", f"{folder}:/comparison")
        )
    finally:
        give_to(folder, os.getuid(), os.getgid())
    assert "4 of 4 trials done" in printed and "Traceback" not in printed
    assert (folder / "report/index.html").stat().st_size > 100_000
    assert (folder / "tracking/mlflow.db").exists()


@pytest.mark.usefixtures("image")
def test_the_image_names_the_commit_and_holds_no_secret() -> None:
    printed = run_image(command=("sh", "-c", "git rev-parse HEAD; ls --all; id --user")).splitlines()
    # The commits of a linked Git worktree are in another folder.
    if (ROOT / ".git").is_dir():
        assert call("git", "rev-parse", "HEAD", folder=ROOT).strip() in printed
    assert printed[-1] == "1000" and not {".env", ".venv", "models"} & set(printed)


@pytest.fixture(scope="module")
def stack(image: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start the services in a repository of two trials that has not run yet, and change to its folder."""

    def edit(params: dict[str, Any]) -> None:
        params.update(settings_used=["A"])
        params["train"].update(generator_steps=300, checkpoint_every_generator_steps=10)

    folder = tmp_path_factory.mktemp("compose") / "repository"
    with working_copy(folder, edit):
        # Compose must run as the owner of .env, because its mode is 600.
        user = NAMELESS if os.getuid() == 0 else os.getuid()
        started = Stack(folder, user)
        give_to(folder, user, user)
        try:
            started.compose("up", "--detach", "--no-build")
            started.wait_until_healthy("postgres", "mlflow", "prefect")
            yield started
        finally:
            print(started.compose("logs", "--tail", "200", may_fail=True))
            started.remove()
            give_to(folder, os.getuid(), os.getgid())


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[SyncPrefectClient]:
    """Make a client that calls Prefect's server as a browser on this machine does."""
    address = f"http://127.0.0.1:{stack.ports['prefect']}/api"
    with SyncPrefectClient(address, auth_string=stack.variables["SERVER_LOGIN"]) as found:
        yield found


def answer(port: int, **headers: str) -> int:
    """Return the status with which a server answers a browser."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def list_runs(client: SyncPrefectClient, *states: str) -> list[FlowRun]:
    """List the flow runs in states of these names; without names, all runs that are not scheduled for later."""
    runs = client.read_flow_runs(limit=200)
    names = states or ("Running", "Completed", "Failed", "Crashed", "Cancelled", "Cancelling", "Pending")
    return [run for run in runs if run.state is not None and run.state.name in names]


def list_mlflow_runs(stack: Stack) -> list[Run]:
    found = MlflowClient(f"http://127.0.0.1:{stack.ports['mlflow']}")
    return list(found.search_runs([one.experiment_id for one in found.search_experiments()]))


def wait_for_checkpoint(stack: Stack) -> None:
    """Wait until a training in the worker writes a new checkpoint."""
    began = time.time()
    files = stack.folder / ".scratch/train"
    wait_until(
        lambda: any(path.stat().st_mtime > began for path in files.glob("*/*/state.safetensors")),
        "a checkpoint",
    )


def wait_for_end(client: SyncPrefectClient, run_count: int) -> None:
    """Wait until this number of runs have completed, and check that two never run at once."""

    def has_ended() -> bool:
        assert len(list_runs(client, "Running")) <= 1
        assert not list_runs(client, "Failed")
        return len(list_runs(client, "Completed")) >= run_count

    wait_until(has_ended, "a completed run", 600)


def test_browsers_of_this_machine_get_the_pages_and_other_sites_nothing(stack: Stack) -> None:
    for port in stack.ports.values():
        assert answer(port) == 200
        assert answer(port, Origin="http://evil.example") == 403
        assert answer(port, Host="evil.example") == 403


def test_a_run_that_stop_ends_in_order_goes_on_after_start(stack: Stack, client: SyncPrefectClient) -> None:
    wait_until(lambda: bool(list_runs(client, "Scheduled")), "the run that is due tonight")
    stack.run_deployment()
    wait_for_checkpoint(stack)
    began = time.monotonic()
    stack.compose("stop", "worker")
    assert time.monotonic() - began < GRACE_SECONDS
    # 137 is the code of a container that had to be killed.
    assert stack.inspect("worker")["ExitCode"] in (0, 143)
    assert not list_runs(client, "Running")
    assert not [run for run in list_mlflow_runs(stack) if run.info.status == "RUNNING"]
    stack.compose("stop")
    stack.compose("start")
    stack.wait_until_healthy("mlflow", "prefect")
    wait_until(lambda: bool(stack.inspect("worker")["Running"]), "the worker")
    stack.run_deployment()
    wait_for_end(client, 1)
    message = str(list_runs(client, "Completed")[0].state)
    assert "2 of 2 trials done" in message
    runs = list_mlflow_runs(stack)
    assert {run.info.status for run in runs if run.data.tags.get("superseded") != "yes"} == {"FINISHED"}


def test_links_lead_where_a_browser_finds_the_servers(stack: Stack, client: SyncPrefectClient) -> None:
    links = [str(one.data) for one in client.read_artifacts() if one.key == "mlflow"]
    assert links and all(f"(http://127.0.0.1:{stack.ports['mlflow']})" in link for link in links)
    page = (stack.folder / "tracking/compare.html").read_text()
    assert f"http://127.0.0.1:{stack.ports['mlflow']}/#/" in page and "http://mlflow:" not in page


def test_after_a_killed_container_another_one_goes_on(stack: Stack, client: SyncPrefectClient) -> None:
    stack.run_deployment("--param", 'overrides=["seeds=[1]"]')
    wait_for_checkpoint(stack)
    wait_until(
        lambda: any(run.info.status == "RUNNING" for run in list_mlflow_runs(stack)), "its run in MLflow"
    )
    stack.compose("kill", "worker")
    stack.compose("rm", "--force", "worker")
    stack.compose("up", "--detach", "--no-build", "worker")
    wait_until(lambda: bool(stack.inspect("worker")["Running"]), "the worker")
    stack.run_deployment()
    wait_for_end(client, 2)
    # These are the run that was stopped and the run that was killed.
    assert len(list_runs(client, "Crashed")) == 2 and not list_runs(client, "Running", "Cancelled")
    assert {run.info.status for run in list_mlflow_runs(stack)} <= {"FINISHED", "KILLED"}


@pytest.mark.parametrize(
    "files", [["compose.yaml"], ["compose.yaml", "compose.cuda.yaml"]], ids=["cpu", "cuda"]
)
def test_compose_understands_its_files(files: list[str], tmp_path: Path) -> None:
    compose = find_compose()
    for file in files:
        shutil.copy(ROOT / file, tmp_path)
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=a b$$c\nSERVER_LOGIN=admin:b\nUSER_ID=7\n")
    chosen = [word for file in files for word in ("--file", file)]
    services = yaml.safe_load(call(*compose, *chosen, "config", folder=tmp_path))["services"]
    assert services["worker"]["user"] == "7:1000"
    assert ("devices" in str(services["worker"])) == (len(files) == 2)
    assert ("cuda" in str(services["prefect"]["build"])) == (len(files) == 2)
