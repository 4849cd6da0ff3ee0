"""Trainings are found by the locks that they hold."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.tracking.trainings import find_exported_log, list_running_trainings
from stages.common.artifacts import METRICS_LOG, TRAINING, TRAINING_LOCK, Trial
from tests.driving import ROOT

TRIAL = Trial("wgan_gp", "A", 3)
TRAIN = """
from stages.common.artifacts import Trial
from stages.train.scratch import open_scratch
print(open_scratch(Trial("wgan_gp", "A", 3), {}), flush=True)
input()
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    log = Path(".scratch/train/wgan_gp-A-3/abc") / METRICS_LOG
    log.parent.mkdir(parents=True)
    log.write_text("row\n")
    return log


def test_a_training_runs_while_its_scratch_folder_is_locked(log: Path) -> None:
    with log.with_name(TRAINING_LOCK).open("w") as lock:
        assert list_running_trainings() == {}
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert list_running_trainings() == {TRIAL: log}
    assert list_running_trainings() == {}


@pytest.mark.usefixtures("log")
def test_the_lock_of_a_training_goes_with_its_process() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TRAIN],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    # The folder of other dependencies is discarded, and a line says so.
    assert "discarding" in process.stdout.readline()
    folder = Path(process.stdout.readline().strip())
    assert list_running_trainings() == {TRIAL: folder / METRICS_LOG}
    process.kill()
    process.wait()
    assert list_running_trainings() == {}


def test_a_log_is_exported_once_the_results_hold_the_same(log: Path) -> None:
    assert find_exported_log(TRIAL) is None
    exported = TRAINING / TRIAL.name / METRICS_LOG
    exported.parent.mkdir(parents=True)
    exported.write_text("other")
    assert find_exported_log(TRIAL) is None
    exported.write_text("row\n")
    assert find_exported_log(TRIAL) == log
