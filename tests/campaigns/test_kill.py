"""After six kills in one repository, the flow's outputs are equal to those of an undisturbed run.

`python -m tests.campaigns.kill` compares the outputs after every kill; this short version is part of the tests.
"""

import random
import signal
from pathlib import Path

import pytest

from tests.campaigns.kill import (
    END_SECONDS,
    Clone,
    Round,
    check_recovery,
    read_outputs,
    strike,
    wait_until_ended,
)

# The two processes of each run that get a signal. Together they are all kinds of VICTIMS.
DISTURBED = (
    (("tracking", signal.SIGKILL), ("flow", signal.SIGKILL)),
    (("stage", signal.SIGTERM), ("DVC child", signal.SIGKILL)),
    (("fork server", signal.SIGKILL), ("server", signal.SIGINT)),
)
LATEST_SECONDS = 5.0

pytestmark = pytest.mark.slow


def test_six_kills_leave_no_trace_in_the_results(finished_comparison: Path, tmp_path: Path) -> None:
    choice = random.Random(0)
    clone = Clone(tmp_path / "clone", gans=["began", "sngan"], settings=["A"])
    faults = []
    for number, disturbances in enumerate(DISTURBED):
        rounds = [Round(number, victim, sent.name) for victim, sent in disturbances]
        process = clone.start()
        for round_, latest in zip(rounds, (LATEST_SECONDS, 1.0), strict=True):
            strike(process, round_, choice.uniform(0.0, latest), choice)
        assert rounds[0].second is not None
        # A flow that has lost another process goes on or fails. The next signal then goes to the flow itself.
        process.terminate()
        process.wait(END_SECONDS)
        faults += [f"{rounds}: left {one}" for one in wait_until_ended(clone, END_SECONDS)]
        faults += [f"{rounds}: {damage}" for damage in clone.find_damage()]
    faults += check_recovery(clone, read_outputs(finished_comparison))
    assert not faults
