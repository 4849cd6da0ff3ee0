"""Every training loop that benchmarks/training.py times does full updates, and its tables list what can be timed."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.baselines import (
    make_gan,
    make_mimicry,
    make_our_loop,
    make_plain,
    make_report,
    make_report_networks,
    make_residual_gan,
)
from benchmarks.peaks import find_peak
from benchmarks.report_networks import ReportAutoEncoder, ReportCritic
from benchmarks.settings import Settings
from benchmarks.tables import GANS, SECTIONS, list_standard, list_tables
from benchmarks.training import make_updates
from tests.driving import thread_count_kept

ROOT = Path(__file__).parents[2]
CPU, BATCH = torch.device("cpu"), 4


def flatten(parameters: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in parameters])


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Record of every step of Adam whether it changed its parameters to other finite numbers."""
    recorded: list[bool] = []
    step = torch.optim.Adam.step

    def record(self: torch.optim.Adam, *arguments: Any) -> Any:
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        before = flatten(parameters)
        result = step(self, *arguments)
        after = flatten(parameters)
        recorded.append(bool(after.isfinite().all() and not torch.equal(before, after)))
        return result

    monkeypatch.setattr(torch.optim.Adam, "step", record)
    return recorded


@pytest.mark.parametrize("gan", GANS[:3])
def test_the_reports_networks_are_updated_in_its_loop_and_in_ours(gan: str, moves: list[bool]) -> None:
    make_report(gan, BATCH, CPU)(1)
    critic_steps = 5 if gan == "wgan_gp" else 1
    assert moves == [True] * (critic_steps + 1)
    moves.clear()
    make_report_networks(gan, CPU, BATCH, 1, "bfloat16", full_precision_penalty=False)(2)
    assert moves == [True] * 4


@pytest.mark.parametrize("gan", GANS)
def test_each_gan_is_updated_in_a_plain_loop_and_in_ours(gan: str, moves: list[bool]) -> None:
    shape = (1, 28, 28)
    make_plain(gan, shape, 4, BATCH, 1, CPU)(1)
    assert moves == [True] * 2
    moves.clear()
    make_our_loop(make_gan(gan, shape, 4), shape, CPU, BATCH, 1, precision="float32", reuse_fake=True)(2)
    assert moves == [True] * 4


@pytest.mark.parametrize("gan", ["sngan", "wgan_gp"])
def test_residual_networks_are_updated_in_our_loop(gan: str, moves: list[bool]) -> None:
    shape = (3, 32, 32)
    make_our_loop(make_residual_gan(gan, shape, 4), shape, CPU, BATCH, 2, precision="float32")(1)
    assert moves == [True] * 3


def test_each_line_of_the_standard_table_is_updated(moves: list[bool]) -> None:
    settings = Settings(batch_size=BATCH, width=2, threads=1)
    (table,) = list_standard(settings)
    assert len(table) == 6
    for line in table:
        moves.clear()
        with thread_count_kept():
            make_updates(line, settings)(1)
        assert moves == [True] * 2, line.label


@pytest.mark.skipif(find_spec("torch_mimicry") is None, reason="needs torch-mimicry")
@pytest.mark.parametrize("gan", ["sngan", "wgan_gp"])
def test_mimicrys_networks_are_updated_in_its_train_step(gan: str, moves: list[bool]) -> None:
    make_mimicry(gan, CPU, BATCH, 1)(1)
    assert moves == [True] * 2


def test_on_a_gpu_our_loops_are_timed_with_captured_updates_but_for_those_that_cannot_be() -> None:
    captured = [
        line.label
        for section in ("report", "standard", "mimicry")
        for table in list_tables(section, Settings(device="cuda"))
        for line in table
        if dict(line.options).get("cuda_graphs")
    ]
    assert captured == [
        *("sngan: ours, float32, cuda_graphs", "sngan: ours, tf32, cuda_graphs"),
        *("sngan: ours, bfloat16, cuda_graphs", "sngan: ours, float32, cuda_graphs"),
        *("sngan: ours, bfloat16, cuda_graphs", "wgan_gp: ours, float32, cuda_graphs"),
        *("wgan_gp: ours, bfloat16, cuda_graphs", "wgan_gp: ours, bfloat16, penalty too, cuda_graphs"),
    ]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_lists_the_gan_that_is_asked_for_alone(section: str) -> None:
    tables = list_tables(section, Settings(gan="sngan" if section != "report" else "ebgan"))
    assert len(tables) == 1
    assert {line.gan for line in tables[0]} == {"sngan" if section != "report" else "ebgan"}


def test_a_gan_that_a_section_has_no_table_of_is_refused_by_name() -> None:
    with pytest.raises(
        ValueError, match="the section report has no table of sngan; it has began, ebgan, wgan_gp"
    ):
        list_tables("report", Settings(gan="sngan"))


def run_training(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks/training.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_a_line_that_cannot_be_timed_says_why_and_the_others_are_timed() -> None:
    tiny = ("--width", "2", "--batch-size", "2", "--rounds", "1", "--seconds", "0.01", "--threads", "1")
    done = run_training("mimicry", "--gan", "sngan", "--device", "cpu", *tiny)
    assert done.returncode == 0, done.stderr
    missing = 2 if find_spec("torch_mimicry") is None else 0
    assert done.stdout.count("not measured: ValueError: torch-mimicry is missing") == missing
    assert done.stdout.count(" images/s (") == 5 - missing
    refused = run_training("report", "--gan", "sngan", *tiny)
    assert refused.stderr == "error: the section report has no table of sngan; it has began, ebgan, wgan_gp\n"
    assert refused.returncode == 1


def test_a_card_is_found_by_the_name_that_its_driver_gives_it() -> None:
    sxm, pcie = find_peak("NVIDIA H100 80GB HBM3"), find_peak("NVIDIA H100 PCIe")
    assert sxm is not None and pcie is not None
    assert sxm.bfloat16 > pcie.bfloat16
    assert find_peak("NVIDIA GeForce GTX 1080") is None


def test_real_and_generated_images_of_one_pass_are_normalised_as_batches_of_their_own() -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(2, BATCH, 3, 28, 28)
    for network in (ReportCritic(BATCH), ReportAutoEncoder(normalised=True, batch_size=BATCH)):
        apart = torch.cat([network(real), network(fake)])
        torch.testing.assert_close(network(torch.cat([real, fake])), apart)
        network.batch_size *= 2
        assert not torch.allclose(network(torch.cat([real, fake])), apart, rtol=1e-2)
