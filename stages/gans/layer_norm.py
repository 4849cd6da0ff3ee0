"""GAN with layer normalisation in the discriminator, without gain; the generator keeps its batch norm.

Source: Ba et al. 2016; Miyato et al. 2018, section 4, for the removal of the gain.
"""

from stages.networks.discriminator import Normaliser
from stages.networks.normalisers import LayerNormWithoutGain
from stages.networks.score_gan import ScoreGan, ScoreGanOptions


class Options(ScoreGanOptions):
    """The section `options.layer_norm` of params.yaml."""


class GAN(ScoreGan):
    """Every layer of the discriminator but the first normalises each image over its channels and pixels."""

    normaliser: Normaliser | None = LayerNormWithoutGain
