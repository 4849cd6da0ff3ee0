"""SNGAN: spectral normalisation of every layer of the discriminator, and of nothing else.

Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", Algorithm 1.
There is no batch norm beside it, as the report's code had: its gain would undo the Lipschitz bound.
"""

from torch import nn

from stages.networks.discriminator import Normaliser
from stages.networks.layers import add_spectral_norm, iterate_spectral_norms
from stages.networks.params import NetworksParams
from stages.networks.score_gan import ScoreGan, ScoreGanOptions


class Options(ScoreGanOptions):
    """The section `options.sngan` of params.yaml."""


class GAN(ScoreGan):
    """The discriminator is 1-Lipschitz up to the difference between a convolution and its reshaped weight."""

    normaliser: Normaliser | None = None

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator and normalise all its layers."""
        discriminator = super().build_discriminator(image_shape, networks)
        add_spectral_norm(discriminator)
        return discriminator

    def before_discriminator_step(self) -> None:
        """Do one power iteration an update, as Algorithm 1 does."""
        iterate_spectral_norms(self.discriminator)
