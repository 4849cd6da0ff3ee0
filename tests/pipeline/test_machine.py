"""The record of the machine on which a trial was trained."""

from pathlib import Path

import pytest

from pipeline.machine import (
    describe_machine,
    machine_file,
    read_cpu_info,
    read_machine,
    read_torch,
    record_machine,
)
from stages.common.artifacts import METRICS_LOG, TRAINING, Trial

CPU_INFO = (
    "processor\t: 0\nmodel name\t: CPU one\nflags\t\t: fpu sse4_2 fma avx2 avx\n\nmodel name\t: CPU two\n"
)
TRIAL = Trial("wgan_gp", "A", 3)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with the log of one trial."""
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


def test_the_installed_torch_says_its_build_without_an_import() -> None:
    import torch

    assert read_torch("__version__") == str(torch.__version__)
    cuda = torch.version.cuda
    assert read_torch("cuda", "CUDA ") == (f"CUDA {cuda}" if cuda else "")
    assert read_torch("no_such_name") == ""


def test_without_a_gpu_there_is_no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    describe_machine.cache_clear()
    found = describe_machine()
    describe_machine.cache_clear()
    assert (found["gpu"], found["cuda"], found["cudnn"]) == ("", "", "")
