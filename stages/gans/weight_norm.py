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
    """Divide each output's weights by their Euclidean norm, as the parametrization of a layer.

    The squared singular values of the weight as a matrix [out, everything else] then sum to the number of
    outputs, so a layer can spend them all on one direction: Miyato et al. 2018, section 3.
    """

    def forward(self, weight: Tensor) -> Tensor:
        """Map float [out, ...] to the same shape with norm one along the first axis."""
        return normalize(weight.flatten(1), dim=1).view_as(weight)


class GAN(ScoreGan):
    """Every output of every layer has weights of norm one."""

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator and normalise all its layers."""
        discriminator = super().build_discriminator(image_shape, networks)
        for layer in list(discriminator.modules()):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.utils.parametrize.register_parametrization(layer, "weight", UnitWeights())
        return discriminator
