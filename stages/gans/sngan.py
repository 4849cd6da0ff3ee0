"""SNGAN: spectral normalisation of every layer of the discriminator and, where asked for, of the generator.

Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", Algorithm 1.
The discriminator has no batch norm beside it, as the report's code had: its gain would undo the Lipschitz bound.
"""

from pydantic import Field
from torch import Tensor, nn

from stages.networks.params import NetworksParams
from stages.networks.score_gan import ScoreGan, ScoreGanOptions
from stages.networks.spectral_norm import add_spectral_norm, run_power_iterations


class Options(ScoreGanOptions):
    """The section `options.sngan` of params.yaml."""

    lipschitz_constant: float = Field(gt=0.0)
    power_iterations: int = Field(ge=1, le=100)
    normalise_generator: bool


class Scale(nn.Module):
    """Multiply a weight by a constant, as a parametrization."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        """Return factor * weight."""
        return self.factor * weight


class GAN(ScoreGan):
    """The discriminator is K-Lipschitz up to the difference between a convolution and its reshaped weight."""

    options: Options

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator and normalise all its layers; the last one's spectral norm becomes K.

        The generator, if it is to be, is normalised last, so that this changes no weight that is drawn.
        """
        discriminator = super().build_discriminator(image_shape, networks)
        add_spectral_norm(discriminator)
        constant = self.options.lipschitz_constant
        if constant != 1.0:
            score = discriminator.get_submodule("score")
            nn.utils.parametrize.register_parametrization(score, "weight", Scale(constant))
        if self.options.normalise_generator:
            add_spectral_norm(self.generator)
        return discriminator

    def before_discriminator_step(self) -> None:
        """Do the power iterations of an update: one in Algorithm 1."""
        for _ in range(self.options.power_iterations):
            run_power_iterations(self.discriminator)

    def before_generator_step(self) -> None:
        """Do as many for the generator, if it is normalised (Zhang et al. 2019, section 3.2)."""
        for _ in range(self.options.power_iterations):
            run_power_iterations(self.generator)
