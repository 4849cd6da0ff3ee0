"""Every candidate that benchmarks/training.py times does a full update."""

from argparse import Namespace
from importlib.util import find_spec

import pytest
import torch

from benchmarks import training
from benchmarks.candidates import (
    make_mimicry,
    make_plain,
    make_report,
    make_report_networks,
    make_residual_gan,
    make_shelf_gan,
    run_our_loop,
)
from benchmarks.report_networks import ReportAutoEncoder, ReportCritic

CPU, BATCH = torch.device("cpu"), 4
GANS = ("began", "ebgan", "wgan_gp", "batch_norm", "layer_norm", "sngan")
HAS_MIMICRY = find_spec("torch_mimicry") is not None


@pytest.mark.parametrize("gan", GANS[:3])
def test_reports_networks_are_updated_in_its_loop_and_in_ours(gan: str) -> None:
    make_report(gan, BATCH, CPU)(1)
    make_report_networks(gan, CPU, BATCH, 1, "bfloat16", full_precision_penalty=False)(2)


@pytest.mark.parametrize("gan", GANS)
def test_shelf_is_updated_in_a_plain_loop_and_in_ours(gan: str) -> None:
    shape = (1, 28, 28)
    make_plain(gan, shape, 4, BATCH, 1, CPU)(1)
    run_our_loop(make_shelf_gan(gan, shape, 4), shape, CPU, BATCH, 1, precision="float32", reuse_fake=True)(2)


@pytest.mark.parametrize("gan", ["sngan", "wgan_gp"])
def test_residual_networks_are_updated_as_mimicrys_are(gan: str) -> None:
    shape = (3, 32, 32)
    run_our_loop(make_residual_gan(gan, shape, 4), shape, CPU, BATCH, 2, precision="float32")(1)
    if HAS_MIMICRY:
        make_mimicry(gan, CPU, BATCH, 1)(1)


def test_on_a_gpu_bfloat16_is_timed_with_its_steps_captured_but_for_what_refuses_that() -> None:
    arguments = Namespace(device="cuda", gan=None)
    lists = (training.list_report, training.list_standard, training.list_mimicry)
    captured = [
        line.label for make in lists for table in make(arguments) for line in training.capture_steps(table)
    ]
    assert captured == [f"{name}: ours, bfloat16, cuda_graphs" for name in ("sngan", "sngan", "wgan_gp")]


def test_real_and_generated_images_of_one_pass_are_normalised_as_batches_of_their_own() -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(2, BATCH, 3, 28, 28)
    for network in (ReportCritic(BATCH), ReportAutoEncoder(normalised=True, batch_size=BATCH)):
        apart = torch.cat([network(real), network(fake)])
        torch.testing.assert_close(network(torch.cat([real, fake])), apart)
        network.batch_size *= 2
        assert not torch.allclose(network(torch.cat([real, fake])), apart, rtol=1e-2)
