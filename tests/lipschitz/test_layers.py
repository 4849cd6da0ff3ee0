"""The trace of a discriminator has its layers in their order, and tells whether their norms bound the whole."""

import pytest
import torch
from torch import Tensor, nn

from stages.lipschitz.layers import Trace, trace_layers
from stages.networks.gan import Batch, Gan, Loss
from stages.networks.params import NetworksParams
from tests.lipschitz.tiny_gans import OPTIONS, SHAPE, build


class Custom(Gan):
    """A GAN with any discriminator."""

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        return self.options  # type: ignore[no-any-return]

    def discriminator_loss(self, real: Batch, fake: Batch, random: torch.Generator) -> Loss:
        raise AssertionError

    generator_loss = discriminator_loss  # type: ignore[assignment]


class Skip(nn.Module):
    """A residual block, with or without its skip connection, and a linear score."""

    def __init__(self, is_added: bool) -> None:
        super().__init__()
        self.is_added = is_added
        self.inner = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.ReLU(inplace=True))
        self.score = nn.Linear(64, 1)

    def forward(self, images: Tensor) -> Tensor:
        inner = self.inner(images)
        scores: Tensor = self.score((images + inner if self.is_added else inner).flatten(1))
        return scores.squeeze(1)


def trace(network: nn.Module) -> Trace:
    gan = Custom(
        (1, 8, 8),
        NetworksParams(architecture="standard", z_dimension=4, width=2, negative_slope=0.1),
        network,
    )
    return trace_layers(gan, Batch(torch.randn(2, 1, 8, 8)))


@pytest.mark.parametrize("gan", OPTIONS)
def test_the_layers_of_every_gan_are_one_chain_in_their_order(gan: str) -> None:
    found = trace_layers(build(gan), Batch(torch.rand(2, *SHAPE, dtype=torch.float64)))
    assert found.has_bound
    kinds = [layer.kind for layer in found.layers if layer.is_linear]
    encoder = ["convolution"] * 3
    is_auto_encoder = gan in ("began", "ebgan")
    decoder = ["linear", "transposed_convolution", "convolution"] if is_auto_encoder else []
    assert kinds == [*encoder, "linear", *decoder]


def test_the_input_shape_of_a_layer_is_for_one_image() -> None:
    linear = [
        layer
        for layer in trace_layers(build("sngan"), Batch(torch.rand(3, *SHAPE, dtype=torch.float64))).layers
        if layer.is_linear
    ]
    assert [layer.input_shape for layer in linear] == [(1, 8, 8), (3, 8, 8), (3, 4, 4), (96,)]


def test_a_skip_connection_breaks_the_chain() -> None:
    assert trace(Skip(is_added=False)).has_bound
    assert not trace(Skip(is_added=True)).is_chain


def test_a_computation_after_the_last_layer_breaks_the_chain() -> None:
    class Doubled(Skip):
        def forward(self, images: Tensor) -> Tensor:
            return 2.0 * super().forward(images)

    assert not trace(Doubled(is_added=False)).is_chain


def test_a_layer_of_unknown_norm_leaves_no_bound() -> None:
    found = trace(nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 1), nn.Flatten(0)))
    assert found.is_chain
    assert not found.has_bound


def test_a_parametrization_is_not_a_layer() -> None:
    names = [
        layer.name
        for layer in trace_layers(build("sngan"), Batch(torch.rand(2, *SHAPE, dtype=torch.float64))).layers
    ]
    assert not [name for name in names if "parametrizations" in name]
