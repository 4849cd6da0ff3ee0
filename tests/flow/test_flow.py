"""The flow as a person runs it, without a server but with real Prefect, DVC and trainings: two trials on digits.

The tests share one repository, and run in the order of this file.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.driving import call, change, dvc, list_run, working_copy
from tests.flow.driving import (
    END_SECONDS,
    LOG,
    flow,
    flow_without_network,
    read_results,
    start_flow,
    wait_for_checkpoint,
    wait_until_alone,
)
from tests.serving import find_free_port

pytestmark = pytest.mark.slow


# This kills the training in its 25th generator step, as the kernel does when memory runs out, but only the first time.
KILLED_ONCE = """

import os, pathlib

STEPS = iter(range(1, 10**9))
ORIGINAL = GAN.generator_loss


def generator_loss(self, fake):
    if next(STEPS) == 25 and not pathlib.Path("killed").exists():
        pathlib.Path("killed").touch()
        os.kill(os.getpid(), 9)
    return ORIGINAL(self, fake)


GAN.generator_loss = generator_loss
"""


def find_server(flow: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """List the temporary servers of a flow: its child processes that listen at a port."""
    children = psutil.Process(flow.pid).children()
    return [child for child in children if any(c.status == "LISTEN" for c in child.net_connections("tcp"))]


def count_lines() -> int:
    return len(LOG.read_text(errors="replace").splitlines()) if LOG.exists() else 0


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("flow") / "repository"
    with working_copy(
        folder, lambda params: params.update(gans=["sngan", "began"], settings_used=["A"])
    ) as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.delenv("PREFECT_HOME", raising=False)
        yield folder


@pytest.mark.usefixtures("repository")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_ended_mid_trial_it_leaves_no_process_behind(number: int) -> None:
    change(lambda params: params["train"].update(generator_steps=20000, checkpoint_every_generator_steps=50))
    process = start_flow()
    wait_for_checkpoint(process)
    process.send_signal(number)
    process.wait(30)
    wait_until_alone()


@pytest.mark.usefixtures("repository")
def test_whose_temporary_server_is_killed_it_ends_in_seconds_and_says_so() -> None:
    before = count_lines()
    process = start_flow()
    wait_for_checkpoint(process)
    (server,) = find_server(process)
    server.kill()
    began = time.monotonic()
    assert process.wait(30) == 1
    assert time.monotonic() - began < END_SECONDS
    wait_until_alone()
    printed = LOG.read_text(errors="replace").splitlines()[before:]
    assert "Prefect's temporary server at http://127.0.0.1:" in printed[-1]
    assert "is gone" in printed[-1] and "goes on from the last checkpoints" in printed[-1]
    assert not any("Traceback" in line or "Error" in line for line in printed)


@pytest.mark.usefixtures("repository")
def test_whose_named_server_is_not_there_it_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{find_free_port()}/api")
    began = time.monotonic()
    (line,) = flow(may_fail=True).splitlines()
    assert time.monotonic() - began < END_SECONDS
    assert line.startswith("error: PREFECT_API_URL: no Prefect server answers at http://127.0.0.1:")


@pytest.mark.usefixtures("repository")
def test_a_store_that_can_never_be_used_is_named_before_anything_runs() -> None:
    before = Path("params.yaml").read_bytes()
    command = (sys.executable, "-m", "pipeline.flow", "run", "-S", "train.generator_steps=30")
    output = call(*command, may_fail=True, MLFLOW_TRACKING_URI="sqlite:////dev/null/mlflow.db")
    assert "MLFLOW_TRACKING_URI" in output.splitlines()[-1] and "Traceback" not in output
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.usefixtures("repository")
def test_without_server_and_network_it_runs_everything_and_then_finds_all_cached() -> None:
    change(lambda params: params["train"].update(generator_steps=40, checkpoint_every_generator_steps=10))
    output = flow_without_network()
    assert "2 of 2 trials done; " in output and "failed" not in output.splitlines()[-2]
    assert list_run(dvc("repro")) == []
    assert Path(".prefect/prefect.db").exists()
    assert "2 of 2 trials done; 0 stages run, 18 cached" in flow()


@pytest.mark.usefixtures("repository")
def test_its_results_are_those_of_dvc_alone(
    finished_comparison: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_flow = read_results()
    assert len(by_flow) > 10
    monkeypatch.chdir(finished_comparison)
    assert read_results() == by_flow


@pytest.mark.parametrize("processes", [2, 1])
@pytest.mark.usefixtures("repository")
def test_a_training_that_is_killed_is_tried_again_and_goes_on_from_its_checkpoint(processes: int) -> None:
    path = Path("stages/gans/began.py")
    good = path.read_text()
    Path("killed").unlink(missing_ok=True)
    # DVC would find the code of the other case in its run-cache.
    path.write_text(f"{good}{KILLED_ONCE}# {processes}\n")
    output = flow("-S", f"compute.processes={processes}")
    path.write_text(good)
    assert Path("killed").exists()
    record = json.loads(Path("results/train/began-A-0/metrics.json").read_text())
    assert record.get("processes", 1) == processes
    assert "began-A-0: resuming after generator step 20" in output
    assert "2 of 2 trials done; " in output.splitlines()[-2]


@pytest.mark.usefixtures("repository")
def test_a_wrong_request_ends_in_one_message_and_changes_nothing() -> None:
    before = Path("params.yaml").read_bytes()
    assert "train.batch_size = -1" in flow("-S", "train.batch_size=-1", may_fail=True)
    assert Path("params.yaml").read_bytes() == before
