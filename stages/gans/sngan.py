"""SNGAN: spectral normalisation of every layer of the discriminator and, as an option, of the generator.

Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", Algorithm 1. Unlike in the
published report's code, the discriminator has no batch norm, because its gain would undo the Lipschitz bound.
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
    """The parametrization that multiplies a weight by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        """Return factor * weight."""
        return self.factor * weight


class GAN(ScoreGan):
    """The discriminator is K-Lipschitz, except that a convolution's norm is not exactly that of its reshaped weight."""

    options: Options

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator and normalise all its layers, the last one to the spectral norm K; see Gan.

        If the generator is normalised, this happens afterwards, so that the option does not change the initial weights.
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
        """Run the power iterations of a discriminator step; Algorithm 1 has one."""
        for _ in range(self.options.power_iterations):
            run_power_iterations(self.discriminator)

    def before_generator_step(self) -> None:
        """Run a generator step's power iterations, if the generator is normalised (Zhang et al. 2019, section 3.2)."""
        for _ in range(self.options.power_iterations):
            run_power_iterations(self.generator)
