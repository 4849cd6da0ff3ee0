"""The networks fit every image size, and at 32 pixels they are those of the paper's Table 3."""

import pytest
import torch

from stages.networks.discriminator import AutoEncoder, ConvDiscriminator
from stages.networks.generator import ConvGenerator
from stages.networks.params import NetworksParams, count_channels, count_halvings

NARROW = NetworksParams(architecture="standard", z_dimension=16, width=4, negative_slope=0.1)
PAPER = NetworksParams(architecture="standard", z_dimension=128, width=64, negative_slope=0.1)


@pytest.mark.parametrize(
    ("size", "halvings"), [(8, 1), (28, 2), (32, 3), (48, 3), (64, 4), (96, 4), (128, 5)]
)
def test_the_side_is_halved_down_to_four_to_seven_pixels(size: int, halvings: int) -> None:
    assert count_halvings(size) == halvings


@pytest.mark.parametrize("size", [1, 4, 7, 26, 33, 36, 100])
def test_a_size_that_cannot_be_halved_so_is_refused_and_allowed_sizes_are_named(size: int) -> None:
    with pytest.raises(ValueError, match=rf"image size {size}: .* 28, 32"):
        count_halvings(size)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 28, 32, 64, 128])
def test_every_network_fits_every_size_in_grey_and_colour(size: int, channels: int) -> None:
    shape = (channels, size, size)
    images = ConvGenerator(shape, NARROW)(torch.randn(2, 16))
    assert images.shape == (2, *shape)
    assert images.abs().max() <= 1.0
    assert ConvDiscriminator(shape, NARROW)(images).shape == (2,)
    auto_encoder = AutoEncoder(shape, NARROW, code_dimension=5)
    assert auto_encoder.encode(images).shape == (2, 5)
    assert auto_encoder(images).shape == images.shape


def list_weights(network: torch.nn.Module) -> list[tuple[int, ...]]:
    return [
        tuple(p.shape) for name, p in network.named_parameters() if name.endswith("weight") and p.dim() > 1
    ]


def test_at_32_pixels_the_generator_is_table_3a_of_the_sngan_paper() -> None:
    assert list_weights(ConvGenerator((3, 32, 32), PAPER)) == [
        (512 * 4 * 4, 128),
        (512, 256, 4, 4),
        (256, 128, 4, 4),
        (128, 64, 4, 4),
        (3, 64, 3, 3),
    ]


def test_at_32_pixels_the_discriminator_is_table_3b_of_the_sngan_paper() -> None:
    assert list_weights(ConvDiscriminator((3, 32, 32), PAPER)) == [
        (64, 3, 3, 3),
        (64, 64, 4, 4),
        (128, 64, 3, 3),
        (128, 128, 4, 4),
        (256, 128, 3, 3),
        (256, 256, 4, 4),
        (512, 256, 3, 3),
        (1, 512 * 4 * 4),
    ]


def test_channels_double_three_times_and_then_stay_constant() -> None:
    assert [count_channels(level, 64) for level in range(6)] == [64, 128, 256, 512, 512, 512]
