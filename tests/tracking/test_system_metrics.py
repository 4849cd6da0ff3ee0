"""The system metrics of a trial are those of the machine that trains it."""

import json
from pathlib import Path

import pytest

from pipeline.cluster.mirror import TrainingMirror
from pipeline.machine import describe_machine
from pipeline.tracking.system_metrics import Sample, SystemMetrics, read_samples
from pipeline.tracking.trainings import MACHINE_LOG, is_locked

ROWS = [{"host": "far", "time": 1000 * second, "values": {"cpu": second}} for second in (1, 2, 3)]


def test_a_sample_names_this_machine_and_its_processors() -> None:
    sample = SystemMetrics().sample()
    assert sample.host == describe_machine()["host"] and "cpu_utilization_percentage" in sample.values
    assert json.loads(json.dumps(sample._asdict()))["time"] == sample.time


def test_a_step_is_the_seconds_since_the_start_of_the_run() -> None:
    (metric,) = Sample("far", 5900, {"cpu": 0.5}).list_metrics(2000)
    assert (metric.key, metric.value, metric.timestamp, metric.step) == ("system/cpu", 0.5, 5900, 3)
    # The clocks of two machines differ.
    assert Sample("far", 1000, {"cpu": 0.5}).list_metrics(2000)[0].step == 0


@pytest.mark.parametrize(
    ("end", "seconds"), [("", [2, 3]), ('{"host"', [2, 3]), ("[]\n", [2, 3]), ("{}\n", [2, 3])]
)
def test_samples_are_read_once_and_up_to_the_first_that_is_damaged(
    tmp_path: Path, end: str, seconds: list[int]
) -> None:
    path = tmp_path / MACHINE_LOG
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + end)
    assert [sample.time // 1000 for sample in read_samples(path, 1000)] == seconds
    assert read_samples(path, 3000) == []


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read_samples(tmp_path / MACHINE_LOG, 0) == []


def test_a_training_elsewhere_has_the_samples_of_its_machine_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mirror, path = TrainingMirror("sngan-A-0"), Path(".scratch/train/sngan-A-0/key") / MACHINE_LOG
    mirror.write({"training": "key", "name": "metrics.jsonl", "start": 0, "content": "one\n"})
    assert is_locked(path) and read_samples(path, 0) == []
    row = json.dumps(ROWS[0]) + "\n"
    mirror.write({"training": "key", "name": MACHINE_LOG, "start": 0, "content": row})
    assert [sample.host for sample in read_samples(path, 0)] == ["far"]
    mirror.close()
    # Later this machine trains in the same folder.
    assert not is_locked(path)
