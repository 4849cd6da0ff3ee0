"""The description of the hardware that trained a comparison, and its warning about mixed hardware."""

import json
from pathlib import Path

import pytest

from pipeline.hardware import describe_mixture, read_hardware, write_hardware
from pipeline.machine import record_machine
from stages.common.artifacts import METRICS, METRICS_LOG, TRAINING, Trial, write_json

FOLDER = Path("timings/report")


@pytest.fixture(autouse=True)
def _be_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def train_on(machines: dict[str, str], **shares: int) -> list[Trial]:
    """Leave a log and two records for each trial, by its name and its machine's CPU; "" for no record."""
    trials = []
    for name, cpu in machines.items():
        gan, setting, seed = name.rsplit("-", 2)
        trials.append(Trial(gan, setting, int(seed)))
        path = TRAINING / name / METRICS_LOG
        path.parent.mkdir(parents=True)
        path.write_text(f"{name}\n")
        write_json(TRAINING / name / METRICS, {"threads": 1} | shares)
        if cpu:
            record_machine(f"train@{name}", {"host": name, "cpu": cpu, "gpu": "", "torch": "2.14.1"})
    return trials


def test_trials_of_one_kind_of_hardware_need_no_word() -> None:
    trials = [*train_on({"sngan-A-0": "one", "began-A-0": "one"}), Trial("ebgan", "A", 0)]
    assert describe_mixture(read_hardware(trials)) == ""


def test_gans_that_share_no_hardware_are_named() -> None:
    machines = {"began-A-0": "one", "began-C-0": "two", "ebgan-A-0": "one", "sngan-A-0": "two"}
    said = describe_mixture(read_hardware(train_on(machines)))
    assert "2 on one, 2.14.1, threads: 1; 2 on two, 2.14.1, threads: 1" in said
    assert "No kind of hardware trained both of ebgan and sngan:" in said


def test_hardware_that_every_gan_shares_confounds_none() -> None:
    machines = {"began-A-0": "one", "began-C-0": "two", "sngan-A-0": "one", "sngan-C-0": "two"}
    said = describe_mixture(read_hardware(train_on(machines)))
    assert "different hardware" in said and "No kind" not in said


@pytest.mark.parametrize("shares", [{"threads": 2}, {"processes": 2}])
def test_other_threads_and_processes_are_other_hardware(shares: dict[str, int]) -> None:
    trials = [*train_on({"began-A-0": "one"}), *train_on({"sngan-A-0": "one"}, **shares)]
    assert read_hardware(trials).confounded == [("began", "sngan")]


def test_a_document_and_a_record_stand_beside_the_report() -> None:
    machines = {
        "began-A-0": "one",
        "ebgan-A-0": "one",
        "sngan-A-0": "two",
        "sngan-A-1": "",
        "sngan-A-2": "two",
    }
    write_hardware(read_hardware(train_on(machines)))
    lines = (FOLDER / "hardware.md").read_text().splitlines()
    assert "No kind of hardware trained both of began and sngan, ebgan and sngan:" in lines[2]
    assert lines[2].endswith("Of 1 trainings the machine is not known: sngan-A-1.")
    assert lines[4:] == [
        "| Hardware | began | ebgan | sngan |",
        "| --- | ---: | ---: | ---: |",
        "| one, 2.14.1, threads: 1 | 1 | 1 | 0 |",
        "| two, 2.14.1, threads: 1 | 0 | 0 | 2 |",
    ]
    record = json.loads((FOLDER / "hardware.json").read_text())
    assert record["is_mixed"] and record["confounded"] == [["began", "sngan"], ["ebgan", "sngan"]]
    assert record["machines"]["sngan-A-2"]["host"] == "sngan-A-2" and record["unknown"] == ["sngan-A-1"]


def test_where_no_machine_is_known_nothing_is_written() -> None:
    write_hardware(read_hardware(train_on({"sngan-A-0": ""})))
    assert not FOLDER.exists()
