"""The local copy of a remote training's log, as live tracking reads it."""

from pathlib import Path

import pytest

from pipeline.cluster.mirror import TrainingMirror
from pipeline.tracking.trainings import list_running_trainings
from stages.common.artifacts import METRICS_LOG, Trial


def write(mirror: TrainingMirror, start: int, content: str, training: str = "key") -> None:
    mirror.write({"training": training, "name": METRICS_LOG, "start": start, "content": content})


def test_it_is_a_running_training_until_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mirror, trial = TrainingMirror("wgan_gp-A-0"), Trial("wgan_gp", "A", 0)
    write(mirror, 0, "one\n")
    write(mirror, 4, "two\n")
    log = list_running_trainings()[trial]
    assert log.read_text() == "one\ntwo\n"
    # A training that resumes from its checkpoint begins with the rows up to this checkpoint.
    write(mirror, 0, "one\n")
    assert log.read_text() == "one\n"
    mirror.close()
    assert list_running_trainings() == {}
    assert log.read_text() == "one\n"


def test_a_training_under_other_code_takes_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mirror = TrainingMirror("sngan-A-0")
    write(mirror, 0, "one\n")
    write(mirror, 0, "other\n", "another")
    assert [log.parent.name for log in list_running_trainings().values()] == ["another"]
    mirror.close()


def test_names_lead_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mirror = TrainingMirror("sngan-A-0")
    write(mirror, 0, "one\n", "../../../outside")
    mirror.close()
    assert {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*.jsonl")} == {".scratch"}
