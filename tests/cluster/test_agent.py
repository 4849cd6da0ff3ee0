"""The parts of a training's log that an agent sends, and the copy that the head makes of them."""

import fcntl
import io
import json
import os
from pathlib import Path

import pytest

from pipeline.cluster.agent import Channel, LogFollower
from pipeline.cluster.mirror import TrainingMirror
from pipeline.machine import describe_machine
from pipeline.tracking.system_metrics import read_samples
from pipeline.tracking.trainings import MACHINE_LOG
from stages.common.artifacts import METRICS_LOG, TRAINING_LOCK

TRAINING = Path(".scratch/train/sngan-A-0/key")


def test_rows_and_samples_of_a_workers_training_arrive_at_the_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, head, sent = tmp_path / "worker", tmp_path / "head", io.StringIO()
    (worker / TRAINING).mkdir(parents=True)
    head.mkdir()
    monkeypatch.chdir(worker)
    with (TRAINING / TRAINING_LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        follower = LogFollower(Channel(sent), "sngan-A-0")
        for text in ("one\n", "one\ntwo\nth"):
            (TRAINING / METRICS_LOG).write_text(text)
            follower.poll()
    os.chdir(head)
    mirror = TrainingMirror("sngan-A-0")
    for line in sent.getvalue().splitlines():
        mirror.write(json.loads(line)["log"])
    assert (TRAINING / METRICS_LOG).read_text() == "one\ntwo\n"
    # The second poll came too soon for another sample of system metrics.
    (sample,) = read_samples(TRAINING / MACHINE_LOG, 0)
    assert sample.host == describe_machine()["host"] and "cpu_utilization_percentage" in sample.values
    mirror.close()
