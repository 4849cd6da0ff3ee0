"""The flow as a person runs it: no server, real Prefect, DVC and trainings, two trials on digits.

The tests share one repository and run in the order in which they stand.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.driving import change, dvc, list_run, working_copy
from tests.flow.driving import (
    flow,
    flow_without_network,
    read_results,
    start_flow,
    wait_for_checkpoint,
    wait_until_alone,
)

pytestmark = pytest.mark.slow


# Ends the training as a system does that runs out of memory, in its 25th generator step, the first time.
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
def test_without_server_and_network_it_runs_everything_and_then_finds_all_cached() -> None:
    change(lambda params: params["train"].update(generator_steps=40, checkpoint_every_generator_steps=10))
    output = flow_without_network()
    assert "2 of 2 trials done; " in output and "failed" not in output.splitlines()[-2]
    assert list_run(dvc("repro")) == []
    assert Path(".prefect/prefect.db").exists()
    assert "2 of 2 trials done; 0 stages run, 17 cached" in flow()


@pytest.mark.usefixtures("repository")
def test_its_results_are_those_of_dvc_alone() -> None:
    by_flow = read_results()
    assert len(by_flow) > 10
    # Not from the run-cache: every stage of a trial is run anew.
    dvc("repro", "--force", "report")
    assert read_results() == by_flow


@pytest.mark.usefixtures("repository")
def test_a_training_that_is_killed_is_tried_again_and_goes_on_from_its_checkpoint() -> None:
    path = Path("stages/gans/began.py")
    good = path.read_text()
    path.write_text(good + KILLED_ONCE)
    output = flow()
    path.write_text(good)
    assert Path("killed").exists()
    assert "began-A-0: resuming after generator step 20" in output
    assert "2 of 2 trials done; " in output.splitlines()[-1]


@pytest.mark.usefixtures("repository")
def test_wrong_requests_end_in_one_message_and_change_nothing() -> None:
    before = Path("params.yaml").read_bytes()
    assert "'dcgan-*' fits none" in flow("--trials", "dcgan-*", may_fail=True)
    assert "train.batch_size = -1" in flow("-S", "train.batch_size=-1", may_fail=True)
    assert Path("params.yaml").read_bytes() == before
