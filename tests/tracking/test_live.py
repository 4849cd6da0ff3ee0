"""Tests of live tracking: MLflow gets every logged step exactly once, whichever process is killed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from mlflow.entities import Run

from pipeline.tracking.store import open_store
from pipeline.tracking.sync import sync
from tests.driving import FORK_DVC, call, change, make_environment
from tests.serving import find_free_port, kill, wait_until
from tests.tracking.conftest import count_table_rows, find_runs, run_mlflow_server

pytestmark = pytest.mark.slow
Follow: TypeAlias = Callable[..., subprocess.Popen[bytes]]
TRIAL = "sngan-A-0"
FOLLOW = [sys.executable, "-m", "pipeline.tracking", "follow"]
LOG = f".scratch/train/{TRIAL}/*/metrics.jsonl"


def set_generator_steps(generator_steps: int) -> None:
    def edit(params: dict[str, Any]) -> None:
        params["train"].update(
            generator_steps=generator_steps, checkpoint_every_generator_steps=50, log_every_generator_steps=5
        )
        params.update(gans=["sngan"])
        # One core is left for this test and the server.
        params["compute"].update(threads=1)

    change(edit)


@pytest.fixture
def start_following() -> Iterator[Follow]:
    """Return a function that starts to follow a command; processes that are left after the test are killed."""
    processes = []

    def start(*command: str, **environment: str) -> subprocess.Popen[bytes]:
        with Path("output.txt").open("wb") as output:
            process = subprocess.Popen(
                [*FOLLOW, *command],
                env=make_environment(**environment),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        processes.append(process)
        return process

    yield start
    for process in processes:
        # The command may outlive its follower.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def list_local_log_steps() -> list[int]:
    """List the generator steps in the training's log."""
    return [
        json.loads(line)["generator_step"]
        for path in Path().glob(LOG)
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("\n")
    ]


def list_mlflow_steps(run: Run, key: str = "gan_loss/generator") -> list[int]:
    return [metric.step for metric in open_store().client.get_metric_history(run.info.run_id, key)]


def local_log_has_step(generator_step: int) -> bool:
    return max(list_local_log_steps(), default=0) >= generator_step


def mlflow_has_any_step() -> bool:
    runs = [
        run
        for run in find_runs(trial=TRIAL)
        if run.data.tags.get("superseded") == "no" and run.info.status == "RUNNING"
    ]
    return bool(runs) and len(list_mlflow_steps(runs[0])) > 1


def mlflow_has_step(generator_step: int) -> bool:
    (run,) = [run for run in find_runs(trial=TRIAL) if run.data.tags["superseded"] == "no"]
    return generator_step in list_mlflow_steps(run)


def check_each_row_is_there_once() -> None:
    (run,) = [run for run in find_runs(trial=TRIAL) if run.data.tags["superseded"] == "no"]
    log = Path(f"results/train/{TRIAL}/metrics.jsonl").read_text().splitlines()
    expected = [json.loads(line)["generator_step"] for line in log]
    for key in ("gan_loss/generator", "train/real_score", "epoch"):
        assert sorted(list_mlflow_steps(run, key)) == expected
    assert run.info.status == "FINISHED" and run.data.tags["complete"] == "yes"
    assert "training_key" in run.data.tags, "the run that followed the training was not taken over"


@pytest.mark.usefixtures("workspace")
def test_rows_reach_the_store_within_five_seconds_while_the_training_writes_them(
    start_following: Follow,
) -> None:
    set_generator_steps(1_000_000)
    process = start_following("dvc", "repro", "--single-item", f"train@{TRIAL}")
    try:
        wait_until(mlflow_has_any_step, "the first rows in the store")
        for _ in range(3):
            newest = max(list_local_log_steps())
            took = wait_until(partial(mlflow_has_step, newest), "the newest row")
            assert took < 5
            time.sleep(1)
        (run,) = [run for run in find_runs(trial=TRIAL) if run.data.tags["superseded"] == "no"]
        assert run.info.status == "RUNNING"
        assert list_mlflow_steps(run, "system/cpu_utilization_percentage") != []
    finally:
        kill(process)


@pytest.mark.usefixtures("workspace")
def test_a_killed_training_is_not_left_running_in_mlflow_and_its_run_is_resumed(
    start_following: Follow,
) -> None:
    set_generator_steps(1_000_000)
    process = start_following(*FORK_DVC, "repro", "--single-item", f"train@{TRIAL}")
    wait_until(mlflow_has_any_step, "the first rows in the store")
    wait_until(
        lambda: bool(list(Path().glob(LOG.replace("metrics.jsonl", "checkpoint.json")))), "a checkpoint"
    )
    kill(process)
    (run,) = [run for run in find_runs(trial=TRIAL) if run.data.tags["superseded"] == "no"]
    assert run.info.status == "RUNNING"
    sync(open_store())
    assert open_store().client.get_run(run.info.run_id).info.status == "KILLED"


