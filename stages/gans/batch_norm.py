"""GAN with batch normalisation in the discriminator, without gain.

Source: Radford et al. 2016 (DCGAN) for batch norm in both networks; Miyato et al. 2018, section 4, for the
removal of the gain.
"""

from torch import Tensor

from stages.networks.discriminator import Normaliser
from stages.networks.gan import Batch
from stages.networks.normalisers import BatchNormWithoutGain
from stages.networks.score_gan import ScoreGan, ScoreGanOptions


class Options(ScoreGanOptions):
    """The section `options.batch_norm` of params.yaml."""


class GAN(ScoreGan):
    """Real and generated images pass through the discriminator separately, each with their own batch statistics."""

    normaliser: Normaliser | None = BatchNormWithoutGain

    def score_real_and_fake(self, real: Batch, fake: Batch) -> tuple[Tensor, Tensor]:
        """Score real and generated images in two passes; each float [N]."""
        return self.score(real), self.score(fake)
