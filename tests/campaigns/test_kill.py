"""After ten kills in one repository, the flow's outputs are equal to those of an undisturbed run.

`python -m tests.campaigns.kill` compares the outputs after every kill; this short version is part of the tests.
"""

import random
import signal
from pathlib import Path

import pytest

from tests.campaigns.kill import (
    END_SECONDS,
    VICTIMS,
    Clone,
    Round,
    check_recovery,
    read_outputs,
    strike,
    wait_until_ended,
)

ROUNDS = 10
LATEST_SECONDS = 9.0

pytestmark = pytest.mark.slow


def test_ten_kills_leave_no_trace_in_the_results(finished_comparison: Path, tmp_path: Path) -> None:
    choice = random.Random(0)
    clone = Clone(tmp_path / "clone", gans=["began", "sngan"], settings=["A"])
    faults = []
    for number in range(ROUNDS):
        sent = signal.SIGKILL if number % 2 == 0 else choice.choice([signal.SIGTERM, signal.SIGINT])
        round_ = Round(number, VICTIMS[number % len(VICTIMS)], sent.name)
        process = clone.start()
        strike(process, round_, choice.uniform(0.0, LATEST_SECONDS), choice)
        # A flow that has lost another process goes on or fails. The next signal then goes to the flow itself.
        if round_.victim != "flow":
            process.terminate()
        process.wait(END_SECONDS)
        faults += [f"{round_}: left {one}" for one in wait_until_ended(clone, END_SECONDS)]
        faults += [f"{round_}: {damage}" for damage in clone.find_damage()]
    faults += check_recovery(clone, read_outputs(finished_comparison))
    assert not faults
