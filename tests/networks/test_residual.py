"""The residual networks equal the paper's tables and figure, computed in fewer operations."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.networks.normalisers import BatchNormWithoutGain
from stages.networks.params import NetworksParams
from stages.networks.residual import (
    BlockConv2d,
    DiscriminatorBlock,
    GeneratorBlock,
    PooledConv2d,
    ResidualDiscriminator,
    ResidualGenerator,
    UpsampledConv2d,
)
from stages.networks.spectral_norm import add_spectral_norm
from stages.networks.weights import init_weights

NARROW = NetworksParams(architecture="residual", z_dimension=16, width=4, negative_slope=0.0)
PAPER = NARROW.model_copy(update={"width": 64, "z_dimension": 128})


def pool(maps: Tensor) -> Tensor:
    return functional.avg_pool2d(maps, 2)


def upsample(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2.0)


def convolve(maps: Tensor, layer: nn.Conv2d) -> Tensor:
    return functional.conv2d(maps, layer.weight, layer.bias, padding=layer.kernel_size[0] // 2)


@pytest.mark.parametrize("side", [4, 6, 7])
def test_a_pooled_convolution_equals_a_convolution_and_then_a_mean_pooling(side: int) -> None:
    layer, maps = PooledConv2d(3, 5), torch.randn(2, 3, side, side)
    nn.init.normal_(layer.bias)  # type: ignore[arg-type]
    assert torch.allclose(layer(maps), pool(convolve(maps, layer)), atol=1e-6)


@pytest.mark.parametrize("side", [4, 7])
def test_an_upsampled_convolution_equals_an_upsampling_and_then_a_convolution(side: int) -> None:
    layer, maps = UpsampledConv2d(3, 5), torch.randn(2, 3, side, side)
    nn.init.normal_(layer.bias)  # type: ignore[arg-type]
    assert torch.allclose(layer(maps), convolve(upsample(maps), layer), atol=1e-6)


def test_a_shortcut_commutes_with_upsampling_and_with_pooling() -> None:
    shortcut, maps = nn.Conv2d(3, 5, 1), torch.randn(2, 3, 6, 6)
    assert torch.allclose(upsample(shortcut(maps)), shortcut(upsample(maps)), atol=1e-6)
    assert torch.allclose(shortcut(pool(maps)), pool(shortcut(maps)), atol=1e-6)


def test_a_block_of_the_generator_equals_the_papers_computed_step_by_step() -> None:
    torch.manual_seed(0)
    block, maps = GeneratorBlock(3, 5), torch.randn(4, 3, 4, 4)
    residual = convolve(upsample(functional.relu(block.norm_1(maps))), block.conv_1)
    residual = convolve(functional.relu(block.norm_2(residual)), block.conv_2)
    assert torch.allclose(block(maps), residual + block.shortcut(upsample(maps)), atol=1e-5)


@pytest.mark.parametrize(("is_first", "is_halved"), [(True, True), (False, True), (False, False)])
def test_a_block_of_the_discriminator_equals_the_papers_computed_step_by_step(
    is_first: bool, is_halved: bool
) -> None:
    torch.manual_seed(0)
    block = DiscriminatorBlock(3, 5, 8, 0.0, is_first, is_halved, normaliser=None)
    maps = torch.randn(4, 3, 8, 8)
    residual = convolve(maps if is_first else functional.relu(maps), block.conv_1)
    residual = convolve(functional.relu(residual), block.conv_2)
    expected = residual + block.shortcut(maps)
    assert torch.allclose(block(maps), pool(expected) if is_halved else expected, atol=1e-5)


def list_kernels(network: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(layer.weight.shape) for layer in network.modules() if isinstance(layer, BlockConv2d)]


def test_at_32_pixels_the_networks_are_table_4_of_the_sngan_paper() -> None:
    generator, discriminator = (
        ResidualGenerator((3, 32, 32), PAPER),
        ResidualDiscriminator((3, 32, 32), PAPER),
    )
    assert generator.first.weight.shape == (256 * 4 * 4, 128)
    assert list_kernels(generator) == [(256, 256, 3, 3)] * 6
    assert list_kernels(discriminator) == [(128, 3, 3, 3)] + [(128, 128, 3, 3)] * 7
    assert [block.is_halved for block in discriminator.blocks] == [True, True, False, False]
    assert discriminator.score.weight.shape == (1, 128)


@pytest.mark.parametrize(
    ("size", "first", "generator_widths", "discriminator_widths", "halvings"),
    [
        (48, 512 * 6 * 6, [256, 128, 64], [64, 128, 256, 512, 1024], 4),  # Table 5
        (128, 1024 * 4 * 4, [1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024, 1024], 5),  # Table 6
    ],
)
def test_at_48_and_128_pixels_the_networks_are_tables_5_and_6(
    size: int, first: int, generator_widths: list[int], discriminator_widths: list[int], halvings: int
) -> None:
    generator: Any
    discriminator: Any
    with torch.device("meta"):
        generator = ResidualGenerator((3, size, size), PAPER)
        discriminator = ResidualDiscriminator((3, size, size), PAPER)
    assert generator.first.weight.shape == (first, 128)
    assert [block.conv_2.out_channels for block in generator.blocks] == generator_widths
    assert [block.conv_2.out_channels for block in discriminator.blocks] == discriminator_widths
    assert [block.is_halved for block in discriminator.blocks].count(True) == halvings


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 14, 28, 32, 40, 48, 64, 128])
def test_residual_networks_fit_every_size_in_grey_and_colour(size: int, channels: int) -> None:
    shape = (channels, size, size)
    images = ResidualGenerator(shape, NARROW)(torch.randn(2, 16))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1.0
    assert ResidualDiscriminator(shape, NARROW, BatchNormWithoutGain)(images).shape == (2,)


def test_every_layer_of_a_residual_discriminator_is_spectrally_normalised() -> None:
    torch.manual_seed(0)
    discriminator = ResidualDiscriminator((1, 28, 28), NARROW)
    init_weights(discriminator)
    add_spectral_norm(discriminator)
    layers = [layer for layer in discriminator.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    norms = [float(torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)) for layer in layers]
    assert len(norms) == 8 + 2 + 1
    assert norms == pytest.approx([1.0] * 11, rel=0.1)


def test_a_blocks_convolutions_are_initialised_with_gain_sqrt_2_and_its_shortcut_with_gain_1() -> None:
    torch.manual_seed(0)
    block = DiscriminatorBlock(64, 96, 8, 0.0, is_first=False, is_halved=True, normaliser=None)
    init_weights(block)
    fans = {"conv_1": (64 + 64) * 9, "conv_2": (64 + 96) * 9, "shortcut": 64 + 96}
    for name, gain in (("conv_1", math.sqrt(2)), ("conv_2", math.sqrt(2)), ("shortcut", 1.0)):
        deviation = float(block.get_submodule(name).weight.detach().std())  # type: ignore[operator]
        assert deviation == pytest.approx(gain * math.sqrt(2 / fans[name]), rel=0.05)