@pytest.mark.usefixtures("workspace")
def test_a_training_killed_and_resumed_fills_one_run_with_each_row_once(start_following: Follow) -> None:
    set_generator_steps(1500)
    process = start_following(*FORK_DVC, "repro")
    wait_until(mlflow_has_any_step, "the first rows in the store")
    wait_until(partial(local_log_has_step, 300), "a checkpoint")
    kill(process)
    (killed,) = [run for run in find_runs(trial=TRIAL) if run.data.tags["superseded"] == "no"]
    # If no process reaps the killed DVC, as in some containers, its lock stays. DVC then says to remove the lock.
    Path(".dvc/tmp/rwlock").unlink(missing_ok=True)
    output = call(*FOLLOW, *FORK_DVC, "repro")
    assert "resuming after generator step" in output
    check_each_row_is_there_once()
    assert killed.info.run_id in {
        run.info.run_id for run in find_runs(trial=TRIAL) if run.data.tags["superseded"] == "no"
    }
    assert not [run for run in find_runs(trial=TRIAL) if run.info.status == "RUNNING"]


@pytest.mark.usefixtures("workspace")
def test_a_server_killed_in_the_middle_of_a_trial_blocks_no_training_and_loses_no_step(
    start_following: Follow,
    empty_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_generator_steps(1500)
    port, folder = find_free_port(), tmp_path / "server"
    folder.mkdir()
    shutil.copyfile(empty_database, folder / "server.db")
    backend, uri = f"sqlite:///{folder / 'server.db'}", f"http://127.0.0.1:{port}"
    # With this, the test's own requests to a stopped server fail soon.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with run_mlflow_server(backend, folder, port) as server:
        process = start_following(*FORK_DVC, "repro", MLFLOW_TRACKING_URI=uri)
        wait_until(mlflow_has_any_step, "the first rows on the server")
        kill(server)
        # The training goes on to its end without the server, and everything except the runs is made.
        assert process.wait(timeout=300) != 0
    output = Path("output.txt").read_text()
    assert "MLflow does not take the rows" in output and "failed to reproduce 'track'" in output
    assert "MLflow did not take the results: no server answers" in output and "Traceback" not in output
    assert Path("report/index.html").exists()
    with run_mlflow_server(backend, folder, port):
        assert set(sync(open_store()).run_ids) == {TRIAL}
        check_each_row_is_there_once()
        assert not [run for run in find_runs(trial=TRIAL) if run.info.status == "RUNNING"]
        assert "Running stage 'track'" in call("dvc", "repro", MLFLOW_TRACKING_URI=uri)
        check_each_row_is_there_once()
    assert count_table_rows()["runs"] == 0


@pytest.mark.usefixtures("workspace")
def test_a_server_that_was_never_there_blocks_no_training(start_following: Follow) -> None:
    shutil.rmtree("samples")
    uri = f"http://127.0.0.1:{find_free_port()}"
    began = time.monotonic()
    process = start_following(*FORK_DVC, "repro", "report", MLFLOW_TRACKING_URI=uri)
    assert process.wait(timeout=120) == 0
    assert time.monotonic() - began < 60
    assert Path("samples/sngan-A-0/manifest.json").exists()


@pytest.mark.usefixtures("workspace")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_follower_stops_its_command_and_ends_the_runs(
    start_following: Follow, number: signal.Signals
) -> None:
    set_generator_steps(1_000_000)
    command = [sys.executable, "-m", "stages.train", "--gan", "sngan", "--setting", "A", "--seed", "0"]
    process = start_following(*command)
    wait_until(mlflow_has_any_step, "the first rows in the store")
    # A terminal sends SIGINT to the whole process group.
    os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
    assert process.wait(timeout=60) != 0
    (run,) = [run for run in find_runs(trial=TRIAL) if run.data.tags["superseded"] == "no"]
    # SIGINT also ends the training itself, and the follower may notice that before the command has ended.
    assert run.info.status in ({"FAILED"} if number == signal.SIGTERM else {"FAILED", "KILLED"})


@pytest.mark.usefixtures("workspace")
def test_a_server_that_never_answers_delays_a_command_by_seconds_only(
    start_following: Follow,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start_following("sleep", "8", MLFLOW_TRACKING_URI=uri)
        began = time.monotonic()
        assert process.wait(timeout=60) == 0
        assert time.monotonic() - began < 8 + 20
