"""What batch norm, layer norm and spectral norm share: one convolutional discriminator, a loss on its scores."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from stages.common.params import Params
from stages.networks.architectures import build_discriminator
from stages.networks.discriminator import Normaliser
from stages.networks.gan import Gan, Loss
from stages.networks.layers import draw_weights
from stages.networks.losses import SCORE_LOSSES, LossName
from stages.networks.params import NetworksParams


class ScoreGanOptions(Params):
    """Options of a GAN whose discriminator gives one score an image."""

    loss: LossName


class ScoreGan(Gan):
    """A GAN whose loss depends on the discriminator's scores alone; a subclass says how that is normalised."""

    options: ScoreGanOptions

    @property
    @abstractmethod
    def normaliser(self) -> Normaliser | None:
        """The layer after each convolution but the first, or None."""

    def build_discriminator(self, image_shape: tuple[int, int, int], networks: NetworksParams) -> nn.Module:
        """Build the discriminator with this GAN's normaliser."""
        discriminator = build_discriminator(image_shape, networks, self.normaliser)
        draw_weights(discriminator)
        return discriminator

    def score(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Score real and generated images in one pass, which treats every image alone; each float [N]."""
        real_scores, fake_scores = self.discriminator(torch.cat([real, fake])).chunk(2)
        return real_scores, fake_scores

    def discriminator_loss(self, real: Tensor, fake: Tensor, random: torch.Generator) -> Loss:
        """See Gan."""
        real_scores, fake_scores = self.score(real, fake)
        total = SCORE_LOSSES[self.options.loss].discriminator(real_scores, fake_scores)
        return Loss(
            total, {"real_score": real_scores.detach().mean(), "fake_score": fake_scores.detach().mean()}
        )

    def generator_loss(self, fake: Tensor) -> Loss:
        """See Gan."""
        return Loss(SCORE_LOSSES[self.options.loss].generator(self.discriminator(fake)), {})
