"""GAN with weight normalisation of every layer of the discriminator, without gain.

Source: Salimans and Kingma 2016, equation 2; Miyato et al. 2018, section 4, for the removal of the gain.
"""

from torch import Tensor, nn
from torch.nn.functional import normalize

from stages.networks.params import NetworksParams
from stages.networks.score_gan import ScoreGan, ScoreGanOptions


class Options(ScoreGanOptions):
    """The section `options.weight_norm` of params.yaml."""


class UnitWeights(nn.Module):
    """The parametrization that divides the weights of each output of a layer by their Euclidean norm.

    With the weight as a matrix [out, everything else], the squares of its singular values then sum to the number of
    outputs, so a layer can concentrate all of it in one direction (Miyato et al. 2018, section 3).
    """

    def forward(self, weight: Tensor) -> Tensor:
        """Map float [out, ...] to the same shape, with norm 1 along all axes but the first."""
        return normalize(weight.flatten(1), dim=1).view_as(weight)


class GAN(ScoreGan):
    """The weights of each output of each layer of the discriminator have norm 1."""

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator and normalise all its layers; see Gan."""
        discriminator = super().build_discriminator(image_shape, networks)
        for layer in list(discriminator.modules()):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.utils.parametrize.register_parametrization(layer, "weight", UnitWeights())
        return discriminator
