"""The flow as a person runs it: no server, real Prefect, DVC and trainings, two legs on digits.

The tests share one repository and run in the order in which they stand.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.driving import call, change, dvc, make_environment, working_copy

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("flow")]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("flow") / "repository"
    with working_copy(
        folder, lambda params: params.update(gans=["sngan", "began"], settings_used=["A"])
    ) as patch:
        patch.delenv("PREFECT_API_URL", raising=False)
        patch.delenv("PREFECT_HOME", raising=False)
        yield folder


def flow(*arguments: str, may_fail: bool = False) -> str:
    return call(sys.executable, "-m", "pipeline.flow", "run", *arguments, may_fail=may_fail)


def read_results() -> dict[str, bytes]:
    folders = ("models", "samples", "results/evaluate")
    return {str(path): path.read_bytes() for folder in folders for path in sorted(Path(folder).rglob("*.*"))}


def find_here() -> list[psutil.Process]:
    """List the processes that work in this folder, but for this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.pid != os.getpid()
                and process.cwd() == str(Path.cwd())
                and process.status() != "zombie"
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.usefixtures("repository")
def test_terminated_mid_leg_it_leaves_no_process_behind() -> None:
    change(lambda params: params["train"].update(generator_steps=20000, checkpoint_every_generator_steps=50))
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline.flow", "run"],
        env=make_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not list(Path(".scratch/train").glob("*/*/state.safetensors")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    ended = time.monotonic()
    while find_here():
        assert time.monotonic() - ended < 10, find_here()
        time.sleep(0.2)


@pytest.mark.usefixtures("repository")
def test_without_server_it_runs_everything_and_then_finds_all_cached() -> None:
    change(lambda params: params["train"].update(generator_steps=40, checkpoint_every_generator_steps=10))
    output = flow()
    assert "2 of 2 legs done; " in output and "failed" not in output.splitlines()[-2]
    assert "Data and pipelines are up to date." in dvc("repro")
    assert Path(".prefect/prefect.db").exists()
    assert "2 of 2 legs done; 0 stages run, 12 cached" in flow()


@pytest.mark.usefixtures("repository")
def test_its_results_are_those_of_dvc_alone() -> None:
    by_flow = read_results()
    assert len(by_flow) > 10
    # Not from the run-cache: every stage of a leg is run anew.
    dvc("repro", "--force", "report")
    assert read_results() == by_flow


@pytest.mark.usefixtures("repository")
def test_wrong_requests_end_in_one_message_and_change_nothing() -> None:
    before = Path("params.yaml").read_bytes()
    assert "'dcgan-*' fits none" in flow("--legs", "dcgan-*", may_fail=True)
    assert "train.batch_size = -1" in flow("-S", "train.batch_size=-1", may_fail=True)
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.usefixtures("repository")
def test_a_failing_leg_is_isolated_and_named_in_the_final_state_and_the_report() -> None:
    path = Path("stages/gans/began.py")
    broken = (
        "\n\ndef fail(*_):\n    raise RuntimeError('broken on purpose')\n\n\nGAN.discriminator_loss = fail\n"
    )
    path.write_text(path.read_text() + broken)
    output = flow("-S", "train.generator_steps=30", may_fail=True)
    summary = output[output.index("1 of 2 legs done") :]
    assert "train@began-A-0 failed" in summary and "broken on purpose" in summary
    assert "Not started: " in summary and "evaluate@began-A-0" in summary
    assert "<b>Missing from all that follows:</b> began-A-0" in Path("report/index.html").read_text()
