"""What is known of the machine on which a trial was trained."""

from pathlib import Path

import pytest

from pipeline.machine import (
    describe_machine,
    describe_mixture,
    machine_file,
    read_cpu_info,
    read_machine,
    record_machine,
)
from stages.common.artifacts import METRICS_LOG, TRAINING, Trial

CPU_INFO = (
    "processor\t: 0\nmodel name\t: CPU one\nflags\t\t: fpu sse4_2 fma avx2 avx\n\nmodel name\t: CPU two\n"
)
TRIAL = Trial("wgan_gp", "A", 3)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with the log of one trial."""
    monkeypatch.chdir(tmp_path)
    path = TRAINING / TRIAL.name / METRICS_LOG
    path.parent.mkdir(parents=True)
    path.write_text("{}\n")
    return path


def test_a_cpu_is_known_by_its_model_and_instruction_sets() -> None:
    assert read_cpu_info(CPU_INFO) == ("CPU one", "avx avx2 fma sse4_2")
    assert read_cpu_info("") == ("", "")
    assert read_cpu_info("Features\t: asimd sve fp\n") == ("", "asimd sve")


def test_this_machine_has_a_name_a_cpu_and_a_torch() -> None:
    found = describe_machine()
    assert found["host"] and found["cpu"] and found["torch"]


def test_a_record_belongs_to_the_results_on_disk(log: Path) -> None:
    record_machine("train@wgan_gp-A-3", {"host": "one"})
    assert read_machine(TRIAL) == {"host": "one"}
    log.write_text('{"generator_step": 1}\n')
    assert read_machine(TRIAL) == {}


@pytest.mark.parametrize("stage", ["sample@wgan_gp-A-3", "check", "lipschitz@wgan_gp-A-3"])
@pytest.mark.usefixtures("log")
def test_other_stages_leave_none(stage: str) -> None:
    record_machine(stage, {"host": "one"})
    assert not machine_file(TRIAL).exists()


@pytest.mark.parametrize("damage", ["", "[1]", "{"])
@pytest.mark.usefixtures("log")
def test_a_damaged_record_counts_as_none(damage: str) -> None:
    record_machine("train@wgan_gp-A-3", {"host": "one"})
    machine_file(TRIAL).write_text(damage)
    assert read_machine(TRIAL) == {}


def train_on(machines: dict[str, str]) -> list[Trial]:
    """Leave a log and a record for each trial, by its name and its machine's CPU."""
    trials = []
    for name, cpu in machines.items():
        gan, setting, seed = name.rsplit("-", 2)
        trials.append(Trial(gan, setting, int(seed)))
        path = TRAINING / name / METRICS_LOG
        path.parent.mkdir(parents=True)
        path.write_text(f"{name}\n")
        record_machine(f"train@{name}", {"host": name, "cpu": cpu, "gpu": "", "torch": "2.14.1"})
    return trials


def test_trials_of_one_kind_of_hardware_need_no_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert (
        describe_mixture([*train_on({"sngan-A-0": "one", "began-A-0": "one"}), Trial("ebgan", "A", 0)]) == ""
    )


def test_gans_that_share_no_hardware_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    machines = {"began-A-0": "one", "began-C-0": "two", "ebgan-A-0": "one", "sngan-A-0": "two"}
    said = describe_mixture(train_on(machines))
    assert "2 on one, 2.14.1; 2 on two, 2.14.1" in said
    assert "No machine trained both of ebgan and sngan:" in said


def test_hardware_that_every_gan_shares_confounds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    machines = {"began-A-0": "one", "began-C-0": "two", "sngan-A-0": "one", "sngan-C-0": "two"}
    said = describe_mixture(train_on(machines))
    assert "different hardware" in said and "No machine" not in said
